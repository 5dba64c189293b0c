"""A vault of made-up notes in two languages, as large as you like: the same for the same seed, about 2 KB a note.

Words follow the frequencies of real text (a few are everywhere, most are rare), notes link to each other (a few to
everything), and every tenth is of an agent's own memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

VOCABULARY = 20_000
LATIN = ("st", "tr", "b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v"), "aeiou"
CYRILLIC = ("ст", "пр", "б", "в", "г", "д", "ж", "к", "л", "м", "н", "п", "р", "с", "т", "ч"), "аеиоуы"
ENGLISH_ENDINGS = ("", "", "s", "ing", "ed", "ation", "er")
RUSSIAN_ENDINGS = ("", "а", "ы", "ами", "ой", "ому", "ение", "ать")
FOLDERS = ("01_Knowledge", "02_Decisions", "03_Projects", "04_Ideas", "05_Lists")
STATUSES = ("current", "current", "active", "draft", "outdated")
TAGS = ("infra/db", "infra/net", "product", "people", "howto", "incident")
PEERS = ("ada", "brin", "cleo", "dmitri")


class VaultOf:
    """`count` notes; `text(n)` and `path(n)` make note n."""

    def __init__(self, count: int, *, seed: int = 1, size: int = 2_000) -> None:
        self.count = count
        self.size = size
        self._seed = seed
        chance = random.Random(seed)
        half = VOCABULARY // 2
        self.english = _words(chance, half, *LATIN, ENGLISH_ENDINGS)
        self.russian = _words(chance, half, *CYRILLIC, RUSSIAN_ENDINGS)
        self._weights = list(accumulate(1 / (rank + 8) for rank in range(half)))

    def path(self, number: int) -> str:
        """Where note `number` lies."""
        if number % 10 == 9:
            return f"06_Agent_Memory/{PEERS[number % len(PEERS)]}/{self.name(number)}.md"
        return f"{FOLDERS[number % len(FOLDERS)]}/{self.name(number)}.md"

    def name(self, number: int) -> str:
        """Its file name without `.md`."""
        words = self.russian if number % 2 else self.english
        return f"{words[number * 7 % len(words)].capitalize()} {number}"

    def text(self, number: int, edition: int = 0) -> str:
        """Its bytes as text; another edition has other words."""
        chance = random.Random(f"{self._seed}-{number}-{edition}")
        words = self.russian if number % 2 else self.english
        head = (
            f"---\ntitle: {self.name(number)} {' '.join(self._some(chance, words, 3))}\n"
            f"status: {chance.choice(STATUSES)}\n"
            f"tags:\n  - {chance.choice(TAGS)}\n  - {chance.choice(TAGS)}\nauthor: {chance.choice(PEERS)}\n"
            f"created: 2026-0{chance.randint(1, 9)}-{chance.randint(10, 28)} 10:00:00\n"
            f"description: {' '.join(self._some(chance, words, 8))}\n---\n\n"
        )
        parts: list[str] = []
        length = 0
        limit = self.size - len(head) - 200
        while length < limit:
            part = (
                f"## {' '.join(self._some(chance, words, 3)).capitalize()}"
                if len(parts) % 4 == 0
                else " ".join(
                    f"{' '.join(self._some(chance, words, chance.randint(6, 16))).capitalize()}." for _ in range(4)
                )
            )
            parts.append(part)
            length += len(part) + 2
        ends = {chance.randrange(min(self.count, 20)), *(chance.randrange(self.count) for _ in range(4))}
        body = "\n\n".join(parts)
        links = "\n".join(f"- [[{self.name(end)}]] — {' '.join(self._some(chance, words, 3))}" for end in sorted(ends))
        return f"{head}{body}\n\n## Links\n\n{links}\n"

    def texts(self) -> Iterator[tuple[str, str]]:
        """(path, text) of every note."""
        return ((self.path(number), self.text(number)) for number in range(self.count))

    def write(self, root: Path) -> None:
        """Write every note below the root."""
        for folder in {self.path(number).rpartition("/")[0] for number in range(min(self.count, 400))}:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for path, text in self.texts():
            (root / path).write_text(text, encoding="utf-8")

    def question(self, chance: random.Random, count: int = 3) -> str:
        """So many words of one language."""
        return " ".join(self._some(chance, chance.choice((self.english, self.russian)), count))

    def _some(self, chance: random.Random, words: list[str], count: int) -> list[str]:
        return chance.choices(words, cum_weights=self._weights, k=count)


def _words(
    chance: random.Random, count: int, consonants: tuple[str, ...], vowels: str, endings: tuple[str, ...]
) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        root = "".join(chance.choice(consonants) + chance.choice(vowels) for _ in range(chance.randint(1, 3)))
        for ending in chance.sample(endings, 2):
            found[root + chance.choice(consonants) + ending] = None
    return list(found)[:count]
