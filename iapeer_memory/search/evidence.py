"""How well a note answers a question, from its own words: one scale for all notes. Pure.

A note's score is what the engine said of its best passage, plus what all its matching passages say together, plus how
near to each other the words of the question stand, plus a share for what stands there whole. Rare words count for
more; how rare is measured over notes, not passages. The weights are tuned by `benchmarks/finding.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from iapeer_memory.search.query import Asked, Sought
from iapeer_memory.search.widening import Known

ENGINE = 0.5
BEST = 1.0
TOGETHER = 1.0
NEAR = 0.5
WHOLE = 0.5
"""Weights: the engine's score, the best passage, all passages together, nearness, and phrases."""

LEAST_IN_A_ROW = 1.0
"""What each word of a phrase is worth at least."""

SATURATION = 1.2
LENGTH_MATTERS = 0.3
MIDDLING = 160
"""BM25's constants for a passage; `MIDDLING` is the number of words in an ordinary one."""

TITLE = 2
"""How many times a word in a title counts."""

REACH = 20
"""Words between which two words still stand near each other."""

MOST_PLACES = 96
"""Occurrences in one passage that are looked at for nearness."""

KIN = 0.9
SPELLED = 0.6
BEGUN = 0.5
"""What a word counts that is another form of the one that was asked, is only spelled like it, or only begins so."""


APART = " | "
"""Stands between texts that are looked through at once; no stem holds it."""

Counts = tuple[str, int, float]
"""What is looked for in stems with blanks around: the text, which of the question's words it stands for, its weight."""


@dataclass(frozen=True, slots=True)
class Scales:
    """A question's words as weights. `of`: which of the question's words a stem stands for. `words`: these stems.
    `begins`: beginnings of words that count too. `rows`: stems in a row and what they are worth."""

    of: Mapping[str, int]
    words: tuple[Counts, ...]
    begins: tuple[Counts, ...]
    rows: tuple[tuple[str, float], ...]


def scales(asked: Asked, known: Known, stems_of: Callable[[str], tuple[str, ...]], *, prefixes: bool) -> Scales:
    """The weights. `stems_of`: the stems of a word. `prefixes`: words that begin like those asked count too."""
    weight: dict[str, float] = {}
    of: dict[str, int] = {}
    begins: list[Counts] = []
    rarity: dict[str, float] = {}
    for at, word in enumerate(asked.words):
        rare = _rarity(known.holders[word], known.notes)
        for stem in stems_of(word):
            rarity[stem] = rare
            weight[stem], of[stem] = rare, at
        for stem in (stem for other in known.kin.get(word, ()) for stem in stems_of(other)):
            if stem not in weight:
                weight[stem], of[stem] = rare * KIN, at
        for other in known.like.get(word, ()):
            for stem in stems_of(other):
                if stem not in weight:
                    weight[stem], of[stem] = rare * SPELLED, at
        if (prefixes or known.missing(word)) and len(word) >= 3:
            begins.append((f" {word}", at, rare * BEGUN))
    rows = {" ".join(thing.stems): _row(thing, rarity) for thing in asked.sought if thing.phrase}
    if len(asked.whole) > 2:
        rows.setdefault(
            " ".join(asked.whole), sum(max(rarity[stem], LEAST_IN_A_ROW) for stem in set(asked.whole) if stem in rarity)
        )
    words = tuple((f" {stem} ", at, weight[stem]) for stem, at in of.items())
    return Scales(of, words, tuple(begins), tuple((f" {row} ", worth) for row, worth in rows.items()))


class Said(NamedTuple):
    """What a note says, as stems in a row, blanks between. `engine`: what the engine thinks of its best passage."""

    engine: float
    title: str
    passages: Sequence[str]


Place = tuple[int, int, float]
"""Of a word that counts: how many words after the first such one of its text it stands, which of the question's words
it stands for, its weight."""


def scores(scale: Scales, notes: Sequence[Said]) -> list[float]:
    """The score of each note: above 0."""
    texts = [text for _, title, passages in notes for text in (title, *passages)]
    places, rows = _occurrences(scale, texts)
    found = []
    at = 0
    for engine, _, passages in notes:
        end = at + 1 + len(passages)
        row = sum([value for value, where in rows if not where.isdisjoint(range(at, end))])
        told = _score(places[at], places[at + 1 : end], passages)
        found.append(ENGINE * engine + told + WHOLE * row)
        at = end
    return found


def _score(title: Sequence[Place], places: Sequence[Sequence[Place]], passages: Sequence[str]) -> float:
    """What the words of one note are worth: those of its title and those of each of its passages."""
    named: dict[int, int] = {}
    worth: dict[int, float] = {}
    for _, of, value in title:
        named[of] = named.get(of, 0) + TITLE
        worth[of] = value
    together = named.copy()
    best = near = 0.0
    for its, text in zip(places, passages, strict=True):
        counts = named.copy()
        for _, of, value in its:
            counts[of] = counts.get(of, 0) + 1
            together[of] = together.get(of, 0) + 1
            if value > worth.get(of, 0.0):
                worth[of] = value
        length = 1 - LENGTH_MATTERS + LENGTH_MATTERS * (text.count(" ") + 1) / MIDDLING
        best = max(best, _saturated(worth, counts, SATURATION * length))
        if len(its) > 1 and len(counts) > 1:
            near = max(near, nearness(its))
    every = _saturated(worth, together, SATURATION * max(1.0, len(passages) ** 0.5))
    return BEST * best + TOGETHER * every + NEAR * near


def _occurrences(scale: Scales, texts: Sequence[str]) -> tuple[list[list[Place]], list[tuple[float, set[int]]]]:
    """Of each text the words that count; and of each row, what it is worth and which texts hold it. To look for a few
    words in all texts at once is quicker than to look at every word."""
    whole = f" {APART.join(texts)} "
    starts = list(accumulate([len(text) + len(APART) for text in texts], initial=0))
    spots: dict[int, tuple[int, float]] = {}
    for sought, of, value in reversed((*scale.words, *scale.begins)):  # a word counts for more than its beginning
        spots |= dict.fromkeys(_spots(whole, sought), (of, value))
    found: list[list[Place]] = [[] for _ in texts]
    at = before = end = 0
    for spot, (of, value) in sorted(spots.items()):
        if spot < end:
            at += whole.count(" ", before, spot)
        else:
            text = bisect_right(starts, spot)
            at, end, places = 0, starts[text], found[text - 1]
        before = spot
        places.append((at, of, value))
    held = [(value, _spots(whole, row)) for row, value in scale.rows]
    rows = [(value, {bisect_right(starts, spot) - 1 for spot in its}) for value, its in held if its]
    return found, rows


def _spots(text: str, sought: str) -> list[int]:
    found = []
    spot = text.find(sought)
    while spot >= 0:
        found.append(spot)
        spot = text.find(sought, spot + 1)
    return found


def nearness(places: Sequence[tuple[int, int, float]]) -> float:
    """How near different words of the question come to each other: for each pair its best meeting, by the lesser
    weight of the two over the root of their distance."""
    best: dict[tuple[int, int], float] = {}
    places = places[:MOST_PLACES]
    for order, (start, one, first) in enumerate(places):
        for at, other, second in places[order + 1 :]:
            if at - start > REACH:
                break
            if one != other:
                pair = (one, other) if one < other else (other, one)
                value = min(first, second) / (at - start) ** 0.5
                if value > best.get(pair, 0.0):
                    best[pair] = value
    return sum(best.values())


def _saturated(worth: Mapping[int, float], counts: Mapping[int, int], slow: float) -> float:
    """BM25's sum: each word by its weight and by how often it occurs, more and more slowly."""
    total = 0.0
    for of, value in worth.items():
        if of in counts:
            total += value * counts[of] * (SATURATION + 1) / (counts[of] + slow)
    return total


def _rarity(holders: int, notes: int) -> float:
    """What a word is worth that this many of all notes hold: above 0."""
    return math.log(1 + (max(notes - holders, 0) + 0.5) / (holders + 0.5))


def _row(thing: Sought, rarity: Mapping[str, float]) -> float:
    """What a phrase is worth beyond its words: even common words tell something in a row."""
    return sum(max(rarity.get(stem, 0.0), LEAST_IN_A_ROW) for stem in set(thing.stems))
