"""Notes as an index summarises them, for tests of what is made from them."""

from __future__ import annotations

from typing import Any

from iapeer_memory.index.records import NoteSummary


def summary(path: str, title: str = "", **more: Any) -> NoteSummary:
    """A current note of that path; everything else is None or empty unless it is given."""
    fields: dict[str, Any] = {
        "type": None, "subtype": None, "status": "current", "description": None, "tags": (), "author": None,
        "coauthors": (), "created": None, "updated": None, **more,
    }  # fmt: skip
    return NoteSummary(path=path, title=title or path.rpartition("/")[2].removesuffix(".md"), **fields)
