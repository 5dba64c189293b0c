"""The files beside the fragments: author indexes in the state folder, tags mirror and projection in the cache. Pure.

Says what each is called, what it should hold, and when it stays as it is; whoever writes them compares bytes first.
Source: the reference package's path table and the reference core's tag mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.vault.privacy import for_index

INDEXES = "indexes"
"""Their folder below the state folder."""

MIRROR, PROJECTION = "tags-dictionary.md", "tags-projection.md"
"""Below the cache folder."""


@dataclass(frozen=True, slots=True)
class File:
    """`name`: relative to the folder that keeps it."""

    name: str
    text: str


def index_name(peer: str, *, full: bool = False) -> str:
    """The file name of a peer's author index; the capped one's is the heading of a fragment's layer."""
    return f"{peer}-vault-index{'-full' if full else ''}.md"


def index_files(peer: str) -> tuple[str, str]:
    """Where the capped and the full author index lie, below the state folder."""
    return f"{INDEXES}/{index_name(peer)}", f"{INDEXES}/{index_name(peer, full=True)}"


def shown_path(path: str, home: str) -> str:
    """A path as a reader types it: with `~` for the home folder."""
    inside = home.strip("/") and path.startswith(home.rstrip("/") + "/")
    return f"~{path[len(home.rstrip('/')) :]}" if inside else path


def mirrored(source: bytes | None) -> File | None:
    """The mirror of the dictionary, without what looks like a credential; None, which means leave it alone, where the
    source cannot be read, is no text or says nothing."""
    if source is None:
        return None
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return File(MIRROR, for_index(text)) if text.strip("\0 \t\r\n") else None


def projected(projection: str) -> File | None:
    """The projection's file; None, which means leave it alone, where it would be emptied."""
    return File(PROJECTION, projection) if projection.strip() else None
