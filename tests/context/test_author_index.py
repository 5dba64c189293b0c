"""The author index: quotas, caps, order, projects, lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from iapeer_memory.context.author_index import Known, author_index, line
from iapeer_memory.context.projects import Places, candidates
from iapeer_memory.context.selection import select
from iapeer_memory.context.survey import survey
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.locales import locale
from tests.support.summaries import summary

EN, RU = locale("en"), locale("ru")
NOWHERE = Places("/h", "/h/Projects")


def titles(notes: Sequence[NoteSummary]) -> list[str]:
    return [n.title for n in notes]


def memory(subtype: str, count: int) -> list[NoteSummary]:
    return [
        summary(f"06_Agent_Memory/me/{subtype}{n:03}.md", subtype=subtype, author="me", updated=f"2026-01-{n % 28:02}")
        for n in range(count)
    ]


def canon(folder: str, count: int, **more: str) -> list[NoteSummary]:
    return [summary(f"{folder}/{folder[3:6]}{n:03}.md", author="me", **more) for n in range(count)]


def text(notes: Sequence[NoteSummary], *, links: Mapping[str, int] | None = None, full: bool = False) -> str:
    return author_index("me", EN, Known(notes, notes, links or {}, NOWHERE), "~/full.md", full=full)


def test_memory_takes_quotas_then_fills_up() -> None:
    notes = [*memory("feedback", 60), *memory("pitfall", 5), *memory("person_profile", 9), *memory("odd", 3)]
    chosen = select(notes, EN, {})
    count = Counter(n.subtype for n in chosen.memory)
    assert count == {"feedback": 41, "pitfall": 5, "person_profile": 1, "odd": 3}
    assert (len(chosen.memory), chosen.memory_total) == (50, 77)
    assert len(select(notes, EN, {}, full=True).memory) == 77
    few = select([*memory("person_profile", 9), *memory("context", 2)], EN, {})
    assert titles(few.memory)[:3] == ["context001", "context000", "person_profile008"]
    assert len(few.memory) == 5


def test_memory_order() -> None:
    notes = [
        summary("06_Agent_Memory/me/F old.md", subtype="feedback", updated="2026-01-01 10:00:59"),
        summary("06_Agent_Memory/me/B.md", subtype="feedback", updated="2026-02-01 10:00:59"),
        summary("06_Agent_Memory/me/A.md", subtype="Feedback", updated="2026-02-01 10:00:01"),
        summary("06_Agent_Memory/me/Draft.md", subtype="feedback", status="draft", updated="2026-03-01"),
        summary("06_Agent_Memory/me/Odd status.md", subtype="feedback", status="so so"),
        summary("06_Agent_Memory/me/Pit.md", subtype="pitfall", updated="2026-03-01"),
    ]
    assert titles(select(notes, EN, {}).memory) == ["A", "B", "F old", "Pit", "Draft", "Odd status"]


def test_shared_notes_by_links_weighed_by_status() -> None:
    notes = [
        summary("01_Knowledge/Draft.md", status="draft"),
        summary("01_Knowledge/Few.md", updated="2026-05-01"),
        summary("01_Knowledge/Many.md"),
        summary("01_Knowledge/None.md", updated="2026-06-01"),
    ]
    links = {"01_Knowledge/Draft.md": 99, "01_Knowledge/Many.md": 3, "01_Knowledge/Few.md": 1}
    assert titles(select(notes, EN, links).canon["knowledge"]) == ["Many", "Few", "None", "Draft"]


def test_shared_quotas() -> None:
    notes = [*canon("01_Knowledge", 60), *canon("02_Decisions", 12), *canon("04_Ideas", 3)]
    chosen = select(notes, EN, {})
    assert {f: len(n) for f, n in chosen.canon.items()} == {"decisions": 12, "ideas": 3, "knowledge": 35}
    assert (chosen.canon_kept, chosen.canon_total, chosen.cut) == (50, 75, True)
    assert not select(notes, EN, {}, full=True).cut


@pytest.mark.parametrize("kind", [None, "surprise", "agent_memory"])
def test_an_unknown_type_is_shown_where_the_note_lies(kind: str | None) -> None:
    assert "## Ideas — `04_Ideas/`\n\n- [[A]]" in text([summary("04_Ideas/A.md", author="me", type=kind)])


def test_projects_are_trimmed_but_not_in_the_full_index() -> None:
    notes = [
        *[summary(f"03_Projects/P/Active {n}.md", author="me") for n in range(12)],
        *[
            summary(f"03_Projects/P/Planned {n}.md", author="me", status="planned", updated=f"2026-01-0{n}")
            for n in range(1, 7)
        ],
    ]
    chosen = select(notes, EN, {})
    assert [t for t in titles(chosen.projects) if "Planned" in t] == ["Planned 6", "Planned 5", "Planned 4"]
    assert chosen.trimmed == 3
    assert select(notes, EN, {}, full=True).trimmed == 0
    assert len(select([*notes, *canon("03_Projects", 90)], EN, {}).projects) == 50


def test_projects_in_order_under_their_folders() -> None:
    def project(path: str, **more: str) -> NoteSummary:
        return summary(f"03_Projects/{path}.md", author="me", **more)

    notes = [
        project("Alpha/Notes"),
        project("Alpha/Phase — two", status="active"),
        project("Alpha/Phase — one", status="planned"),
        project("Alpha/Plan Alpha"),
        project("Alpha/Overview Alpha", directory="~/src/a"),
        project("Beta/Overview Beta", directory="/nowhere"),
        project("Gamma/Overview Gamma"),
    ]
    links = {"03_Projects/Gamma/Overview Gamma.md": 5}
    seen = survey(notes, EN)
    wanted = candidates(seen.overviews, seen.projects, NOWHERE)
    assert set(wanted) == {"/h/src/a", "/nowhere", *(f"/h/Projects/{p}" for p in ("Alpha", "Beta", "Gamma"))}
    places = Places("/h", "/h/Projects", {"/h/src/a", "/h/Projects/Alpha", "/h/Projects/Gamma"})
    shown = author_index("me", EN, Known(notes, notes, links, places), "~/f")
    _, _, part = shown.partition("## Projects — `03_Projects/<name>/`\n\n")
    assert part.partition("\n\n## ")[0] == (
        "- [[Overview Beta]] · current\n\n"
        "### Gamma — /h/Projects/Gamma/\n\n- [[Overview Gamma]] · current · 5 links\n\n"
        "### Alpha — /h/src/a/\n\n- [[Overview Alpha]] · current\n- [[Plan Alpha]] · current\n"
        "- [[Phase — one]] · planned\n- [[Phase — two]] · active\n- [[Notes]] · current"
    )


def test_a_stranger_s_overview_names_the_folder_only_when_it_is_vouched_for() -> None:
    mine = summary("03_Projects/A/Note.md", author="me")
    places = Places("/h", "", {"/work"})
    for reviewed in (True, False):
        theirs = summary(
            "03_Projects/A/Overview A.md", author="you", last_edited_by="you", reviewed=reviewed, directory="/work"
        )
        shown = author_index("me", EN, Known([mine], [mine, theirs], {}, places), "~/f")
        assert ("### A — /work/" in shown) is reviewed


@pytest.mark.parametrize("folder", ["relative", "/", "/a\nb", "~you/x", "/a`b", ""])
def test_a_folder_that_is_none(folder: str) -> None:
    note = summary("03_Projects/A/Overview A.md", author="me", directory=folder)
    assert candidates([note], (), Places("/h", "")) == ()


LINES = [
    (summary("01_Knowledge/A.md", tags=("x", "y/z"), updated="2026-01-02 03:04:05"), 2,
     "- [[A]] · current · x, y/z · 2 links · 2026-01-02"),
    (summary("01_Knowledge/A.md", status=None), 0, "- [[A]]"),
    (summary("06_Agent_Memory/me/A.md", subtype="context", description="One. Two.", created="2026-01-02"), 1,
     "- [[A]] · context · current · «One.» · 1 links · 2026-01-02"),
    (summary("01_Knowledge/File.md", "Issue #5 | x"), 0, "- [[File]] · current"),
    (summary("01_Knowledge/F[1].md", "Issue #5"), 0, "- «Issue #5» · current"),
    (summary("01_Knowledge/A.md", last_edited_by="index"), 0, "- [[A]] · current · edited by index"),
    (summary("06_Agent_Memory/me/A.md", description="word " * 60), 0,
     f"- [[A]] · current · «{('word ' * 24).strip()[:-5]}…»"),
]  # fmt: skip


@pytest.mark.parametrize(("note", "links", "wanted"), LINES)
def test_a_line(note: NoteSummary, links: int, wanted: str) -> None:
    shown = line(note, "me", EN, {note.path: links})
    assert shown == wanted


def test_in_russian() -> None:
    note = summary("01_Знания/Отчёт «Альфа».md", author="me", status="актуально", last_edited_by="index")
    shown = author_index("me", RU, Known([note], [note], {note.path: 7}, NOWHERE), "~/f")
    assert "## Знания — `01_Знания/`\n\n- [[Отчёт «Альфа»]] · актуально · 7 св. · правил index\n" in shown
    assert shown.count("_Заметок пока нет._") == 5


def test_what_was_cut_is_said() -> None:
    shown = text([*memory("feedback", 60), *canon("01_Knowledge", 51)])
    assert shown.endswith(
        "\n\n---\n\n_Left out: agent memory shows 50 of 60; shared notes show 50 of 51. All of them: `~/full.md`_\n"
    )
    assert "Left out" not in text([*memory("feedback", 60)], full=True)
