"""The file of the index: foreign, damaged, gone, replaced under memoryd; named, and made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.daemon import Running, start
from tests.support.indexed import Place

UNSEEN = "UPDATE passages_data SET block = zeroblob(length(block)) WHERE id > 100"
"""What only a writer can prove: a look does not see it, memoryd's own doubt does."""


def foreign(index: Path) -> None:
    """Another program's database in its place."""
    other = index.with_name("other.db")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE notes (path TEXT)")
    connection.close()
    other.replace(index)


def overwritten(index: Path) -> None:
    with index.open("r+b") as file:
        file.write(b"not a database at all".ljust(4096, b"\0"))


def pages(index: Path) -> None:
    """A few pages in the middle hold nothing any more."""
    size = index.stat().st_size
    with index.open("r+b") as file:
        for at in range(4096 * 4, size - 4096, 4096 * 2):
            file.seek(at)
            file.write(b"\xa5" * 4096)


def copied(index: Path) -> None:
    """A copy of its own: what is written from now on goes nowhere."""
    copy = index.with_name("copy.db")
    copy.write_bytes(index.read_bytes())
    copy.replace(index)


def checkpointed(index: Path) -> bool:
    """Whether nothing of it stands in its journal alone."""
    connection = sqlite3.connect(index)
    (done,) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return bool(done == (0, 0, 0))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "foreign": foreign,
    "corrupt": overwritten,
    "pages": pages,
    "empty": lambda index: index.write_bytes(b""),
    "gone": lambda index: index.unlink(),
}


def test_a_file_that_was_damaged_while_memoryd_was_down_is_named_and_made_anew(place: Place) -> None:
    with start(place.home, place.vault) as daemon:
        port = daemon.port
        assert daemon.stop() == 0
    whole = place.index.read_bytes()
    for how, damage in DAMAGES.items():
        damage(place.index)
        assert place.look(port, thorough=True).status == ("skip" if how == "gone" else "fail"), how
        place.index.write_bytes(whole)
    pages(place.index)
    with start(place.home, place.vault, port=port) as daemon:
        assert place.look(port, thorough=True).status == "ok"
        assert daemon.titles("red fox") == ["fox"]


@pytest.mark.parametrize("how", [*DAMAGES, "copied"])
def test_a_file_that_is_damaged_under_memoryd_is_named_and_made_anew(place: Place, running: Running, how: str) -> None:
    if how == "copied":
        copied(place.index)
        place.note("fox", "A grey wolf.\n")
        place.age()
    else:
        running.until(lambda: checkpointed(place.index))
        DAMAGES[how](place.index)
    assert place.look(running.port, thorough=True).status == "fail"
    assert place.mend(running.port).status == "repaired"
    assert place.look(running.port, thorough=True).status == "ok"
    assert running.titles("fox") == ["fox"]


def test_words_that_match_other_texts_are_mended_by_a_rescan(place: Place, running: Running) -> None:
    place.sql(UNSEEN)
    before = running.health()["rescans"]
    assert running.request("POST", "/rescan")[::2] == (202, {"rescan": True})
    running.wait(lambda health: health["rescans"] > before)
    running.said("the index is damaged; it is rebuilt")
    assert running.titles("red fox") == ["fox"]
