"""Many sibling tables of a TOML text added or taken out in one step, where one step each would read the file as often.

Only what is plain: tables under headers of their own, with no other operation in the same edit that touches them.
Everything else is handed back, to be done one by one. The bytes are those that one by one would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iapeer_memory.edits.engine import added
from iapeer_memory.edits.ops import ABSENT, Delete, Set, Step, Undo, get
from iapeer_memory.edits.splice import Splice, joined, trimmed
from iapeer_memory.edits.toml_cut import content_end, near, with_blanks
from iapeer_memory.edits.toml_find import Keys, find
from iapeer_memory.edits.toml_put import line_ending
from iapeer_memory.edits.toml_scan import Statement, statements
from iapeer_memory.edits.toml_text import block

FEW = 3
"""Up to here one by one is as good."""

Many = tuple[list[Splice], list[Undo], Sequence[Step]]


def many(text: str, value: Any, ops: Sequence[Step]) -> Many:
    """(the one step, undo's parts for it, the operations that are still to be done)."""
    if len(ops) <= FEW:
        return [], [], ops
    if not any(isinstance(op, Delete) for op in ops):
        return put_many(text, value, ops)
    if all(isinstance(op, Delete) and op.prune for op in ops):
        return cut_many(text, value, ops)
    return [], [], ops


def put_many(text: str, value: Any, ops: Sequence[Step]) -> Many:
    """Tables with one key each, as blocks at the end of the file."""
    places: dict[Keys, bool] = {}
    picked = [op for op in lone(ops) if isinstance(op, Set) and get(value, op.path[:-1]) is ABSENT]
    plain = [(op, path) for op in picked if not isinstance(op.value, dict | list) and (path := strings(op.path[:-1]))]
    chosen = [(op, path) for op, path in plain if open_end(text, path[:-1], places)]
    if len(chosen) <= FEW:
        return [], [], ops
    line = line_ending(text)
    top = 1 if text.startswith("\ufeff") else 0
    end = max(content_end(text), top)
    blocks = [block(path, {str(op.path[-1]): op.value}, line) for op, path in chosen]
    new = (2 * line if end > top else "") + line.join(blocks)
    parts: list[Undo] = []
    made: set[Keys] = set()
    for at, (op, path) in enumerate(chosen):
        floor = max((n for n in range(len(path)) if path[:n] in made or get(value, path[:n]) is not ABSENT), default=0)
        made.update(path[:n] for n in range(len(path) + 1))
        parts.append({**added(op, floor, None), "tail": line if at else text[end:]})
    taken = {id(op) for op, _ in chosen}
    return [trimmed(text, end, len(text), new)], parts, [op for op in ops if id(op) not in taken]


def cut_many(text: str, value: Any, ops: Sequence[Step]) -> Many:
    """Tables that hold the one key and nothing else. The last of all siblings is left: its parents go with it."""
    sections: dict[Keys, list[Statement]] = {}
    every = statements(text)
    for one in every:
        if one.kind != "=":
            sections.setdefault(one.path, []).append(one)
    ends: dict[int, int] = {}
    for one in every:
        ends[one.section] = max(ends.get(one.section, 0), one.end)
    left: dict[Keys, int] = {}
    spans: list[tuple[int, int]] = []
    taken: set[int] = set()
    for op in lone(ops):
        path = strings(op.path[:-1])
        headers = sections.get(path, [])
        table = get(value, path) if path else ABSENT
        if len(headers) != 1 or headers[0].kind != "[" or not isinstance(table, dict) or list(table) != [op.path[-1]]:
            continue
        if isinstance(table[str(op.path[-1])], dict | list):
            continue
        parent = path[:-1]
        if left.setdefault(parent, len(get(value, parent)) if parent else len(value)) > 1:
            left[parent] -= 1
            spans.append((headers[0].start, ends[headers[0].section]))
            taken.add(id(op))
    if len(spans) <= FEW:
        return [], [], ops
    ranges = joined([with_blanks(text, *span) for span in near(text, spans)])
    return [(start, end, "") for start, end in ranges], [], [op for op in ops if id(op) not in taken]


def lone(ops: Sequence[Step]) -> list[Step]:
    """Operations in whose table, or below it, no other one works."""
    seen: dict[tuple[str | int, ...], int] = {}
    for op in ops:
        for depth in range(1, len(op.path) + 1):
            seen[op.path[:depth]] = seen.get(op.path[:depth], 0) + 1
    return [op for op in ops if len(op.path) > 1 and seen[op.path[:-1]] == 1]


def strings(path: Sequence[str | int]) -> Keys:
    """The path when it is made of keys only, else ()."""
    keys = tuple(part for part in path if isinstance(part, str))
    return keys if len(keys) == len(path) else ()


def open_end(text: str, parent: Keys, known: dict[Keys, bool]) -> bool:
    """Whether a new table of this parent is written as a block at the end of the file."""
    if not parent:
        return True
    if parent not in known:
        found = find(text, parent)
        spelled = any(one.kind == "[[" or (one.path == parent and len(parent) > 1) for one in found.headers)
        # Pairs of the parent itself, or dotted ones through it, have a place that a new table must respect.
        written = any(one.above < len(parent) or len(one.path) == len(parent) + 1 for one in found.pairs)
        known[parent] = found.holder is None and not written and not spelled
    return known[parent]
