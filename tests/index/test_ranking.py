"""The best passages of common words: the same as if all of them were weighed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.records import Filter, Hit, Match, Word
from iapeer_memory.index.sqlite import ranking
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.index.sqlite.ranking import parted, rarity
from tests.support.records import filled, note

WORDS = [f"w{n}" for n in range(60)]


def made_up(count: int) -> list[str]:
    """Texts of two passages each: the first word is nearly everywhere, the last in a few."""
    chance = random.Random(1)
    weights = [1 / (n + 1) for n in range(len(WORDS))]
    return [
        "|".join(" ".join(chance.choices(WORDS, weights, k=chance.randint(4, 30))) for _ in range(2))
        for _ in range(count)
    ]


@pytest.mark.parametrize("only", [None, Filter(folders=("even",))])
def test_words_that_lead_find_what_all_words_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Filter | None
) -> None:
    engine = SqliteEngine(RealFiles(), str(tmp_path / "index.db"), uid=os.getuid())
    texts = made_up(300)
    filled(engine, *(note(f"{'odd' if n % 2 else 'even'}/{n}.md", text) for n, text in enumerate(texts)))
    chance = random.Random(2)
    questions = [Match(tuple((Word(w),) for w in chance.sample(WORDS, 3)), every=False) for _ in range(60)]
    reader = engine.reader()

    def told() -> list[list[tuple[str, float, tuple[int, ...]]]]:
        hits: list[tuple[Hit, ...]] = [reader.match(asked, limit=5, only=only) for asked in questions]
        return [[(hit.path, round(hit.score, 9), hit.places) for hit in found] for found in hits]

    whole = told()
    led: list[int] = []
    monkeypatch.setattr(ranking, "MANY", 40)
    find = ranking.Passages.best_of_any

    def counting(self: ranking.Passages, groups: tuple[str, ...], most: int, *, least: int) -> ranking.Ranked:
        found = find(self, groups, most, least=least)
        led.append(len(found))
        return found

    monkeypatch.setattr(ranking.Passages, "best_of_any", counting)
    assert told() == whole
    assert sum(count > 0 for count in led) > 20
    reader.close()


def test_only_single_words_that_add_little_are_left_to_follow() -> None:
    counted = [(3, '"rare"'), (40, '"some"'), (9_000, '"many" *'), (60_000, '"most"')]
    leading, common, bound = parted(counted, 100_000, least=5)
    assert leading == ['"rare"', '"some"', '"many" *']
    assert common == ['"most"']
    assert bound == pytest.approx(ranking.SATURATION * rarity(60_000, 100_000))
    assert parted(counted[-2:], 100_000, least=5)[1] == ['"most"']
    assert parted([(900, '"a"'), (1_000, '"b"')], 100_000, least=5) == (['"a"', '"b"'], [], 0.0)
