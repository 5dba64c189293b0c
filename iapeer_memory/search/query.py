"""From what was asked to the things to look for. Pure; takes any text and never complains.

Nothing in a question is syntax but quotation marks around a phrase. What is written without a blank (`foo_bar`,
`src/app.py`, `E-1042`) is looked for whole, its parts in a row. A common word is looked for only where the question
holds nothing else. However long the question, the work is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from iapeer_memory.index.stems import Stemmer, composed, forms

MOST_CHARACTERS = 4_000
"""Characters of a question beyond which the rest is ignored."""

MOST_WORDS = 24
"""Words of a question beyond which the rest is ignored."""

LONGEST_PHRASE = 16
"""Words of one phrase beyond which the rest is ignored."""

QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|«([^»]+)»|„([^“”]+)[“”]')
APOSTROPHE = re.compile("['’ʼ`]")

ENGLISH = """
a about ain am an and any are aren as at be been but by can could couldn d did didn do does doesn doing don for from get
had hadn has hasn have haven having he her hers him his how i if in into is isn it its ll m me my no not of off on or
our ours re s shall she should shouldn so some such t than that the their them then there these they this those to too
ve was wasn we were weren what when where which while who whom whose why will with won would wouldn you your yours
"""
RUSSIAN = """
а без бы был была были было быть в вам вас весь во вот все всё вы где да для до его ее её если есть ещё еще же за и из
или им их к как какая какие какой каком каких какую когда которая которое которые который ко кто ли мне мой моя мы на
надо нам нас наш не него нее неё ней нет ни них но о об он она они оно от по под при про с сколько со так также такой
там то того тоже той только том ты у уже чего чем что чтобы эта эти это этого этой этом этот эту я
"""
COMMON = frozenset(form for word in (ENGLISH + RUSSIAN).split() for form in forms(word))


@dataclass(frozen=True, slots=True)
class Sought:
    """One thing to look for. `words`: as asked, folded; more than one must follow each other. `stems`: of those words.
    `quoted`: the question insists on it."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    quoted: bool = False

    @property
    def phrase(self) -> bool:
        """Whether it is more than one word."""
        return len(self.words) > 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, understood. `whole`: the stems of all its words in a row, common ones too. `words`: each word of all
    that is sought, once, in order; of phrases only those that tell something."""

    sought: tuple[Sought, ...]
    whole: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def insists(self) -> bool:
        """Whether something in it is quoted."""
        return any(thing.quoted for thing in self.sought)


def understand(text: str, stemmer: Stemmer) -> Asked:
    """What to look for, in order, each thing once; nothing for a question without a letter or digit."""
    plain = composed(text[:MOST_CHARACTERS]).replace("\0", " ")
    found: list[Sought] = []
    rest: list[str] = []
    end = 0
    for quotation in QUOTED.finditer(plain):
        rest.append(plain[end : quotation.start()])
        end = quotation.end()
        if words := forms(quotation[0])[:LONGEST_PHRASE]:
            found.append(_sought(words, stemmer, quoted=True))
    rest.append(plain[end:])
    found.extend(_sought(words, stemmer) for part in rest for words in _joined(part))
    things = tuple(dict.fromkeys(found))
    kept = tuple(thing for thing in things if thing.phrase or thing.quoted or telling(thing.words[0])) or things
    sought = _within(kept)
    every = tuple(dict.fromkeys([word for thing in sought for word in thing.words]))
    alone = tuple([word for word in every if telling(word)]) or every
    return Asked(sought, stemmer.stems(" ".join(forms(plain)[:MOST_WORDS])), alone)


def telling(word: str) -> bool:
    """Whether a word is worth looking for on its own."""
    return word not in COMMON


def _joined(text: str) -> Iterator[list[str]]:
    """The words of each run without a blank; of a run with an apostrophe each part alone."""
    for run in text.split():
        words = forms(run)[:LONGEST_PHRASE]
        if len(words) > 1 and APOSTROPHE.search(run):
            for part in APOSTROPHE.split(run):
                if inner := forms(part)[:LONGEST_PHRASE]:
                    yield inner
        elif words:
            yield words


def _sought(words: list[str], stemmer: Stemmer, *, quoted: bool = False) -> Sought:
    return Sought(tuple(words), stemmer.stems(" ".join(words)), quoted)


def _within(things: tuple[Sought, ...]) -> tuple[Sought, ...]:
    """As many things as hold no more than MOST_WORDS words together."""
    kept: list[Sought] = []
    words = 0
    for thing in things:
        words += len(thing.words)
        if kept and words > MOST_WORDS:
            break
        kept.append(thing)
    return tuple(kept)
