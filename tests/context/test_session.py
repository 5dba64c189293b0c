"""What a session starts with: budgets, essentials, the fragment, the files beside it, what it all costs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.context.author_index import Known, author_index
from iapeer_memory.context.budget import characters, cost
from iapeer_memory.context.essentials import essentials
from iapeer_memory.context.files import index_files, mirrored, projected, shown_path
from iapeer_memory.context.fragment import fragment_text
from iapeer_memory.context.notes import own
from iapeer_memory.context.projects import Places
from iapeer_memory.context.session import ESSENTIALS, WHOLE, session_text
from iapeer_memory.context.survey import survey
from iapeer_memory.domain.paths import Paths
from iapeer_memory.vault.layout import Folder, Locale
from iapeer_memory.vault.locales import LOCALES, locale
from tests.support.summaries import summary

EN = locale("en")
PATHS = Paths.from_env({"HOME": "/h"}, os_home="/h")
PLACES = Places("/h", "/h/Projects")
NOTHING = Known((), (), {}, PLACES)


@pytest.mark.parametrize("preset", LOCALES.values(), ids=LOCALES)
@pytest.mark.parametrize("vault", ["/v", "/home/" + "long/" * 100 + "vault"])
def test_essentials_come_first_and_say_what_is_needed(preset: Locale, vault: str) -> None:
    text = essentials("a" * 32, vault, preset)
    assert characters(text) <= ESSENTIALS
    for word in ("memory_search", "memory_write", "status", "title", "<private>", vault[:200], *preset.subtypes):
        assert word in text
    for key, name in preset.folders.items():
        assert f"`{name}/" in text, key


@pytest.mark.parametrize("preset", LOCALES.values(), ids=LOCALES)
def test_the_whole_keeps_its_budget_and_says_what_it_left_out(preset: Locale) -> None:
    folders = preset.folders
    stamp = {"status": preset.statuses["active"][0], "updated": "2026-01-02", "last_edited_by": "me"}
    notes = [summary(f"{folders['knowledge']}/Note {n} 😀.md", author="me", **stamp) for n in range(500)]
    notes += [summary(f"{folders['agent_memory']}/me/M{n}.md", description="d " * 200, **stamp) for n in range(300)]
    notes += [summary(f"{folders['projects']}/P/N{n}.md", author="me", **stamp) for n in range(20)]
    stamp["last_edited_by"] = "you"
    notes += [summary(f"{folders['ideas']}/R{n}.md", "r " * 50, author="him", **stamp) for n in range(50)]
    mine = own(notes, preset, "me")
    known = Known(mine, notes, {}, Places("/h", "/h/Projects", {"/h/Projects/P"}))
    tags = "".join(f"tag{n} — {'what it covers ' * 9}\n" for n in range(200))
    recent = survey(notes, preset, ("me",), 40).recent["me"]
    text = session_text("me", "/vault", preset, known, recent, tags=tags)
    assert WHOLE * 0.8 < characters(text) <= WHOLE
    assert text.startswith(essentials("me", "/vault", preset))
    headings = [line for line in text.split("\n") if line.startswith("#")]
    assert len(headings) == 1 + 3 + 4  # title; own notes, tags, others; three folders and a project
    assert len([line for line in text.split("\n") if line.startswith("- … ")]) == 4
    counts: tuple[tuple[Folder, int], ...] = (("agent_memory", 300), ("knowledge", 500))
    for folder, count in counts:
        _, _, part = text.partition(f"### {preset.sections[folder]} — ")
        part = part.partition("\n\n#")[0]
        more = sum(int(number) for number in re.findall(r"^- … \D*(\d+)", part, re.MULTILINE))
        assert part.count("- [[") + more == count
    assert " · автор him" in text or " · author him" in text
    assert "\n\n\n" not in text
    assert text.endswith("\n")


def test_without_notes() -> None:
    text = session_text("me", "/vault", EN, NOTHING, ())
    assert text == essentials("me", "/vault", EN) + "\n## Your notes\n\nNo notes yet.\n"


def test_fragment() -> None:
    assert fragment_text("me", "/v", PATHS, EN, tags="billing — money\n", index="# Notes\n") == (
        "## iapeer-memory paths\n"
        "<iapeer-memory-paths>\n"
        "vault: /v\n"
        "db: /h/.iapeer/cache/iapeer-memory/index.db\n"
        "config: /h/.iapeer/plugins/iapeer-memory/config.env\n"
        "state: /h/.iapeer/state/iapeer-memory\n"
        "cache: /h/.iapeer/cache/iapeer-memory\n"
        "logs: /h/.iapeer/logs/iapeer-memory\n"
        "</iapeer-memory-paths>\n\n"
        "## Tags.md\n"
        "billing — money\n\n"
        "## me-vault-index.md\n"
        "# Notes\n"
    )
    bare = fragment_text("me", "/v\n## x", PATHS, locale("ru"), tags=" \n", index="")
    assert "vault: /v ## x\n" in bare
    assert bare.endswith("</iapeer-memory-paths>\n")
    assert bare.count("\n## ") == 0


def test_files() -> None:
    assert index_files("me") == ("indexes/me-vault-index.md", "indexes/me-vault-index-full.md")
    assert shown_path("/h/x", "/h") == shown_path("/h/x", "/h/") == "~/x"
    assert shown_path("/hat/x", "/h") == "/hat/x"


@pytest.mark.parametrize("source", [None, b"", b" \n\t\r\n", b"\0\0\0", b"\xff\xfe| a |", b"\xef\xbb\xbf \n"])
def test_a_mirror_is_never_emptied(source: bytes | None) -> None:
    assert mirrored(source) is None


def test_mirror_and_projection() -> None:
    made = mirrored(b"\xef\xbb\xbf| a | b |\r\n")
    assert made is not None
    assert (made.name, made.text) == ("tags-dictionary.md", "| a | b |\r\n")
    listed = projected("a — b\n")
    assert listed is not None
    assert listed.name == "tags-projection.md"
    assert projected(" \n") is None


@given(st.text(max_size=300))
def test_a_cost_adds_up(text: str) -> None:
    found = cost("me", text)
    assert found.characters == sum(size for _, size in found.sections) == characters(text)
    assert found.bytes == len(text.encode("utf-8", "replace"))


def test_a_cost_names_what_costs() -> None:
    index = author_index("me", EN, NOTHING, "~/f")
    found = cost("me", fragment_text("me", "/v", PATHS, EN, tags="t😀\n", index=index))
    names = [name for name, _ in found.sections]
    assert names[:4] == ["iapeer-memory paths", "Tags.md", "me-vault-index.md", "Notes of `me`"]
    assert dict(found.sections)["Tags.md"] == len("## Tags.md\nt--\n\n")
