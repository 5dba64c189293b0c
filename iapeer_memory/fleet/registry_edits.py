"""What changes the registry of peers, `fleet.toml`. Pure: bytes in, bytes out.

Never drops what a hand wrote: comments, order and unknown keys stay. Where a layout is too unusual to edit in place the
file is written anew from its values, and only its comments are lost.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from os.path import normpath
from typing import Any

import tomli_w

from iapeer_memory.domain.errors import ConfigError, printable
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer, is_personality
from iapeer_memory.fleet.registry import (
    ANY_HEADER,
    NAME_RULE,
    PAUSED_LINE,
    PEER_HEADER,
    RUNTIME_RULE,
    RealPath,
    folder_fault,
    key_line,
    parse,
    text_of,
    values_of,
)

HEADER = "# The peers of this host. iapeer-memory peer add|remove|pause|resume edits this file; so may you.\n"


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
    text = text_of(data, path)
    raw = values_of(text, path)
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
    text = text_of(data, path)
    raw = values_of(text, path)
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
        text = text_of(data, path)
        raw = values_of(text, path)
        entries = [{**entry, "name": new} if entry["name"] == old else entry for entry in raw["peer"]]
        number = next(i for i, entry in enumerate(raw["peer"]) if entry["name"] == old)
        data = _checked(_with_name(text, number, old, new), {**raw, "peer": entries}, data)
    if old not in registry.paused:
        return data or b""
    return _with_paused(data, tuple(dict.fromkeys(new if name == old else name for name in registry.paused)), path)


def _with_name(text: str, number: int, old: str, new: str) -> str:
    """The text with another name in entry `number` (from 0); "" where its line is not to be found."""
    lines = text.splitlines(keepends=True)
    headers = [i for i, line in enumerate(lines) if PEER_HEADER.match(line)]
    if number >= len(headers):
        return ""
    at = key_line(text, "name", headers[number] + 1)
    found = re.match(rf"(\s*[\"']?name[\"']?\s*=\s*)([\"']){re.escape(old)}\2", lines[at - 1]) if at else None
    if at is None or found is None:
        return ""
    lines[at - 1] = f"{found[1]}{found[2]}{new}{found[2]}{lines[at - 1][found.end() :]}"
    return "".join(lines)


def _with_paused(data: bytes | None, paused: Sequence[str], path: str) -> bytes:
    text = text_of(data, path) or HEADER
    raw = values_of(text, path)
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
