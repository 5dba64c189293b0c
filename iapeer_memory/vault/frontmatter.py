"""Read the frontmatter of a note: flat, line by line, tolerant. Pure; never writes, never raises.

One `key: value` a line, block lists and one-line lists; that is what the notes of a vault hold. What is no YAML at
all costs the line that it stands on, not the note. Keys are ASCII: a letter or underscore, then word characters or
hyphens. Source: the reference core's frontmatter schema and fences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | tuple[str, ...]

OPENING = re.compile(r"---[ \t]*\n")
CLOSING = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)
PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*)|[ \t]*)\Z", re.ASCII)
ITEM = re.compile(r"[ \t]*-(?:[ \t]+(.*)|[ \t]*)\Z")
BLOCK_SCALAR = re.compile(r"([|>])[+-]?[0-9]?[+-]?[ \t]*(?:#.*)?\Z")
ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
NAMED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


@dataclass(frozen=True, slots=True)
class Split:
    """A note cut at its fences. `block` is None when there is no frontmatter; then `body` is the whole text."""

    block: str | None
    body: str


def split(text: str) -> Split:
    """Cut at the fences. A byte order mark is dropped and CRLF becomes LF, in both parts."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    opening = OPENING.match(text)
    closing = CLOSING.search(text, opening.end()) if opening else None
    if opening is None or closing is None or closing.start() == opening.end():
        return Split(None, text)
    return Split(text[opening.end() : closing.start()], text[closing.end() :])


def read(block: str | None) -> dict[str, Value]:
    """The keys of a frontmatter block: text, or a tuple of texts for a list. The first of two equal keys wins."""
    found: dict[str, Value] = {}
    lines = (block or "").split("\n")
    at = 0
    while at < len(lines):
        pair = PAIR.match(lines[at])
        at += 1
        if pair is None:
            continue
        key, raw = pair[1], (pair[2] or "").strip()
        value: Value
        scalar = BLOCK_SCALAR.match(raw)
        if scalar:
            text, at = _indented(lines, at)
            value = ("\n" if scalar[1] == "|" else " ").join(text).strip()
        elif not raw or raw.startswith("#"):
            items, after = _items(lines, at)
            value, at = (items, after) if items else ("", at)
        elif raw.startswith("[") and not raw.startswith("[["):
            value = _flow(raw)
        else:
            value = _scalar(raw)
        found.setdefault(key, value)
    return found


def _indented(lines: list[str], at: int) -> tuple[list[str], int]:
    """The lines of a block scalar, and the index after them."""
    text: list[str] = []
    while at < len(lines) and (not lines[at].strip() or lines[at][0] in " \t"):
        text.append(lines[at].strip())
        at += 1
    return text, at


def _items(lines: list[str], at: int) -> tuple[tuple[str, ...], int]:
    """The items of a block list (any indent, blank lines between), and the index after them."""
    items: list[str] = []
    end = at
    while at < len(lines):
        item = ITEM.match(lines[at])
        if item:
            text = _scalar((item[1] or "").strip())
            if text:
                items.append(text)
            end = at + 1
        elif lines[at].strip() and not lines[at].lstrip().startswith("#"):
            break
        at += 1
    return tuple(items), end


def _flow(raw: str) -> tuple[str, ...]:
    """`[a, "b, c"]`, also without its closing bracket."""
    items: list[str] = []
    item, quote = "", ""
    for char in raw[1:]:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and not item.strip():
            quote = char
        elif char in ",]":
            items.append(item)
            item = ""
            if char == "]":
                break
            continue
        item += char
    items.append(item)
    return tuple(text for text in (_scalar(i.strip()) for i in items) if text)


def _scalar(raw: str) -> str:
    """One value: quotes taken off, comment cut."""
    if len(raw) >= 2 and raw[0] == '"':
        end = re.search(r'(?<!\\)(?:\\\\)*"', raw[1:])
        if end:
            return ESCAPE.sub(_unescape, raw[1 : end.end()])
    if len(raw) >= 2 and raw[0] == "'":
        end = re.match(r"'((?:[^']|'')*)'", raw)
        if end:
            return end[1].replace("''", "'")
    if raw.startswith("#"):
        return ""
    return re.split(r"[ \t]#", raw, maxsplit=1)[0].rstrip()


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
    return NAMED.get(code, code)
