"""The peers that a step works on: from the fleet map on disk, with what the operator paused applied."""

from __future__ import annotations

from dataclasses import replace

from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.handover import hand_over
from iapeer_memory.fleet.map import FleetMap, NoMap, load
from iapeer_memory.fleet.registry import Registry, parse
from iapeer_memory.fleet.source import NoPeers, PeerList, peers_now
from iapeer_memory.provision.host import Host


def registry(host: Host) -> Registry:
    """Our own registry file. Raises Malformed or Unreadable."""
    data = host.door.files.read_optional(host.paths.registry, limit=4 << 20)
    return parse(data, host.paths.registry, realpath=host.door.files.realpath)


def asked_peers(host: Host) -> PeerList | NoPeers:
    """Who the peers are now, by whoever knows: the core, else our registry.

    With a core, entries of our own registry that wait or clash are told among the problems.
    """
    ours = registry(host)
    asked = peers_now(host.core, ours, realpath=host.door.files.realpath)
    if isinstance(asked, NoPeers) or asked.source != "core" or not ours.peers:
        return asked
    handover = hand_over(ours.peers, asked.peers, realpath=host.door.files.realpath)
    peers = tuple(replace(p, paused=p.paused or p.personality in handover.paused) for p in asked.peers)
    return replace(asked, peers=peers, problems=(*asked.problems, *handover.lines()))


def mapped_peers(host: Host) -> tuple[Peer, ...] | NoMap:
    """The peers of the fleet map on disk, paused ones marked."""
    try:
        known = load(host.door.files.read_optional(host.paths.fleet_map, limit=64 << 20))
    except Unreadable as error:
        return NoMap(error.reason)
    if isinstance(known, NoMap):
        return known
    ours = registry(host)
    realpath = host.door.files.realpath
    folders = {realpath(peer.cwd) for peer in ours.peers if peer.paused}
    return tuple(
        replace(p, paused=p.personality in ours.paused or (bool(folders) and realpath(p.cwd) in folders))
        for p in known.peers
    )


def known_map(host: Host) -> FleetMap | NoMap:
    """The fleet map as it is on disk."""
    try:
        return load(host.door.files.read_optional(host.paths.fleet_map, limit=64 << 20))
    except Unreadable as error:
        return NoMap(error.reason)
