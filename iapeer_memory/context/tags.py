"""The tags of a vault as a context shows them. Pure.

The dictionary is a file that anybody may edit, so its words pass like those of any note: bounded, plain, one line each.
"""

from __future__ import annotations

from iapeer_memory.context.plain import WORD, plain
from iapeer_memory.vault import tags

MOST = 400
"""Tags that are shown; the dictionary holds the others."""


def projected(dictionary: str, *, widest: int) -> str:
    """`tag` or `tag — boundary` a line, from the text of the dictionary. `widest`: characters of a boundary."""
    known: dict[str, str] = {}
    for tag, boundary in tags.dictionary(dictionary).items():
        name = plain(tag, WORD)
        if name and len(known) < MOST:
            known.setdefault(name, plain(boundary, 4 * widest))
    return tags.projection(known, widest=widest)
