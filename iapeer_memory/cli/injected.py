"""What memory puts into each session's start, counted: a peer's context, or its fragment with the host-wide guide."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import normpath

from iapeer_memory.context.budget import Cost, cost
from iapeer_memory.context.fragment import FILE
from iapeer_memory.context.session import WHOLE
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import mapped_peers

CONTEXT = "context.txt"


def injected(host: Host) -> tuple[Cost, ...]:
    """Of every peer of the fleet map for whom there is something."""
    peers = mapped_peers(host)
    if isinstance(peers, NoMap):
        return ()
    guide = text_of(host, host.paths.guide) if host.with_core else ""
    costs = []
    for peer in peers:
        by_path = f"{host.paths.contexts}/by-path/{normpath(peer.cwd).lstrip('/')}/{CONTEXT}"
        text = text_of(host, f"{peer.cwd}/{FILE}" if host.with_core else by_path)
        if text:
            costs.append(cost(peer.personality, guide + text))
    return tuple(costs)


def summary(costs: Sequence[Cost], *, with_core: bool) -> str:
    """One line: the smallest and the largest of them, and the limit where there is one."""
    if not costs:
        return "nothing is injected yet"
    sizes = sorted(one.characters for one in costs)
    largest = max(costs, key=lambda one: one.characters)
    limit = "" if with_core else f", limit {WHOLE:,}"
    return f"{sizes[0]:,} to {sizes[-1]:,} characters a session start (most: {largest.peer}{limit})"


def text_of(host: Host, path: str) -> str:
    """The file's text, "" where there is none."""
    try:
        return (host.door.files.read_optional(path, limit=1 << 20) or b"").decode("utf-8", "replace")
    except (ProductError, OSError):
        return ""
