"""What the benchmarks ask of a made-up vault: the same for the same seed. Printed by whoever asks it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.vault_of import VaultOf

COMMON = 40
"""The most frequent words of a language from which common ones are taken."""
RARE = 6_000
"""The rank from which on a word is rare."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what it is an example of."""

    kind: str
    text: str


def asked(source: VaultOf, each: int, *, seed: int = 7) -> list[Asked]:
    """So many questions of each kind, in mixed order."""
    chance = random.Random(seed)

    def some(words: list[str], least: int, most: int) -> list[str]:
        return chance.sample(words, chance.randint(least, most))

    def language() -> list[str]:
        return chance.choice((source.english, source.russian))

    def body() -> list[str]:
        return source.text(chance.randrange(source.count)).split("\n\n")[2].rstrip(".").split()

    def phrase() -> str:
        words = body()
        at = chance.randrange(max(1, len(words) - 3))
        return '"' + " ".join(words[at : at + 3]).replace(".", "") + '"'

    kinds: dict[str, Callable[[], str]] = {
        "words as they come": lambda: source.question(chance, chance.randint(2, 5)),
        "common words": lambda: " ".join(some(language()[:COMMON], 2, 4)),
        "rare words": lambda: " ".join(some(language()[RARE:], 2, 3)),
        "two languages": lambda: " ".join(some(source.english[:2_000], 1, 2) + some(source.russian[:2_000], 1, 2)),
        "phrases": phrase,
        "identifiers": lambda: chance.choice(
            (
                source.path(number := chance.randrange(source.count)),
                source.name(number),
                f"{chance.choice(source.english)}_{chance.choice(source.english)}",
            )
        ),
    }
    found = [Asked(kind, make()) for kind, make in kinds.items() for _ in range(each)]
    chance.shuffle(found)
    return found


def printed(questions: list[Asked], each: int = 3) -> list[str]:
    """A line for each kind: how many there are, and the first few."""
    kinds: dict[str, list[str]] = {}
    for one in questions:
        kinds.setdefault(one.kind, []).append(one.text)
    return [f"{kind} ({len(texts)}): {' | '.join(texts[:each])}" for kind, texts in sorted(kinds.items())]
