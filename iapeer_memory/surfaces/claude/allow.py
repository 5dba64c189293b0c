"""What Claude may do unasked on the user's one yes: our tools, editing the vault, and loading our server.

The rules stand in the same file as our hooks, so that `git status` stays as it was. The server's own name is entered
in the project's settings, where it counts once the user has trusted the folder; never in the user's settings, where
it would approve a server of that name in every repository.
Source: permission rules and approval keys as measured on Claude Code.
"""

from __future__ import annotations

from typing import Any

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.edits.json_edit import edit_json, load_json
from iapeer_memory.edits.ops import Append, Delete, Edited, Op, Undo
from iapeer_memory.surfaces.claude.userfiles import approvals
from iapeer_memory.surfaces.part import OK, Part, Verdict
from iapeer_memory.surfaces.want import SERVER

SURFACE = "allow"
RULES = ("permissions", "allow")
SERVERS = ("enabledMcpjsonServers",)


def part(path: str, inside: str, rules: tuple[str, ...], *, ours: bool) -> Part:
    """The rules in a settings file. `ours`: we wrote them, so that the vault's rule may be taken out again too."""

    def judge(data: bytes | None) -> Verdict:
        absent = rules if data is None else absent_rules(load_json(data, path), rules)
        if not absent:
            return OK
        return Verdict("missing" if len(absent) == len(rules) else "drift", f"not allowed: {', '.join(absent)}")

    def add(data: bytes | None, since: Undo | None) -> Edited:
        doc = {} if data is None else load_json(data, path)
        check(doc, path)
        ops: list[Op] = [Append(RULES, rule) for rule in rules]
        if not approvals(doc).all_servers:
            ops.append(Append(SERVERS, SERVER))
        return edit_json(data, ops, name=path, since=since)

    def strip(data: bytes) -> Edited:
        doc = load_json(data, path)
        gone = rules if ours else rules[:1]
        ops = [*drops(doc, RULES, gone), *drops(doc, SERVERS, (SERVER,))]
        return edit_json(data, ops, name=path)

    return Part(SURFACE, path, inside, rules, judge, add, strip)


def absent_rules(doc: dict[str, Any], rules: tuple[str, ...]) -> tuple[str, ...]:
    """The rules that the file does not hold."""
    there = approvals(doc).allow
    return tuple(rule for rule in rules if rule not in there)


def check(doc: dict[str, Any], path: str) -> None:
    """Raises Malformed where a container on our way has another type."""
    permissions = doc.get("permissions", {})
    if not isinstance(permissions, dict):
        raise Malformed(path, '"permissions" is not an object', remedy=f'make "permissions" an object in {path}')
    for name, value in (("permissions.allow", permissions.get("allow", [])), (SERVERS[0], doc.get(SERVERS[0], []))):
        if not isinstance(value, list):
            raise Malformed(path, f'"{name}" is not a list', remedy=f'make "{name}" a list in {path}')


def drops(doc: dict[str, Any], path: tuple[str, ...], values: tuple[str, ...]) -> list[Op]:
    """Deletions of the values from the list at the path, from its end."""
    found: Any = doc
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        return []
    return [Delete((*path, i), prune=True) for i in range(len(found) - 1, -1, -1) if found[i] in values]
