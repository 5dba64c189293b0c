"""The fill, case by case: keys and their order, zones, curators, and every byte that is not ours."""

from __future__ import annotations

import pytest

from iapeer_memory.vault import frontmatter
from iapeer_memory.vault.locales import LOCALES, locale
from iapeer_memory.vault.service import bake, clear_review, mark_unstamped, service
from iapeer_memory.vault.smart import smart_hash
from iapeer_memory.vault.stamp import stamp
from iapeer_memory.vault.zone import zone_of

NOW = "2026-02-03 04:05:06"
CANON = "01_Knowledge/A note.md"
MEMORY = "06_Agent_Memory/bob/A note.md"


def stamped(
    data: bytes | str,
    path: str = CANON,
    *,
    writer: str = "ann",
    curator: bool = False,
    review: bool = True,
    created: str | None = None,
    name: str = "en",
) -> str:
    """The stamp as text; each call also proves that a second one changes nothing."""
    raw = data.encode() if isinstance(data, str) else data

    def once(note: bytes) -> bytes:
        return stamp(
            note,
            path,
            locale=locale(name),
            writer=writer,
            curator=curator,
            review=review,
            now=NOW,
            created=created,
        )

    new = once(raw)
    assert once(new) == new
    return new.decode("utf-8", "surrogateescape")


TRIO = f"last_edited_by: ann\nupdated: {NOW}\nneeds_review: true\n"


@pytest.mark.parametrize(
    ("path", "type_", "status"),
    [
        ("01_Knowledge/A note.md", "knowledge", "current"),
        ("02_Decisions/deep/A note.md", "decision", "accepted"),
        ("03_Projects/x/A note.md", "project", "active"),
        ("04_Ideas/A note.md", "idea", "new"),
        ("05_Lists/A note.md", "list", "current"),
    ],
)
def test_a_bare_note(path: str, type_: str, status: str) -> None:
    assert stamped("Text\n", path) == (
        f"---\ntitle: A note\ntype: {type_}\nstatus: {status}\ncreated: 2026-02-03\nauthor: ann\n{TRIO}---\n\nText\n"
    )


def test_a_bare_note_in_russian() -> None:
    assert stamped("Да\n", "02_Решения/Имя: да.md", name="ru", created="2020-01-01") == (
        f'---\ntitle: "Имя: да"\ntype: решение\nstatus: принято\ncreated: 2020-01-01\nauthor: ann\n{TRIO}---\n\nДа\n'
    )


@pytest.mark.parametrize(("name", "path"), [("en", MEMORY), ("ru", "06_Оперативка_агентов/bob/A note.md")])
def test_memory_belongs_to_its_folder(name: str, path: str) -> None:
    note = stamped("---\nsubtype: x\n---\n", path, name=name)
    keys = frontmatter.read(frontmatter.split(note).block)
    genre = locale(name).genres["agent_memory"]
    assert list(keys.items()) == [
        ("subtype", "x"),
        ("title", "A note"),
        ("type", genre.type),
        ("status", genre.status),
        ("created", "2026-02-03"),
        ("author", "bob"),
        ("last_edited_by", "ann"),
        ("updated", NOW),
        ("needs_review", "true"),
    ]


def test_a_curator_in_memory_is_no_author_and_nobody_is_a_coauthor_there() -> None:
    note = stamped("x", MEMORY, writer="index", curator=True)
    assert "author: bob\nlast_edited_by: index\n" in note
    assert note.endswith("needs_review: false\n---\n\nx")
    assert "coauthors" not in stamped("---\nauthor: bob\n---\n", MEMORY)


@pytest.mark.parametrize("preset", LOCALES.values(), ids=lambda p: p.id)
def test_elsewhere_nobody_stamps(preset: object) -> None:
    here = locale(preset.id)  # type: ignore[attr-defined]
    folders = here.folders
    for path in ("x.md", "Other/x.md", f"{folders['agent_memory']}/x.md", f"{folders['agent_memory']}//x.md"):
        assert zone_of(path, here) is None
        assert stamped(b"\xff", path, name=here.id) == "\udcff"
    for key in ("archive", "system"):
        assert stamped("---\n---\n", f"{folders[key]}/a/x.md", name=here.id) == "---\n---\n"


def test_a_curator_neither_signs_nor_clears() -> None:
    note = stamped("x", writer="index", curator=True)
    assert "author" not in note
    assert note.endswith(f"last_edited_by: index\nupdated: {NOW}\nneeds_review: false\n---\n\nx")
    raised = stamped("---\nauthor: bob\nneeds_review: true\n---\n\nx", writer="index", curator=True)
    assert "needs_review: true" in raised
    assert "coauthors" not in raised


@pytest.mark.parametrize(("flag", "after"), [(None, "false"), ("true", "true"), ("false", "false"), ("", "")])
def test_without_review_the_flag_is_never_raised_but_always_there(flag: str | None, after: str) -> None:
    line = "" if flag is None else f"needs_review: {flag}".strip() + "\n"
    note = stamped(f"---\nauthor: ann\n{line}---\n", review=False).encode()
    assert service(note).needs_review == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "coauthors:\n  - ann\n"),
        ("coauthors:\n- carl\n", "coauthors:\n- carl\n- ann\n"),
        ("coauthors:\n\n    - carl\n    # then\n    - 'dan'\n", None),
        ("coauthors: [carl, dan] # two\n", "coauthors: [carl, dan, ann] # two\n"),
        ("coauthors: []\n", "coauthors:\n  - ann\n"),
        ("coauthors:\n", "coauthors:\n  - ann\n"),
        ("coauthors: ~\n", "coauthors:\n  - ann\n"),
        ("coauthors: carl, dan\n", "coauthors:\n  - carl\n  - dan\n  - ann\n"),
        ("coauthors: [carl\n", "coauthors:\n  - carl\n  - ann\n"),
        ('coauthors:\n- "ann"\n', 'coauthors:\n- "ann"\n'),
        ("coauthors: [ 'ann' ]\n", "coauthors: [ 'ann' ]\n"),
    ],
)
def test_somebody_else_becomes_a_coauthor_once(before: str, after: str | None) -> None:
    rest = "title: t\ntype: t\nstatus: s\ncreated: c\n"
    note = stamped(f"---\nauthor: 'bob'\n{rest}{before}---\n")
    wanted = before + "    - ann\n" if after is None else after
    assert note == f"---\nauthor: 'bob'\n{rest}{wanted}{TRIO}---\n"


def test_the_author_is_no_coauthor_and_an_empty_author_stays() -> None:
    assert "coauthors" not in stamped('---\nauthor: "ann"\n---\n')
    note = stamped("---\nauthor:\n---\n")
    assert "author:\n" in note
    assert "coauthors" not in note


FULL = f"title: t\ntype: t\nstatus: s\ncreated: c\nauthor: ann\n{TRIO}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # the service keys move to the end, once each; the rest keeps its order and its bytes
        ("needs_review: false\n" + FULL, FULL),
        ("updated: a\nupdated: b\n# c\n" + FULL, "# c\n" + FULL),
        ("updated:\n  - x\n" + FULL, FULL),
        ("last_edited_by: >-\n  a\n  b\n" + FULL, FULL),
        # lists without items go; with any they stay as they are
        ("tags: []\ncoauthors:\n" + FULL, FULL),
        ("tags: null\n" + FULL, FULL),
        ("tags: # later\n" + FULL, None),
        ("tags:\n\n\n     - a\n" + FULL, None),
        ("tags:\n- a: b\n" + FULL, None),
        ("aliases: []\n" + FULL, None),
        # what YAML would misread
        ("description: a: b\n" + FULL, 'description: "a: b"\n' + FULL),
        ("dir : a: b\n" + FULL, 'dir : "a: b"\n' + FULL),
        ("up: [[Note]]\n" + FULL, 'up: "[[Note]]"\n' + FULL),
        ("status: x # now\n" + FULL.replace("status: s\n", ""), None),
        # opaque things
        ("x: |\n  a: b\n   c\n\n  # d\n" + FULL, None),
        ("x:\n  a: b: c\n  d:\n   - e\n" + FULL, None),
        ('x: "a\n  b: c"\n' + FULL, None),
        ("имя: a: b\n<<: *x\n? k\n\t\n<<<<<<< HEAD\n- orphan\n" + FULL, None),
        ('"title": q\n' + FULL.replace("title: t\n", ""), None),
    ],
)
def test_lines(before: str, after: str | None) -> None:
    wanted = before if after is None else after
    assert stamped(f"---\n{before}---\n\nBody\n") == f"---\n{wanted}---\n\nBody\n"


def test_a_key_that_got_indented_below_a_service_key_is_not_lost() -> None:
    note = stamped("---\nupdated: x\n  description: mine\nauthor: ann\n---\n\nb")
    assert f"updated: {NOW}\n  description: mine\n" in note
    assert service(note.encode()).updated == NOW


def test_a_text_between_two_rules_is_no_frontmatter() -> None:
    for text in ("---\nSome prose.\n---\nmore\n", "---\n{a: 1}\n---\n", "---\n- a\n---\n", "---\n  a: b\n---\n"):
        assert stamped(text).endswith(f"{TRIO}---\n\n{text}")
        assert frontmatter.split(text).block is None


def test_bytes_that_are_not_ours() -> None:
    note = stamped(b"\xef\xbb\xbf---\r\nauthor: ann\r\nx: \xff\r\n---\r\nBody \xfe\r\n\x00end")
    assert note.encode("utf-8", "surrogateescape") == (
        b"\xef\xbb\xbf---\r\nauthor: ann\r\nx: \xff\r\ntitle: A note\r\ntype: knowledge\r\nstatus: current\r\n"
        b"created: 2026-02-03\r\nlast_edited_by: ann\r\nupdated: 2026-02-03 04:05:06\r\nneeds_review: true\r\n"
        b"---\r\n\r\nBody \xfe\r\n\x00end"
    )
    assert stamped("\ufeffx\r\ny").startswith("\ufeff---\r\ntitle: A note\r\n")


@pytest.mark.parametrize("body", ["", "\n", "\n\nText", " \t\r\nText\n"])
def test_a_body_that_needs_no_blank_line(body: str) -> None:
    assert stamped(f"---\n{FULL}---\n{body}") == f"---\n{FULL}---\n{body}"


def test_an_empty_block_is_filled() -> None:
    assert stamped("---\n---\nText") == stamped("Text")


def test_names_that_would_break_a_line() -> None:
    note = stamped("x", "01_Knowledge/a\n---\n#\udcff.md", writer='b: "c"\nd').encode()
    keys = frontmatter.read(frontmatter.split_bytes(note).block)
    assert keys["title"] == "a\n---\n#\ufffd"
    assert keys["author"] == keys["last_edited_by"] == 'b: "c"\nd'


def test_service() -> None:
    found = service(b"---\nauthor: 'a'\nstatus: S # x\ncoauthors: [b, c]\nneeds_review: True\nupdated: 1\n---\n")
    assert (found.author, found.status, found.coauthors) == ("a", "S", ("b", "c"))
    assert (found.last_edited_by, found.updated, found.needs_review) == (None, "1", "True")
    assert found.asks_for_review
    assert service(b"updated: 1").updated is None
    assert service(b"updated: 1").coauthors == ()


NOTE = b"---\r\nupdated: old # c\r\ntitle: a: b\r\n\r\nneeds_review: true\r\ntags: []\r\n---\r\nText\xff"


def test_splices_touch_their_lines_only() -> None:
    marked = mark_unstamped(NOTE, now=NOW, review=True)
    assert marked == NOTE.replace(b"old # c", NOW.encode()).replace(
        b"tags: []\r\n", b"tags: []\r\nlast_edited_by: unstamped\r\n"
    )
    assert mark_unstamped(marked, now=NOW, review=True) == marked
    assert clear_review(NOTE) == NOTE.replace(b"true", b"false")
    assert clear_review(b"---\na: 1\n---\n") == b"---\na: 1\n---\n"
    baked = bake(NOTE, writer="ann", now=NOW)
    assert baked == marked.replace(b"unstamped", b"ann")
    for new in (marked, baked):
        assert smart_hash(new[:-1]) == smart_hash(NOTE[:-1])
    lowered = mark_unstamped(NOTE.replace(b"true", b"false"), now=NOW, review=False)
    assert service(lowered).needs_review == "false"


@pytest.mark.parametrize("data", [b"", b"Text", b"---\nprose\n---\n", b"\xff"])
def test_a_note_without_frontmatter_is_not_spliced(data: bytes) -> None:
    assert mark_unstamped(data, now=NOW, review=True) == bake(data, writer="a", now=NOW) == clear_review(data) == data
