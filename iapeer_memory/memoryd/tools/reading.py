"""Reading a call's arguments: each taken by name, checked, bounded; the first thing wrong is told in one line. Pure.

An argument that is null counts as not given.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from iapeer_memory.domain.errors import ProductError, printable

DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
MOST_VALUES = 20
SHOWN = 60
"""Characters of an unknown name that are repeated to the caller."""


class BadArguments(ProductError):
    """The arguments of a call are not what its schema says."""


class Given:
    """What a caller gave to one tool. Every reader raises BadArguments."""

    __slots__ = ("_left", "_tool")

    def __init__(self, tool: str, arguments: Mapping[str, Any], known: Collection[str]) -> None:
        self._tool = tool
        self._left = {name: value for name, value in arguments.items() if value is not None}
        unknown = sorted(set(self._left) - set(known))
        if unknown:
            names = ", ".join(repr(printable(name[:SHOWN])) for name in unknown[:3])
            raise self.wrong(f"unknown argument {names}; it takes {', '.join(known)}")

    def wrong(self, words: str) -> BadArguments:
        """The error to raise."""
        return BadArguments(f"{self._tool}: {words}")

    def has(self, name: str) -> bool:
        """Whether it was given."""
        return name in self._left

    def text(self, name: str, longest: int) -> str | None:
        """A text of at least one character. Half characters, that no file can hold, are refused."""
        value = self._left.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{name} must be a text of at least one character")
        if len(value) > longest:
            raise self.wrong(f"{name} must have at most {longest} characters, not {len(value)}")
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise self.wrong(f"{name} holds half a character (a lone surrogate)")
        return value

    def line(self, name: str, longest: int) -> str | None:
        """A text on one line, without control characters and without blanks around it."""
        value = self.text(name, longest)
        if value is None:
            return None
        if not value.isprintable() and any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in value):
            raise self.wrong(f"{name} must be one line without control characters")
        if not value.strip():
            raise self.wrong(f"{name} must not be blank")
        return unicodedata.normalize("NFC", value.strip())

    def lines(self, name: str, longest: int, *, commas: bool = False) -> tuple[str, ...]:
        """A list of one-line texts; `commas`: one text of them instead, with commas between."""
        value = self._left.get(name)
        if value is None:
            return ()
        if commas and isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()] or [""]
        if not isinstance(value, list) or len(value) > MOST_VALUES:
            what = "texts with commas between" if commas else "a list of texts"
            raise self.wrong(f"{name} must be {what}, at most {MOST_VALUES}")
        read = (Given(self._tool, {name: one}, (name,)).line(name, longest) for one in value)
        return tuple(dict.fromkeys(one for one in read if one is not None))

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given."""
        value = self._left.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(f"{name} must be true or false")
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number."""
        value = self._left.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most):
            raise self.wrong(f"{name} must be a whole number from {least} to {most}")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of these words."""
        value = self._left.get(name)
        if value is not None and value not in choices:
            raise self.wrong(f"{name} must be one of {', '.join(choices)}")
        return value

    def day(self, name: str) -> str | None:
        """A day that exists, `YYYY-MM-DD`."""
        value = self._left.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, str) and DAY.match(value):
                return datetime.date.fromisoformat(value).isoformat()
        except ValueError:
            pass
        raise self.wrong(f"{name} must be a day as YYYY-MM-DD")
