"""What a peer's new name changes in a vault, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.notes.archive import Move
from iapeer_memory.notes.rename import Naming, clashes, moves
from iapeer_memory.vault.locales.en import LOCALE as EN
from iapeer_memory.vault.locales.ru import LOCALE as RU

AB = Naming("alpha", "beta", EN, attachments=("06_Agent_Memory/alpha/pic.png",))


@pytest.mark.parametrize(
    ("before", "after", "touched"),
    [
        ("---\nauthor: alpha\n---\nalpha\n", "---\nauthor: beta\n---\nalpha\n", "author"),
        ("---\nauthor: 'alpha' \n# alpha\n---\n", "---\nauthor: beta\n# alpha\n---\n", "author"),
        ("\ufeff---\r\nauthor: alpha\r\n---\r\nx", "\ufeff---\r\nauthor: beta\r\n---\r\nx", "author"),
        (
            "---\nlast_edited_by: alpha\nupdated: 2026-01-01\n---\n",
            "---\nlast_edited_by: beta\nupdated: 2026-01-01\n---\n",
            "last_edited_by",
        ),
        ("---\ncoauthors: [x, alpha, y]\n---\n", "---\ncoauthors: [x, y, beta]\n---\n", "coauthors"),
        ("---\ncoauthors:\n- alpha\n- x\n---\n", "---\ncoauthors:\n- x\n- beta\n---\n", "coauthors"),
        ("---\ncoauthors:\n  - alpha # me\n---\n", "---\ncoauthors:\n  - beta\n---\n", "coauthors"),
        ("---\ncoauthors: alpha\n---\n", "---\ncoauthors: beta\n---\n", "coauthors"),
        ("---\ncoauthors: x, alpha\n---\n", "---\ncoauthors: x, beta\n---\n", "coauthors"),
        ("---\ncoauthors: [alpha, beta]\n---\n", "---\ncoauthors: [beta]\n---\n", "coauthors"),
        ("[[06_Agent_Memory/alpha/N]]", "[[06_Agent_Memory/beta/N]]", "links"),
        ("[[06_Agent_Memory/alpha/a/N.md#h|x]]", "[[06_Agent_Memory/beta/a/N.md#h|x]]", "links"),
        ("![[06_Agent_Memory/alpha/pic.png]]", "![[06_Agent_Memory/beta/pic.png]]", "links"),
        ("[[07_Archive/06_Agent_Memory/alpha/N]]", "[[07_Archive/06_Agent_Memory/beta/N]]", "links"),
        ("[[/06_Agent_Memory/alpha/N]]", None, "links"),
        (
            "---\nauthor: alpha\nsee: '[[06_Agent_Memory/alpha/N]]'\n---\n",
            "---\nauthor: beta\nsee: '[[06_Agent_Memory/beta/N]]'\n---\n",
            "author links",
        ),
    ],
)
def test_what_names_the_peer_is_called_by_the_new_name(before: str, after: str | None, touched: str) -> None:
    data = before.encode()
    edited = AB.edit(data)
    if after is not None:
        assert edited.decode() == after
    assert AB.touched(data) == tuple(touched.split())
    assert AB.edit(edited) == edited and AB.touched(edited) == ()


@pytest.mark.parametrize(
    "text",
    [
        "alpha",
        "author: alpha\n",
        "---\nauthor: alphabet\ncoauthors: [alpha-2]\ntitle: alpha\ntags: [alpha]\n---\n",
        "---\nauthor: Alpha\n---\n",
        "---\ntitle: x\n---\nauthor: alpha\n",
        "[[alpha]] [[alpha/N]] [[Note alpha]] [[06_Agent_Memory/alphabet/N]] [[03_Projects/alpha/N]]",
        "`[[06_Agent_Memory/alpha/N]]` \\[[06_Agent_Memory/alpha/N]] ![[06_Agent_Memory/alpha/other.png]]",
        "```\n[[06_Agent_Memory/alpha/N]]\n```\n",
        "---\n<<<<<<< HEAD\nauthor: alpha\n=======\nauthor: beta\n>>>>>>> x\n---\n",
    ],
)
def test_what_does_not_name_the_peer_stays(text: str) -> None:
    data = text.encode()
    assert AB.edit(data) == data and AB.touched(data) == ()


def test_a_note_that_is_not_utf8_keeps_its_bytes() -> None:
    data = b"---\nauthor: alpha\ntitle: \xff\n---\n[[06_Agent_Memory/alpha/N]] \xfe\n"
    assert AB.edit(data) == b"---\nauthor: beta\ntitle: \xff\n---\n[[06_Agent_Memory/beta/N]] \xfe\n"


@given(st.text(alphabet="-\nauthor: alphbet[],'\"#>|/06_Agent_Memory", max_size=120))
def test_a_change_made_twice_is_a_change_made_once(text: str) -> None:
    data = f"---\nauthor: alpha\n{text}".encode()
    once = AB.edit(data)
    assert AB.edit(once) == once


@pytest.mark.parametrize(
    ("locale", "memory", "archive"),
    [(EN, "06_Agent_Memory", "07_Archive"), (RU, RU.folders["agent_memory"], RU.folders["archive"])],
)
def test_memory_and_archive_move(locale: object, memory: str, archive: str) -> None:
    naming = Naming("a", "b", locale)  # type: ignore[arg-type]
    found = (f"{memory}/a/x.md", f"{archive}/{memory}/a/d/y.md", f"{memory}/ab/z.md", f"{archive}/a/x.md")
    assert moves(naming, found) == (
        Move(f"{memory}/a/x.md", f"{memory}/b/x.md"),
        Move(f"{archive}/{memory}/a/d/y.md", f"{archive}/{memory}/b/d/y.md"),
    )


@pytest.mark.parametrize(
    ("found", "there", "taken"),
    [
        (("x.md",), ("y.md",), ()),
        (("x.md",), ("x.md",), ("x.md",)),
        (("x.md", "y.md"), ("X.MD",), ("x.md",)),
        (("\u0451.md",), ("\u0435\u0308.md",), ("\u0451.md",)),
        (("d/x.md",), ("d",), ("d/x.md",)),
        (("d",), ("d/x.md",), ("d",)),
        (("d/x.md",), ("d/y.md",), ()),
    ],
)
def test_nothing_is_moved_onto_something(
    found: tuple[str, ...], there: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    old, new = AB.folders()[0]
    planned = moves(AB, [f"{old}/{path}" for path in found])
    assert clashes(planned, [f"{new}/{path}" for path in there]) == tuple(f"{new}/{path}" for path in taken)
