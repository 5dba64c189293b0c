"""Splices: replacements of spans of a text, how they are applied, and how they are taken back.

A splice is `(start, end, new)`: the characters [start, end) become `new`. A step is a list of splices in rising
order that do not overlap, all measured on the text before the step. UTF-8 text decodes and encodes without loss,
so characters are as good as bytes here. Never looks at what the text means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Splice = tuple[int, int, str]


def spliced(text: str, step: Sequence[Splice]) -> str:
    """The text after the step. ValueError: the splices overlap or leave the text."""
    pieces: list[str] = []
    at = 0
    for start, end, new in step:
        if not at <= start <= end <= len(text):
            raise ValueError("splices out of order")
        pieces += (text[at:start], new)
        at = end
    pieces.append(text[at:])
    return "".join(pieces)


def backwards(text: str, step: Sequence[Splice]) -> list[Splice]:
    """The step that takes this step back, measured on the text after it."""
    moved = 0
    back: list[Splice] = []
    for start, end, new in step:
        back.append((start + moved, start + moved + len(new), text[start:end]))
        moved += len(new) - (end - start)
    return back


def trimmed(text: str, start: int, end: int, new: str) -> Splice:
    """The same replacement without the characters that it would put back where they were."""
    old = text[start:end]
    head = 0
    while head < len(old) and head < len(new) and old[head] == new[head]:
        head += 1
    foot = 0
    while foot < len(old) - head and foot < len(new) - head and old[-1 - foot] == new[-1 - foot]:
        foot += 1
    return start + head, end - foot, new[head : len(new) - foot]


def line_of(text: str, at: int) -> int:
    """The number, from 1, of the line that holds the character."""
    return text.count("\n", 0, at) + 1


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges in rising order, those that touch made one."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
