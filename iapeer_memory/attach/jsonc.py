"""JSON with comments, read strictly: text in, a value and the lines of its keys out, or where it is wrong. Pure.

Beside JSON it knows `// …` and `/* … */` and nothing else: no comma before a closing bracket, no single quotes, no
bare keys, no NaN. A key that stands twice in one object is an error, not a choice. Bounded in size, depth and numbers,
so that no text costs more than its length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Any

LARGEST = 256 << 10
"""Characters of a text."""
DEEPEST = 32
LONGEST_NUMBER = 40

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}


class NotJsonc(ValueError):
    """Why a text is not read. `line`: where, from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says. `lines`: the line of each key of the outermost object."""

    value: Any
    lines: Mapping[str, int]


def parsed(text: str) -> Document:
    """The one value of a text. Raises NotJsonc, and nothing else, whatever the text."""
    if len(text) > LARGEST:
        raise NotJsonc(1, f"it is longer than {LARGEST} characters")
    reader = _Reader(text)
    start = 1 if text.startswith("\ufeff") else 0
    value, at = reader.value(reader.skip(start), 0)
    at = reader.skip(at)
    if at < len(text):
        raise reader.wrong(at, "something follows the value")
    return Document(value, reader.lines)


class _Reader:
    """Of one text. Places are characters from 0."""

    __slots__ = ("_counted", "_text", "lines")

    def __init__(self, text: str) -> None:
        self._text = text
        self._counted = (0, 1)
        self.lines: dict[str, int] = {}

    def wrong(self, at: int, reason: str) -> NotJsonc:
        """An error at a place."""
        return NotJsonc(self._line(at), reason)

    def skip(self, at: int) -> int:
        """The first place that is neither blank nor comment."""
        found = _BLANK.match(self._text, at)
        at = found.end() if found else at
        if self._text.startswith("/*", at):
            raise self.wrong(at, "a comment is not closed")
        return at

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """The value that starts at the place, and where it ends."""
        text = self._text
        first = text[at : at + 1]
        if first == '"':
            return self._text_at(at)
        if first in ("{", "["):
            if depth >= DEEPEST:
                raise self.wrong(at, f"it is nested deeper than {DEEPEST} levels")
            return self._object(at, depth) if first == "{" else self._list(at, depth)
        for word, value in _WORDS.items():
            if text.startswith(word, at) and not text[at + len(word) : at + len(word) + 1].isalnum():
                return value, at + len(word)
        number = _NUMBER.match(text, at)
        if number is not None:
            return self._number(number.group(), at), number.end()
        raise self.wrong(at, "a value is missing" if not first or first in "]},:" else f"{first!r} starts no value")

    def _line(self, at: int) -> int:
        """The line of a place; counted on from the last one, as most places come in order."""
        since, line = self._counted
        if since > at:
            since, line = 0, 1
        self._counted = at, line + self._text.count("\n", since, at)
        return self._counted[1]

    def _number(self, digits: str, at: int) -> int | float:
        if len(digits) > LONGEST_NUMBER:
            raise self.wrong(at, "a number is too long")
        number = float(digits) if any(mark in digits for mark in ".eE") else int(digits)
        if not math.isfinite(number):
            raise self.wrong(at, "a number is too large")
        return number

    def _text_at(self, at: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self._text, at + 1, True)
            text.encode()
        except UnicodeEncodeError:
            raise self.wrong(at, "a text holds half a character") from None
        except JSONDecodeError as error:
            raise self.wrong(error.pos, f"a text is wrong: {error.msg.lower().removesuffix(' at')}") from None
        return text, end

    def _list(self, at: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        opened = at
        at = self.skip(at + 1)
        while self._text[at : at + 1] != "]" or found:
            value, at = self.value(at, depth + 1)
            found.append(value)
            at, over = self._next(at, "]", opened)
            if over:
                return found, at
        return found, at + 1

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        opened = at
        at = self.skip(at + 1)
        while self._text[at : at + 1] != "}" or found:
            if self._text[at : at + 1] != '"':
                raise self.wrong(at, "a key in double quotes is missing")
            key, end = self._text_at(at)
            if key in found:
                raise self.wrong(at, f"the key {key[:60]!r} stands twice")
            if not depth:
                self.lines[key] = self._line(at)
            end = self.skip(end)
            if self._text[end : end + 1] != ":":
                raise self.wrong(end, f"a colon is missing after {key[:60]!r}")
            found[key], at = self.value(self.skip(end + 1), depth + 1)
            at, over = self._next(at, "}", opened)
            if over:
                return found, at
        return found, at + 1

    def _next(self, at: int, closing: str, opened: int) -> tuple[int, bool]:
        """Past a comma to the next item, or (…, True) past the closing bracket."""
        at = self.skip(at)
        mark = self._text[at : at + 1]
        if mark == closing:
            return at + 1, True
        if mark != ",":
            if not mark:
                raise self.wrong(opened, f"the bracket is not closed; {closing!r} is missing")
            raise self.wrong(at, f"a comma or {closing!r} is missing before {mark!r}")
        at = self.skip(at + 1)
        if self._text[at : at + 1] == closing:
            raise self.wrong(at, f"a comma stands before {closing!r}")
        return at, False
