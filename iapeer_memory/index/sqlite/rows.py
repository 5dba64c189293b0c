"""Between a note's record and its rows: columns, lists, names, what filters compare, the seal. Pure.

The seal is a digest of all that was stored for a note, so a row that somebody else changed is told from ours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any

from iapeer_memory.index.records import LinkRecord, NoteSummary, Passage

SHOWN = (
    "path", "title", "type", "subtype", "status", "description", "tags", "author", "coauthors", "created", "updated",
    "last_edited_by", "reviewed", "aliases", "directory",
)  # fmt: skip
"""The columns of a summary, in the order of its fields."""

MARK = "\x1f"
BY_FILE, BY_ALIAS = 0, 1
Columns = tuple[Any, ...]
Name = tuple[str, str, int]
"""(folded, composed, tier)."""


def columns(summary: NoteSummary) -> Columns:
    """A summary as the values of SHOWN."""
    return (
        summary.path, summary.title, summary.type, summary.subtype, summary.status, summary.description,
        listed(summary.tags), summary.author, listed(summary.coauthors), summary.created, summary.updated,
        summary.last_edited_by, int(summary.reviewed), listed(summary.aliases), summary.directory,
    )  # fmt: skip


def summary(row: Sequence[Any], once: Callable[[Any], Any] = lambda value: value) -> NoteSummary:
    """The values of SHOWN as a summary. `once`: gives back what it knows of a value that many notes share."""
    return NoteSummary(
        path=row[0], title=row[1], type=once(row[2]), subtype=once(row[3]), status=once(row[4]), description=row[5],
        tags=once(unlisted(row[6])), author=once(row[7]), coauthors=once(unlisted(row[8])), created=row[9],
        updated=row[10], last_edited_by=once(row[11]), reviewed=bool(row[12]), aliases=once(unlisted(row[13])),
        directory=once(row[14]),
    )  # fmt: skip


def listed(items: tuple[str, ...]) -> str:
    """A list in one column: an item a line; no item holds a line break."""
    return "\n".join(items).strip("\n") if items else ""


def unlisted(column: str) -> tuple[str, ...]:
    """The list that a column holds."""
    return tuple(column.split("\n")) if column else ()


def seal(
    shown: Columns, digest: str, keys: str, texts: Iterable[tuple[Passage, str]], links: Iterable[LinkRecord]
) -> bytes:
    """What says that rows are the ones that were stored. `texts`: each passage with its stems."""
    parts = ["" if value is None else f"={value}" for value in (*shown, digest, keys)]
    for passage, stems in texts:
        parts += ("\x1dtext", passage.text, stems, *passage.headings)
    for link in links:
        parts += ("\x1dlink", link.target, link.snippet)
    return blake2b("\x1e".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def composed(name: str) -> str:
    """A name as it is compared letter for letter."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name as it is compared without letter case."""
    return composed(name).casefold()


def last(name: str) -> str:
    """The last segment of a path or of a name that looks like one, without `.md`."""
    return name.rpartition("/")[2].removesuffix(".md")


def names(path: str, title: str, aliases: Iterable[str]) -> tuple[Name, ...]:
    """(folded, composed, tier) of everything that a link may call the note, each once."""
    found = {composed(alias): BY_ALIAS for alias in aliases if alias.strip()}
    found |= {composed(name): BY_FILE for name in (title, last(path)) if name}
    return tuple((name.casefold(), name, tier) for name, tier in found.items())


def facets(record: NoteSummary) -> str:
    """All that a filter compares but dates and folders, as one text: look for `facet(kind, value)` in it."""
    found = [("type", record.type), ("status", record.status), ("author", record.author)]
    found += [("author", name) for name in record.coauthors]
    for tag in record.tags:
        parts = tag.split("/")
        found += [("tag", "/".join(parts[: n + 1])) for n in range(len(parts))]
    return "".join(facet(kind, value) for kind, value in found if value)


def since(summary: NoteSummary) -> str:
    """The date that a filter compares; "" where there is none."""
    return summary.updated or summary.created or ""


def facet(kind: str, value: str) -> str:
    """One fact of a note as it stands in its facets."""
    return f"{MARK}{kind}={folded(value.strip())}{MARK}"
