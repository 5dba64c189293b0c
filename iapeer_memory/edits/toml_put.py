"""Putting our part into a TOML text: a block, a pair, a member of an inline table, an element of an array.

Every function gives splices that only add, blanks at the end of the file apart. Never decides where a path
belongs: `toml_edit` does.
"""

from __future__ import annotations

from typing import Any

from iapeer_memory.edits.ops import nest
from iapeer_memory.edits.splice import Splice, trimmed
from iapeer_memory.edits.toml_cut import content_end
from iapeer_memory.edits.toml_find import Keys, section_end
from iapeer_memory.edits.toml_scan import Inside, Statement, inside, line_rest, past_loose
from iapeer_memory.edits.toml_text import block, dotted, inline, pair_key


def line_ending(text: str) -> str:
    """The text's first line end (`\\n` if it has none)."""
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def put_block(text: str, path: Keys, table: dict[str, Any]) -> tuple[list[Splice], str]:
    """The table as a block at the end of the file after exactly one blank line, and the line ends that stood there."""
    line = line_ending(text)
    top = 1 if text.startswith("\ufeff") else 0
    new = block(path, table, line)
    end = max(content_end(text), top)
    gap = 2 * line if end > top else ""
    return [trimmed(text, end, len(text), gap + new)], text[end:]


def put_block_after(text: str, at: int, path: Keys, table: dict[str, Any]) -> list[Splice]:
    """The table as a block after a line that ends at the place, set apart by one blank line on either side."""
    line = line_ending(text)
    before = line if text[at - 1] == "\n" else 2 * line
    after = line if text[at:] and text[at:].split("\n", 1)[0].strip() else ""
    return [(at, at, before + block(path, table, line) + after)]


def put_pair(text: str, every: list[Statement], near: Statement | None, path: Keys, value: Any) -> list[Splice]:
    """A pair after the last one of a section, after a dotted sibling, or (near is None) of the root."""
    name = pair_key(path[-1])
    if near is not None and near.kind == "=":
        last = len(path) - 2 - near.above
        name = f"{text[near.key.spans[0][0] : near.key.spans[last][1]]}.{name}"
        return [_after_line(text, near.end, _indent(text, near), f"{name} = {inline(value)}")]
    section = -1 if near is None else near.section
    pairs = [one for one in every if one.section == section and one.kind == "="]
    if pairs:
        return [_after_line(text, pairs[-1].end, _indent(text, pairs[-1]), f"{name} = {inline(value)}")]
    if near is not None:
        return [_after_line(text, section_end(every, near), _indent(text, near), f"{name} = {inline(value)}")]
    line = line_ending(text)
    top = 1 if text.startswith("\ufeff") else 0
    gap = line if text[top:].split("\n", 1)[0].strip() else ""
    return [(top, top, f"{name} = {inline(value)}{line}{gap}")]


def put_member(text: str, holder: Inside, rest: Keys, value: Any) -> list[Splice]:
    """A member at the end of an inline table; dotted where its first key is dotted there already."""
    if any(one.key is not None and one.key.path[0] == rest[0] for one in holder.members):
        member = f"{dotted(rest)} = {inline(value)}"
    else:
        member = f"{pair_key(rest[0])} = {inline(nest(rest[1:], value))}"
    if not holder.members:
        return [trimmed(text, holder.open + 1, holder.close, f" {member} ")]
    end = holder.members[-1].end
    return [(end, end, f", {member}")]


def put_element(text: str, at: int, value: Any) -> tuple[list[Splice], str | None]:
    """An element at the end of the array at the place, and the inside of the array if it was empty."""
    here = inside(text, at)
    new = inline(value)
    line = line_ending(text)
    if not here.members:
        inner = text[here.open + 1 : here.close]
        if "\n" not in inner:
            return [trimmed(text, here.open + 1, here.close, new)], inner
        start = text.rindex("\n", 0, here.close) + 1
        return [(start, start, f"{text[start : here.close]}    {new}{line}")], inner
    last = here.members[-1]
    after = past_loose(text, last.end)
    comma = text[after] == ","
    end = after + 1 if comma else last.end
    start = text.rfind("\n", 0, last.start) + 1
    indent = text[start : last.start]
    if start <= here.open or indent.strip():
        return [(end, end, f" {new}," if comma else f", {new}")], None
    rest = line_rest(text, end)
    if comma:
        return [(rest, rest, f"{line}{indent}{new},")], None
    if rest == end:
        return [(end, end, f",{line}{indent}{new}")], None
    return [(end, end, ","), (rest, rest, f"{line}{indent}{new}")], None


def _after_line(text: str, at: int, indent: str, pair: str) -> Splice:
    line = line_ending(text)
    if at and text[at - 1] == "\n":
        return at, at, f"{indent}{pair}{line}"
    return at, at, f"{line}{indent}{pair}"


def _indent(text: str, near: Statement) -> str:
    lead = text[near.start : near.key.spans[0][0]]
    return lead[: len(lead) - len(lead.lstrip(" \t"))]
