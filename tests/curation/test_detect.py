"""Who edited: the detectors over real notes, through the real writer, by a clock of the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.curation.detect import Report
from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.vault.service import service
from iapeer_memory.vault.smart import smart_hash
from tests.support.curated import CANON, NOON, Curated, stamped
from tests.support.noted import noted_in

MEMORY = "06_Agent_Memory/alpha/note.md"


@pytest.fixture
def bed(tmp_path: Path) -> Curated:
    return Curated(tmp_path)


@pytest.fixture
def with_human(tmp_path: Path) -> Curated:
    made = Curated(tmp_path)
    made.rules = replace(made.rules, human="anna")
    return made


def acts(report: Report) -> list[tuple[str, str | None]]:
    return [(path, verdict.act) for path, verdict in report.acted]


@pytest.mark.parametrize("path", [CANON, MEMORY])
@pytest.mark.parametrize(
    ("stamp_age", "how", "marked"),
    [
        (0.0, "body", True),
        (52.0, "body", True),
        (89.0, "body", True),
        (91.0, "body", False),
        (3600.0, "body", False),
        (-600.0, "body", True),  # a stamp in the future is no old one
        (52.0, "touch", False),
        (52.0, "stamp", False),
        (52.0, "flag", False),
    ],
)
def test_a_silent_edit_is_marked_by_the_age_of_the_stamp(
    bed: Curated, path: str, stamp_age: float, how: str, marked: bool
) -> None:
    before = stamped(bed.now - stamp_age, review=False)
    bed.put(before, path)
    assert bed.look().acted == []
    bed.later(0.2)
    if how == "body":
        bed.edit(path)
    elif how == "touch":
        bed.put(before, path)
    elif how == "flag":
        bed.put(before.replace("needs_review: false", "needs_review: true"), path)
    else:
        bed.put(stamped(bed.now, editor="beta", body="Text.\nMore."), path)
    found = bed.read(path)
    report = bed.look()
    assert acts(report) == ([(path, "mark")] if marked else [])
    if not marked:
        assert bed.read(path) == found
        return
    keys = service(bed.read(path).encode())
    assert (keys.last_edited_by, keys.updated, keys.needs_review) == ("unstamped", stamp_text(bed.now), "true")
    assert smart_hash(bed.read(path).encode()) == smart_hash(found.encode()), "only the service lines may move"
    assert bed.look().acted == [] and bed.look().passed == [], "its own echo is no news"
    assert found.encode() in bed.noted.kept(), "what it said before is in history"


def test_a_note_that_is_marked_is_not_marked_again_while_somebody_goes_on(bed: Curated) -> None:
    bed.put(stamped(bed.now))
    bed.look()
    bed.later(20)
    bed.edit()
    assert acts(bed.look()) == [(CANON, "mark")]
    bed.later(20)
    bed.edit()
    assert acts(bed.look()) == []
    # Somebody has taken the flag off since: now there is something to say again.
    bed.put(bed.read().replace("needs_review: true", "needs_review: false"))
    bed.look()
    bed.edit()
    assert acts(bed.look()) == [(CANON, "mark")]


def test_without_review_a_mark_raises_no_flag(bed: Curated) -> None:
    bed.rules = replace(bed.rules, review=False)
    bed.put(stamped(bed.now, review=False))
    bed.look()
    bed.edit()
    assert acts(bed.look()) == [(CANON, "mark")]
    assert service(bed.read().encode()).needs_review == "false"


def test_a_note_without_frontmatter_is_left_to_the_fill(bed: Curated) -> None:
    bed.put("Bare.\n")
    bed.look()
    bed.edit()
    assert bed.look().acted == []
    assert bed.read() == "Bare.\nMore.\n"


def test_settled_notes_are_not_judged_when_first_seen(with_human: Curated) -> None:
    text = stamped(NOON - 86400, review=False)
    with_human.put(text)
    report = with_human.look()
    assert report.acted == [] and report.passed[0][1].why == "settled at first sight"
    assert with_human.read() == text


def test_a_bare_note_is_filled_at_once_in_the_name_of_the_human(with_human: Curated) -> None:
    with_human.put("# Idea\n\nText.\n", mtime=NOON - 3 * 86400)
    assert acts(with_human.look()) == [(CANON, "attribute")]
    keys = service(with_human.read().encode())
    assert (keys.author, keys.last_edited_by, keys.needs_review) == ("anna", "anna", "true")
    assert "created: 2026-05-01\n" in with_human.read()
    assert with_human.read().endswith("\n---\n\n# Idea\n\nText.\n")
    assert with_human.look().passed == []


@pytest.mark.parametrize(
    ("seconds", "written"), [(80.0, False), (100.0, True)], ids=["an echo after 80 s", "an edit after 100 s"]
)
def test_the_human_goes_on_typing(with_human: Curated, seconds: float, written: bool) -> None:
    with_human.put("Text.\n")
    with_human.look()
    with_human.later(seconds)
    with_human.edit()
    found = with_human.read()
    report = with_human.look()
    assert bool(report.acted) is written
    assert (with_human.read() != found) is written
    if written:
        keys = service(with_human.read().encode())
        assert (keys.author, keys.last_edited_by, keys.updated) == ("anna", "anna", stamp_text(with_human.now))


def test_an_edit_of_an_agents_note_makes_the_human_a_coauthor(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400, review=False))
    with_human.look()
    with_human.edit()
    assert acts(with_human.look()) == [(CANON, "attribute")]
    keys = service(with_human.read().encode())
    assert (keys.author, keys.coauthors, keys.last_edited_by, keys.needs_review) == ("alpha", ("anna",), "anna", "true")


def test_a_checkbox_that_the_human_cleared_stays_cleared(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400))
    with_human.look()
    cleared = with_human.read().replace("needs_review: true", "needs_review: false")
    with_human.put(cleared)
    assert with_human.look().passed[0][1].why == "only service keys changed"
    assert with_human.read() == cleared


def test_a_late_event_of_an_agents_own_write_is_not_the_humans(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400))
    with_human.look()
    with_human.put(stamped(NOON + 600, editor="beta", body="Other."), mtime=NOON + 601)
    with_human.later(7200)
    assert with_human.look().passed[0][1].why == "the hook just ran"


def test_a_curators_note_without_an_author_does_not_become_the_humans(with_human: Curated) -> None:
    with_human.put(stamped(NOON, editor="index").replace("author: alpha\n", ""))
    assert with_human.look().acted == []


def test_the_humans_name_in_the_configured_set_makes_a_curator(with_human: Curated) -> None:
    with_human.rules = replace(with_human.rules, curators=frozenset(("anna",)))
    with_human.put(stamped(NOON - 86400, review=False))
    with_human.look()
    with_human.edit()
    with_human.look()
    keys = service(with_human.read().encode())
    assert (keys.last_edited_by, keys.coauthors, keys.needs_review) == ("anna", (), "false")


def test_without_a_name_no_edit_is_the_humans(bed: Curated) -> None:
    bed.put("Bare.\n")
    bed.put(stamped(NOON - 86400), "02_Decisions/b.md")
    bed.look()
    bed.edit()
    bed.edit("02_Decisions/b.md")
    assert bed.look().acted == []


def test_a_name_that_is_given_later_changes_no_note_by_itself(bed: Curated) -> None:
    paths = [f"01_Knowledge/{number}.md" for number in range(30)]
    for path in paths:
        bed.put("Bare.\n", path)
    bed.look(stamping=False)
    bed.rules = replace(bed.rules, human="anna")
    report = bed.detector().look(paths, bed.now)
    assert (report.acted, report.bulk, bed.state.arrived) == ([], False, {})
    bed.edit(paths[0])
    assert acts(bed.detector().look(paths, bed.now)) == [(paths[0], "attribute")]


def test_agent_memory_is_never_the_humans(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400), MEMORY)
    with_human.put("Bare.\n", "06_Agent_Memory/alpha/bare.md")
    with_human.look()
    with_human.edit(MEMORY)
    assert with_human.look().acted == []
    assert with_human.read("06_Agent_Memory/alpha/bare.md") == "Bare.\n"


@pytest.mark.parametrize(
    ("case", "cleared"),
    [
        ("index edits the text", True),
        ("index touches service keys", False),
        ("scriber edits the text", False),
        ("first sight", False),
        ("somebody writes over an old stamp of index", False),
    ],
)
def test_only_an_edit_of_the_text_by_the_index_curator_clears(bed: Curated, case: str, cleared: bool) -> None:
    start = "index" if case.startswith("somebody") else "alpha"
    bed.put(stamped(NOON - 86400, editor=start))
    if case != "first sight":
        bed.look()
    editor = "scriber" if case.startswith("scriber") else "index"
    when = NOON - 86400 if case.startswith("somebody") else NOON
    body = "Text." if "service" in case else "Mended."
    bed.put(stamped(when, editor=editor, body=body))
    found = bed.read()
    assert acts(bed.look()) == ([(CANON, "clear")] if cleared else [])
    after = found.replace("needs_review: true", "needs_review: false") if cleared else found
    assert bed.read() == after


def test_the_index_curator_may_have_another_name(bed: Curated) -> None:
    bed.rules = replace(bed.rules, index_agent="librarian")
    bed.put(stamped(NOON - 86400))
    bed.look()
    bed.put(stamped(NOON, editor="librarian", body="Mended."))
    assert acts(bed.look()) == [(CANON, "clear")]


@pytest.mark.parametrize("path", ["07_Archive/n.md", "99_System/n.md", "n.md", "06_Agent_Memory/n.md", "Other/n.md"])
def test_other_folders_are_not_looked_at(with_human: Curated, path: str) -> None:
    with_human.put("Bare.\n", path)
    report = with_human.look()
    assert report.acted == report.passed == [] and with_human.state.notes == {}


def test_a_host_that_may_not_stamp_only_moves_its_baselines(with_human: Curated) -> None:
    with_human.put("Bare.\n")
    with_human.put(stamped(NOON), MEMORY)
    with_human.look(stamping=False)
    with_human.edit()
    with_human.edit(MEMORY)
    assert with_human.look(stamping=False).acted == []
    assert with_human.look().passed == [], "the baselines are those of the edited notes"
    assert with_human.read() == "Bare.\nMore.\n"


def test_a_conflict_copy_is_never_stamped(with_human: Curated) -> None:
    with_human.rules = replace(with_human.rules, conflict=lambda path, data: ".sync-conflict-" in path)
    path = "01_Knowledge/note.sync-conflict-20260504-120000-ABCDEFG.md"
    with_human.put("Bare.\n", path)
    assert with_human.look().acted == []
    assert with_human.read(path) == "Bare.\n"


@pytest.mark.parametrize(("count", "stamped_notes"), [(20, 20), (21, 0), (60, 0)])
def test_many_notes_at_once_are_brought_not_written(with_human: Curated, count: int, stamped_notes: int) -> None:
    paths = [f"01_Knowledge/{number}.md" for number in range(count)]
    for path in paths:
        with_human.put("Bare.\n", path)
    report = with_human.look()
    assert len(report.acted) == stamped_notes and report.bulk is (stamped_notes == 0)
    assert sum(with_human.read(path) != "Bare.\n" for path in paths) == stamped_notes
    assert len(with_human.state.arrived) == count - stamped_notes
    # One of them is edited later: that is an edit like any other.
    with_human.later(600)
    with_human.edit(paths[0])
    assert acts(with_human.look()) == [(paths[0], "attribute")]
    assert paths[0] not in with_human.state.arrived or stamped_notes


def test_a_pull_is_counted_over_several_looks(with_human: Curated) -> None:
    for number in range(50):
        with_human.put("Bare.\n", f"01_Knowledge/{number}.md")
        with_human.later(0.5)
        with_human.look(f"01_Knowledge/{number}.md")
    touched = [n for n in range(50) if with_human.read(f"01_Knowledge/{n}.md") != "Bare.\n"]
    assert touched == list(range(20))


def test_a_pull_that_git_tells_of_is_one_however_small(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400))
    with_human.look()
    with_human.edit()
    assert with_human.look(pulled=True).acted == []


def test_somebody_who_types_for_a_minute_is_no_pull(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400))
    with_human.look()
    for _ in range(60):
        with_human.later(1)
        with_human.edit()
        assert not with_human.look().bulk
    assert service(with_human.read().encode()).last_edited_by == "anna"


def test_a_note_whose_hook_may_be_about_to_run_is_looked_at_again(with_human: Curated) -> None:
    with_human.rules = replace(with_human.rules, quiet=1.0)
    with_human.put("Bare.\n")
    report = with_human.look()
    assert (report.acted, report.again) == ([], [CANON]) and with_human.state.notes == {}
    with_human.later(0.3)
    with_human.put(stamped(with_human.now))
    assert with_human.look(CANON).again == []
    with_human.later(0.3)
    with_human.edit()
    assert with_human.look(CANON).again == [CANON]
    with_human.later(1)
    assert acts(with_human.look(CANON)) == [(CANON, "mark")]


def test_agents_that_write_many_notes_with_the_hook_are_no_pull(with_human: Curated) -> None:
    for number in range(40):
        with_human.put(stamped(NOON), f"01_Knowledge/{number}.md")
    with_human.put("Bare.\n")
    assert acts(with_human.look()) == [(CANON, "attribute")]
    assert with_human.state.arrived == {}


def test_a_vault_that_is_away_changes_nothing(with_human: Curated) -> None:
    with_human.put(stamped(NOON - 86400))
    with_human.look()
    known = dict(with_human.state.notes)
    with_human.vault.rename(with_human.vault.with_name("elsewhere"))
    assert with_human.look(CANON).away
    assert with_human.state.notes == known


def test_what_is_gone_is_forgotten_and_what_a_cloud_holds_back_is_not(bed: Curated) -> None:
    bed.put(stamped(NOON - 86400))
    bed.put(stamped(NOON - 86400), "01_Knowledge/kept.md")
    bed.look()
    (bed.vault / CANON).unlink()
    (bed.vault / "01_Knowledge/kept.md").rename(bed.vault / "01_Knowledge/.kept.md.icloud")
    bed.look(CANON, "01_Knowledge/kept.md")
    assert set(bed.state.notes) == {"01_Knowledge/kept.md"}


def test_a_note_that_cannot_be_written_safely_is_left_alone(with_human: Curated) -> None:
    with_human.put("Bare.\n")
    (with_human.vault / "Other.md").hardlink_to(with_human.vault / CANON)
    report = with_human.look()
    assert report.acted == [] and report.again == []
    assert with_human.read() == "Bare.\n"


def test_bytes_that_are_no_text_survive(with_human: Curated) -> None:
    data = stamped(NOON - 86400).encode() + b"\xff\xfe raw\n"
    with_human.put(data)
    with_human.look()
    with_human.put(data + b"more\n")
    assert acts(with_human.look()) == [(CANON, "attribute")]
    assert (with_human.vault / CANON).read_bytes().endswith(b"Text.\n\xff\xfe raw\nmore\n")


def test_a_rival_that_writes_meanwhile_is_judged_at_the_next_look(tmp_path: Path) -> None:
    """The stamp is decided for bytes that are not there any more: the rival's stay, every version is kept."""
    bed = Curated(tmp_path)
    bed.rules = replace(bed.rules, human="anna")
    rivals = iter(["Rival.\n", "Rival, again.\n"])

    def strike(step: str) -> None:
        if step == "kept" and (text := next(rivals, None)) is not None:
            (bed.vault / CANON).write_text(text)

    bed.noted = noted_in(tmp_path, step=strike)
    bed.put("Bare.\n")
    report = bed.look()
    assert (report.acted, report.again) == ([], [CANON])
    assert bed.read() == "Rival, again.\n" or bed.read() == "Rival.\n"
    for _ in range(3):
        bed.look()
    assert service(bed.read().encode()).author == "anna" and "Rival" in bed.read()
    assert b"Bare.\n" in bed.noted.kept()
