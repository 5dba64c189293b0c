"""Where things stand in a TOML text that is known to be valid: its statements, and the inside of its values.

Positions are characters of the text. A statement is a header (`[a.b]`, `[[a.b]]`) or a pair (`a.b = value`); its
path is absolute. Strings are skipped whole, so a header-like line inside a multi-line string is no header.
Source of the format: TOML 1.0. Never checks validity: that is the parser's word.
"""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

_BLANK = re.compile(r"[ \t]*")
_LOOSE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*+"'
    r"|'[^'\n]*+'",
    re.DOTALL,
)
_OTHER = re.compile(r"[^\"'\[\]{}#,\n]+")
_SCALAR = re.compile(r"[^\[\]{}#,\r\n]+")


class Key(NamedTuple):
    """A possibly dotted key: its parts, and where each part's text starts and ends."""

    path: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """The place after the last part."""
        return self.spans[-1][1]


class Statement(NamedTuple):
    """A header (`value` is -1) or a pair; [start, end) are its whole lines, the final line end included.

    kind: "[" a table header, "[[" a header of an array of tables, "=" a pair.
    path: absolute; `above` is the part of it that the header of its section gives.
    section: the place of its section's header among the statements (a header's own place), -1 for the root.
    """

    kind: str
    path: tuple[str, ...]
    above: int
    section: int
    start: int
    end: int
    key: Key
    value: int
    value_end: int


class Member(NamedTuple):
    """A member of an inline table or an element of an array (then without a key)."""

    start: int
    value: int
    end: int
    key: Key | None


class Inside(NamedTuple):
    """The inside of an inline table or an array, between the places of its brackets."""

    open: int
    close: int
    members: list[Member]


def statements(text: str) -> list[Statement]:
    """The statements of the text in their order."""
    found: list[Statement] = []
    above: tuple[str, ...] = ()
    section = -1
    at = 1 if text.startswith("\ufeff") else 0
    while True:
        at = _past(_LOOSE, text, at)
        if at >= len(text):
            return found
        start = text.rfind("\n", 0, at) + 1
        if start == 0 and text.startswith("\ufeff"):
            start = 1
        if text[at] == "[":
            kind = "[[" if text.startswith("[[", at) else "["
            key = _key(text, at + len(kind))
            close = _past(_BLANK, text, key.end) + len(kind)
            end = _line_end(text, close)
            above, section = key.path, len(found)
            found.append(Statement(kind, above, 0, section, start, end, key, -1, close))
        else:
            key = _key(text, at)
            value = _past(_BLANK, text, _past(_BLANK, text, key.end) + 1)
            value_end = skip_value(text, value)
            end = _line_end(text, value_end)
            found.append(Statement("=", above + key.path, len(above), section, start, end, key, value, value_end))
        at = end


def inside(text: str, at: int) -> Inside:
    """The members of the inline table, or the elements of the array, that starts at the place."""
    keyed = text[at] == "{"
    members: list[Member] = []
    here = _past(_LOOSE, text, at + 1)
    while text[here] not in "}]":
        start, key = here, None
        if keyed:
            key = _key(text, here)
            here = _past(_LOOSE, text, _past(_LOOSE, text, key.end) + 1)
        end = skip_value(text, here)
        members.append(Member(start, here, end, key))
        here = _past(_LOOSE, text, end)
        if text[here] == ",":
            here = _past(_LOOSE, text, here + 1)
    return Inside(at, here, members)


def skip_value(text: str, at: int) -> int:
    """The place after the value that starts at the place."""
    string = _STRING.match(text, at)
    if string:
        return string.end()
    if text[at] not in "[{":
        scalar = _SCALAR.match(text, at)
        return at + len(scalar[0].rstrip()) if scalar else at
    depth = 0
    while True:
        char = text[at]
        if char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
            if depth == 0:
                return at + 1
        elif char in "\"'":
            at = _past(_STRING, text, at)
            continue
        elif char == "#":
            at = _line_end(text, at) - 1
        elif char not in ",\n":
            at = _past(_OTHER, text, at)
            continue
        at += 1


def past_loose(text: str, at: int) -> int:
    """The place after blanks, line ends and comments."""
    return _past(_LOOSE, text, at)


def line_rest(text: str, at: int) -> int:
    """The place of the line end after blanks and a comment; the same place if something else follows."""
    end = _past(_BLANK, text, at)
    if text[end : end + 1] == "#":
        stop = text.find("\n", end)
        end = len(text) if stop < 0 else stop
        end -= text[end - 1] == "\r"
    return end if text[end : end + 1] in ("", "\r", "\n") else at


def _line_end(text: str, at: int) -> int:
    stop = text.find("\n", at)
    return len(text) if stop < 0 else stop + 1


def _key(text: str, at: int) -> Key:
    path: list[str] = []
    spans: list[tuple[int, int]] = []
    while True:
        at = _past(_BLANK, text, at)
        if text[at] in "\"'":
            end = _past(_STRING, text, at)
            path.append(tomllib.loads("k=" + text[at:end])["k"])
        else:
            end = _past(_BARE, text, at)
            path.append(text[at:end])
        spans.append((at, end))
        at = _past(_BLANK, text, end)
        if text[at : at + 1] != ".":
            return Key(tuple(path), tuple(spans))
        at += 1


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
