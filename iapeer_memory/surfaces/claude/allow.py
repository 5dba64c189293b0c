"""What Claude may do unasked on the user's one yes: our tools, editing and listing the vault, loading our server.

It stands in the peer's `settings.local.json`: there rules count whether or not the folder is trusted, as long as git
does not track the file; those of `settings.json` count in a trusted folder only. The server's own name is entered
beside them, where it counts once the user has trusted the folder; never in the user's settings, where it would
approve a server of that name in every repository. Listing the vault in a shell takes `additionalDirectories`, which
opens reading of that folder and nothing else, and loads nothing from it.
Source: permission rules and approval keys as measured on Claude Code.
"""

from __future__ import annotations

import shlex
from typing import Any

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.domain.peer import Peer
from iapeer_memory.edits.json_edit import edit_json, load_json
from iapeer_memory.edits.ops import Append, Delete, Edited, Op, Undo
from iapeer_memory.surfaces.claude import hooks
from iapeer_memory.surfaces.claude.approval import is_trusted
from iapeer_memory.surfaces.claude.userfiles import Approvals, approvals
from iapeer_memory.surfaces.ledger import key_of
from iapeer_memory.surfaces.part import OK, Kind, Part, Verdict, look
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SERVER, Wanted

SURFACE = "allow"
RULES = ("permissions", "allow")
FOLDERS = ("permissions", "additionalDirectories")
SERVERS = ("enabledMcpjsonServers",)


def part(path: str, inside: str, wanted: Wanted, user: Approvals, *, ours: bool) -> Part:
    """Our permissions in a settings file, but for those that the user's own settings give already.

    `ours`: we wrote them, so that those about the vault may be taken out again too.
    """
    rules = tuple(rule for rule in wanted.allow if rule not in user.allow)
    folders = tuple(place for place in wanted.roots if place not in user.folders)

    def judge(data: bytes | None) -> Verdict:
        there = Approvals() if data is None else approvals(load_json(data, path))
        absent = [rule for rule in rules if rule not in there.allow]
        absent += [f"reading {place} in a shell" for place in folders if place not in there.folders]
        if not absent:
            return OK
        kind: Kind = "missing" if len(absent) == len(rules) + len(folders) else "drift"
        return Verdict(kind, f"not allowed: {', '.join(absent)}")

    def add(data: bytes | None, since: Undo | None) -> Edited:
        doc = {} if data is None else load_json(data, path)
        check(doc, path)
        ops: list[Op] = [*(Append(RULES, rule) for rule in rules), *(Append(FOLDERS, place) for place in folders)]
        if not approvals(doc).all_servers:
            ops.append(Append(SERVERS, SERVER))
        return edit_json(data, ops, name=path, since=since)

    def strip(data: bytes) -> Edited:
        doc = load_json(data, path)
        ops: list[Op] = [
            *drops(doc, RULES, wanted.allow if ours else wanted.allow[:1]),
            *drops(doc, FOLDERS, wanted.roots if ours else ()),
            *drops(doc, SERVERS, (SERVER,)),
        ]
        return edit_json(data, ops, name=path)

    return Part(SURFACE, path, inside, (rules, folders), judge, add, strip)


def place(view: View, peer: Peer, wanted: Wanted) -> tuple[Part, Verdict, str | None]:
    """(our part of the file that holds it or should, how it stands, the file where it stands but should not)."""
    user = view.claude().settings
    at = view.ledger.placed.get(key_of(peer.personality, "claude", SURFACE))
    local, shared = (
        part(path, peer.cwd, wanted, user, ours=at == path)
        for path in (hooks.local_path(peer.cwd), hooks.settings_path(peer.cwd))
    )
    verdict = look(view, local)
    if verdict.kind == "ok" and (at == local.path or is_trusted(view, peer.cwd)):
        return local, verdict, None  # what git tracks counts in a trusted folder; what we put there it did not track
    if not view.is_team_file(peer.cwd, local.path):
        if verdict.kind in ("ok", "refused"):
            return local, verdict, None
        in_shared = look(view, shared).kind
        if in_shared == "ok" and is_trusted(view, peer.cwd):
            return shared, OK, None
        if in_shared in ("ok", "drift") and at == shared.path:
            return local, Verdict("drift", f"it stands in {shared.path}, where it counts in a trusted folder only"), at
        return local, verdict, None
    verdict = look(view, shared)
    if verdict.kind == "ok" and not is_trusted(view, peer.cwd):
        verdict = Verdict("refused", f"what {shared.path} allows counts once Claude trusts {view.project(peer.cwd)}")
    elif verdict.kind != "ok" and view.is_team_file(peer.cwd, shared.path):
        detail = f"git tracks both {shared.path} and {local.path}, so neither is ours to change"
        verdict = Verdict("refused", detail, f"git rm --cached -- {shlex.quote(local.path)}")
    return shared, verdict, None


def check(doc: dict[str, Any], path: str) -> None:
    """Raises Malformed where a container on our way has another type."""
    permissions = doc.get("permissions", {})
    if not isinstance(permissions, dict):
        fix = f'make "permissions" an object in {path}'
        raise Malformed(path, '"permissions" is not an object', remedy=fix, keys=("permissions",))
    lists = [(".".join(keys), permissions.get(keys[1], [])) for keys in (RULES, FOLDERS)]
    for name, value in (*lists, (SERVERS[0], doc.get(SERVERS[0], []))):
        if not isinstance(value, list):
            fix = f'make "{name}" a list in {path}'
            raise Malformed(path, f'"{name}" is not a list', remedy=fix, keys=tuple(name.split(".")))


def drops(doc: dict[str, Any], path: tuple[str, ...], values: tuple[str, ...]) -> list[Op]:
    """Deletions of the values from the list at the path, from its end."""
    found: Any = doc
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        return []
    return [Delete((*path, i), prune=True) for i in range(len(found) - 1, -1, -1) if found[i] in values]
