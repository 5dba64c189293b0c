"""What an owner keeps out of the index: the `.memoryignore` at the root of a vault. Pure; reads no folder.

A small part of gitignore's language, one pattern a line: blank lines and lines that begin with `#` say nothing; `!`
takes back; a `/` at the end means folders only; a `/` elsewhere ties the pattern to the root, otherwise it holds at
any depth; `*` and `?` stay within a name, `**` goes through folders. The last pattern that fits decides, and what lies
in a folder that is left out cannot be taken back. No character classes, no escapes. Letter case and composition of a
name make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

FILE = ".memoryignore"
LIMIT = 64 << 10
"""Bytes of the file that are read."""

MOST_PATTERNS = 500
MOST_STARS = 6
"""Stars of a pattern; one with more costs too much to try and is passed over."""

PIECE = re.compile(r"\*\*/|/\*\*\Z|\*+|\?|[^*?/]+|/")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line. `shape` fits a whole vault-relative path, folded."""

    shape: re.Pattern[str]
    folders_only: bool
    takes_back: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """All lines, in order."""

    patterns: tuple[Pattern, ...] = ()

    def leaves_out(self, path: str, *, folder: bool) -> bool:
        """Whether that path is left out by itself; folders above it are not looked at."""
        if not self.patterns:
            return False
        name = folded(path)
        for pattern in reversed(self.patterns):
            if (folder or not pattern.folders_only) and pattern.shape.fullmatch(name):
                return not pattern.takes_back
        return False


def parse(data: bytes) -> Ignored:
    """The rules in a file's bytes; a line that is no pattern is passed over."""
    lines = data[:LIMIT].decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    return Ignored(tuple(_patterns(lines))[:MOST_PATTERNS])


def folded(name: str) -> str:
    """The name as file systems that ignore case and composition compare it."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _patterns(lines: Iterable[str]) -> Iterable[Pattern]:
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        takes_back = text.startswith("!")
        text = folded(text.removeprefix("!"))
        folders_only = text.endswith("/")
        tied = "/" in text.rstrip("/")
        text = text.strip("/")
        if text and text.count("*") <= MOST_STARS:
            yield Pattern(_shape(text, tied), folders_only, takes_back)


def _shape(text: str, tied: bool) -> re.Pattern[str]:
    parts = [r"" if tied else r"(?:.*/)?"]
    for piece in PIECE.findall(text):
        if piece == "**/":
            parts.append(r"(?:.*/)?")
        elif piece == "/**":
            parts.append(r"/.*")
        elif piece.startswith("*"):
            parts.append(r"[^/]*")
        else:
            parts.append(r"[^/]" if piece == "?" else re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)
