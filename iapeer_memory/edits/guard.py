"""The guard: what an edit made must be what was asked, by parsers that know nothing of the editor.

    1  parse(new) equals apply(steps, parse(old)) on plain values, types and, for JSON, order and spelling included
    2  the new bytes are the old bytes with exactly the claimed spans replaced, and taking them back gives the old
    3  an edit that only adds took nothing away but blanks

It runs on every edit in production. When it trips, FileRefused is raised and nothing of the new bytes leaves.
JSON values are compared as a model in which a repeated key is `(key, which)` and a number is `("number", spelling)`,
so that foreign repeats and spellings must survive. Never repairs an edit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits.ops import ABSENT, Append, Delete, Path, Restore, Set, Step, get, nest, same
from iapeer_memory.edits.splice import Splice, backwards, spliced

REMEDY = "leave the file as it is and report this text with a copy of the file"


def json_model(text: str) -> Any:
    """The comparison model of a JSON text. ValueError, RecursionError as `json.loads`."""
    return _DECODER.decode(text.removeprefix("\ufeff"))


def _object(pairs: list[tuple[str, Any]]) -> Any:
    plain: dict[Any, Any] = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    plain = {}
    seen: dict[str, int] = {}
    for key, value in pairs:
        seen[key] = seen.get(key, 0) + 1
        plain[key if seen[key] == 1 else (key, seen[key])] = value
    return plain


def _spelled(number: str) -> tuple[str, str]:
    return ("number", number)


def json_once(text: str) -> Any:
    """The value of a JSON text, in which a repeated key is a tuple (so it equals no value of ours)."""
    return _ONCE.decode(text)


def json_repeats(text: str) -> bool:
    """Whether any object in the JSON text repeats a key."""
    repeats = False

    def watch(pairs: list[tuple[str, Any]]) -> Any:
        nonlocal repeats
        plain = dict(pairs)
        repeats = repeats or len(plain) != len(pairs)
        return plain

    json.loads(text.removeprefix("\ufeff"), object_pairs_hook=watch)
    return repeats


_ONCE = json.JSONDecoder(object_pairs_hook=_object)
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_spelled, parse_float=_spelled)


def json_value_model(value: Any) -> Any:
    """The comparison model of a value that an operation carries."""
    return json_model(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _alike(one: Any, two: Any) -> bool:
    """As `ops.same`, on models: a number is what it means, not how it is spelled."""
    if isinstance(one, tuple) and isinstance(two, tuple) and one[0] == two[0] == "number":
        return same(json.loads(one[1]), json.loads(two[1]))
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_alike(value, two[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(two) and all(map(_alike, one, two))
    return same(one, two)


def applied(model: Any, step: Step, value: Any = None) -> None:
    """Applies the step to the model in place; `value` is the model of the step's value."""
    if isinstance(step, Set):
        found = get(model, step.path)
        if found is ABSENT or not _alike(found, value):
            _put(model, step.path, value)
    elif isinstance(step, Restore):
        _put(model, step.path, value)
    elif isinstance(step, Append):
        found = get(model, step.path)
        if found is ABSENT:
            _put(model, step.path, [value])
        elif not any(_alike(item, value) for item in found):
            found.append(value)
    elif isinstance(step, Delete):
        _drop(model, step.path, 0 if step.prune else len(step.path) - 1, leaf_only=True)
    else:
        _drop(model, step.path, step.floor, leaf_only=False)


def _put(model: Any, path: Path, value: Any) -> None:
    for depth, part in enumerate(path[:-1]):
        if get(model, (part,)) is ABSENT:
            _assign(model, part, nest(path[depth + 1 :], value))
            return
        model = model[part]
    _assign(model, path[-1], value)


def _assign(model: Any, part: str | int, value: Any) -> None:
    if isinstance(part, int) and part == len(model):
        model.append(value)
    else:
        model[part] = value


def _drop(model: Any, path: Path, floor: int, *, leaf_only: bool) -> None:
    there = len(path)
    while there > floor and get(model, path[:there]) is ABSENT:
        there -= 1
    if there <= floor or (there < len(path) and (leaf_only or get(model, path[:there]) not in ({}, []))):
        return
    while True:
        parent = get(model, path[: there - 1])
        del parent[path[there - 1]]
        there -= 1
        if parent or there <= floor:
            return


def without_empty(model: Any, path: Path) -> None:
    """Takes empty tables out along the path: in TOML a table without keys may be there by implication only."""
    for depth in range(len(path), 0, -1):
        if get(model, path[:depth]) != {}:
            continue
        parent = get(model, path[: depth - 1])
        if isinstance(parent, dict):
            del parent[path[depth - 1]]


def check_models(name: str, expected: Any, actual: Any, *, ordered: bool) -> None:
    """Part 1. FileRefused: the result does not mean what was asked."""
    equal = repr(expected) == repr(actual) if ordered else same(expected, actual)
    if not equal:
        raise FileRefused(name, "the guard stopped an edit whose result does not mean what was asked", remedy=REMEDY)


def stepped(name: str, text: str, step: Sequence[Splice]) -> str:
    """The text after the step. FileRefused: its splices overlap or leave the text."""
    try:
        return spliced(text, step)
    except ValueError:
        raise FileRefused(name, "the guard stopped an edit of overlapping places", remedy=REMEDY) from None


def check_bytes(name: str, old: bytes, new: bytes, steps: Sequence[Sequence[Splice]], *, adds_only: bool) -> None:
    """Parts 2 and 3. FileRefused: a byte outside the claimed spans changed, or more than blanks went away."""
    text = old.decode("utf-8")
    back: list[list[Splice]] = []
    lost = ""
    try:
        for step in steps:
            back.append(backwards(text, step))
            lost += "".join(text[start:end] for start, end, _ in step)
            text = spliced(text, step)
        forward = text.encode("utf-8") == new
        for step in reversed(back):
            text = spliced(text, step)
    except (ValueError, UnicodeEncodeError):
        forward = False
    if not forward or text.encode("utf-8") != old:
        raise FileRefused(name, "the guard stopped an edit that changed foreign bytes", remedy=REMEDY)
    if adds_only and lost.strip():
        raise FileRefused(name, "the guard stopped an addition that took text away", remedy=REMEDY)
