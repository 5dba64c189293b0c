"""What may be asked of an editor, what it answers, and when two values are the same.

    Set(path, value)          the value stands at the path; missing containers on the way are made as objects
    Delete(path, prune)       nothing stands at the path; absent already is fine
    Append(path, value)       an equal element stands in the array at the path; a missing array is made

A path is a tuple: text is a key of an object or table, a whole number is the index of an array. Operations are
applied in the order given, each on the result of the one before: delete array elements from the back.
Never touches text; never knows a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from math import isnan
from typing import Any

Path = tuple[str | int, ...]
Undo = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Set:
    """The value stands at the path. An equal value there already (key order ignored) is left as it is spelled."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Nothing stands at the path. `prune`: containers that become empty by it go too, up the path, never the root."""

    path: Path
    prune: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """An element equal to the value stands in the array at the path: it is added at the end unless there is one."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Undo's own deletion: prunes no higher than `path[floor]`; `inner` is the blank text an emptied container had."""

    path: Path
    floor: int
    inner: str | None = None
    tail: str | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Undo's own replacement: the value at the path gets this raw text back."""

    path: Path
    text: str


Op = Set | Delete | Append
Step = Set | Delete | Append | Remove | Restore


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit gives.

    data: the new bytes; the very same object that was given when nothing had to change; None only when the file
          is absent and there was nothing to write into it.
    undo: a small JSON-able value for a ledger; `{}` when there is nothing to undo.
    empty: no key (and, in TOML, no comment) is left: a caller that owns the file may remove it.
    changed: whether this edit changed anything (`undo` may be older than the edit, when it was carried on).
    """

    data: bytes | None
    undo: Undo
    empty: bool = False
    changed: bool = False


ABSENT: Any = object()


def same(one: Any, two: Any) -> bool:
    """Structural equality: key order is ignored, array order counts, and 1, 1.0, true and "1" are four things."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(value, two[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two) or (isinstance(one, float) and isnan(one) and isnan(two))


def get(model: Any, path: Path) -> Any:
    """The value at the path of a plain value, or ABSENT (also where a container has another type)."""
    for part in path:
        if isinstance(part, str):
            if not isinstance(model, dict) or part not in model:
                return ABSENT
        elif not isinstance(model, list) or not 0 <= part < len(model):
            return ABSENT
        model = model[part]
    return model


def satisfied(model: Any, op: Op) -> bool:
    """Whether the operation has nothing left to do on this plain value. Wrong types on the way say no."""
    found = get(model, op.path)
    if isinstance(op, Set):
        return found is not ABSENT and same(found, op.value)
    if isinstance(op, Append):
        return isinstance(found, list) and any(same(item, op.value) for item in found)
    if found is not ABSENT:
        return False
    for depth in range(len(op.path)):
        here = get(model, op.path[:depth])
        if here is ABSENT:
            return True
        if not isinstance(here, dict if isinstance(op.path[depth], str) else list):
            return False
    return True


def nest(path: Path, value: Any) -> Any:
    """The value wrapped in the containers that the path names; a first element is the only one a new array has."""
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def digest(value: Any) -> str:
    """A short, stable name of a value: key order does not count, types do."""
    text = json.dumps(value, sort_keys=True, default=lambda other: [type(other).__name__, str(other)])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
