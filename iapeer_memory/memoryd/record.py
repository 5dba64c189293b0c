"""From a note to the record that an engine keeps. Pure.

What is indexed is the body without its links section, cut into passages; titles, tags and descriptions are searched
with every passage of their note.
"""

from __future__ import annotations

import re

from iapeer_memory.index import passages
from iapeer_memory.index.port import NoteRecord
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import Note, base_name, one_line

PARSER = 1
"""Raise it when records of an unchanged note would differ; every index is then made anew."""

RULE = re.compile(r"^(?:-{3,}|\*{3,}|_{3,})[ \t]*$", re.MULTILINE)


def fingerprint(locale: Locale) -> str:
    """Names what makes the records."""
    return f"{PARSER}:{locale.id}"


def record(note: Note, locale: Locale) -> NoteRecord:
    """The record of a note."""
    name = one_line(base_name(note.path))
    keys = [*note.tags, note.description or "", "" if name == note.title else name]
    return NoteRecord(
        path=note.path,
        title=note.title,
        type=note.type,
        subtype=note.subtype,
        status=note.status,
        description=note.description,
        tags=note.tags,
        author=note.author,
        coauthors=note.coauthors,
        created=note.created,
        updated=note.updated,
        digest=note.digest,
        keys=" ".join(k for k in keys if k),
        passages=passages.cut(without_links(note.body, locale.links_heading)),
    )


def without_links(body: str, heading: str) -> str:
    """The body without its links section, which names other notes and would match in their stead.

    A section at the top ends at the first rule (without a rule nothing is cut); one at the bottom holds list items
    and blank lines only, and takes the rule just above with it.
    """
    mark = re.compile(rf"^#{{1,6}}[ \t]+{re.escape(heading)}[ \t]*$", re.MULTILINE)
    found = list(mark.finditer(body))
    if not found:
        return body
    if not body[: found[0].start()].strip():
        rule = RULE.search(body, found[0].end())
        return body[rule.end() :] if rule else body
    last = found[-1]
    if all(not line.strip() or line.lstrip().startswith(("- ", "* ", "+ ")) for line in body[last.end() :].split("\n")):
        kept = body[: last.start()].rstrip()
        rules = list(RULE.finditer(kept))
        return kept[: rules[-1].start()] if rules and rules[-1].end() == len(kept) else kept
    return body
