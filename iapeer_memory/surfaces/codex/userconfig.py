"""What the user's own `$CODEX_HOME/config.toml` says: trust of folders and hooks, servers, writable folders. Pure.

The file grows by one table a hook and one a folder, so regular tables of these two kinds are picked out before the
rest goes through a TOML parser. Where anything could make that differ from a full parse, the full parse is made.
Source of the tables: measured on codex-cli, and the ecosystem core's `trust-hooks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits.toml_edit import load_toml

REGULAR = re.compile(
    rb'^\[(hooks\.state|projects)\."([^"\\\r\n]*)"\]\n'
    rb'(?:trusted_hash = "(sha256:[0-9a-f]{64})"|trust_level = "(trusted|untrusted)")\n'
    rb"(?=\n*(?:\[|\Z))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class UserConfig:
    """The file's meaning. `problem`: why it cannot be used (everything else is empty then)."""

    projects: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()
    servers: Mapping[str, Any] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    full_access: bool = False
    problem: str | None = None


def parse(data: bytes | None, name: str) -> UserConfig:
    """Read the bytes; never raises."""
    if data is None:
        return UserConfig()
    projects: dict[str, str] = {}
    hashes: dict[str, str] = {}
    rest = data
    if b'"""' not in data and b"'''" not in data:
        found = list(REGULAR.finditer(data))
        keys = {(m[1], m[2]) for m in found}
        if len(keys) == len(found):
            rest = REGULAR.sub(b"", data)
            for match in found:
                target, value = (hashes, match[3]) if match[1] == b"hooks.state" else (projects, match[4])
                if value is None:
                    return full(data, name)
                target[match[2].decode("utf-8", "replace")] = value.decode()
    try:
        doc = load_toml(rest, name)
    except FileRefused:
        return full(data, name)
    return from_doc(doc, projects, hashes)


def full(data: bytes, name: str) -> UserConfig:
    """Without the short cut."""
    try:
        return from_doc(load_toml(data, name), {}, {})
    except FileRefused as error:
        return UserConfig(problem=error.line())


def from_doc(doc: Mapping[str, Any], projects: dict[str, str], hashes: dict[str, str]) -> UserConfig:
    """The parts we look at; what has another type than it should is not there."""
    disabled: set[str] = set()
    for key, state in table(table(doc.get("hooks")).get("state")).items():
        fields = table(state)
        if isinstance(fields.get("trusted_hash"), str):
            hashes.setdefault(key, fields["trusted_hash"])
        if fields.get("enabled") is False:
            disabled.add(key)
    for key, state in table(doc.get("projects")).items():
        level = table(state).get("trust_level")
        if isinstance(level, str):
            projects.setdefault(key, level)
    roots = table(doc.get("sandbox_workspace_write")).get("writable_roots")
    return UserConfig(
        projects=projects,
        hashes=hashes,
        disabled=frozenset(disabled),
        servers=table(doc.get("mcp_servers")),
        full_access=doc.get("sandbox_mode") == "danger-full-access",
        roots=tuple(r for r in roots if isinstance(r, str)) if isinstance(roots, list) else (),
    )


def table(value: object) -> Mapping[str, Any]:
    """The value where it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}
