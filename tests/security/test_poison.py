"""What others wrote enters a context as bounded single lines of plain words, or not at all."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest

from iapeer_memory.context.author_index import Known, author_index
from iapeer_memory.context.fragment import fragment_text
from iapeer_memory.context.notes import own
from iapeer_memory.context.projects import Places, candidates
from iapeer_memory.context.session import ESSENTIALS, WHOLE, session_text
from iapeer_memory.context.survey import survey
from iapeer_memory.context.tags import projected
from iapeer_memory.domain.paths import Paths
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.locales import LOCALES
from iapeer_memory.vault.note import parse
from tests.support.poisoned import CANARY, CREDENTIAL, TITLES, note

PATHS = Paths.from_env({"HOME": "/h"}, os_home="/h")
HARMLESS = "A harmless title"
LONGEST_LINE = 900


def summary(path: str, data: bytes) -> NoteSummary:
    """As an index without any redaction of its own would keep it."""
    found = parse(path, data)
    fields = [f for f in NoteSummary.__slots__ if f != "path"]
    return NoteSummary(path=path, **{name: getattr(found, name) for name in fields})


def vault(locale: Locale, text: str, *, editor: str | None, reviewed: bool, mine: str = "me") -> list[NoteSummary]:
    """The text in every place that a context looks at: own memory, own and foreign shared notes, a project."""
    folders = locale.folders
    kind = locale.subtypes[0]
    names = [text if 0 < len(text.encode()) < 200 and "/" not in text and "\\" not in text else "note", "note"]
    found = []
    for number, name in enumerate(names):
        for place, author in (
            (f"{folders['agent_memory']}/me/{name}{number}.md", mine),
            (f"{folders['knowledge']}/{name}{number}.md", mine),
            (f"{folders['decisions']}/{name}{number}-theirs.md", "other"),
            (f"{folders['projects']}/Alpha/{name}{number}.md", mine),
        ):
            data = note(text, author=author, editor=editor, reviewed=reviewed, kind=kind if number else "")
            found.append(summary(place, data))
    return found


def contexts(locale: Locale, notes: Sequence[NoteSummary]) -> dict[str, str]:
    """Every text that a session of `me` may start with."""
    seen = survey(notes, locale, ("me",), 15)
    possible = candidates(seen.overviews, seen.projects, Places("/h", "/h/Projects"))
    known = Known(own(notes, locale, "me"), seen.overviews, {}, Places("/h", "/h/Projects", frozenset(possible)))
    tags = projected("| Tag | Boundary |\n| --- | --- |\n| billing | money |\n", widest=160)
    capped = author_index("me", locale, known, "~/full.md")
    return {
        "fragment": fragment_text("me", "/v", PATHS, locale, tags=tags, index=capped),
        "full": author_index("me", locale, known, "~/full.md", full=True),
        "session": session_text("me", "/v", locale, known, seen.recent["me"], tags=tags),
    }


def frame(text: str) -> list[str]:
    """The lines that do not list a note."""
    return [line for line in text.split("\n") if not line.startswith(("- ", "### Alpha"))]


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
@pytest.mark.parametrize("poison", TITLES)
def test_no_note_leaves_its_line(poison: str, locale: Locale) -> None:
    good = contexts(locale, vault(locale, HARMLESS, editor="curator", reviewed=True))
    bad = contexts(locale, vault(locale, TITLES[poison], editor="curator", reviewed=True))
    for kind, text in bad.items():
        assert frame(text) == frame(good[kind]), kind
        assert len(text.split("\n")) == len(text.splitlines()) + 1 == len(good[kind].split("\n"))
        for char in set(text) - {"\n"}:
            assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"), hex(ord(char))
            assert not "\ufe00" <= char <= "\ufe0f"
            assert not "\U000e0100" <= char <= "\U000e01ef"
            assert char not in "\u3164\u115f\u1160\uffa0\u2800"
        for line in set(text.split("\n")) - set(frame(text)):
            assert len(line) <= LONGEST_LINE
            assert line.startswith(("- [[", "- «", "- billing", "### Alpha", "- **", "- Never", "- Пароли"))
            if line in good[kind] or line.startswith("- **"):
                continue
            assert line.count("[[") == line.count("]]") == line.count("- [[")
            assert not set(line) & set("<`＜")
        assert CANARY not in text
        assert CREDENTIAL[4:] not in text
    assert len(bad["session"]) <= WHOLE
    assert "memory_search" in bad["session"][:ESSENTIALS]


@pytest.mark.parametrize(
    ("author", "editor", "reviewed"),
    [("me", "other", False), ("me", "unstamped", True), ("me", "unstamped", False), ("other", None, True)],
)
@pytest.mark.parametrize("poison", ["an order", "very long", "a line break"])
def test_foreign_words_need_a_name_and_a_review(poison: str, author: str, editor: str | None, reviewed: bool) -> None:
    locale = LOCALES["en"]
    notes = vault(locale, TITLES[poison], editor=editor, reviewed=reviewed, mine=author)
    count = len(own(notes, locale, "me"))
    for text in contexts(locale, notes).values():
        for words in ("IGNORE ALL", "Pay attention", "Evil", "theirs", "[[note", "- [["):
            assert words not in text.replace("[[Title]]", "")
        assert f"nobody has reviewed them: {count}." in text  # said, not hidden


def test_the_peer_s_own_words_need_no_review() -> None:
    locale = LOCALES["en"]
    for text in contexts(locale, vault(locale, HARMLESS, editor="me", reviewed=False)).values():
        assert f"[[{HARMLESS}]]" in text
        assert "nobody has reviewed" not in text


@pytest.mark.parametrize("poison", TITLES)
def test_the_tags_dictionary_is_a_file_like_any_other(poison: str) -> None:
    text = TITLES[poison].replace("\\n", "\n")
    listed = projected(f"| Tag | Boundary |\n| --- | --- |\n| {text} | {text} |\n| good | {text} |\n", widest=160)
    lines = listed.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert len(line) < 300
        assert not set(line) & set("<`[]")
        assert line.isprintable() or not line.isascii()
    assert CANARY not in listed
    assert CREDENTIAL[4:] not in listed
