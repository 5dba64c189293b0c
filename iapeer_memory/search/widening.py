"""What the index is asked, step by step: all that is sought, then some of it, then what begins or is spelled like it.

Pure over an index reader. A step only adds notes; which of them is better is for `search.evidence` to say, on one
scale, so no later step outranks an earlier one by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import Filter, Hit, Match, Phrase, Term, Word
from iapeer_memory.search.kindred import kindred
from iapeer_memory.search.query import Asked, Sought

SHORTEST_PREFIX = 3
SHORTEST_TYPO = 4
SPELLINGS = 3
"""Other spellings that are tried for a word that occurs nowhere."""

COMMON_SHARE = 0.25
"""Words in more than this share of all notes are not looked for alone, where there are rarer ones."""

FEWEST_ALONE = 3
"""Words that are looked for alone in any case: the rarest."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the index knows of a question's words. `notes`: how many there are. `holders`: in how many of them a word
    occurs, in any form (those with two forms are counted twice). `like`: for words that occur nowhere, others that do
    and are spelled like them. `kin`: other forms of a word, of those that occur."""

    notes: int
    holders: Mapping[str, int]
    like: Mapping[str, tuple[str, ...]]
    kin: Mapping[str, tuple[str, ...]]

    def missing(self, word: str) -> bool:
        """Whether the word occurs nowhere, in no form."""
        return not self.holders[word]


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates, those with all that is sought first. `whole`: how many of them these are. `widened`: what was done
    to find more: `some`, `spelling`, `prefix`, `words` (of a quoted phrase that is nowhere)."""

    hits: tuple[Hit, ...]
    whole: int
    widened: tuple[str, ...]
    prefixes: bool = False


def know(reader: Reader, asked: Asked) -> Known:
    """Ask the index for the words of a question."""
    words, stems_of = asked.words, reader.stemmer.stems
    proposed = {word: tuple(other for stem in stems_of(word) for other in kindred(word, stem)) for word in words}
    every = dict.fromkeys((*words, *(other for others in proposed.values() for other in others)))
    spread = reader.spread(tuple(every)) if every else {}
    kin = {word: found for word, others in proposed.items() if (found := tuple(o for o in others if spread.get(o)))}
    holders = {word: sum([spread[form] for form in (word, *kin.get(word, ()))]) for word in words}
    like = {
        word: reader.spelled_like(word, limit=SPELLINGS)
        for word in words
        if not holders[word] and len(word) >= SHORTEST_TYPO and word.isalpha()
    }
    return Known(reader.count(), holders, like, kin)


def find(reader: Reader, asked: Asked, known: Known, *, limit: int, only: Filter | None) -> Found:
    """The candidates: at most twice `limit`."""
    if not asked.sought:
        return Found((), 0, ())
    whole = reader.match(every_thing(asked, known), limit=limit, only=only)
    spelled = ("spelling",) if any(known.like.values()) else ()
    if len(whole) >= limit or (whole and asked.insists):
        return Found(whole, len(whole), spelled)
    widened = [*spelled, *(["words"] if asked.insists else [])]
    found = {hit.path: hit for hit in whole}
    some = any_thing(asked, known)
    prefixes = False
    if len(some.terms) > 1 or not whole:
        found |= ((hit.path, hit) for hit in reader.match(some, limit=limit, only=only))
        if len(found) > len(whole):
            widened.append("some")
    few = len(found)
    if few < limit // 4 and (beginnings := prefixed(asked)).terms:
        prefixes = True
        for hit in reader.match(beginnings, limit=limit - few, only=only):
            found.setdefault(hit.path, hit)
        if len(found) > few:
            widened.append("prefix")
    return Found(tuple(found.values()), len(whole), tuple(widened), prefixes)


def every_thing(asked: Asked, known: Known) -> Match:
    """All that is sought in one passage; for a word that occurs nowhere, what begins or is spelled like it."""
    return Match(tuple(_whole(thing, known) for thing in asked.sought), every=True)


def any_thing(asked: Asked, known: Known) -> Match:
    """Any of it: phrases whole, and each telling word alone, the common ones left out where there are rarer."""
    phrases = tuple((_term(thing),) for thing in asked.sought if thing.phrase)
    return Match((*phrases, *(_word(word, known) for word in alone(asked.words, known))), every=False)


def alone(words: tuple[str, ...], known: Known) -> tuple[str, ...]:
    """The words that are looked for alone."""
    if len(words) <= FEWEST_ALONE:
        return words
    rarest = sorted(words, key=known.holders.__getitem__)[:FEWEST_ALONE]
    return tuple(word for word in words if word in rarest or known.holders[word] <= known.notes * COMMON_SHARE)


def prefixed(asked: Asked) -> Match:
    """Anything that begins like a word of the question."""
    words = (word for word in asked.words if len(word) >= SHORTEST_PREFIX)
    return Match(tuple((Word(word, prefix=True),) for word in words), every=False)


def _term(thing: Sought) -> Term:
    words = tuple(Word(word) for word in thing.words)
    return Phrase(words) if len(words) > 1 else words[0]


def _whole(thing: Sought, known: Known) -> tuple[Term, ...]:
    if not thing.phrase:
        return (_term(thing),) if thing.quoted else _word(thing.words[0], known)
    joined = "".join(thing.words)
    return (_term(thing),) if thing.quoted or len(joined) > 32 else (_term(thing), Word(joined))


def _word(word: str, known: Known) -> tuple[Term, ...]:
    if not known.missing(word):
        return (Word(word), *(Word(other) for other in known.kin.get(word, ())))
    spelled = tuple(Word(other) for other in known.like.get(word, ()))
    return (Word(word, prefix=len(word) >= SHORTEST_PREFIX), *spelled)
