"""From what was asked to the words to look for. Pure; takes any text and never complains.

Nothing in a question is syntax. A word of fewer than two letters and a common one are looked for only where the
question holds nothing else. Endings of inflected words that the engine cannot stem (Cyrillic) are cut, and the rest
is looked for as a beginning.
"""

from __future__ import annotations

import re
import unicodedata

from iapeer_memory.index.port import Match, Word

MOST_WORDS = 32
"""Words of a question beyond which the rest is ignored."""

TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

ENGLISH = """
a about am an and any are as at be been but by can could did do does for from get had has have he her him his how i
if in into is it its me my no not of on or our she should so some than that the their them then there these they this
to was we were what when where which who why will with would you your
"""
RUSSIAN = """
а без бы был была были было быть в вам вас весь во вот все всё вы где да для до его ее её если есть ещё же за и из или
им их к как какая какие какой ко когда кто ли мне мы на надо нам нас не него нее нет ни но о об он она они оно от по
под при с со так такой там то того тоже той только том ты у уже чего чем что чтобы эта эти это этот я
"""
COMMON = frozenset((ENGLISH + RUSSIAN).split())

RUSSIAN_ENDINGS = """
иями ями ами его ого ему ому ыми ими иях ях ах иям ям ам ией ей ой ий ый ое ее ые ие ая яя ую юю ых их ым им ом ем ём
ов ев ёв ью ия ии ию ться тся ить ать ять еть ил ал ел ут ют ат ят ит ет а я о е ы и у ю ь й ё
"""
ENDINGS = tuple(sorted(RUSSIAN_ENDINGS.split(), key=len, reverse=True))
SHORTEST_STEM = 3


def words(text: str) -> tuple[str, ...]:
    """The distinct words of a question in order, lower-cased and composed; common ones left out where others remain."""
    composed = unicodedata.normalize("NFC", text).replace("\0", " ")
    found = tuple(dict.fromkeys(match[0].replace("’", "'").lower() for match in TOKEN.finditer(composed)))[:MOST_WORDS]
    telling = tuple(w for w in found if w not in COMMON and (len(w) > 1 or not w.isascii() or w.isdigit()))
    return telling or found


def all_of(asked: tuple[str, ...]) -> Match:
    """Every word, as the beginning of a word."""
    return Match(tuple(Word(w, prefix=True) for w in asked), every=True)


def any_of(asked: tuple[str, ...]) -> Match:
    """At least one word: whole where the engine stems it, else what is left without its ending."""
    return Match(tuple(Word(stem(w), prefix=not w.isascii()) for w in asked), every=False)


def stem(word: str) -> str:
    """A Cyrillic word without its ending, at least three letters long; any other word as it is."""
    if not ("а" <= word[0] <= "я" or word[0] == "ё"):
        return word
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return word[: -len(ending)]
    return word
