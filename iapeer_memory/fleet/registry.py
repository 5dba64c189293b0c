"""Our own registry of peers, `fleet.toml`: who the peers are on a host without a core. Pure: bytes in, bytes out.

Never looks at a disk (the caller hands in `realpath`) and never drops what a hand wrote: comments, order and unknown
keys stay. Where a layout is too unusual to edit in place the file is written anew from its values, and only its
comments are lost.

    paused = ["beta"]            # also heard on a host with a core

    [[peer]]
    name = "alpha"
    dir = "/home/me/projects/alpha"
    runtimes = ["claude", "codex"]   # left out: both

A broken file is refused whole, with file and line: a registry that is read by halves would take memory away from
the peers of the other half.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os.path import isabs, normpath
from typing import Any

import tomli_w

from iapeer_memory.domain.errors import ConfigError, Malformed, printable
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer, is_personality

HEADER = "# The peers of this host. iapeer-memory peer add|remove|pause|resume edits this file; so may you.\n"
PEER_HEADER = re.compile(r"\s*\[\[\s*(?:peer|\"peer\"|'peer')\s*\]\]\s*(?:#.*)?\Z")
ANY_HEADER = re.compile(r"\s*\[")
PAUSED_LINE = re.compile(r"\s*paused\s*=")
TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)\Z")

LINE_BREAKS = "\n\r\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"

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
    text = _text(data, path)
    raw = _load(text, path)
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


def add(data: bytes | None, peer: Peer, path: str, *, realpath: RealPath) -> bytes:
    """The file with the peer in it; the same bytes when it is there already, its runtimes replaced when they differ.

    Raises Malformed for the file, ConfigError when the name or the folder belongs to another peer or cannot be used.
    """
    registry = parse(data, path, realpath=realpath)
    fault = folder_fault(peer.cwd)
    if not is_personality(peer.personality):
        raise ConfigError(f"{printable(peer.personality)!r} cannot name a peer", remedy=NAME_RULE)
    if fault:
        raise ConfigError(f"{printable(peer.cwd)}: {fault}")
    unknown = [runtime for runtime in peer.runtimes if runtime not in SESSION_RUNTIMES]
    if unknown or not peer.runtimes:
        raise ConfigError(f"unknown runtime {printable(', '.join(unknown)) or '(none)'}", remedy=RUNTIME_RULE)
    for other in registry.peers:
        same_folder = realpath(other.cwd) == realpath(peer.cwd)
        if other.personality == peer.personality and same_folder:
            if other.runtimes == peer.runtimes:
                return data or b""
            return add(remove(data, peer.personality, path, realpath=realpath), peer, path, realpath=realpath)
        if other.personality == peer.personality:
            raise ConfigError(
                f"the name {peer.personality} belongs to {printable(other.cwd)}",
                remedy=f"choose another name, or first run: iapeer-memory peer remove {peer.personality}",
            )
        if same_folder:
            raise ConfigError(
                f"{printable(peer.cwd)} is the peer {other.personality} already",
                remedy=f"keep that name, or first run: iapeer-memory peer remove {other.personality}",
            )
    text = _text(data, path)
    raw = _load(text, path)
    entry = {"name": peer.personality, "dir": normpath(peer.cwd), "runtimes": list(peer.runtimes)}
    wanted = {**raw, "peer": [*raw.get("peer", []), entry]}
    body = text or HEADER
    newline = "\r\n" if "\r\n" in body else "\n"
    body += "" if body.endswith("\n") else newline
    block = ["", "[[peer]]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()), ""]
    return _checked(body + newline.join(block), wanted, data)


def remove(data: bytes | None, name: str, path: str, *, realpath: RealPath) -> bytes:
    """The file without that peer and without its pause; the same bytes when it is not in it. Raises Malformed."""
    if parse(data, path, realpath=realpath).get(name) is None:
        return data or b""
    data = resume(data, name, path, realpath=realpath)
    text = _text(data, path)
    raw = _load(text, path)
    wanted = {**raw, "peer": [entry for entry in raw["peer"] if entry["name"] != name]}
    if not wanted["peer"]:
        del wanted["peer"]
    number = next(i for i, entry in enumerate(raw["peer"]) if entry["name"] == name)
    lines = text.splitlines(keepends=True)
    headers = [i for i, line in enumerate(lines) if PEER_HEADER.match(line)]
    if number >= len(headers):
        return _checked("", wanted, data)
    start = headers[number]
    end = next((i for i in range(start + 1, len(lines)) if ANY_HEADER.match(lines[i])), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1  # blanks and comments before the next header belong to what follows
    if start and not lines[start - 1].strip():
        start -= 1
    return _checked("".join(lines[:start] + lines[end:]), wanted, data)


def pause(data: bytes | None, name: str, path: str, *, realpath: RealPath) -> bytes:
    """The file with the name among the paused; the same bytes when it is. Raises Malformed; ConfigError for no name."""
    if not is_personality(name):
        raise ConfigError(f"{printable(name)!r} cannot name a peer", remedy=NAME_RULE)
    paused = parse(data, path, realpath=realpath).paused
    return data or b"" if name in paused else _with_paused(data, (*paused, name), path)


def resume(data: bytes | None, name: str, path: str, *, realpath: RealPath) -> bytes:
    """The file without the name among the paused; the same bytes when it is not there. Raises Malformed."""
    paused = parse(data, path, realpath=realpath).paused
    return _with_paused(data, tuple(p for p in paused if p != name), path) if name in paused else data or b""


def rename(data: bytes | None, old: str, new: str, path: str, *, realpath: RealPath) -> bytes:
    """The file with that peer under another name, its pause too; the same bytes when the name is not in it.

    Raises Malformed for the file, ConfigError when the new name is taken or cannot be used.
    """
    registry = parse(data, path, realpath=realpath)
    if not is_personality(new):
        raise ConfigError(f"{printable(new)!r} cannot name a peer", remedy=NAME_RULE)
    peer, other = registry.get(old), registry.get(new)
    if peer is not None and other is not None:
        raise ConfigError(f"the name {new} belongs to {printable(other.cwd)}", remedy="choose another name")
    if peer is not None:
        text = _text(data, path)
        raw = _load(text, path)
        entries = [{**entry, "name": new} if entry["name"] == old else entry for entry in raw["peer"]]
        number = next(i for i, entry in enumerate(raw["peer"]) if entry["name"] == old)
        data = _checked(_with_name(text, number, old, new), {**raw, "peer": entries}, data)
    if old not in registry.paused:
        return data or b""
    return _with_paused(data, tuple(dict.fromkeys(new if name == old else name for name in registry.paused)), path)


NAME_RULE = "a name starts with a-z, goes on with a-z, 0-9 or -, and has at most 32 characters"
RUNTIME_RULE = f"use one or more of: {', '.join(SESSION_RUNTIMES)}"


def _fault(path: str, reason: str, line: int | None, remedy: str) -> Malformed:
    return Malformed(path, reason, line_number=line, remedy=remedy)


def _text(data: bytes | None, path: str) -> str:
    """The file's text with its own line ends, without a byte-order mark."""
    try:
        return (data or b"").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = (data or b"").count(b"\n", 0, error.start) + 1
        raise _fault(path, "not UTF-8 text", line, "save it as UTF-8") from None


def _load(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        place = TOML_PLACE.search(reason)
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        raise _fault(path, f"not TOML: {TOML_PLACE.sub('', reason)}", line, "correct that line") from None


def _entry_lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if PEER_HEADER.match(line)]


def _key_line(text: str, key: str, after: int | None) -> int | None:
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
        return _key_line(text, key, line)

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


def _with_name(text: str, number: int, old: str, new: str) -> str:
    """The text with another name in entry `number` (from 0); "" where its line is not to be found."""
    lines = text.splitlines(keepends=True)
    headers = [i for i, line in enumerate(lines) if PEER_HEADER.match(line)]
    if number >= len(headers):
        return ""
    at = _key_line(text, "name", headers[number] + 1)
    found = re.match(rf"(\s*[\"']?name[\"']?\s*=\s*)([\"']){re.escape(old)}\2", lines[at - 1]) if at else None
    if at is None or found is None:
        return ""
    lines[at - 1] = f"{found[1]}{found[2]}{new}{found[2]}{lines[at - 1][found.end() :]}"
    return "".join(lines)


def _with_paused(data: bytes | None, paused: Sequence[str], path: str) -> bytes:
    text = _text(data, path) or HEADER
    raw = _load(text, path)
    wanted = {**raw, "paused": list(paused)}
    lines = text.splitlines(keepends=True)
    top = next((i for i, line in enumerate(lines) if ANY_HEADER.match(line)), len(lines))
    assignment = f"paused = {json.dumps(list(paused), ensure_ascii=False)}" + ("\r\n" if "\r\n" in text else "\n")
    at = next((i for i, line in enumerate(lines[:top]) if PAUSED_LINE.match(line)), None)
    if at is not None:
        comment = re.search(r"\](\s*#[^\]\"']*)$", lines[at].rstrip("\r\n"))
        lines[at] = assignment.rstrip("\r\n") + comment[1] + "\n" if comment else assignment
    else:
        while top and lines[top - 1].lstrip().startswith("#") and top < len(lines):
            top -= 1  # a comment right above the first table speaks of that table
        if top and not lines[top - 1].endswith("\n"):
            lines[top - 1] += "\n"
        lines[top:top] = [assignment, "\n"] if top < len(lines) else [assignment]
    return _checked("".join(lines), wanted, data)


def _checked(candidate: str, wanted: dict[str, Any], data: bytes | None) -> bytes:
    """The edited text if it says exactly what is wanted, else the wanted values written anew."""
    mark = b"\xef\xbb\xbf" if data and data.startswith(b"\xef\xbb\xbf") else b""
    try:
        same = tomllib.loads(candidate) == wanted
    except tomllib.TOMLDecodeError:
        same = False
    return mark + (candidate if same else HEADER + "\n" + tomli_w.dumps(wanted)).encode()
