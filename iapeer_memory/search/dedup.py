"""Which notes a new text may repeat, and which it may want to link to. Pure but for the model server.

Source of bands, defaults and answers: the reference core's `/dedup`. Without embeddings it says nothing: words alone
would cry wolf. Only living shared notes are named. The note just written is not left out: its author knows its path.
What is kept out of the index is not sent to the model either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import Hit
from iapeer_memory.search import rank
from iapeer_memory.search.embedding import Embedder
from iapeer_memory.vault.layout import CANON, Locale
from iapeer_memory.vault.privacy import for_index

THRESHOLD = 0.78
LIMIT = 5
MOST_MATCHES = 50
HEAD = 1_000
"""Characters of a text that are compared: two of the reference's passages."""
LOOKED_THROUGH = 16 * HEAD
"""Characters of which those are taken, once what is nobody's business is left out."""

LOOKED_AT = 6
"""Notes that are looked at, a match."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was just written. `threshold`: from which similarity on a note is a duplicate. `link_threshold`:
    from which on, below that, it is worth a link; None: do not say. `limit`: of each of the two."""

    content: str
    threshold: float = THRESHOLD
    link_threshold: float | None = None
    limit: int = LIMIT


def similar(reader: Reader, locale: Locale, embedder: Embedder | None, written: Written) -> dict[str, Any]:
    """`{enabled, matches: [{path, title, similarity}]}`, duplicates first. `title` is the file's name, as a link wants
    it. Raises IndexBroken, IndexFailed."""
    head = for_index(written.content.strip()[:LOOKED_THROUGH]).strip()[:HEAD]
    if embedder is None or not head:
        return {"enabled": embedder is not None, "matches": []}
    made = embedder.of_hint(head)
    if made.outcome != "ok":
        return {"enabled": True, "matches": []}
    limit = max(1, min(written.limit, MOST_MATCHES))
    hits = [
        hit
        for hit in reader.nearest(made.vectors[0], limit=limit * LOOKED_AT)
        if locale.folder_of(hit.path) in CANON and not rank.stale(hit.path, hit.status, locale)
    ]
    found = [hit for hit in hits if hit.score >= written.threshold][:limit]
    if written.link_threshold is not None:
        low = written.link_threshold
        found += [hit for hit in hits if low <= hit.score < written.threshold][:limit]
    return {"enabled": True, "matches": list(map(_match, found))}


def _match(hit: Hit) -> dict[str, Any]:
    name = hit.path.rpartition("/")[2].removesuffix(".md")
    return {"path": hit.path, "title": name, "similarity": rank.shown(max(hit.score, 0.0), 1.0)}
