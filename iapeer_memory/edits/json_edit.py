"""JSON edits that change our keys and no other byte: indentation, order, line ends, spelling and repeats stay.

Strict as the harnesses are: comments, trailing commas, NaN, single quotes and merge marks are refused with their
line, because a harness drops such a file whole. An absent file becomes a fresh one with two spaces and a final
newline; an empty file is not JSON and is refused. Source of the format: RFC 8259.
Never re-serialises what it was not asked to set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits import guard
from iapeer_memory.edits.engine import Grammar, added, run, run_undo, wrong_type
from iapeer_memory.edits.json_load import load
from iapeer_memory.edits.json_scan import KINDS, Container, Item, Way, container, first_item, skip, walk
from iapeer_memory.edits.ops import Append, Delete, Edited, Op, Path, Remove, Restore, Step, Undo, digest, nest, same
from iapeer_memory.edits.source import BOM, decode, too_deep
from iapeer_memory.edits.splice import Splice, line_of, trimmed

_LEADING = re.compile(r"[ \t]*")
_INDENTED = re.compile(r"\n([ \t]+)[^\s]")


def load_json(data: bytes, name: str) -> dict[str, Any]:
    """The file's object; of repeated keys the last one counts, as in the harnesses. Malformed: anything else."""
    text = decode(data, name)
    try:
        value = load(text, name)
    except RecursionError:
        raise too_deep(text, name) from None
    if not isinstance(value, dict):
        start = skip(text, text.startswith(BOM))
        raise wrong_type(name, (), KINDS.get(text[start], "a number"), KINDS["{"], line_of(text, start))
    return value


def edit_json(data: bytes | None, ops: Sequence[Op], *, name: str, since: Undo | None = None) -> Edited:
    """Applies the operations to the file's bytes (None: there is no file).

    since: the undo record of an earlier edit of the same file, to be carried on: undoing the result takes both
           back. Raises Malformed (not JSON, or a wrong type or repeated key on a path) and FileRefused (the guard).
    """
    return run(GRAMMAR, data, ops, name=name, since=since)


def undo_json(data: bytes | None, undo: Undo, *, name: str) -> bytes | None:
    """Takes an edit back: to the byte where nobody wrote since, only our part otherwise. None: remove the file."""
    return run_undo(GRAMMAR, data, undo, name=name)


class _Style(NamedTuple):
    """How the file is written: line end, one level of indentation, whether it has lines at all, and its colon."""

    line: str
    unit: str
    spread: bool
    colon: str


def _style(text: str) -> _Style:
    start = skip(text, text.startswith(BOM))
    first = first_item(text, start)
    inside = text[start:].rstrip(" \t\r\n")
    newline = text.find("\n")
    line = "\r\n" if newline > 0 and text[newline - 1] == "\r" else "\n"
    indented = _INDENTED.search(inside)
    colon = ": "
    if first is not None:
        colon = text[first.key_end : first.value] if first.key is not None else _some_colon(inside)
        if colon.replace(" ", "").replace("\t", "") != ":":
            colon = ": "
    spread = "\n" in inside or first is None
    return _Style(line, indented[1] if indented else "  ", spread, colon)


def _some_colon(inside: str) -> str:
    found = re.search(r'"([ \t]*:[ \t]*)["\w\[{-]', inside)
    return found[1] if found else ": "


def _written(value: Any, style: _Style, indent: str | None) -> str:
    """The value as JSON: over lines from this indentation on, or on one line (None)."""
    if indent is None:
        comma = ", " if style.colon.endswith(" ") else ","
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(comma, style.colon))
    dumped = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=style.unit, separators=(",", style.colon))
    return dumped.replace("\n", style.line + indent)


def _indent_at(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    found = _LEADING.match(text, start + text.startswith(BOM, start))
    return found[0] if found else ""


def _member(key: str | None, value: Any, style: _Style, indent: str | None) -> str:
    name = "" if key is None else json.dumps(key, ensure_ascii=False) + style.colon
    return name + _written(value, style, indent)


def _insert(text: str, here: Container, key: str | None, value: Any, style: _Style) -> Splice:
    """A new last member or element, laid out as the one before it."""
    if not here.items:
        if not style.spread:
            return trimmed(text, here.open + 1, here.close, _member(key, value, style, None))
        outer = _indent_at(text, here.open)
        inner = outer + style.unit
        body = style.line + inner + _member(key, value, style, inner) + style.line + outer
        return trimmed(text, here.open + 1, here.close, body)
    last = here.items[-1]
    begin = here.open + 1 if len(here.items) == 1 else skip(text, here.items[-2].end) + 1
    lead = text[begin : last.start]
    if "\n" in lead:
        indent = lead[lead.rindex("\n") + 1 :]
        return last.end, last.end, f",{style.line}{indent}{_member(key, value, style, indent)}"
    if len(here.items) == 1 and not lead and style.colon.endswith(" "):
        lead = " "
    tall = "\n" in text[here.open : here.close]
    return last.end, last.end, f",{lead}{_member(key, value, style, _indent_at(text, here.open) if tall else None)}"


def _cut(text: str, here: Container, at: int, inner: str) -> Splice:
    """The span of an item with its comma; `inner` is what stays in a container that becomes empty."""
    items = here.items
    if len(items) == 1:
        return trimmed(text, here.open + 1, here.close, inner)
    if at == len(items) - 1:
        return items[at - 1].end, items[at].end, ""
    return items[at].start, items[at + 1].start, ""


def _edit(text: str, step: Step, name: str) -> tuple[list[Splice], Undo | None]:
    way = walk(text, step.path, name)
    if isinstance(step, Delete):
        if not way.complete:
            return [], None
        return _delete(text, way, 0 if step.prune else len(step.path) - 1, ""), None
    if isinstance(step, Remove):
        return _delete(text, way, step.floor, step.inner or ""), None
    if isinstance(step, Restore):
        return ([(way.item(-1).value, way.item(-1).end, step.text)] if way.complete else []), None
    if isinstance(step, Append) and way.complete:
        return _append(text, way, step, name)
    value = [step.value] if isinstance(step, Append) else step.value
    if way.complete:
        return _replace(text, way, step.path, value)
    depth = len(way.containers) - 1
    here, key = way.containers[depth], step.path[depth]
    _check_places(text, way, step.path, name)
    inner = None if here.items else text[here.open + 1 : here.close]
    splice = _insert(
        text, here, key if isinstance(key, str) else None, nest(step.path[depth + 1 :], value), _style(text)
    )
    return [splice], added(step, depth, inner)


def _check_places(text: str, way: Way, path: Path, name: str) -> None:
    """An index that is missing must be the next one of its array, and 0 in an array that is made."""
    depth = len(way.containers) - 1
    for at, part in enumerate(path[depth:], depth):
        room = len(way.containers[depth].items) if at == depth else 0
        if isinstance(part, int) and part != room:
            where = ".".join(map(str, path[:at]))
            line = line_of(text, way.containers[depth].open)
            raise FileRefused(name, f"the list {where} has no place {part}", line_number=line)


def _replace(text: str, way: Way, path: Path, value: Any) -> tuple[list[Splice], Undo | None]:
    item, here = way.item(-1), way.containers[-1]
    old = text[item.value : item.end]
    if _equal(old, value):
        return [], None
    tall = "\n" in text[here.open : here.close]
    new = _written(value, _style(text), _indent_at(text, item.start) if tall else None)
    part = {"do": "set", "path": list(path), "old": old, "sum": digest(value)}
    return [(item.value, item.end, new)], part


def _equal(old: str, value: Any) -> bool:
    """Whether the text says the value, and says every key of it once."""
    return same(guard.json_once(old), value)


def _append(text: str, way: Way, step: Append, name: str) -> tuple[list[Splice], Undo | None]:
    item: Item = way.item(-1)
    if text[item.value] != "[":
        kind = KINDS.get(text[item.value], "a number")
        raise wrong_type(name, step.path, kind, KINDS["["], line_of(text, item.value))
    here = container(text, item.value)
    if any(_equal(text[entry.value : entry.end], step.value) for entry in here.items):
        return [], None
    inner = None if here.items else text[here.open + 1 : here.close]
    return [_insert(text, here, None, step.value, _style(text))], added(step, len(step.path), inner)


def _delete(text: str, way: Way, floor: int, inner: str) -> list[Splice]:
    depth = len(way.containers) - 1
    if not way.complete:
        if floor >= depth or way.containers[depth].items:
            return []
        depth -= 1
    while depth > floor and len(way.containers[depth].items) == 1:
        depth -= 1
    taken = way.taken[depth]
    return [] if taken is None else [_cut(text, way.containers[depth], taken, inner if depth == floor else "")]


def _empty(text: str) -> bool:
    return text.removeprefix(BOM).translate(_NO_BLANKS) in ("{}", "[]")


_NO_BLANKS = dict.fromkeys(map(ord, " \t\r\n"))
GRAMMAR = Grammar(
    blank="{}\n",
    ordered=True,
    load=load,
    settled=lambda text: not guard.json_repeats(text),
    expand=lambda _text, step, _name: [step],
    many=lambda _text, ops, _name: ([], [], ops),
    edit=_edit,
    empty=_empty,
    raw=guard.json_model,
    model=guard.json_model,
    value_model=guard.json_value_model,
)
