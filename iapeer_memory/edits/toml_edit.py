"""TOML edits that change our keys and no other byte: comments, spellings, order, line ends and blank lines stay.

A table of ours is found in any spelling (odd headers, dotted keys, inline tables, spread over several headers) and
changed key by key where it stands; a new one goes to the end of the file after exactly one blank line. An empty or
blank file is valid. What cannot be done without breaking the file is refused with its line. Source of the format:
TOML 1.0; `tomllib` reads and judges. Never rewrites a statement that it was not asked to change.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from iapeer_memory.domain.errors import FileRefused, Malformed
from iapeer_memory.edits.engine import Grammar, added, run, run_undo, wrong_type
from iapeer_memory.edits.ops import (
    ABSENT,
    Append,
    Delete,
    Edited,
    Op,
    Path,
    Remove,
    Restore,
    Set,
    Step,
    Undo,
    digest,
    get,
    same,
)
from iapeer_memory.edits.source import BOM, conflict, decode, too_deep
from iapeer_memory.edits.splice import Splice
from iapeer_memory.edits.toml_cut import cut, cut_element
from iapeer_memory.edits.toml_find import Found, Keys, find, line_of_path, section_end
from iapeer_memory.edits.toml_many import FEW, many
from iapeer_memory.edits.toml_put import put_block, put_block_after, put_element, put_member, put_pair
from iapeer_memory.edits.toml_scan import Member, Statement, inside
from iapeer_memory.edits.toml_text import inline

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load_toml(data: bytes, name: str) -> dict[str, Any]:
    """The file's tables. Malformed: it is not TOML, with the parser's line."""
    text = decode(data, name)
    try:
        return _load(text, name)
    except RecursionError:
        raise too_deep(text, name) from None


def edit_toml(data: bytes | None, ops: Sequence[Op], *, name: str, since: Undo | None = None) -> Edited:
    """Applies the operations to the file's bytes (None: there is no file).

    since: the undo record of an earlier edit of the same file, to be carried on: undoing the result takes both
           back. Raises Malformed (not TOML, or a wrong type on a path) and FileRefused (cannot be done, the guard).
    """
    return run(GRAMMAR, data, ops, name=name, since=since)


def undo_toml(data: bytes | None, undo: Undo, *, name: str) -> bytes | None:
    """Takes an edit back: to the byte where nobody wrote since, only our part otherwise. None: remove the file."""
    return run_undo(GRAMMAR, data, undo, name=name)


def _load(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix(BOM))
    except tomllib.TOMLDecodeError as error:
        merge = conflict(text, name)
        if merge is not None:
            raise merge from None
        place = _PLACE.search(str(error))
        line = text.count("\n") + 1
        reason = str(error)
        if place:
            line = int(place[1]) if place[1] else line
            reason = reason[: place.start()]
        reason = f"not valid TOML: {reason[:1].lower()}{reason[1:]}"
        raise Malformed(name, reason, line_number=line, remedy="correct the line or restore the file") from None
    except ValueError as error:
        raise Malformed(name, f"a value cannot be read: {error}", remedy="write a shorter number") from None


def _expand(text: str, step: Step, name: str) -> Sequence[Step]:
    """Setting a table over a table is setting and deleting its keys; a table over something else is a new one."""
    if not isinstance(step, Set):
        return [step]
    return _differences(get(_load(text, name), step.path), step.path, step.value)


def _differences(found: Any, path: Path, value: Any) -> list[Step]:
    if found is ABSENT:
        return [Set(path, value)]
    if same(found, value):
        return []
    if not isinstance(found, dict) or not isinstance(value, dict):
        if isinstance(found, dict) or isinstance(value, dict) or _tables(found):
            return [Delete(path), Set(path, value)]
        return [Set(path, value)]
    steps: list[Step] = []
    for key, item in value.items():
        steps += _differences(found.get(key, ABSENT), (*path, key), item)
    gone: list[Step] = [Delete((*path, key)) for key in found if key not in value]
    return steps + gone


def _tables(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _edit(text: str, step: Step, name: str) -> tuple[list[Splice], Undo | None]:
    index = step.path[-1] if isinstance(step.path[-1], int) else None
    path = _keys(step.path if index is None else step.path[:-1], name)
    value = _load(text, name)
    _check_types(text, value, path, name)
    found = find(text, path)
    if index is not None:
        return _edit_element(text, value, found, path, index=index, step=step, name=name)
    if isinstance(step, Delete | Remove):
        return _remove(text, value, path, step), None
    exact = found.exact(path)
    if isinstance(step, Restore):
        return ([(*_span(exact), step.text)] if exact else []), None
    here = get(value, path)
    if isinstance(step, Append) and here is not ABSENT:
        return _append(text, found, path, here=here, step=step, name=name)
    new = [step.value] if isinstance(step, Append) else step.value
    if exact is not None:
        if same(here, new):
            return [], None
        start, end = _span(exact)
        part = {"do": "set", "path": list(path), "old": text[start:end], "sum": digest(new)}
        return [(start, end, inline(new))], part
    return _add(text, value, found, path, new=new, step=step)


def _keys(path: Path, name: str) -> Keys:
    keys = tuple(part for part in path if isinstance(part, str))
    if len(keys) != len(path) or not keys:
        raise FileRefused(name, "an element inside a list of tables cannot be edited", line_number=1)
    return keys


def _span(exact: Statement | Member) -> tuple[int, int]:
    return exact.value, exact.value_end if isinstance(exact, Statement) else exact.end


def _check_types(text: str, value: Any, path: Keys, name: str) -> None:
    for depth in range(1, len(path)):
        here = get(value, path[:depth])
        if here is ABSENT:
            return
        if not isinstance(here, dict):
            kind = "a list" if isinstance(here, list) else "a plain value"
            raise wrong_type(name, path[:depth], kind, "a table", line_of_path(text, path[:depth]))


def _floor(value: Any, path: Keys) -> int:
    """How many leading parts of the path exist: the rest is made."""
    depth = 0
    while depth < len(path) - 1 and get(value, path[: depth + 1]) is not ABSENT:
        depth += 1
    return depth


def _add(text: str, value: Any, found: Found, path: Keys, *, new: Any, step: Set | Append) -> tuple[list[Splice], Undo]:
    """Puts a path that is not there: beside its siblings, whatever their spelling, else as a block at the end."""
    part = added(step, _floor(value, path), None)
    if found.holder is not None:
        part["inner"] = text[found.holder.open + 1 : found.holder.close]
        return put_member(text, found.holder, found.rest, new), part
    table = isinstance(new, dict)
    parent = find(text, path[:-1]) if len(path) > 1 else None
    if parent is None and not table:
        return put_pair(text, found.all, None, path, new), part
    if parent is not None:
        own = next((one for one in parent.headers if one.kind == "[" and one.path == path[:-1]), None)
        if own is not None and not table:
            return put_pair(text, found.all, own, path, new), part
        if own is not None and len(path) > 2:
            return put_block_after(text, section_end(found.all, own), path, new), part
        dotted = [one for one in parent.pairs if one.above < len(path) - 1]
        if dotted and (not table or not parent.headers) and len(path) > 2:
            return put_pair(text, found.all, dotted[-1], path, new), part
    splices, tail = put_block(text, path if table else path[:-1], new if table else {path[-1]: new})
    part["tail"] = tail
    return splices, part


def _remove(text: str, value: Any, path: Keys, step: Delete | Remove) -> list[Splice]:
    """Takes everything at the path away, and with it the tables that become empty by it."""
    floor = step.floor if isinstance(step, Remove) else (0 if step.prune else len(path) - 1)
    there = len(path)
    while there > floor and get(value, path[:there]) is ABSENT:
        there -= 1
    if there <= floor or (there < len(path) and (isinstance(step, Delete) or get(value, path[:there]) != {})):
        return []
    while there - 1 > floor and len(get(value, path[: there - 1])) == 1:
        there -= 1
    target = path[:there]
    found = find(text, target)
    if isinstance(step, Remove):
        return cut(text, found, inner=step.inner, tail=step.tail)
    return cut(text, found)


def _array(text: str, found: Found, path: Keys, name: str) -> int:
    exact = found.exact(path)
    if exact is None or text[exact.value] != "[":
        line = line_of_path(text, path)
        where = ".".join(path)
        if found.headers and found.headers[0].kind == "[[":
            raise FileRefused(name, f"{where} is an array of tables and cannot be edited here", line_number=line)
        raise wrong_type(name, path, "not a list", "a list", line)
    return exact.value


def _append(
    text: str, found: Found, path: Keys, *, here: Any, step: Append, name: str
) -> tuple[list[Splice], Undo | None]:
    at = _array(text, found, path, name)
    if any(same(item, step.value) for item in here):
        return [], None
    splices, inner = put_element(text, at, step.value)
    return splices, added(step, len(path), inner)


def _edit_element(
    text: str, value: Any, found: Found, path: Keys, *, index: int, step: Step, name: str
) -> tuple[list[Splice], Undo | None]:
    """One element of an array that is written as a value: taken out, put in its place, or put at the end."""
    items = get(value, path)
    if items is ABSENT and isinstance(step, Delete | Remove):
        return [], None
    if isinstance(step, Remove) and step.floor < len(path) and len(items) <= 1:
        return _remove(text, value, path, Remove(path, step.floor, step.inner, step.tail)), None
    if isinstance(step, Delete) and step.prune and index == 0 and len(items) == 1:
        return _remove(text, value, path, Delete(path, prune=True)), None
    here = inside(text, _array(text, found, path, name))
    there = 0 <= index < len(here.members)
    if isinstance(step, Delete | Remove):
        inner = step.inner if isinstance(step, Remove) else None
        return (cut_element(text, here, index, inner) if there else []), None
    if not isinstance(step, Set) or not there:
        line = line_of_path(text, path)
        raise FileRefused(name, f"the list {'.'.join(path)} has no place {index}", line_number=line)
    old = here.members[index]
    part = {"do": "set", "path": [*path, index], "old": text[old.value : old.end], "sum": digest(step.value)}
    return [(old.value, old.end, inline(step.value))], part


def _empty(text: str) -> bool:
    return not text.removeprefix(BOM).strip()


GRAMMAR = Grammar(
    blank="",
    ordered=False,
    load=_load,
    settled=lambda _text: True,
    expand=_expand,
    many=lambda text, ops, name: many(text, _load(text, name) if len(ops) > FEW else None, ops),
    edit=_edit,
    empty=_empty,
    raw=lambda text: tomllib.loads("k = " + text)["k"],
    model=lambda text: tomllib.loads(text.removeprefix(BOM)),
    value_model=deepcopy,
)
