"""Which notes are a peer's own, whose words may enter by themselves, and what others changed last."""

from __future__ import annotations

import pytest

from iapeer_memory.context.links import Linked, of_graph, of_notes
from iapeer_memory.context.notes import own, vouched
from iapeer_memory.context.survey import survey
from iapeer_memory.index.records import LinkGraph, Unresolved
from iapeer_memory.vault.locales import locale
from tests.support.summaries import summary

EN = locale("en")


def test_own_notes() -> None:
    notes = [
        summary("01_Knowledge/A.md", author="me"),
        summary("01_Knowledge/B.md", author="you", coauthors=("me",)),
        summary("01_Knowledge/Stale.md", author="me", status="outdated"),
        summary("07_Archive/Old.md", author="me"),
        summary("Elsewhere/E.md", author="me"),
        summary("06_Agent_Memory/me/Ctx.md", author="you"),
        summary("06_Agent_Memory/me/deep/Feed.md", type="knowledge"),
        summary("06_Agent_Memory/you/Theirs.md", author="me"),
        summary("06_Agent_Memory/Loose.md", author="me"),
    ]
    assert [n.title for n in own(notes, EN, "me")] == ["A", "B", "Ctx", "Feed"]
    assert [n.title for n in own(notes, EN, "you")] == ["B", "Theirs"]


@pytest.mark.parametrize(
    ("author", "editor", "reviewed", "enters"),
    [
        ("me", "me", False, True),
        ("you", "me", False, True),
        ("me", None, True, True),
        ("you", None, True, False),
        (None, None, True, True),
        ("me", "you", False, False),
        ("me", "you", True, True),
        ("you", "index", True, True),
        ("me", "unstamped", True, False),
        ("me", "unstamped", False, False),
    ],
)
def test_whose_words_may_enter(author: str | None, editor: str | None, reviewed: bool, enters: bool) -> None:
    note = summary("06_Agent_Memory/me/A.md", author=author, last_edited_by=editor, reviewed=reviewed)
    assert vouched(note, "me", EN) is enters


def test_a_note_without_a_name_is_nobody_s_outside_of_a_peer_s_folder() -> None:
    assert not vouched(summary("06_Agent_Memory/you/A.md"), "me", EN)
    assert not vouched(summary("03_Projects/me/A.md"), "me", EN)


def test_recent_is_what_others_changed_and_somebody_vouches_for() -> None:
    you = {"author": "you", "last_edited_by": "you"}
    notes = [
        summary("01_Knowledge/A.md", updated="2026-01-01 10:00:00", **you),
        summary("01_Knowledge/B.md", created="2026-02-01", **you),
        summary("01_Knowledge/New.md", updated="2026-04-01", reviewed=False, **you),
        summary("01_Knowledge/Unstamped.md", author="you", updated="2026-04-01"),
        summary("01_Knowledge/Mine.md", author="me", updated="2026-03-01", last_edited_by="you"),
        summary("06_Agent_Memory/you/P.md", updated="2026-03-01", **you),
        summary("Elsewhere/E.md", updated="2026-03-01", **you),
        summary("01_Knowledge/Undated.md", **you),
    ]
    assert [n.title for n in survey(notes, EN, ("me", "him"), 5).recent["me"]] == ["B", "A"]
    assert [n.title for n in survey(notes, EN, ("me", "him"), 2).recent["him"]] == ["Mine", "B"]


def test_links_are_counted_once_a_note_and_way() -> None:
    notes = (
        Linked("a/A.md", ("A title",), ("B", "B", "missing", "A", "b/B.md")),
        Linked("b/B.md", (), ("A title#part|shown", "a/A", "./a/A.md")),
        Linked("c/C.md", ("Twin",), ("b/B",)),
        Linked("d/D.md", ("Twin",), ("Twin", "й")),
        Linked("d/И\u0306.md".replace("И", "и"), (), ()),
    )
    counts = of_notes(notes)
    assert counts == {"a/A.md": 3, "b/B.md": 3, "c/C.md": 1, "d/D.md": 2, "d/и\u0306.md": 1}


def test_links_of_an_index() -> None:
    graph = LinkGraph(
        (("a.md", "b.md", ""), ("a.md", "b.md", "again"), ("b.md", "a.md", ""), ("a.md", "a.md", "")),
        (Unresolved("a.md", "Gone", "missing"), Unresolved("a.md", "gone", "missing")),
    )
    assert dict(of_graph(graph)) == {"a.md": 3, "b.md": 2}
