"""The items of a list key: one more, one less, in the form that the list already has. Pure.

A block list keeps its indent, a one-line list its line; a scalar becomes a block list of two blanks.
"""

from __future__ import annotations

from iapeer_memory.vault import safe_yaml, scalar
from iapeer_memory.vault.block import Entry
from iapeer_memory.vault.frontmatter import value_of

COMMAS = ("tags", "coauthors")
"""Keys whose scalar is a list between commas."""

EMPTY = frozenset(("", "[]", "[ ]", "null", "Null", "NULL", "~"))


def items_of(entry: Entry) -> tuple[str, ...]:
    """The texts of the items; a scalar is one, and in `COMMAS` as many as its commas make."""
    value = value_of(entry)
    if not isinstance(value, str):
        return value
    parts = value.split(",") if entry.key in COMMAS else [value]
    return () if entry.raw in EMPTY else tuple(part for part in map(str.strip, parts) if part)


def is_empty(entry: Entry) -> bool:
    """Whether the entry is a list without items. One with a comment or anything below it is not."""
    return entry.single and entry.raw in EMPTY


def fresh(key: str, texts: tuple[str, ...], ending: str) -> Entry:
    """A block list of two blanks."""
    return Entry(key, "", [f"{key}:{ending}", *(f"  - {safe_yaml.plain(text)}{ending}" for text in texts)])


def added(entry: Entry, text: str) -> Entry:
    """The entry with one more item at its end; itself when the item is there already."""
    have, end = items_of(entry), entry.ending
    key = entry.key or ""
    if text in have:
        return entry
    if _is_block(entry):
        first = next(line for line in entry.lines[1:] if line.lstrip(" \t").startswith("-"))
        indent = first[: len(first) - len(first.lstrip(" \t"))]
        return Entry(key, entry.raw, [*entry.lines, f"{indent}- {safe_yaml.plain(text)}{end}"])
    if entry.single and entry.raw[:1] == "[" and not entry.raw.startswith("[[") and entry.raw not in EMPTY:
        raws, close = scalar.flow_items(entry.raw)
        if close > 0 and raws:
            return _flow(entry, (*raws, safe_yaml.item(text)), close)
    return fresh(key, (*have, text), end)


def removed(entry: Entry, text: str) -> Entry | None:
    """The entry without every item that says `text`; None when no item is left."""
    have = items_of(entry)
    left = tuple(item for item in have if item != text)
    if not left or len(left) == len(have):
        return entry if left else None
    if _is_block(entry):
        return Entry(entry.key, entry.raw, _without(entry.lines, text))
    if entry.single and entry.raw[:1] == "[":
        raws, close = scalar.flow_items(entry.raw)
        if close > 0:
            return _flow(entry, tuple(raw for raw in raws if scalar.read(raw) != text), close)
    return fresh(entry.key or "", left, entry.ending)


def _is_block(entry: Entry) -> bool:
    return (not entry.raw or entry.raw[0] == "#") and isinstance(value_of(entry), tuple)


def _flow(entry: Entry, raws: tuple[str, ...], close: int) -> Entry:
    """The entry's one line with these items and what followed the bracket."""
    raw = f"[{', '.join(raws)}]{entry.raw[close + 1 :]}"
    head = entry.lines[0].partition(":")[0]
    return Entry(entry.key, raw, [f"{head}: {raw}{entry.ending}"])


def _without(lines: list[str], text: str) -> list[str]:
    """The lines of a block list without the items that say `text`; what is indented deeper than an item is its own."""
    kept, drops, depth = lines[:1], False, 0
    for line in lines[1:]:
        bare = line.strip(" \t\r")
        indent = len(line) - len(line.lstrip(" \t"))
        if bare == "-" or bare.startswith(("- ", "-\t")):
            drops, depth = scalar.read(bare[1:].strip()) == text, indent
        elif indent <= depth:
            drops = False
        if not drops:
            kept.append(line)
    return kept
