"""What every engine must do with links: resolve, wait, never guess, follow what moves."""

from __future__ import annotations

import pytest

from iapeer_memory.context.links import of_graph
from iapeer_memory.index.port import Engine
from iapeer_memory.index.records import NoteRecord
from tests.support.records import asked, filled, note


def edges(engine: Engine) -> set[tuple[str, str]]:
    reader = engine.reader()
    try:
        return {(source, target) for source, target, _ in reader.graph().edges}
    finally:
        reader.close()


def nowhere(engine: Engine) -> list[tuple[str, str, str]]:
    reader = engine.reader()
    try:
        return [(one.source, one.target, one.reason) for one in reader.graph().unresolved]
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("B", "01/B.md"),
        ("01/B", "01/B.md"),
        ("01/B.md", "01/B.md"),
        ("/01/B", "01/B.md"),
        ("gone/B", "01/B.md"),
        ("b", "01/B.md"),
        ("The title of B", "01/B.md"),
        ("Bee", "01/B.md"),
        ("one/two", "01/B.md"),
        ("Й", "01/Й.md"),
        ("И\u0306", "01/Й.md"),
    ],
)
def test_a_link_is_a_path_a_file_name_a_title_or_an_alias(engine: Engine, link: str, target: str) -> None:
    others = note("01/B.md", title="The title of B", aliases=("Bee", "one/two")), note("01/Й.md", title="x")
    filled(engine, note("a.md", links=[link]), *others)
    assert edges(engine) == {("a.md", target)}
    assert nowhere(engine) == []


@pytest.mark.parametrize(
    ("others", "link", "found"),
    [
        ([note("1/B.md"), note("2/B.md")], "B", None),
        ([note("1/B.md"), note("2/B.md")], "2/B", "2/B.md"),
        ([note("1/B.md"), note("2/C.md", title="B")], "B", None),
        ([note("1/B.md"), note("2/C.md", aliases=("B",))], "B", "1/B.md"),
        ([note("1/B.md"), note("2/b.md")], "b", "2/b.md"),
        ([note("1/B.md", title="b"), note("2/C.md", title="x")], "B", "1/B.md"),
        ([note("1/C.md", aliases=("B",)), note("2/D.md", aliases=("B",))], "B", None),
    ],
)
def test_what_could_mean_two_notes_is_not_guessed(
    engine: Engine, others: list[NoteRecord], link: str, found: str | None
) -> None:
    filled(engine, note("a.md", links=[link]), *others)
    assert edges(engine) == ({("a.md", found)} if found else set())
    assert nowhere(engine) == ([] if found else [("a.md", link, "ambiguous")])


def test_links_heal_and_break_with_their_targets(engine: Engine) -> None:
    filled(engine, note("a.md", links=["B", "C"]))
    assert nowhere(engine) == [("a.md", "B", "missing"), ("a.md", "C", "missing")]
    filled(engine, note("1/B.md"))
    assert (edges(engine), nowhere(engine)) == ({("a.md", "1/B.md")}, [("a.md", "C", "missing")])
    filled(engine, note("2/B.md"))
    assert nowhere(engine) == [("a.md", "B", "ambiguous"), ("a.md", "C", "missing")]
    writer = engine.writer("f")
    writer.forget(["1/B.md"])
    writer.resolve()
    writer.close()
    assert edges(engine) == {("a.md", "2/B.md")}
    filled(engine, note("2/B.md", "another text", title="Other"))
    assert edges(engine) == {("a.md", "2/B.md")}
    filled(engine, note("a.md"))
    assert (edges(engine), nowhere(engine)) == (set(), [])


def test_links_follow_a_note_that_moves(engine: Engine) -> None:
    filled(engine, note("01/B.md"), *(note(f"{n}.md", links=["01/B"]) for n in range(3)))
    writer = engine.writer("f")
    writer.put([note("07_Archive/B.md")])
    writer.forget(["01/B.md"])
    writer.resolve()
    writer.close()
    assert edges(engine) == {(f"{n}.md", "07_Archive/B.md") for n in range(3)}
    reader = engine.reader()
    assert [(n.path, n.backlinks) for n in reader.neighbours(["0.md"])["0.md"]] == [("07_Archive/B.md", 3)]
    reader.close()


def test_a_note_that_is_forgotten_leads_nowhere_at_once(engine: Engine) -> None:
    filled(engine, note("a.md", links=["B"]), note("B.md", links=["a"]))
    writer = engine.writer("f")
    writer.forget(["B.md"])
    assert edges(engine) == set()
    writer.resolve()
    writer.close()
    assert nowhere(engine) == [("a.md", "B", "missing")]


def test_two_spellings_of_one_target_are_one_link_and_itself_is_none(engine: Engine) -> None:
    filled(engine, note("a.md", links=["B", "1/B", "a"]), note("1/B.md"))
    reader = engine.reader()
    assert reader.graph().edges == (("a.md", "1/B.md", "see B"),)
    assert [(n.path, n.backlinks) for n in reader.neighbours(["a.md"])["a.md"]] == [("1/B.md", 1)]
    reader.close()


def test_neighbours_come_by_degree_with_their_direction(engine: Engine) -> None:
    filled(
        engine,
        note("hub.md", links=["a", "b"]),
        note("a.md", links=["hub"]),
        note("b.md", links=["c", "d"]),
        note("c.md", links=["hub"], status="s", type="t"),
        note("d.md"),
        note("alone.md"),
    )
    reader = engine.reader()
    found = reader.neighbours(["hub.md", "alone.md", "never.md"])
    assert list(found) == ["hub.md"]
    assert [(n.path, n.direction, n.degree) for n in found["hub.md"]] == [
        ("b.md", "outgoing", 3),
        ("c.md", "incoming", 2),
        ("a.md", "outgoing", 1),
        ("a.md", "incoming", 1),
    ]
    assert (found["hub.md"][1].status, found["hub.md"][1].type) == ("s", "t")
    assert [n.path for n in reader.neighbours(["hub.md"], most=1)["hub.md"]] == ["b.md"]
    assert reader.neighbours(["hub.md"], most=4)["hub.md"] == found["hub.md"][:3], "each note once"
    reader.close()


def test_who_asks_again_is_told_what_has_changed(engine: Engine) -> None:
    filled(engine, note("a.md", links=["B"]), note("B.md"), note("c.md"))
    reader = engine.reader()

    def near() -> dict[str, list[str]]:
        found = reader.neighbours(["a.md", "B.md", "c.md"], most=4)
        return {path: [end.path for end in ends] for path, ends in found.items()}

    assert near() == near() == {"a.md": ["B.md"], "B.md": ["a.md"]}
    filled(engine, note("c.md", links=["a"]), note("B.md", links=["c"]))
    assert near() == {"a.md": ["B.md", "c.md"], "B.md": ["a.md", "c.md"], "c.md": ["B.md", "a.md"]}
    assert dict(reader.spread(("gone", "a"))) == {"gone": 0, "a": 1}
    reader.close()


def test_degrees_follow_what_changes(engine: Engine) -> None:
    filled(engine, note("a.md", links=["B"]), note("B.md"), note("c.md", links=["a"]))
    filled(engine, note("a.md"))
    reader = engine.reader()
    assert dict(reader.neighbours(["a.md", "B.md"]))["a.md"][0].path == "c.md"
    assert reader.neighbours(["B.md"]) == {}
    assert {n.path: n.backlinks for n in reader.neighbours(["c.md"])["c.md"]} == {"a.md": 1}
    assert {hit.path: hit.backlinks for hit in reader.match(asked("a"), limit=5)} == {"a.md": 1}
    reader.close()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("1/Á.md", ["1/Á.md"]),
        ("1/A\u0301.md", ["1/Á.md"]),
        ("1/Á", ["1/Á.md"]),
        ("Á", ["1/Á.md", "2/Á.md"]),
        ("á", ["1/Á.md", "2/Á.md"]),
        ("Title", ["2/Á.md"]),
        ("TITLE", ["2/Á.md", "3/b.md"]),
        ("title", ["3/b.md"]),
        ("other", ["3/b.md"]),
        ("3/B.MD", []),
        ("3/B", ["3/b.md"]),
        ("", []),
        ("never", []),
        ("/", []),
    ],
)
def test_find(engine: Engine, name: str, found: list[str]) -> None:
    filled(
        engine,
        note("1/Á.md", title="One"),
        note("2/Á.md", title="Title"),
        note("3/b.md", title="title", aliases=("Other",)),
    )
    reader = engine.reader()
    assert [summary.path for summary in reader.find(name)] == found
    reader.close()


def test_ten_thousand_links_and_circles(engine: Engine) -> None:
    filled(engine, note("a.md", links=[f"n{n}" for n in range(10_000)]), note("n1.md", links=["a", "n2"]))
    filled(engine, note("n2.md", links=["n1"]))
    assert edges(engine) == {
        ("a.md", "n1.md"),
        ("a.md", "n2.md"),
        ("n1.md", "a.md"),
        ("n1.md", "n2.md"),
        ("n2.md", "n1.md"),
    }


def test_links_are_counted_as_the_graph_tells_them(engine: Engine) -> None:
    filled(
        engine,
        note("01/A.md", links=["B", "B", "C", "gone", "Gone", "A"]),
        note("01/B.md", links=["A", "same"]),
        note("01/C.md"),
        note("01/same.md"),
        note("02/same.md"),
        note("03/alone.md"),
    )
    reader = engine.reader()
    try:
        every = [note.path for note in reader.summaries()]
        counts = {"01/A.md": 4, "01/B.md": 3, "01/C.md": 1}
        assert dict(reader.linked(every)) == counts == dict(of_graph(reader.graph()))
        assert dict(reader.linked(["01/C.md", "03/alone.md", "no/such.md"])) == {"01/C.md": 1}
    finally:
        reader.close()


def test_statuses_of_those_that_have_one(engine: Engine) -> None:
    filled(engine, note("01/A.md", status="current"), note("01/B.md"))
    reader = engine.reader()
    try:
        assert dict(reader.statuses()) == {"01/A.md": "current"}
    finally:
        reader.close()
