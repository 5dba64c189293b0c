"""Our own registry of peers, `fleet.toml`: who the peers are on a host without a core. Pure: never looks at a disk (the
caller hands in `realpath`). What changes the file is `fleet.registry_edits`.

    paused = ["beta"]            # also heard on a host with a core

    [[peer]]
    name = "alpha"
    dir = "/home/me/projects/alpha"
    runtimes = ["claude", "codex"]   # left out: both

A broken file is refused whole, with file and line: a registry that is read by halves would take memory away from
the peers of the other half.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from os.path import isabs, normpath
from typing import Any

from iapeer_memory.domain.errors import Malformed, printable
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer, is_personality

PEER_HEADER = re.compile(r"\s*\[\[\s*(?:peer|\"peer\"|'peer')\s*\]\]\s*(?:#.*)?\Z")
ANY_HEADER = re.compile(r"\s*\[")
PAUSED_LINE = re.compile(r"\s*paused\s*=")
TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)\Z")

LINE_BREAKS = "\n\r\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"

NAME_RULE = "a name starts with a-z, goes on with a-z, 0-9 or -, and has at most 32 characters"
RUNTIME_RULE = f"use one or more of: {', '.join(SESSION_RUNTIMES)}"

RealPath = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Registry:
    """The peers in file order, each with its pause applied, and every paused name, of ours or of the core's."""

    peers: tuple[Peer, ...] = ()
    paused: tuple[str, ...] = ()

    def get(self, name: str) -> Peer | None:
        """The peer of that name, or None."""
        return next((peer for peer in self.peers if peer.personality == name), None)


def parse(data: bytes | None, path: str, *, realpath: RealPath) -> Registry:
    """The registry; None or nothing but comments is an empty one. Raises Malformed with the line of the first fault."""
    text = text_of(data, path)
    raw = values_of(text, path)
    lines = _entry_lines(text)
    paused = _paused(raw, text, path)
    entries = raw.get("peer", [])
    if "peers" in raw and "peer" not in raw:
        line = next((n for n, found in enumerate(text.splitlines(), 1) if "peers" in found), None)
        raise _fault(path, "the header of a peer is [[peer]], not peers", line, "write [[peer]] there")
    if not isinstance(entries, list):
        raise _fault(path, "peer must be an array of tables", None, "write each peer under a [[peer]] header")
    peers: list[Peer] = []
    names: dict[str, int | None] = {}
    folders: dict[str, str] = {}
    for number, entry in enumerate(entries):
        line = lines[number] if len(lines) == len(entries) else None
        peer = _peer(entry, path, line, text)
        if peer.personality in names:
            first = names[peer.personality]
            where = f" (first in line {first})" if first else ""
            raise _fault(path, f"the name {peer.personality} is taken twice{where}", line, "rename or delete one")
        real = realpath(peer.cwd)
        if real in folders:
            reason = f"{peer.personality} and {folders[real]} share the folder {printable(real)}"
            raise _fault(path, reason, line, "delete one: a folder is one peer")
        names[peer.personality] = line
        folders[real] = peer.personality
        peers.append(replace(peer, paused=peer.personality in paused))
    return Registry(tuple(peers), paused)


def _fault(path: str, reason: str, line: int | None, remedy: str) -> Malformed:
    return Malformed(path, reason, line_number=line, remedy=remedy)


def text_of(data: bytes | None, path: str) -> str:
    """The file's text with its own line ends, without a byte-order mark. Raises Malformed."""
    try:
        return (data or b"").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = (data or b"").count(b"\n", 0, error.start) + 1
        raise _fault(path, "not UTF-8 text", line, "save it as UTF-8") from None


def values_of(text: str, path: str) -> dict[str, Any]:
    """What the text says. Raises Malformed."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        place = TOML_PLACE.search(reason)
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        raise _fault(path, f"not TOML: {TOML_PLACE.sub('', reason)}", line, "correct that line") from None


def _entry_lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if PEER_HEADER.match(line)]


def key_line(text: str, key: str, after: int | None) -> int | None:
    """The line of the key under the header in line `after`; that header's line when the key is not on its own line."""
    if after is None:
        return None
    for number, line in enumerate(text.splitlines()[after:], after + 1):
        if ANY_HEADER.match(line):
            break
        if re.match(rf"\s*[\"']?{key}[\"']?\s*=", line):
            return number
    return after


def _paused(raw: dict[str, Any], text: str, path: str) -> tuple[str, ...]:
    paused = raw.get("paused", [])
    if isinstance(paused, list) and all(isinstance(name, str) and is_personality(name) for name in paused):
        return tuple(dict.fromkeys(paused))
    line = next((i for i, found in enumerate(text.splitlines(), 1) if PAUSED_LINE.match(found)), None)
    raise _fault(path, "paused must be a list of names", line, f'write paused = ["alpha"]; {NAME_RULE}')


def _peer(entry: object, path: str, line: int | None, text: str) -> Peer:
    if not isinstance(entry, dict):
        raise _fault(path, "a peer must be a table", line, "write each peer under a [[peer]] header")

    def at(key: str) -> int | None:
        return key_line(text, key, line)

    name, folder = entry.get("name"), entry.get("dir")
    runtimes = entry.get("runtimes", list(SESSION_RUNTIMES))
    if not isinstance(name, str) or not is_personality(name):
        shown = "no name" if name is None else f"{printable(str(name))!r} cannot name a peer"
        raise _fault(path, shown, at("name"), NAME_RULE)
    fault = folder_fault(folder)
    if fault or not isinstance(folder, str):
        raise _fault(path, f"peer {name}: {fault}", at("dir"), "give the folder's absolute path")
    if not isinstance(runtimes, list) or not runtimes or any(r not in SESSION_RUNTIMES for r in runtimes):
        shown = printable(str(runtimes))[:80]
        raise _fault(path, f"peer {name}: unknown runtime in {shown}", at("runtimes"), RUNTIME_RULE)
    return Peer(name, normpath(folder), tuple(dict.fromkeys(runtimes)))


def folder_fault(folder: object) -> str | None:
    """Why the text cannot be a peer's folder, or None. Spaces, quotes and any letters are fine."""
    if not isinstance(folder, str) or not folder:
        return "dir must be a text"
    if any((not c.isprintable() and not c.isspace()) or c in LINE_BREAKS for c in folder):
        return f"dir holds a line break or a control character: {printable(folder)}"
    if not isabs(folder):
        return f"dir is not an absolute path: {folder}"
    return None
