"""Notes as an index engine is given them, and questions as it is asked them: short to write in a test."""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.index.port import Engine
from iapeer_memory.index.records import Filter, LinkRecord, Match, NoteRecord, NoteSummary, Passage, Word


def note(
    path: str,
    text: str = "",
    *,
    title: str = "",
    keys: str = "",
    digest: str = "d",
    headings: tuple[str, ...] = (),
    links: Sequence[str] = (),
    aliases: tuple[str, ...] = (),
    tags: tuple[str, ...] = ("t1", "т2"),
    coauthors: tuple[str, ...] = (),
    **more: str,
) -> NoteRecord:
    """A note whose passages are the parts of `text` between bars; `title` is its path unless given."""
    summary = NoteSummary(
        path=path, title=title or path, type=more.get("type"), subtype=more.get("subtype"), status=more.get("status"),
        description=None, tags=tags, author=more.get("author"), coauthors=coauthors, created=more.get("created"),
        updated=more.get("updated"), last_edited_by=more.get("editor"), aliases=aliases,
    )  # fmt: skip
    passages = tuple(Passage(part, headings) for part in text.split("|") if part)
    return NoteRecord(summary, digest, keys, passages, tuple(LinkRecord(target, f"see {target}") for target in links))


def asked(text: str, *, every: bool = True, prefix: bool = True) -> Match:
    """Every word of the text as a term of its own."""
    return Match(tuple((Word(word, prefix),) for word in text.split()), every)


def paths(engine: Engine, match: Match, limit: int = 10, only: Filter | None = None) -> list[str]:
    """What is found, best first."""
    reader = engine.reader()
    try:
        return [hit.path for hit in reader.match(match, limit=limit, only=only)]
    finally:
        reader.close()


def filled(engine: Engine, *records: NoteRecord) -> None:
    """Put these and resolve their links."""
    writer = engine.writer("f")
    writer.put(records)
    writer.resolve()
    writer.close()
