"""What a reader remembers: it answers as one that was opened just now, whatever was changed meanwhile."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.port import IndexFailed, Reader
from iapeer_memory.index.records import NoteRecord
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.index.sqlite.kept import Kept
from iapeer_memory.index.stems import Stemmer
from iapeer_memory.search.engine import Finder, Question
from iapeer_memory.vault.locales import locale
from tests.support.records import asked, filled, note

WORDS = ["server", "servers", "deploy", "deploys", "ошибка", "ошибок", "сервера", "note", "cluster", "rollback"]
QUESTIONS = ["server deploy", "ошибка", "servr", '"note cluster"', "rollback сервера server note"]


@pytest.fixture
def engine(tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(RealFiles(), str(tmp_path / "index.db"), uid=os.getuid())


def some(chance: random.Random, number: int) -> NoteRecord:
    text = "|".join(" ".join(chance.choices(WORDS, k=chance.randint(1, 12))) for _ in range(chance.randint(1, 3)))
    links = [str(chance.randrange(12)) for _ in range(chance.randint(0, 4))]
    status = chance.choice(("current", "outdated", ""))
    return note(f"{number}.md", text, title=" ".join(chance.choices(WORDS, k=2)), links=links, status=status)


def told(reader: Reader, finder: Finder, paths: Sequence[str]) -> list[Any]:
    """All that a search asks of a reader, and whole answers."""
    with reader.snapshot():
        hits = [reader.match(asked(question, every=False), limit=8) for question in QUESTIONS]
        facts = [reader.count(), dict(reader.spread(WORDS)), dict(reader.neighbours(paths, most=4))]
        texts = [(reader.passages(found), reader.streams(found)) for found in hits]
    return [hits, facts, texts, [finder.answer(reader, Question(question, limit=4)) for question in QUESTIONS]]


@pytest.mark.parametrize("seed", range(4))
def test_it_answers_as_one_that_was_just_opened(engine: SqliteEngine, seed: int) -> None:
    chance = random.Random(seed)
    paths = [f"{number}.md" for number in range(12)]
    writer = engine.writer("f")
    writer.put([some(chance, number) for number in range(12)])
    writer.resolve()
    old, finder = engine.reader(), Finder(locale("en"))
    for _ in range(8):
        fresh = engine.reader()
        assert told(old, finder, paths) == told(fresh, Finder(locale("en")), paths)
        fresh.close()
        if chance.random() < 0.5:
            writer.forget(chance.sample(paths, 2))
        writer.put([some(chance, number) for number in chance.sample(range(12), 3)])
        writer.resolve()
    old.close()
    writer.close()


def test_texts_that_are_gone_are_not_told_any_more(engine: SqliteEngine) -> None:
    filled(engine, note("a.md", "secret words"), note("b.md", "secret too"))
    reader = engine.reader()
    hits = reader.match(asked("secret"), limit=5)
    assert sorted(reader.passages(hits)) == [("secret too",), ("secret words",)]
    writer = engine.writer("f")
    writer.forget(["a.md", "b.md"])
    writer.close()
    assert reader.passages(hits) == reader.streams(hits) == ((), ())
    reader.close()


def test_an_answer_is_of_one_state_of_the_store(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(engine, note("a.md", "a secret that is told", title="one"), note("b.md", "another secret", title="two"))
    reader, writer = engine.reader(), engine.writer("f")
    reranked = Finder._reranked

    def meanwhile(finder: Finder, *asked: Any) -> Any:
        writer.forget(["a.md", "b.md"])
        return reranked(finder, *asked)

    monkeypatch.setattr(Finder, "_reranked", meanwhile)
    during, after = (Finder(locale("en")).answer(reader, Question("secret")) for _ in range(2))
    assert [one["snippet"] for one in during["results"]] == ["another [secret]", "a [secret] that is told"]
    assert after["results"] == []
    writer.close()
    reader.close()


@pytest.mark.parametrize("most", [0, 2_000, 1 << 20])
def test_rows_are_kept_as_far_as_they_fit(most: int) -> None:
    table = sqlite3.connect(":memory:")
    table.execute("CREATE TABLE texts (key INTEGER PRIMARY KEY, text TEXT)")
    table.executemany("INSERT INTO texts VALUES (?, ?)", ((n, "x" * n) for n in range(200)))
    kept = Kept(table, "SELECT key, text FROM texts WHERE key IN", most)
    chance = random.Random(1)
    for _ in range(100):
        wanted = chance.sample(range(220), 9)
        found = kept.of(wanted)
        assert {n: found[n] for n in wanted if n in found} == {n: ("x" * n,) for n in wanted if n < 200}
        assert sum(len(text) for (text,) in found.values()) <= most + 9 * 200
    kept.forget()
    table.execute("DELETE FROM texts")
    assert dict(kept.of([1, 2])) == {}
    table.close()


def test_stems_of_words_that_occur_are_those_of_the_rules(engine: SqliteEngine) -> None:
    filled(engine, note("a.md", " ".join(WORDS)))
    reader = engine.reader()
    text = "servers ошибками GitHubActions deployment сервера foo_bar unknown"
    assert reader.stemmer.stream(text) == Stemmer().stream(text)
    assert [reader.stemmer.stems(word) for word in WORDS] == [Stemmer().stems(word) for word in WORDS]
    reader.close()
    with pytest.raises(IndexFailed):
        reader.stemmer.stems("another")
