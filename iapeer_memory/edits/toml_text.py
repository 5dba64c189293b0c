"""How we spell TOML: keys, values on one line, and the block of a table.

The block is the reference package's, byte for byte: a header, its plain keys, then each sub-table after a blank
line; a key with a hyphen is quoted before `=` and bare in a header. Source: the reference package's Codex
`config.toml` block. Never writes a line end of its own choice: the caller says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_HEADER = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


def header_key(part: str) -> str:
    """A part of a header, bare wherever TOML allows it."""
    return part if _HEADER.fullmatch(part) else _scalar(part)


def pair_key(part: str) -> str:
    """A key before `=`: bare if it is a plain word, quoted if it has a hyphen or anything else in it."""
    return part if _PLAIN.fullmatch(part) else _scalar(part)


def dotted(path: Iterable[str]) -> str:
    """The path as a dotted key before `=`."""
    return ".".join(map(pair_key, path))


def inline(value: Any) -> str:
    """The value on one line. TypeError: TOML has no such value (None, for one)."""
    if isinstance(value, dict):
        members = ", ".join(f"{pair_key(key)} = {inline(item)}" for key, item in value.items())
        return f"{{ {members} }}" if members else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return _scalar(value)


def block(path: tuple[str, ...], table: dict[str, Any], line: str) -> str:
    """The table under its header, its sub-tables under theirs, each line ended; no blank line around it."""
    plain = [f"{pair_key(key)} = {inline(item)}{line}" for key, item in table.items() if not isinstance(item, dict)]
    subs = [block((*path, key), item, line) for key, item in table.items() if isinstance(item, dict)]
    own = [f"[{'.'.join(map(header_key, path))}]{line}" + "".join(plain)] if plain or not subs else []
    return line.join(own + subs)


def _scalar(value: Any) -> str:
    import tomli_w

    return tomli_w.dumps({"k": value})[len("k = ") : -1]
