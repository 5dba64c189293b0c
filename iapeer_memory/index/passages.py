"""Cut a note into passages: by headings and paragraphs, never inside a word. Pure.

A passage is what one hit shows and what all words of a question are looked for in, so it should hold one thought.
"""

from __future__ import annotations

import re

from iapeer_memory.index.port import Passage

SIZE = 1200
"""Characters from which a passage is closed."""

HEADING = re.compile(r"#{1,6}[ \t]+\S")
FENCE = re.compile(r"[ \t]*(```+|~~~+)")


def cut(body: str, *, size: int = SIZE) -> tuple[Passage, ...]:
    """The passages of a body, in order; () for a blank one. Joined, they hold every word of it once."""
    passages: list[str] = []
    current: list[str] = []
    length = 0

    def close() -> None:
        nonlocal length
        if current:
            passages.append("\n\n".join(current))
            current.clear()
            length = 0

    for block, starts_section in _blocks(body):
        for piece in _pieces(block, size):
            if current and (length + len(piece) > size or (starts_section and length > size // 4)):
                close()
            current.append(piece)
            length += len(piece) + 2
    close()
    return tuple(Passage(text) for text in passages)


def _blocks(body: str) -> list[tuple[str, bool]]:
    """Paragraphs; code between fences stays together. (text, whether a heading begins it)."""
    blocks: list[tuple[str, bool]] = []
    lines: list[str] = []
    fence = ""

    def close() -> None:
        text = "\n".join(lines).strip()
        lines.clear()
        if text:
            blocks.append((text, HEADING.match(text) is not None))

    for line in body.replace("\r", "\n").split("\n"):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        if not fence and not line.strip():
            close()
            continue
        if not fence and HEADING.match(line):
            close()
        lines.append(line)
    close()
    return blocks


def _pieces(text: str, size: int) -> list[str]:
    """A paragraph in pieces of at most `size`, cut at the end of a line or sentence, else at a blank."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > size:
        window = text[start : start + size]
        end = max(window.rfind("\n"), *(window.rfind(mark) + 1 for mark in (". ", "! ", "? ", "。")))
        if end < size // 2:
            end = max(window.rfind(" "), window.rfind("\n"))
        if end <= 0:
            end = size
        pieces.append(text[start : start + end].strip())
        start += end
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]
