"""A few notes in a real index, and questions to it: short to write in a test of the search."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.port import Reader, Writer
from iapeer_memory.index.records import NoteRecord
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd.record import record
from iapeer_memory.search.engine import Finder, Question
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.note import parse
from tests.support import records

EN = locale("en")


def note(path: str, body: str = "", **keys: str) -> NoteRecord:
    """A note from markdown; `keys` become its frontmatter."""
    front = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return record(parse(path, f"---\n{front}---\n{body}".encode() if front else body.encode()), EN)


def linked(path: str, text: str = "", *targets: str, **more: Any) -> NoteRecord:
    """A note with links. `title`, `status`, `author`, `tags` as of a record; its title is its file's name."""
    title = more.pop("title", path.rpartition("/")[2].removesuffix(".md"))
    return records.note(path, text, title=title, links=targets, **more)


@contextmanager
def indexed(folder: Path, *notes: NoteRecord) -> Iterator[tuple[Reader, Writer]]:
    """A reader and the writer of an index that holds them."""
    engine = SqliteEngine(RealFiles(), str(folder / "i" / "index.db"), uid=os.getuid())
    writer = engine.writer("f")
    writer.put(notes)
    writer.resolve()
    reader = engine.reader()
    try:
        yield reader, writer
    finally:
        reader.close()
        writer.close()


def asked(folder: Path, text: str, *notes: NoteRecord, finder: Finder | None = None, **more: Any) -> dict[str, Any]:
    """The payload of one question to these notes."""
    with indexed(folder, *notes) as (reader, _):
        return (finder or Finder(EN)).answer(reader, Question(text, **more))


def titles(payload: dict[str, Any]) -> list[str]:
    """What was found, best first."""
    return [item["title"] for item in payload["results"]]
