"""From a note to the record that an engine keeps. Pure.

What is indexed is the body without its private spans, without what looks like a credential and without its links
section, cut into passages; titles, tags and descriptions are searched with every passage of their note. Links are
taken from the whole body, but not from what is private. No key is trusted to hold what its name says: each is looked
through.
"""

from __future__ import annotations

import re
import unicodedata

from iapeer_memory.index import passages
from iapeer_memory.index.records import LinkRecord, NoteRecord, NoteSummary
from iapeer_memory.index.stems import STEMMER
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.links import wikilinks
from iapeer_memory.vault.note import Note, base_name, one_line
from iapeer_memory.vault.privacy import clean, for_index

PARSER = 3
"""Raise it when records of an unchanged note would differ; every index is then made anew."""

MOST_LINKS = 10_000
"""Links of a note that are kept."""

RULE = re.compile(r"^(?:-{3,}|\*{3,}|_{3,})[ \t]*$", re.MULTILINE)


def fingerprint(locale: Locale) -> str:
    """Names what makes the records."""
    return f"{PARSER}:{passages.SIZE}:{locale.id}:{STEMMER}"


def record(note: Note, locale: Locale) -> NoteRecord:
    """The record of a note."""
    body = for_index(note.body)
    summary = NoteSummary(
        path=note.path,
        title=clean(note.title) or one_line(base_name(note.path)),
        type=safe(note.type),
        subtype=safe(note.subtype),
        status=safe(note.status),
        description=clean(note.description) if note.description else None,
        tags=tuple(map(clean, note.tags)),
        author=safe(note.author),
        coauthors=tuple(map(clean, note.coauthors)),
        created=safe(note.created),
        updated=safe(note.updated),
        last_edited_by=safe(note.last_edited_by),
        reviewed=note.reviewed,
        aliases=tuple(map(clean, note.aliases)),
        directory=safe(note.directory),
    )
    return NoteRecord(
        summary=summary,
        digest=note.digest,
        keys=keys(summary),
        passages=passages.cut(without_links(body, locale.links_heading)),
        links=links(body),
    )


def safe(value: str | None) -> str | None:
    """A value of one line, without what nobody may be told."""
    return None if value is None else clean(value)


def keys(summary: NoteSummary) -> str:
    """What else a note is found by: tags, description, aliases, and its file name where that is not its title."""
    name = one_line(base_name(summary.path))
    parts = [*summary.tags, summary.description or "", *summary.aliases, "" if name == summary.title else name]
    return " ".join(part for part in parts if part)


def links(body: str) -> tuple[LinkRecord, ...]:
    """The links of a body in order, each target once."""
    if "[[" not in body:
        return ()
    found: dict[str, LinkRecord] = {}
    for link in wikilinks(body):
        found.setdefault(unicodedata.normalize("NFC", link.target), LinkRecord(link.target, link.snippet))
    return tuple(found.values())[:MOST_LINKS]


def without_links(body: str, heading: str) -> str:
    """The body without its links section, which names other notes and would match in their stead.

    A section at the top ends at the first rule (without a rule nothing is cut); one at the bottom holds list items
    and blank lines only, and takes the rule just above with it.
    """
    found = _headings(body, heading)
    if not found:
        return body
    if not body[: found[0][0]].strip():
        rule = RULE.search(body, found[0][1])
        return body[rule.end() :] if rule else body
    start, end = found[-1]
    if all(not line.strip() or line.lstrip().startswith(("- ", "* ", "+ ")) for line in body[end:].split("\n")):
        kept = body[:start].rstrip()
        above = kept.rfind("\n") + 1
        return kept[:above] if RULE.fullmatch(kept, above) else kept
    return body


def _headings(body: str, heading: str) -> list[tuple[int, int]]:
    """Where each heading of these words begins and ends."""
    found: list[tuple[int, int]] = []
    at = body.find(heading)
    while at >= 0:
        start = body.rfind("\n", 0, at) + 1
        end = body.find("\n", at)
        end = len(body) if end < 0 else end
        marks = body[start:at].rstrip(" \t")
        opens = 0 < len(marks) <= 6 and marks == "#" * len(marks) and start + len(marks) < at
        if opens and not body[at + len(heading) : end].strip(" \t"):
            found.append((start, end))
        at = body.find(heading, end)
    return found
