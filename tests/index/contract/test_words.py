"""What every engine must do with words: put, forget, match."""

from __future__ import annotations

import threading

import pytest

from iapeer_memory.index.port import Engine
from iapeer_memory.index.records import Match, Phrase, Word
from tests.support.records import asked, filled, note, paths


def test_what_was_put_is_found_and_what_was_forgotten_is_not(engine: Engine) -> None:
    filled(engine, note("a.md", "red fox"), note("b.md", "red bear"))
    assert sorted(paths(engine, asked("red"))) == ["a.md", "b.md"]
    writer = engine.writer("f")
    assert dict(writer.digests()) == {"a.md": "d", "b.md": "d"}
    writer.put([note("b.md", "blue bear", digest="e")])
    writer.forget(["a.md", "never-there.md"])
    assert dict(writer.digests()) == {"b.md": "e"}
    writer.close()
    assert paths(engine, asked("red")) == []
    assert paths(engine, asked("blue")) == ["b.md"]


def test_all_words_must_be_in_one_passage_with_its_title(engine: Engine) -> None:
    filled(engine, note("a.md", "one two|three", title="four"), note("b.md", "one|two"))
    assert paths(engine, asked("one two")) == ["a.md"]
    assert paths(engine, asked("one four")) == ["a.md"]
    assert paths(engine, asked("one three")) == []
    assert sorted(paths(engine, asked("two three", every=False))) == ["a.md", "b.md"]


def test_a_prefix_matches_and_a_whole_word_does_not(engine: Engine) -> None:
    filled(engine, note("a.md", "заметками пользуются", title="Café"), note("b.md", "configuration"))
    assert paths(engine, asked("замет")) == paths(engine, asked("заметкой", prefix=False)) == ["a.md"]
    assert paths(engine, asked("замет", prefix=False)) == []
    assert paths(engine, asked("configure", prefix=False)) == ["b.md"]
    assert paths(engine, asked("cafe")) == ["a.md"]


def test_a_title_counts_for_more_than_a_text(engine: Engine) -> None:
    filled(engine, note("a.md", "fox fox fox and so on"), note("b.md", "something", title="fox"))
    assert paths(engine, asked("fox"))[0] == "b.md"


def test_a_note_without_text_is_found_by_title_and_keys(engine: Engine) -> None:
    filled(engine, note("a.md", title="Bare", keys="tagged"))
    assert paths(engine, asked("bare")) == paths(engine, asked("tagged")) == ["a.md"]


def test_one_hit_a_note_best_passages_first(engine: Engine) -> None:
    long = "|".join(["word and much else that says nothing of it"] * 50 + ["word"])
    filled(engine, note("a.md", long), note("b.md", "word somewhere in a longer text that goes on and on"))
    reader = engine.reader()
    hits = reader.match(asked("word"), limit=2)
    assert [hit.path for hit in hits] == ["a.md", "b.md"]
    first, second = reader.passages(hits)
    assert first[0] == "word" and len(second) == 1
    assert 1 < len(first) < 51
    assert reader.streams(hits)[1] == ("word somewher in a longer text that goe on and on",)
    assert hits[0].score > hits[1].score > 0
    assert reader.count() == 2
    assert reader.opening("a.md").startswith("word and much")
    assert reader.opening("none.md") == ""
    reader.close()


def test_ties_are_broken_by_path(engine: Engine) -> None:
    filled(engine, *(note(f"{n}.md", "same text", title="same") for n in (3, 1, 2)))
    assert paths(engine, asked("same"), limit=2) == ["1.md", "2.md"]


@pytest.mark.parametrize(
    "text", ['"', "AND OR NOT NEAR", "*", "a*b", "^x", "col:x", "(", "'; --", "\0", "😀", "-", "{x}"]
)
def test_no_word_is_syntax(engine: Engine, text: str) -> None:
    filled(engine, note("a.md", "text"))
    reader = engine.reader()
    words = tuple((Word(word, prefix),) for word in (text, *text.split()) for prefix in (True, False))
    for every in (True, False):
        assert reader.match(Match(words, every), limit=5) == ()
    assert reader.match(Match((), True), limit=5) == ()
    assert reader.match(asked("text"), limit=0) == ()
    reader.close()


def test_summaries_keep_every_field_in_order_of_path(engine: Engine) -> None:
    filled(engine, note("b.md", author="x", status="s", type="t", updated="u"), note("a.md"))
    reader = engine.reader()
    first, second = reader.summaries()
    reader.close()
    assert (first.path, second.path) == ("a.md", "b.md")
    assert (second.author, second.status, second.type, second.updated) == ("x", "s", "t", "u")
    assert second.tags == ("t1", "т2")
    assert first.author is None


def test_a_failing_put_leaves_nothing(engine: Engine) -> None:
    writer = engine.writer("f")
    bad = note("b.md", "x")
    object.__setattr__(bad.summary, "title", None)
    with pytest.raises(Exception, match=r".+"):
        writer.put([note("a.md", "x"), bad])
    assert not writer.digests()
    writer.put([note("c.md", "x")])
    assert list(writer.digests()) == ["c.md"]
    writer.close()


def test_another_fingerprint_empties_the_store(engine: Engine) -> None:
    filled(engine, note("a.md", "x"))
    writer = engine.writer("f")
    assert len(writer.digests()) == 1
    writer.close()
    writer = engine.writer("g")
    assert not writer.digests()
    writer.close()
    assert paths(engine, asked("x")) == []


def test_readers_see_whole_commits_and_never_wait(engine: Engine) -> None:
    writer = engine.writer("f")
    reader = engine.reader()
    done = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(reader.count())

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for batch in range(10):
            writer.put([note(f"{batch}-{n}.md", "x") for n in range(10)])
    finally:
        done.set()
        thread.join()
    assert all(count % 10 == 0 for count in seen)
    assert reader.count() == 100
    reader.close()
    writer.close()


def test_reset_throws_everything_away(engine: Engine) -> None:
    filled(engine, note("a.md", "x"))
    engine.reset()
    engine.reset()
    writer = engine.writer("f")
    assert not writer.digests()
    writer.close()


def test_any_question_is_taken(engine: Engine) -> None:
    filled(engine, note("a.md", "needle in a text"))
    huge = "needle " + "word " * 200_000
    reader = engine.reader()
    for match in (
        Match(tuple((Word(word),) for word in huge.split()), every=False),
        Match(((Word(huge, prefix=True),),), every=True),
        Match(((Phrase(()), Phrase((Word("\0"), Word("")))),), every=True),
        Match((tuple(Word(f"w{n}", prefix=True) for n in range(5_000)),), every=True),
        Match((), every=False),
    ):
        assert len(reader.match(match, limit=3)) <= 1
    assert reader.match(Match(((Word("needle"),),), every=True), limit=3)
    reader.close()


def test_what_is_huge_is_put_and_found(engine: Engine) -> None:
    filled(engine, note("a.md", "body needle", title="t " * 5_000 + "end", keys="k " * 50_000))
    filled(engine, note("b.md", "x" * 200_000 + " needle|" + "word " * 200_000))
    assert sorted(paths(engine, asked("needle"))) == ["a.md", "b.md"]
