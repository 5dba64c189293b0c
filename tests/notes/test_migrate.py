"""What becomes of a harness's own memories, as values."""

from __future__ import annotations

import pytest

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.notes.migrate import Item, converted, is_codex, old_type, plan, sources
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.locales.en import LOCALE as EN
from iapeer_memory.vault.locales.ru import LOCALE as RU
from iapeer_memory.vault.note import parse


@pytest.mark.parametrize("locale", [EN, RU], ids=lambda locale: locale.id)
@pytest.mark.parametrize(
    ("old", "place"), [("user", 3), ("feedback", 0), ("project", 1), ("reference", 2), ("pitfall", 1), ("", 1)]
)
def test_types_become_subtypes(locale: Locale, old: str, place: int) -> None:
    data = f"---\nname: x\ntype: {old}\n---\nText.\n".encode()
    made = plan("/s", ["x.md"], {"x.md": data}, "m/alpha", (), locale, codex=False)
    assert made.items == (Item("x.md", "m/alpha/x.md", old, locale.subtypes[place]),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("---\ntype: Feedback\n---\n", "feedback"),
        ("---\nmetadata:\n  type: user\n---\n", "user"),
        ('---\nmetadata:\n  node: x\n  type: "project" # so\n---\n', "project"),
        ("---\nname: x\n---\ntype: user\n", ""),
        ("No frontmatter.\n", ""),
        ("", ""),
    ],
)
def test_where_the_old_type_stands(text: str, found: str) -> None:
    assert old_type(text.encode()) == found


@pytest.mark.parametrize(
    ("name", "text", "title", "description", "body"),
    [
        ("a", "---\ndescription: 'x: y'\n---\nText.\n", "a", "x: y", "\nText.\n"),
        ("a: b #c", "Text.\n", "a: b #c", None, "\nText.\n"),
        ("[x]", "\ufeff---\r\ntype: user\r\n---\r\n\r\nA\r\nB\r\n", "[x]", None, "\nA\nB\n"),
        ("ё", "---\ndescription: >\n  two\n  lines\n---\n\n---\n\nA rule.\n", "ё", "two lines", "\n---\n\nA rule.\n"),
        ("a", "---\nnever closed\n", "a", None, "\n---\nnever closed\n"),
        ("a", "", "a", None, "\n"),
    ],
)
def test_the_new_note_reads_back(name: str, text: str, title: str, description: str | None, body: str) -> None:
    item = Item(f"{name}.md", f"06_Agent_Memory/alpha/{name}.md", subtype="context")
    data = converted(item, text.encode(), agent="alpha", locale=EN, created="2026-05-04")
    keys = [line.partition(":")[0] for line in data.decode().split("\n")[1:8]]
    assert keys == ["title", "type", "subtype", "status", "description", "created", "author"]
    note = parse(item.target, data)
    assert (note.title, note.type, note.subtype, note.status) == (title, "agent_memory", "context", "current")
    assert (note.description, note.created, note.author, note.body) == (description, "2026-05-04", "alpha", body)


def test_bytes_that_are_no_text_are_an_error_and_stay_where_they_are() -> None:
    made = plan("/s", ["x.md"], {"x.md": b"ok \xff"}, "m", (), EN, codex=False)
    assert made.good == () and made.items[0].error == "byte 0xff at 3 is not UTF-8"
    with pytest.raises(Malformed):
        converted(made.items[0], b"\xff", agent="a", locale=EN, created="2026-05-04")


def test_two_names_that_some_filesystems_take_for_one_do_not_become_one() -> None:
    names = ["Note.md", "note.md"]
    made = plan("/s", names, dict.fromkeys(names, b"x\n"), "m", (), EN, codex=False)
    assert [item.error for item in made.items] == [None, "Note.md has the same name"]


@pytest.mark.parametrize(
    ("names", "codex"),
    [
        (["MEMORY.md", "habits.md"], False),
        (["MEMORY.md", "memory_summary.md"], True),
        (["rollout_summaries"], True),
        (["conventional_commits.md"], False),
        ([], False),
    ],
)
def test_whose_folder_it_is(names: list[str], codex: bool) -> None:
    assert is_codex(names) is codex


def test_what_is_kept_in_the_backup_alone() -> None:
    names = ["MEMORY.md", "a.md", "b.md", "c.png"]
    made = plan("/s", names, dict.fromkeys(names[:3], b"x\n"), "m", ["b.md"], EN, codex=False)
    assert (made.system, made.present, made.other) == (("MEMORY.md",), (("b.md", "m/b.md"),), ("c.png",))
    assert made.row()["totalToMigrate"] == 1


def test_where_the_harnesses_keep_theirs() -> None:
    assert sources("alpha", "/home/me/My_Проект.1", claude_home="/c", codex_home="/x") == (
        "/c/agent-memory/alpha",
        "/c/projects/-home-me-My--------1/memory",
        "/x/memories",
    )
