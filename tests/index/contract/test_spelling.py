"""What every engine must do with words as people write them: forms, identifiers, phrases, slips, filters."""

from __future__ import annotations

import random
from itertools import product

import pytest

from iapeer_memory.index.port import Engine
from iapeer_memory.index.records import Filter, Match, Phrase, Word
from tests.support.records import asked, filled, note, paths


def phrase(text: str, *, prefix: bool = False) -> Match:
    *most, last = text.split()
    words = [Word(word) for word in most]
    return Match(((Phrase((*words, Word(last, prefix))),),), every=True)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("the services were running", "service run"),
        ("настроили заметками", "заметка настроил"),
        ("Ёлки в лесу", "елка"),
        ("подъезд й", "Й"),
        ("Café crème", "cafe creme"),
        ("cafe\u0301", "café"),
        ("STRASSE", "straße"),
        ("getUserName()", "getusername"),
        ("getUserName()", "user name"),
        ("see foo_bar", "bar"),
        ("東京都に住む", "京都"),
        ("E0382 borrow", "e0382"),
    ],
)
def test_what_is_asked_in_another_form_is_found(engine: Engine, text: str, question: str) -> None:
    filled(engine, note("a.md", text), note("b.md", "something else"))
    assert paths(engine, asked(question, prefix=False)) == ["a.md"]


@pytest.mark.parametrize(
    "whole",
    [
        "foo_bar_baz",
        "iapeer_memory/index/port.py",
        "a.b.c",
        "ERR_CONN_RESET",
        "std::vec::Vec",
        "10.0.0.1",
        "café-au-lait",
    ],
)
def test_identifiers_and_paths_are_found_whole_only(engine: Engine, whole: str) -> None:
    parts = [part for part in __import__("re").split(r"[^\w]|_", whole) if part]
    filled(engine, note("a.md", f"before {whole} after"), note("b.md", f"{' and '.join(parts)} all around"))
    assert paths(engine, Match(((Word(whole),),), every=True)) == ["a.md"]
    assert paths(engine, phrase(f"before {whole} after")) == ["a.md"]


def test_phrases(engine: Engine) -> None:
    filled(engine, note("a.md", "one two three|four"), note("b.md", "two one|three four", title="five six"))
    assert paths(engine, phrase("one two")) == ["a.md"]
    assert paths(engine, phrase("two thr", prefix=True)) == ["a.md"]
    assert paths(engine, phrase("five six")) == ["b.md"]
    assert paths(engine, phrase("six two")) == []
    assert paths(engine, phrase("three four")) == ["b.md"]
    assert paths(engine, Match(((Word("nothing"), Phrase((Word("two"), Word("three")))),), every=True)) == ["a.md"]


def test_a_beginning_longer_than_the_stem_is_found(engine: Engine) -> None:
    filled(engine, note("a.md", "the configuration of it"), note("b.md", "the configurator of it"))
    assert sorted(paths(engine, asked("config"))) == ["a.md", "b.md"]
    assert "a.md" in paths(engine, asked("configurati"))


def slips(word: str) -> set[str]:
    """All words one edit away, in three letters."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {head + tail[1:] for head, tail in cuts} | {head + new + tail[1:] for head, tail in cuts for new in "bdk"}
    found |= {head + tail[1::-1] + tail[2:] for head, tail in cuts} | {h + new + t for h, t in cuts for new in "bdk"}
    return found - {word}


def test_whatever_occurs_one_slip_away_is_told(engine: Engine) -> None:
    every = ["".join(letters) for length in (3, 4) for letters in product("bdk", repeat=length)]
    words = random.Random(1).sample(every, 30)
    filled(engine, note("a.md", " ".join(words), title="x"))
    reader = engine.reader()
    told = {word: sorted(reader.spelled_like(word, limit=100)) for word in every}
    assert told == {word: sorted(slips(word) & set(words)) for word in every}
    reader.close()


def test_words_one_slip_away(engine: Engine) -> None:
    filled(engine, note("a.md", "database database|databases", title="x"), note("b.md", "настройка", title="y"))
    filled(engine, note("c.md", "datebase only once here"))
    reader = engine.reader()
    for slip in ("databse", "dattabase", "databace", "dtaabase"):
        assert reader.spelled_like(slip, limit=5)[0] == "database", slip
    assert reader.spelled_like("настроика", limit=5) == ("настройка",)
    assert reader.spelled_like("datbase", limit=5) == ("database", "datebase")
    assert set(reader.spelled_like("dat base", limit=5)) == set()
    assert reader.spelled_like("never", limit=5) == ()
    assert reader.spelled_like("x" * 100_000, limit=5) == ()
    found = {"database": 1, "databases": 1, "Настройки": 1, "never": 0, "—": 0, "": 0}
    assert dict(reader.spread(list(found))) == found
    reader.close()
    writer = engine.writer("f")
    writer.forget(["b.md"])
    writer.close()
    reader = engine.reader()
    assert dict(reader.spread(["настройка"])) == {"настройка": 0}
    assert reader.spelled_like("настроика", limit=5) == ()
    reader.close()


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (Filter(), "abc"),
        (Filter(types=("Decision",)), "a"),
        (Filter(statuses=("CURRENT", "draft")), "ab"),
        (Filter(tags=("infra",)), "ac"),
        (Filter(tags=("Infra/DB",)), "a"),
        (Filter(tags=("inf",)), ""),
        (Filter(authors=("ada",)), "ab"),
        (Filter(folders=("01_Знания",)), "a"),
        (Filter(folders=("01_Знани",)), ""),
        (Filter(folders=("02/Sub/", "01_знания")), "ab"),
        (Filter(since="2026-02"), "bc"),
        (Filter(since="2026-03-01"), "c"),
        (Filter(types=("decision",), authors=("ada",), since="2026-01"), "a"),
        (Filter(statuses=("' OR 1=1 --",)), ""),
    ],
)
def test_filters(engine: Engine, only: Filter, found: str) -> None:
    filled(
        engine,
        note("01_Знания/a.md", "word", type="decision", status="current", tags=("infra/db",), author="Ada",
             updated="2026-01-05 10:00:00"),
        note("02/sub/b.md", "word", status="Draft", tags=("infrared",), author="brin", coauthors=("ada",),
             created="2026-02-01"),
        note("02/c.md", "word", tags=("infra",), created="2025-01-01", updated="2026-03-01"),
    )  # fmt: skip
    assert sorted(path[-4] for path in paths(engine, asked("word"), only=only)) == list(found)
    assert only.empty == (only == Filter())
    reader = engine.reader()
    assert reader.nearest([1.0, 0.0], limit=5, only=only) == ()
    reader.close()
