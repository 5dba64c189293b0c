"""A note as we read it: bytes in, a value out. Pure; no bytes are refused.

Source: the reference core's parsing rules (title, type, status, tags, dates).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from iapeer_memory.vault import frontmatter
from iapeer_memory.vault.frontmatter import Value

NOTE_LIMIT = 32 << 20
"""Bytes of a note beyond which nobody reads it."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note.

    `path`: vault-relative, with `/`, spelled as on disk. `digest`: sha256 hex of its bytes. Missing keys are None.
    `reviewed` False: its `needs_review` is true. `aliases`: further names. `directory`: its `dir`, a project's folder.
    """

    path: str
    title: str
    type: str | None
    subtype: str | None
    status: str | None
    description: str | None
    tags: tuple[str, ...]
    author: str | None
    coauthors: tuple[str, ...]
    created: str | None
    updated: str | None
    body: str
    digest: str
    last_edited_by: str | None = None
    reviewed: bool = True
    aliases: tuple[str, ...] = ()
    directory: str | None = None


def digest(data: bytes) -> str:
    """What tells whether a note changed."""
    return hashlib.sha256(data).hexdigest()


def base_name(path: str) -> str:
    """The file name without `.md`."""
    return path.rpartition("/")[2].removesuffix(".md")


def parse(path: str, data: bytes) -> Note:
    """Read a note. Bytes that are not UTF-8 become U+FFFD, NUL becomes a blank."""
    parts = frontmatter.split_bytes(data.replace(b"\0", b" "))
    keys = frontmatter.read(parts.block)
    return Note(
        path=path,
        title=_text(keys, "title") or one_line(base_name(path)),
        type=_text(keys, "type"),
        subtype=_text(keys, "subtype"),
        status=_text(keys, "status"),
        description=_text(keys, "description"),
        tags=_list(keys, "tags"),
        author=_text(keys, "author"),
        coauthors=_list(keys, "coauthors"),
        created=_text(keys, "created"),
        updated=_text(keys, "updated"),
        body=parts.body,
        digest=digest(data),
        last_edited_by=_text(keys, "last_edited_by"),
        reviewed=(_text(keys, "needs_review") or "").lower() != "true",
        aliases=_list(keys, "aliases") or _list(keys, "alias"),
        directory=_text(keys, "dir"),
    )


def one_line(text: str) -> str:
    """The text with every run of blanks and line breaks as one blank."""
    return " ".join(text.split())


def _text(keys: dict[str, Value], name: str) -> str | None:
    value = keys.get(name)
    return (one_line(value) or None) if isinstance(value, str) else None


def _list(keys: dict[str, Value], name: str) -> tuple[str, ...]:
    value = keys.get(name)
    if isinstance(value, str):
        return tuple(part for part in (p.strip().removeprefix("#") for p in value.split(",")) if part)
    return tuple(item.removeprefix("#") for item in value or ())
