"""The fragment that the ecosystem's core stitches into a peer's system prompt. Pure.

Source: the reference package's per-peer fragment: layers `## <title>`, a blank line between them, the paths block
first, then the tags of the vault, then the peer's own notes.
"""

from __future__ import annotations

from iapeer_memory.context.files import index_name
from iapeer_memory.domain.paths import PRODUCT, Paths
from iapeer_memory.vault.layout import Locale

FILE = f".iapeer/fragments/{PRODUCT}.md"
"""Where the core looks for it, below the peer's folder."""


def fragment_text(peer: str, vault: str, paths: Paths, locale: Locale, *, tags: str, index: str) -> str:
    """The whole file. `tags`: the projection (`tags.projected`); `index`: the peer's capped author index; a blank one
    is left out."""
    layers = (
        (f"{PRODUCT} paths", paths_block(vault, paths)),
        (locale.tags_file, tags),
        (index_name(peer), index),
    )
    return "\n\n".join(f"## {title}\n{body.rstrip()}" for title, body in layers if body.strip()) + "\n"


def paths_block(vault: str, paths: Paths) -> str:
    """Where things are, for agents that look after the memory itself."""
    rows = {
        "vault": vault,
        "db": paths.index_db,
        "config": paths.config_file,
        "state": paths.state_dir,
        "cache": paths.cache_dir,
        "logs": paths.logs_dir,
    }
    lines = (f"{name}: {' '.join(value.split())}" for name, value in rows.items())
    return "\n".join((f"<{PRODUCT}-paths>", *lines, f"</{PRODUCT}-paths>"))
