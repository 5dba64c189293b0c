"""Words out of notes as they may stand in a context: one bounded line each, that cannot leave its frame. Pure.

A context is read by a model, and a note may be written by anybody. So of a title, a description, a tag only plain
words pass: without credentials and private spans, without control, bidi, zero-width, tag and filler characters, without
what markdown or a tag of ours is made of. It does not judge what the words say: `notes.vouched` decides whose words
enter at all.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from iapeer_memory.vault.privacy import clean

TITLE, DESCRIPTION, WORD, TAGS = 120, 120, 40, 8
"""Longest title, description, single word (status, subtype, tag, name), most tags of a line."""

STACKED = 3
"""Most marks above or below one letter."""

FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\ufffc")
"""Letters and symbols that show nothing."""

TO_BLANK = frozenset({"Cc", "Zl", "Zp", "Zs"})
DROPPED = frozenset({"Cf", "Cs", "Co", "Cn"})
REPLACED = str.maketrans("<＜﹤‹〈⟨[［]］`´ˋ｀|｜", "((((((((" + "))" + "''''" + "//")
"""What opens a tag, a link, a code span or a cell."""

IN_A_ROW = str.maketrans("·•∙⋅,", "-----")
"""What stands between two parts of a line."""

IN_QUOTES = str.maketrans("«»", "“”")
USUAL = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u02af\u0400-\u0482\u048a-\u052f–—‘’“”„…№]*")
"""Texts of which nothing is invisible, composed otherwise, or changes its neighbours: nearly all of them."""

UNLINKED = "#^"
"""Signs that mean something else in a link than in a title."""


def plain(text: str, longest: int) -> str:
    """At most that many characters on one line; cut at a blank where one is near, with an ellipsis."""
    return clip(" ".join(_visible(clean(text)).translate(REPLACED).split()), longest)


@lru_cache(maxsize=1024)
def word(text: str | None) -> str:
    """A status, a subtype, a tag, a name."""
    return plain(text or "", WORD).translate(IN_A_ROW)


def name(title: str, path: str) -> str:
    """How a line calls a note: a link where its title, else its file's name, can be linked to as it is; else the
    title's plain words in quotes."""
    for text in (title, path.rpartition("/")[2].removesuffix(".md")):
        fit = any(char.isalnum() for char in text) and not any(sign in text for sign in UNLINKED)
        if fit and plain(text, TITLE) == unicodedata.normalize("NFC", text):
            return f"[[{text}]]"
    return _quoted(plain(title, TITLE))


def described(text: str | None) -> str:
    """`«…»` around the first sentence of a description, cut where it is long; "" for none."""
    words = plain(text or "", 10 * DESCRIPTION)
    if not words:
        return ""
    end = next((at for at in range(1, min(len(words), DESCRIPTION) + 1) if _ends(words, at)), None)
    return _quoted(words[:end] if end else clip(words, DESCRIPTION))


def clip(text: str, longest: int) -> str:
    """At most that many characters, cut at a blank where one is near."""
    if len(text) <= longest:
        return text
    edge = text.rfind(" ", longest * 3 // 5, longest - 1)
    return text[: edge if edge > 0 else longest - 1].rstrip() + "…"


def _quoted(words: str) -> str:
    return f"«{words.translate(IN_QUOTES)}»"


def _ends(words: str, at: int) -> bool:
    return words[at - 1] in ".!?…" and (at == len(words) or words[at] == " ")


def _visible(text: str) -> str:
    """The text in its composed form, without what shows nothing or changes how its neighbours show."""
    if USUAL.fullmatch(text):
        return text
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(char)
        if kind in TO_BLANK:
            kept.append(" ")
        elif kind in DROPPED or char in FILLERS or _selects(char):
            continue
        elif kind in ("Mn", "Me"):
            marks += 1
            if marks > STACKED:
                continue
            kept.append(char)
            continue
        else:
            kept.append(char)
        marks = 0
    return "".join(kept)


def _selects(char: str) -> bool:
    """Whether it is a variation selector: invisible, and any number of them may follow a letter."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef" or "\u180b" <= char <= "\u180f"
