"""The fleet map, `fleet.json`: the last known list of peers, for those who cannot ask. Pure.

Source: the reference package's fleet map (members in this order, two-space indent, one final newline).
Paused peers stand in the map: it says who exists. Who is swept is decided where the pause is known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from iapeer_memory.domain.peer import Peer


@dataclass(frozen=True, slots=True)
class FleetMap:
    """The peers of the map, in its order; `updated_at` as the file spells it ("" where it does not)."""

    peers: tuple[Peer, ...]
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class NoMap:
    """There is no map to go by, and why: `missing`, or what is wrong with it."""

    reason: str


def timestamp(now: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC with milliseconds and `Z`."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dump(peers: Sequence[Peer], now: float) -> bytes:
    """The file's bytes. Names are data, so no character is escaped that JSON does not ask for."""
    rows = [{"personality": p.personality, "cwd": p.cwd, "runtimes": list(p.runtimes)} for p in peers]
    document = {"updatedAt": timestamp(now), "peers": rows}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def load(data: bytes | None) -> FleetMap | NoMap:
    """The map as tolerantly as the reference reads it: an entry without a name or a folder is passed over."""
    if data is None:
        return NoMap("missing")
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return NoMap("not JSON")
    rows = raw.get("peers") if isinstance(raw, dict) else None
    if not isinstance(rows, list):
        return NoMap("no list of peers in it")
    stamp = raw.get("updatedAt")
    found = tuple(peer for row in rows if (peer := _peer(row)) is not None)
    return FleetMap(found, stamp if isinstance(stamp, str) else "")


def same_peers(known: FleetMap | NoMap, peers: Sequence[Peer]) -> bool:
    """Whether the map names exactly these peers, folders and runtimes, in any order. Pauses do not count."""
    if isinstance(known, NoMap):
        return False
    return {_key(p) for p in known.peers} == {_key(p) for p in peers} and len(known.peers) == len(peers)


def changes(known: FleetMap | NoMap, peers: Sequence[Peer]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names that came or changed, names that went), each sorted."""
    before = {} if isinstance(known, NoMap) else {p.personality: _key(p) for p in known.peers}
    after = {p.personality: _key(p) for p in peers}
    came = sorted(name for name, key in after.items() if before.get(name) != key)
    return tuple(came), tuple(sorted(before.keys() - after.keys()))


def _key(peer: Peer) -> tuple[str, str, tuple[str, ...]]:
    return peer.personality, peer.cwd, tuple(sorted(peer.runtimes))


def _peer(row: object) -> Peer | None:
    if not isinstance(row, dict):
        return None
    name, cwd, runtimes = row.get("personality"), row.get("cwd"), row.get("runtimes")
    if not isinstance(name, str) or not isinstance(cwd, str) or not name.strip() or not cwd.strip():
        return None
    listed = [r for r in runtimes if isinstance(r, str)] if isinstance(runtimes, list) else []
    return Peer(name.strip(), cwd.strip(), tuple(dict.fromkeys(listed)))
