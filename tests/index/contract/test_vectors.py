"""What every engine must do with vectors."""

from __future__ import annotations

import math
import random

from iapeer_memory.index.port import Engine
from iapeer_memory.index.records import Filter
from tests.support.records import filled, note


def test_passages_wait_for_vectors_and_are_found_by_them(engine: Engine) -> None:
    filled(
        engine,
        note("a.md", "one|two", title="A"),
        note("b.md", "three", title="B", status="old"),
        note("c.md", title="C"),
    )
    writer = engine.writer("f")
    assert writer.unembedded(10) == ()
    writer.use_vectors("model:2")
    waiting = writer.unembedded(10)
    assert [w.text for w in waiting] == ["A\n\none", "A\n\ntwo", "B\n\nthree", "C"]
    assert len(writer.unembedded(2)) == 2 and writer.unembedded_count() == 4
    vectors = [(1.0, 0.0), (0.0, 2.0), (3.0, 3.0), (-1.0, 0.0)]
    assert writer.embed([(w.key, v) for w, v in zip(waiting, vectors, strict=True)]) == 4
    assert writer.unembedded(10) == () and writer.unembedded_count() == 0
    reader = engine.reader()
    hits = reader.nearest([0.0, 5.0], limit=10)
    assert [(h.path, round(h.score, 3)) for h in hits] == [("a.md", 1.0), ("b.md", 0.707), ("c.md", 0.0)]
    assert reader.passages(hits[:1]) == (("two", "one"),)
    assert [h.path for h in reader.nearest([0.0, 5.0], limit=1)] == ["a.md"]
    assert [h.path for h in reader.nearest([0.0, 5.0], limit=5, only=Filter(statuses=("old",)))] == ["b.md"]
    assert reader.nearest([1.0, 0.0, 0.0], limit=5) == () == reader.nearest([], limit=5)
    assert [h.score for h in reader.nearest([0.0, 0.0], limit=1)] == [0.0]
    reader.close()
    writer.close()


def test_a_changed_note_keeps_the_vectors_of_what_it_still_says(engine: Engine) -> None:
    filled(engine, note("a.md", "one|two", title="A"))
    writer = engine.writer("f")
    writer.use_vectors("m")
    old = writer.unembedded(10)
    writer.embed([(w.key, (1.0, float(n))) for n, w in enumerate(old)])
    writer.put([note("a.md", "zero|two", title="A", digest="e")])
    assert [w.text for w in writer.unembedded(10)] == ["A\n\nzero"]
    assert writer.embed([(old[0].key, (1.0, 1.0))]) == 0
    writer.put([note("a.md", "zero|two", title="Other", digest="f")])
    assert len(writer.unembedded(10)) == 2
    writer.forget(["a.md"])
    writer.close()
    reader = engine.reader()
    assert reader.nearest([1.0, 1.0], limit=5) == ()
    reader.close()


def test_another_model_starts_anew_and_none_changes_nothing(engine: Engine) -> None:
    filled(engine, note("a.md", "one"))
    writer = engine.writer("f")
    writer.use_vectors("m:2")
    writer.embed([(w.key, (1.0, 1.0)) for w in writer.unembedded(1)])
    writer.use_vectors(None)
    assert writer.unembedded(1) == () and writer.embed([(1, (1.0, 1.0))]) == 0
    writer.use_vectors("m:2")
    assert writer.unembedded(1) == ()
    writer.use_vectors("m:3")
    waiting = writer.unembedded(1)
    assert len(waiting) == 1
    writer.embed([(waiting[0].key, (1.0, 1.0, 1.0))])
    writer.close()
    reader = engine.reader()
    assert reader.nearest([1.0, 1.0], limit=1) == ()
    assert len(reader.nearest([1.0, 1.0, 1.0], limit=1)) == 1
    reader.close()


def test_the_nearest_of_many_is_found(engine: Engine) -> None:
    chance = random.Random(7)
    size, count = 64, 1_500
    filled(engine, *(note(f"{n:04}.md", "text") for n in range(count)))
    writer = engine.writer("f")
    writer.use_vectors("m")
    vectors = [[chance.gauss(0, 1) for _ in range(size)] for _ in range(count)]
    writer.embed([(w.key, v) for w, v in zip(writer.unembedded(count), vectors, strict=True)])
    writer.close()
    reader = engine.reader()
    for target in range(0, count, 300):
        asked = [x + chance.gauss(0, 0.3) for x in vectors[target]]
        hits = reader.nearest(asked, limit=5)
        assert hits[0].path == f"{target:04}.md"
        assert math.isclose(hits[0].score, cosine(asked, vectors[target]), abs_tol=1e-4)
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    reader.close()


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
