"""Cut a note into passages: by headings, paragraphs and sentences, never inside a word. Pure; time grows with length.

A passage is what one hit shows and what all words of a question are looked for in, so it should hold one thought.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from iapeer_memory.index.records import Passage

SIZE = 1200
"""Characters from which a passage is closed."""

WHOLE = 4
"""A block of code stays whole up to so many sizes, and so does a word; what is longer is no thought and no word."""

HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
FENCE = re.compile(r"[ \t]*(```+|~~~+)")
CLOSING_MARKS = re.compile(r"[ \t]+#+[ \t]*\Z")
SENTENCE_ENDS = (". ", "! ", "? ", "… ", "。")

Block = tuple[str, int, str]
"""Text, level of the heading that begins it (0: none), that heading; level CODE for code."""

CODE = -1


def cut(body: str, *, size: int = SIZE) -> tuple[Passage, ...]:
    """The passages of a body, in order; () for a blank one. Joined, they hold every word of it once.

    A passage's headings are those of the sections that it stands in and that begin in it.
    """
    found: list[Passage] = []
    texts: list[str] = []
    length = 0
    sections: list[tuple[int, str]] = []
    headings: list[str] = []

    def close() -> None:
        nonlocal length
        if texts:
            found.append(Passage("\n\n".join(texts), tuple(headings)))
            texts.clear()
            length = 0

    for text, level, heading in _blocks(body):
        if level > 0:
            if length > size // 4:
                close()
            while sections and sections[-1][0] >= level:
                sections.pop()
            sections.append((level, heading))
            if texts:
                headings.append(heading)
        for piece in _pieces(text, size, whole=level == CODE):
            if texts and length + len(piece) > size:
                close()
            if not texts:
                headings = [title for _, title in sections]
            texts.append(piece)
            length += len(piece) + 2
    close()
    return tuple(found)


def _blocks(body: str) -> Iterator[Block]:
    """Paragraphs; what stands between fences is one block, blank lines and all."""
    lines: list[str] = []
    fence = ""
    level, heading = 0, ""

    def block() -> Iterator[Block]:
        nonlocal level, heading
        text = "\n".join(lines).strip()
        lines.clear()
        if text:
            yield text, level, heading
        level, heading = 0, ""

    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        first = line.lstrip(" \t")[:1]
        mark = FENCE.match(line) if first and first in "`~" else None
        if fence:
            lines.append(line)
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence, level = "", CODE
                yield from block()
        elif mark:
            if level == 0:
                yield from block()
            fence = mark[1]
            lines.append(line)
        elif not first:
            yield from block()
        elif first == "#" and (match := HEADING.match(line)):
            yield from block()
            lines.append(line)
            level, heading = len(match[1]), CLOSING_MARKS.sub("", match[2]).strip()
        else:
            lines.append(line)
    yield from block()


def _pieces(text: str, size: int, *, whole: bool) -> Iterator[str]:
    """A block in pieces of at most `size`, cut at the end of a line or sentence, else at a blank."""
    if len(text) <= (size * WHOLE if whole else size):
        yield text
        return
    start = 0
    while len(text) - start > size:
        window = text[start : start + size]
        end = window.rfind("\n")
        if not whole:
            end = max(end, *(window.rfind(mark) + 1 for mark in SENTENCE_ENDS))
        if end < size // 2:
            end = max(window.rfind(" "), window.rfind("\n"), window.rfind("\t"))
        if end <= 0:
            end = _end_of_word(text, start, size)
        piece = text[start : start + end].strip()
        if piece:
            yield piece
        start += end
    piece = text[start:].strip()
    if piece:
        yield piece


def _end_of_word(text: str, start: int, size: int) -> int:
    """How long the word is that begins there; `size` for what is too long to be one."""
    found = re.compile(r"\s").search(text, start + size, start + size * WHOLE)
    return found.start() - start if found else size
