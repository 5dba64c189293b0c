"""From a file's bytes to its text, and the refusals that JSON and TOML share.

A leading UTF-8 BOM stays in the text as its first character, so that it comes back out. Never repairs anything.
"""

from __future__ import annotations

import re

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.edits.splice import line_of

BOM = "\ufeff"
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(?=[ \r\n]|\Z)", re.MULTILINE)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{\]}]')
_DEPTH = 200


def decode(data: bytes, name: str) -> str:
    """The text of the bytes. Malformed: not UTF-8, UTF-16, or NUL bytes in it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Malformed(name, "the file is UTF-16", line_number=1, remedy="save it as UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        wide = data[1::2].count(b"\0") * 4 > len(data) or data[::2].count(b"\0") * 4 > len(data)
        raise Malformed(
            name,
            "the file is UTF-16" if wide else "the file holds a NUL byte",
            line_number=data.count(b"\n", 0, nul) + 1,
            remedy="save it as UTF-8" if wide else "remove the NUL byte or restore the file",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(
            name,
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            line_number=data.count(b"\n", 0, error.start) + 1,
            remedy="save the file as UTF-8",
        ) from None


def conflict(text: str, name: str) -> Malformed | None:
    """A refusal that names the merge-conflict mark, where the text has one at the start of a line."""
    mark = _CONFLICT.search(text)
    if mark is None:
        return None
    return Malformed(
        name,
        f"a merge-conflict mark ({mark[1]}) stands in the file",
        line_number=line_of(text, mark.start()),
        remedy="resolve the conflict",
    )


def too_deep(text: str, name: str) -> Malformed:
    """A refusal for text whose brackets are nested too deeply to be read."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > _DEPTH:
                break
        elif token[0] in "]}":
            depth -= 1
    else:
        return Malformed(name, "the values are nested too deeply", remedy="make the file flatter")
    return Malformed(
        name,
        "the values are nested too deeply",
        line_number=line_of(text, token.start()),
        remedy="make the file flatter",
    )
