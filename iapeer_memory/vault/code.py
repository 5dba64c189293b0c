"""Code in a markdown text, masked: every character of it becomes a blank, so that offsets stay. Linear, pure.

Fences of three or more backticks or tildes (also in quotes and list items; without an end they run to the end of the
text) and spans between equal runs of backticks within a paragraph, a list item or a row. Source: CommonMark.
"""

from __future__ import annotations

MARKERS = ("-", "*", "+")
BLANKS = (" ", "\t")
ALONE = ("#", ">", "|")
"""What begins a line that no span runs into: a heading, a quote, a row of a table."""


def masked(text: str, *, spans: bool = True) -> str:
    """The text with its code blanked; line breaks stay. `spans`: also code within a line."""
    if "```" in text or "~~~" in text:
        text = _without_fences(text)
    return _without_spans(text) if spans and "`" in text else text


def _without_fences(text: str) -> str:
    out: list[str] = []
    fence = ""
    for line in text.split("\n"):
        bare = line.lstrip(" \t>")
        if fence:
            run = _run(bare, fence[0])
            ends = run >= len(fence) and not bare[run:].strip()
            out.append(_blank(line))
            fence = "" if ends else fence
            continue
        bare = _past_markers(bare)
        if bare.startswith(("```", "~~~")):
            run = _run(bare, bare[0])
            if bare[0] == "~" or "`" not in bare[run:]:
                fence = bare[:run]
        out.append(_blank(line) if fence else line)
    return "\n".join(out)


def _past_markers(bare: str) -> str:
    """A line without the list markers that it begins with."""
    at = 0
    while bare[at : at + 1] in MARKERS and bare[at + 1 : at + 2] in BLANKS:
        at += 2
        while bare[at : at + 1] in BLANKS:
            at += 1
    number = at
    while bare[number : number + 1].isdecimal() and number < at + 9:
        number += 1
    if number > at and bare[number : number + 1] in (".", ")") and bare[number + 1 : number + 2] in BLANKS:
        at = number + 1
    return bare[at:].lstrip(" \t")


def _without_spans(text: str) -> str:
    out: list[str] = []
    part: list[str] = []
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        if not bare.strip() or bare.startswith(ALONE) or len(_past_markers(bare)) < len(bare):
            out += _paragraph(part)
            part = []
        part.append(line)
        if bare.startswith("#"):
            out += _paragraph(part)
            part = []
    return "\n".join([*out, *_paragraph(part)])


def _paragraph(lines: list[str]) -> list[str]:
    """Lines over which a span may run, as one text; none for no lines."""
    text = "\n".join(lines)
    return [_spans_blanked(text) if "`" in text else text] if lines else []


def _spans_blanked(part: str) -> str:
    runs: list[tuple[int, int]] = []
    at = 0
    while (at := part.find("`", at)) >= 0:
        size = _run(part, "`", at)
        runs.append((at, size))
        at += size
    closers: dict[int, list[int]] = {}
    for number in range(len(runs) - 1, -1, -1):
        closers.setdefault(runs[number][1], []).append(number)
    out: list[str] = []
    at, number = 0, 0
    while number < len(runs):
        begin, size = runs[number]
        if begin and part[begin - 1] == "\\":
            begin, size = begin + 1, size - 1
        waiting = closers.get(size, [])
        while waiting and waiting[-1] <= number:
            waiting.pop()
        if size and waiting:
            number = waiting.pop()
            end = runs[number][0] + runs[number][1]
            out += [part[at:begin], _blank(part[begin:end])]
            at = end
        number += 1
    return "".join([*out, part[at:]])


def _run(text: str, char: str, at: int = 0) -> int:
    """How many of `char` stand from `at` on."""
    end = at
    while text[end : end + 1] == char:
        end += 1
    return end - at


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))
