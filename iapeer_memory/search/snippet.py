"""The piece of a note that answers: the densest window of its passages, matched words in brackets. Pure.

Source of the sizes and marks: the reference core's result item.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

WINDOW = 240
LEAD = 40
SCANNED = 20_000
EMPTY = "(this note has a title only)"

MARKUP = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+.*|```.*|~~~.*|-{3,}|\*{3,})$", re.MULTILINE)


def snippet(passages: Sequence[str], terms: Sequence[str], opening: str) -> str:
    """The best window over these passages, or the start of the opening where none of them holds a term."""
    best: tuple[int, int, int, int] | None = None
    texts = [_prose(p) for p in passages]
    pattern = _pattern(terms)
    for order, text in enumerate(texts):
        for start, distinct, count in _windows(text, pattern):
            rank = (distinct, count, -order, -start)
            best = rank if best is None or rank > best else best
    if best is not None and pattern is not None:
        text, start = texts[-best[2]], -best[3]
        return _cut(text, max(0, start - LEAD), pattern)
    plain = next((t for t in (*texts, _prose(opening)) if t), "")
    return _cut(plain, 0, None) if plain else EMPTY


def _prose(text: str) -> str:
    """The passage on one line, without headings and rules; the whole where nothing else is in it."""
    text = text[:SCANNED]
    return " ".join(MARKUP.sub(" ", text).split()) or " ".join(text.split())


def _pattern(terms: Sequence[str]) -> re.Pattern[str] | None:
    """Words that begin with a term, longest term first."""
    longest = sorted((t for t in terms if len(t) > 1), key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(map(re.escape, longest)) + r")[^\W_]*", re.IGNORECASE) if longest else None


def _windows(text: str, pattern: re.Pattern[str] | None) -> list[tuple[int, int, int]]:
    """(start, distinct terms, hits) of the window that begins at each match."""
    found = [(m.start(), m[1].lower()) for m in pattern.finditer(text)] if pattern else []
    windows: list[tuple[int, int, int]] = []
    end = 0
    for at, (start, _) in enumerate(found):
        while end < len(found) and found[end][0] < start + WINDOW - LEAD:
            end += 1
        inside = found[at:end]
        windows.append((start, len({term for _, term in inside}), len(inside)))
    return windows


def _cut(text: str, start: int, pattern: re.Pattern[str] | None) -> str:
    """240 characters from about there, at word edges, with marks where something was cut."""
    if start:
        edge = text.find(" ", start)
        start = edge + 1 if 0 <= edge < start + LEAD else start
    end = min(len(text), start + WINDOW)
    if end < len(text):
        edge = text.rfind(" ", start + WINDOW // 2, end)
        end = edge if edge > 0 else end
    piece = text[start:end].strip()
    if pattern:
        piece = pattern.sub(lambda m: f"[{m[0]}]", piece)
    return ("… " if start else "") + piece + (" …" if end < len(text) else "")
