"""What of a note may be indexed, hinted at and injected: no private span, and nothing that looks like a credential.

`<private>…</private>` is left out (nested ones too; one that is not closed, to the end), and a credential becomes
`[redacted]`: one word for it, on its line. A tag that stands alone between backticks is only spoken of. Pure; a note
itself is never changed. Time grows with the length of the text, whatever it holds. A hook loads this: nothing is
imported that is not plain data, and no regular expression is compiled.

A text of several lines goes through `for_index`, a value of one line (title, description, tag, the words around a
link) through `clean`. Where a span opens in one part of a note and closes in another, each part is judged alone: what
follows the opening is left out to the end of its part.
"""

from __future__ import annotations

from iapeer_memory.vault.credentials import credentials, following, lower

OPEN, CLOSE = "<private", "</private"
MASK = "[redacted]"


class Secret:
    """What looks like a credential. `line`: of the text, from 1. `kind`: in words, for a person."""

    __slots__ = ("kind", "line")

    def __init__(self, line: int, kind: str) -> None:
        self.line = line
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.line, self.kind) == (other.line, other.kind)

    def __hash__(self) -> int:
        return hash((self.line, self.kind))

    def __repr__(self) -> str:
        return f"Secret({self.line}, {self.kind!r})"


def for_index(text: str) -> str:
    """The text without its private spans and with its credentials masked; it keeps its number of lines."""
    text = without_private(text)
    parts: list[str] = []
    at = 0
    for start, end, _ in credentials(text):
        parts += [text[at:start], MASK, "\n" * text.count("\n", start, end)]
        at = end
    return "".join([*parts, text[at:]]) if parts else text


def clean(text: str) -> str:
    """The same for a value of one line: blanks and line breaks become one blank."""
    return " ".join(for_index(text).split())


def findings(text: str) -> tuple[Secret, ...]:
    """What looks like a credential outside of private spans, in the order of the text."""
    text = without_private(text)
    found: list[Secret] = []
    line, at = 1, 0
    for start, _, kind in credentials(text):
        line += text.count("\n", at, start)
        at = start
        found.append(Secret(line, kind))
    return tuple(found)


def without_private(text: str) -> str:
    """The text with every private span as a blank and the line breaks that it held."""
    kept: list[str] = []
    at = 0
    for start, end, _ in _private(text):
        lost = text.count("\n", start, end)
        kept += [text[at:start], "\n" * lost or " "]
        at = end
    return "".join([*kept, text[at:]]) if kept else text


def unclosed(text: str) -> int | None:
    """The line, from 1, of a private span that nobody closes; None when there is none."""
    spans = _private(text)
    return text.count("\n", 0, spans[-1][0]) + 1 if spans and not spans[-1][2] else None


def _private(text: str) -> list[tuple[int, int, bool]]:
    """(start, end, closed) of each outermost span."""
    spans: list[tuple[int, int, bool]] = []
    low = lower(text) if "<" in text else ""
    if OPEN not in low:
        return spans
    never = len(low)
    depth = start = at = 0
    opening = closing = -1
    while True:
        opening = following(low, OPEN, at, opening)
        closing = following(low, CLOSE, at, closing)
        if opening == never and (closing == never or not depth):
            break
        opens = opening < closing or not depth
        place = opening if opens else closing
        after = place + len(OPEN if opens else CLOSE)
        end = _tag_end(low, after)
        at = end or after
        if not end or (text[place - 1 : place] == "`" and text[end : end + 1] == "`"):
            continue
        if opens:
            start = start if depth else place
            depth += 1
        else:
            depth -= 1
            if not depth:
                spans.append((start, end, True))
    if depth:
        spans.append((start, len(text), False))
    return spans


def _tag_end(low: str, after: int) -> int:
    """The index after the `>` of a tag whose name ends there; 0 when it is another tag or none."""
    if low[after : after + 1] != ">" and not low[after : after + 1].isspace():
        return 0
    return low.find(">", after, after + 200) + 1
