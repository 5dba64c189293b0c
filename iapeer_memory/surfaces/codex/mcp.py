"""Codex's `[mcp_servers.iapeer-memory]`: our table in the peer's `.codex/config.toml`.

The table is ours by its key, however its header is spelled; it is right when its parsed value is right.
Source of the block: the reference package's codex config chapter; without the core the identity is a literal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.edits.ops import Delete, Edited, Set, Undo
from iapeer_memory.edits.toml_edit import edit_toml, load_toml
from iapeer_memory.surfaces.part import OK, Part, Verdict
from iapeer_memory.surfaces.want import SERVER, Wanted

SURFACE = "mcp"
KEY = ("mcp_servers", SERVER)


def part(cwd: str, wanted: Wanted) -> Part:
    """Our table in the peer's configuration."""
    path = f"{cwd}/.codex/config.toml"
    server = dict(wanted.server)
    fresh = block(server)

    def judge(data: bytes | None) -> Verdict:
        if data is None:
            return Verdict("missing", "no config.toml")
        if data == fresh:
            return OK
        servers = servers_of(data, path)
        if SERVER not in servers:
            return Verdict("missing", "block missing")
        return OK if servers[SERVER] == server else Verdict("drift", "block drifted")

    def add(data: bytes | None, since: Undo | None) -> Edited:
        if data is not None:
            servers_of(data, path)
        return edit_toml(data, (Set(KEY, server),), name=path, since=since)

    def strip(data: bytes) -> Edited:
        if SERVER not in servers_of(data, path):
            return Edited(data, {})
        return edit_toml(data, (Delete(KEY, prune=True),), name=path)

    return Part(SURFACE, path, cwd, fresh, judge, add, strip, drop_empty=True)


def servers_of(data: bytes, path: str) -> dict[str, Any]:
    """The `mcp_servers` table, {} when absent. Raises Malformed."""
    servers = load_toml(data, path).get("mcp_servers", {})
    if not isinstance(servers, dict):
        fix = f'make "mcp_servers" a table in {path}'
        raise Malformed(path, '"mcp_servers" is not a table', remedy=fix, keys=("mcp_servers",))
    return servers


def block(server: Mapping[str, Any]) -> bytes:
    """The text of a file that holds our table alone, so that a settled one need not be parsed."""
    lines = [f"[{KEY[0]}.{KEY[1]}]"]
    tables: list[str] = []
    for key, value in server.items():
        if isinstance(value, dict):
            pairs = (
                f"{name if name.isidentifier() else quoted(name)} = {quoted(text)}" for name, text in value.items()
            )
            tables += ["", f"[{KEY[0]}.{KEY[1]}.{key}]", *pairs]
        else:
            lines.append(f"{key} = {quoted(value)}")
    return "\n".join((*lines, *tables, "")).encode(errors="surrogatepass")


def quoted(value: Any) -> str:
    """A text, a number or a list of them, where JSON and TOML spell it alike."""
    return json.dumps(value, ensure_ascii=False)
