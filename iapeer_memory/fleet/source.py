"""Who the peers are now: the core's list where there is a core, else our own registry. Decides; asks only the core.

Never guesses: a core that does not answer gives `NoPeers`, not an empty fleet, because an empty fleet would be
written to the map and take every peer's memory away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import normpath
from typing import Literal, Protocol

from iapeer_memory.domain.errors import printable
from iapeer_memory.domain.peer import Peer, is_personality
from iapeer_memory.fleet.registry import Registry, folder_fault

Source = Literal["core", "registry"]


class Row(Protocol):
    """One peer as the core lists it, before anything about it was believed."""

    @property
    def personality(self) -> str: ...
    @property
    def cwd(self) -> str: ...
    @property
    def runtimes(self) -> tuple[str, ...]: ...


class Listing(Protocol):
    """The core's answer: rows, what was wrong with others, or why there is no answer."""

    @property
    def rows(self) -> Sequence[Row]: ...
    @property
    def problems(self) -> tuple[str, ...]: ...
    @property
    def failed(self) -> str | None: ...
    @property
    def refused(self) -> bool: ...


class PeerLister(Protocol):
    """What this room needs of the core."""

    def list(self) -> Listing: ...


@dataclass(frozen=True, slots=True)
class PeerList:
    """The peers, pause applied, where they come from, and one line for each entry that was not believed."""

    peers: tuple[Peer, ...]
    source: Source
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoPeers:
    """The core did not say who the peers are; `refused`: the sandbox did not let us ask."""

    reason: str
    refused: bool = False


def peers_now(core: PeerLister | None, registry: Registry, *, realpath: Callable[[str], str]) -> PeerList | NoPeers:
    """The peers of this host. With a core, `registry` gives only the pauses; its own entries wait (see handover)."""
    if core is None:
        return PeerList(registry.peers, "registry")
    listing = core.list()
    if listing.failed is not None:
        return NoPeers(listing.failed, listing.refused)
    peers, problems = believed(listing.rows, registry.paused, realpath)
    return PeerList(peers, "core", listing.problems + problems)


def believed(
    rows: Sequence[Row], paused: Sequence[str], realpath: Callable[[str], str]
) -> tuple[tuple[Peer, ...], tuple[str, ...]]:
    """(rows that can be peers, one line for each that cannot). Of two with one name or one folder the first counts."""
    peers: list[Peer] = []
    problems: list[str] = []
    names: set[str] = set()
    folders: dict[str, str] = {}
    for row in rows:
        name = row.personality.strip()
        fault = _fault(name, row.cwd.strip())
        if fault is None and name in names:
            fault = "is listed twice; the first entry counts"
        real = "" if fault else realpath(row.cwd.strip())
        if fault is None and real in folders:
            fault = f"has the folder of {folders[real]} ({printable(real)}); that one keeps it"
        if fault:
            problems.append(f"peer {printable(name)[:60] or '(no name)'} {fault}")
            continue
        names.add(name)
        folders[real] = name
        runtimes = tuple(dict.fromkeys(r.strip() for r in row.runtimes if r.strip()))
        peers.append(Peer(name, normpath(row.cwd.strip()), runtimes, name in paused))
    return tuple(peers), tuple(problems)


def _fault(name: str, cwd: str) -> str | None:
    if not is_personality(name):
        return "has a name outside [a-z][a-z0-9-]{0,31}; it is passed over"
    if not cwd:
        return "is listed without a folder (a core that is too old does that); it is passed over"
    fault = folder_fault(cwd)
    return f"is passed over: {fault}" if fault else None
