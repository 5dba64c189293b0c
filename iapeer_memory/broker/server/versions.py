"""Whether a version is one that a service definition allows. Never checks that a version is well formed."""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.broker.validate import version_key


def is_below(version: str, floor: str) -> bool:
    """Whether it is older than the floor, by its numbers: 1.10.0 is newer than 1.9.0. An empty floor is no floor, and
    an empty version is below any."""
    return bool(floor) and (not version or version_key(version) < version_key(floor))


def is_allowed(version: str, allowed: Sequence[str]) -> bool:
    """Whether the list names it, letter by letter. An empty list names every version."""
    return not allowed or version in allowed
