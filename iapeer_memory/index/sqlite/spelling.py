"""Words that occur: whether one does, which begin like one, which are one slip away from one. Read only.

All words one edit away are made and looked up, some hundreds for a word, so it costs the same in any vault: but those
that begin like no known word, which are most of a long word's.
"""

from __future__ import annotations

import sqlite3

from iapeer_memory.index.sqlite.schema import PASSAGE_BITS
from iapeer_memory.index.stems import CYRILLIC

LATIN = "abcdefghijklmnopqrstuvwxyz"
RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
SHORTEST, LONGEST = 3, 32
"""Letters of a word that is corrected."""

AT_ONCE = 128
"""Words that are looked up at once: always as many, so that SQLite knows the question already."""
NEXT = (
    "SELECT form FROM forms WHERE form >= ? ORDER BY form LIMIT 1",
    "SELECT form FROM forms WHERE form < ? ORDER BY form DESC LIMIT 1",
)
"""No other known word begins more like a word than those before and after it in their order."""
KNOWN = f"SELECT form, stem FROM forms WHERE form IN ({','.join('?' * AT_ONCE)})"  # noqa: S608

MOST_CANDIDATES = 32
COUNTED = 1_000
"""Passages up to which occurrences are counted."""

BEGUN = 24
"""Known forms that a prefix is widened to."""


def stem(connection: sqlite3.Connection, form: str) -> str | None:
    """The stem of a known form."""
    row = connection.execute("SELECT stem FROM forms WHERE form = ?", (form,)).fetchone()
    return row and str(row[0])


def occurs(connection: sqlite3.Connection, stems: tuple[str, ...]) -> int:
    """In how many passages these stems follow each other; counted up to COUNTED."""
    if not stems:
        return 0
    count = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM passages WHERE passages MATCH ? LIMIT ?)", (_phrase(stems), COUNTED)
    ).fetchone()[0]
    return int(count)


def spread(connection: sqlite3.Connection, stems: tuple[str, ...]) -> int:
    """In how many notes these stems follow each other; beyond COUNTED passages as many as these let expect."""
    if not stems:
        return 0
    first = "SELECT rowid FROM passages WHERE passages MATCH ? LIMIT ?"
    asked = _phrase(stems)
    passages, notes = connection.execute(
        f"SELECT count(*), count(DISTINCT rowid >> {PASSAGE_BITS}) FROM ({first})",  # noqa: S608
        (asked, COUNTED),
    ).fetchone()
    if passages < COUNTED:
        return int(notes)
    whole = connection.execute("SELECT count(*) FROM passages WHERE passages MATCH ?", (asked,)).fetchone()[0]
    return int(whole * notes // passages)


def beginnings(connection: sqlite3.Connection, form: str) -> tuple[str, ...]:
    """Stems of known forms that begin with it, but whose stems do not."""
    if len(form) < SHORTEST:
        return ()
    found = connection.execute(
        "SELECT DISTINCT stem FROM forms WHERE form > ? AND form < ? AND substr(stem, 1, ?) <> ? LIMIT ?",
        (form, form + "\U0010ffff", len(form), form, BEGUN),
    )
    return tuple(stem for (stem,) in found)


def spelled_like(connection: sqlite3.Connection, form: str, limit: int) -> tuple[str, ...]:
    """Known words one edit away (a letter more, less, other, or two swapped), most frequent first."""
    if not (SHORTEST <= len(form) <= LONGEST and form.isalpha()):
        return ()
    around = [other for question in NEXT for (other,) in connection.execute(question, (form,))]
    edits = sorted(one_edit(form, max((_shared(form, other) for other in around), default=0)))
    edits += [""] * (-len(edits) % AT_ONCE)
    found = [row for at in range(0, len(edits), AT_ONCE) for row in connection.execute(KNOWN, edits[at : at + AT_ONCE])]
    counted = [(occurs(connection, (stem,)), word) for word, stem in found[:MOST_CANDIDATES]]
    best = sorted((-count, word) for count, word in counted if count)
    return tuple(word for _, word in best[:limit])


def _shared(one: str, other: str) -> int:
    """How many letters both begin with."""
    shortest = min(len(one), len(other))
    return next((at for at in range(shortest) if one[at] != other[at]), shortest)


def _phrase(stems: tuple[str, ...]) -> str:
    return '"' + " ".join(stems).replace("\0", "") + '"'


def one_edit(word: str, begun: int) -> set[str]:
    """Every other word one edit away, in the letters of the word's script, of which at most the first `begun` letters
    stand before the edit."""
    letters = RUSSIAN if CYRILLIC.search(word) else LATIN
    parts = [(word[:at], word[at], word[at + 1 :]) for at in range(min(begun + 1, len(word)))]
    less = {head + tail for head, _, tail in parts}
    swapped = {head + tail[0] + letter + tail[1:] for head, letter, tail in parts if tail}
    other = {head + new + tail for head, _, tail in parts for new in letters}
    more = {head + new + letter + tail for head, letter, tail in parts for new in letters}
    longer = {word + new for new in letters if begun == len(word)}
    return (less | swapped | other | more | longer) - {word}
