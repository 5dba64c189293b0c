"""On which line a refused file is wrong, told from its bytes and the path of keys in the refusal. Pure."""

from __future__ import annotations

from iapeer_memory.domain.errors import FileRefused, Malformed
from iapeer_memory.edits.json_scan import skip, walk
from iapeer_memory.edits.source import decode
from iapeer_memory.edits.splice import line_of
from iapeer_memory.edits.toml_find import line_of_path


def locate(error: FileRefused, data: bytes | None) -> None:
    """Give the refusal the number of the line where its keys stand; one that names no keys stays as it is."""
    if not isinstance(error, Malformed) or error.keys is None or error.line_number is not None or data is None:
        return
    text = decode(data, error.path)
    if error.path.endswith(".toml"):
        error.line_number = line_of_path(text, error.keys)
        return
    way = walk(text, error.keys, error.path) if error.keys else None
    at = way.item(len(way.containers) - 1).start if way and way.complete else 0
    error.line_number = line_of(text, skip(text, at))
