"""Where things stand in a JSON text that is known to be valid: one container at a time, along one path.

Positions are characters of the text. Values that are passed over are skipped by the standard library's scanner,
so a large file costs one pass per level of the path. Never builds a tree of the whole file.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.edits.engine import wrong_type
from iapeer_memory.edits.ops import Path
from iapeer_memory.edits.splice import line_of

_BLANK = re.compile(r"[ \t\n\r]*")
_RAW = json.JSONDecoder().raw_decode
KINDS = {"{": "an object", "[": "a list", '"': "text", "t": "true", "f": "false", "n": "null"}


class Item(NamedTuple):
    """A member of an object or an element of an array: [start, end); `value` is where its value starts."""

    start: int
    value: int
    end: int
    key: str | None
    key_end: int


class Container(NamedTuple):
    """An object or array: `open` and `close` are the places of its brackets."""

    open: int
    close: int
    items: list[Item]


def skip(text: str, at: int) -> int:
    """The first place that is not blank."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


def container(text: str, at: int) -> Container:
    """The object or array that starts at the place."""
    items: list[Item] = []
    here = skip(text, at + 1)
    while text[here] not in "}]":
        items.append(_item(text, here, keyed=text[at] == "{"))
        here = skip(text, items[-1].end)
        if text[here] == ",":
            here = skip(text, here + 1)
    return Container(at, here, items)


def first_item(text: str, at: int) -> Item | None:
    """The first item of the object or array that starts at the place, without a look at the others."""
    here = skip(text, at + 1)
    return None if text[here] in "}]" else _item(text, here, keyed=text[at] == "{")


def _item(text: str, start: int, *, keyed: bool) -> Item:
    if not keyed:
        return Item(start, start, _RAW(text, start)[1], None, start)
    key, key_end = _RAW(text, start)
    value = skip(text, skip(text, key_end) + 1)
    return Item(start, value, _RAW(text, value)[1], key, key_end)


class Way(NamedTuple):
    """The containers along a path and, for each, which item leads on (None: the last one does not hold the key)."""

    containers: list[Container]
    taken: list[int | None]

    @property
    def complete(self) -> bool:
        """Whether something stands at the path."""
        return self.taken[-1] is not None

    def item(self, depth: int) -> Item:
        """The item that the path takes at this depth."""
        taken = self.taken[depth]
        if taken is None:
            raise LookupError(depth)
        return self.containers[depth].items[taken]


def walk(text: str, path: Path, name: str) -> Way:
    """Follows the path as far as it goes. Malformed: a wrong type or a repeated key on it."""
    way = Way([], [])
    at = skip(text, 1 if text[:1] == "\ufeff" else 0)
    for depth, part in enumerate(path):
        bracket = "{" if isinstance(part, str) else "["
        if text[at] != bracket:
            kind = KINDS.get(text[at], "a number")
            raise wrong_type(name, path[:depth], kind, KINDS[bracket], line_of(text, at))
        here = container(text, at)
        way.containers.append(here)
        way.taken.append(_take(text, here, part, path[: depth + 1], name))
        if way.taken[-1] is None:
            break
        at = way.item(depth).value
    return way


def _take(text: str, here: Container, part: str | int, path: Path, name: str) -> int | None:
    if isinstance(part, int):
        return part if 0 <= part < len(here.items) else None
    taken = [at for at, item in enumerate(here.items) if item.key == part]
    if len(taken) > 1:
        raise repeated(name, path, line_of(text, here.items[taken[1]].start))
    return taken[0] if taken else None


def repeated(name: str, path: Path, line_number: int) -> Malformed:
    """The refusal for a key on our path that stands in its object twice."""
    where = ".".join(map(str, path))
    return Malformed(name, f"the key {where} stands there twice", line_number=line_number, remedy="remove one of them")
