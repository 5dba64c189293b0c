"""The peers that a step works on: from the fleet map on disk, with what the operator paused applied."""

from __future__ import annotations

from dataclasses import replace

from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.map import FleetMap, NoMap, load
from iapeer_memory.fleet.registry import Registry, parse
from iapeer_memory.fleet.source import NoPeers, PeerList, peers_now
from iapeer_memory.provision.host import Host


def registry(host: Host) -> Registry:
    """Our own registry file. Raises Malformed or Unreadable."""
    data = host.door.files.read_optional(host.paths.registry, limit=4 << 20)
    return parse(data, host.paths.registry, realpath=host.door.files.realpath)


def asked_peers(host: Host) -> PeerList | NoPeers:
    """Who the peers are now, by whoever knows: the core, else our registry."""
    return peers_now(host.core, registry(host), realpath=host.door.files.realpath)


def mapped_peers(host: Host) -> tuple[Peer, ...] | NoMap:
    """The peers of the fleet map on disk, paused ones marked."""
    try:
        known = load(host.door.files.read_optional(host.paths.fleet_map, limit=64 << 20))
    except Unreadable as error:
        return NoMap(error.reason)
    if isinstance(known, NoMap):
        return known
    paused = set(registry(host).paused)
    return tuple(replace(peer, paused=peer.personality in paused) for peer in known.peers)


def known_map(host: Host) -> FleetMap | NoMap:
    """The fleet map as it is on disk."""
    try:
        return load(host.door.files.read_optional(host.paths.fleet_map, limit=64 << 20))
    except Unreadable as error:
        return NoMap(error.reason)
