"""Wikilinks of a text: who is linked, where in that note, and in which words. Linear, pure; resolves nothing.

Forms: `[[Name]]`, `[[Folder/Name.md#Heading|alias]]`, `[[Name#^block]]`, `![[Name]]`. A link in code is none, nor is
one to another place of the same note, nor one to a file that is no note. Source: the reference core's links.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from iapeer_memory.vault.block import decode, encode
from iapeer_memory.vault.code import masked

AROUND = 50
"""Characters of a snippet on each side of a link."""

ATTACHMENTS = frozenset(
    {"avif", "bmp", "gif", "heic", "jpeg", "jpg", "png", "svg", "tiff", "webp"}
    | {"3gp", "flac", "m4a", "mkv", "mov", "mp3", "mp4", "ogg", "ogv", "opus", "wav", "webm"}
    | {"base", "canvas", "csv", "docx", "htm", "html", "json", "pdf", "pptx", "txt", "xlsx", "yaml", "yml", "zip"}
)
"""Endings of what a vault holds besides notes."""


class Link(NamedTuple):
    """One wikilink.

    `target`: a name or a vault-relative path, without `.md`, spelled as written. `heading`: after the first `#`;
    a block begins with `^`. `snippet`: one line of what stands around the link, the link included.
    """

    target: str
    heading: str | None
    alias: str | None
    embed: bool
    snippet: str


class _Spot(NamedTuple):
    """Where a link's brackets begin and end (exclusive), and where the written target does."""

    begin: int
    end: int
    name: slice


def wikilinks(body: str) -> tuple[Link, ...]:
    """Every link of a text, in order, repeated ones too."""
    found = []
    for spot in _spots(masked(body)):
        name = body[spot.name].strip()
        target = _target(name)
        if not target or _is_attachment(target):
            continue
        rest = body[spot.name.stop : spot.end - 2]
        place, pipe, alias = rest.partition("|")
        heading = place.removesuffix("\\").removeprefix("#").strip()
        around = body[max(0, spot.begin - AROUND) : spot.end + AROUND]
        embed = body[spot.begin - 1 : spot.begin] == "!"
        snippet = " ".join(around.split())
        found.append(Link(target, heading or None, (alias.strip() or None) if pipe else None, embed, snippet))
    return tuple(found)


def retarget(data: bytes, renames: Mapping[str, str]) -> bytes:
    """A whole note with the targets of its links renamed; headings, aliases, code and all other bytes stay.

    `renames`: old target to new one, as `Link.target` has them; compared composed (NFC), letter case counts.
    """
    if b"[[" not in data:
        return data
    wanted = {_composed(old): new for old, new in renames.items()}
    text = decode(data)
    out, at = [], 0
    for spot in _spots(masked(text)):
        name = text[spot.name]
        bare = name.strip()
        target = _target(bare)
        new = wanted.get(_composed(target)) if target else None
        if new is None or new == target:
            continue
        begin = spot.name.start + name.index(bare)
        suffix = bare[len(bare) - 3 :] if bare.lower().endswith(".md") else ""
        out += [text[at:begin], new, suffix]
        at = begin + len(bare)
    return encode("".join([*out, text[at:]])) if out else data


def renames_of(old: str, new: str) -> dict[str, str]:
    """What `retarget` needs when a note moves: vault-relative paths with `.md`, to targets by path and by name."""
    old, new = old.removesuffix(".md"), new.removesuffix(".md")
    by_path = {old: new} if old != new else {}
    name, other = old.rpartition("/")[2], new.rpartition("/")[2]
    return by_path | ({name: other} if name != other else {})


def _spots(text: str) -> Iterator[_Spot]:
    """The links of a text whose code is masked: the innermost `[[` before each `]]` on one line."""
    at = 0
    while (end := text.find("]]", at)) >= 0:
        begin = text.rfind("[[", at, end)
        at = end + 2
        if begin < 0 or text.find("\n", begin, end) >= 0 or text[begin - 1 : begin] == "\\":
            continue
        stops = [stop for stop in (text.find("#", begin + 2, end), text.find("|", begin + 2, end)) if stop >= 0]
        stop = min(stops, default=end)
        if text[stop : stop + 1] == "|" and text[stop - 1] == "\\":  # a pipe within a table
            stop -= 1
        yield _Spot(begin, end + 2, slice(begin + 2, stop))


def _target(name: str) -> str:
    """A written target without `.md` and without the slash or dot of a path from the vault's root."""
    bare = name[:-3] if name.lower().endswith(".md") else name
    return bare.removeprefix("./").lstrip("/").strip()


def _is_attachment(target: str) -> bool:
    return target.rpartition(".")[2].lower() in ATTACHMENTS and "." in target


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
