"""Which manifests a cleanup is about. Pure.

Never one of another machine: a shared home shows us what its daemons use, and we cannot see those. All boots of this
machine count; most of what is left behind was left by an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.broker.cleanup.request import Request
from iapeer_memory.broker.host_identity import HostIdentity
from iapeer_memory.broker.registry import Entry, origin
from iapeer_memory.broker.validate import version_key
from iapeer_memory.broker.wire_v1.manifest import CacheManifest, CleanupPolicy

DORMANT_AFTER = 30 * 86400
DEFAULTS = CleanupPolicy(dormant_after_secs=DORMANT_AFTER)
"""For a manifest without a policy of its own."""


def selected(
    entries: Sequence[Entry], request: Request, here: HostIdentity, *, now_ms: int
) -> tuple[tuple[Entry, CacheManifest], ...]:
    """The entries that the request is about, with what they hold; both generations of a version go together."""
    ours = [
        (entry, entry.manifest)
        for entry in entries
        if entry.manifest is not None and origin(entry.manifest.host, here) != "another machine"
    ]
    manifests = [manifest for _, manifest in ours]
    return tuple((entry, one) for entry, one in ours if _is_meant(one, manifests, request, now_ms))


def last_active_ms(manifest: CacheManifest) -> int:
    """When it was last used, as far as it tells."""
    return max(manifest.last_active_unix_ms, manifest.created_at_unix_ms)


def _is_meant(one: CacheManifest, all_: Sequence[CacheManifest], request: Request, now_ms: int) -> bool:
    if request.service is not None and one.service_name != request.service:
        return False
    if request.version is not None and one.service_version != request.version:
        return False
    if request.verb == "uninstall":
        return request.service is not None
    return _is_dormant(one, all_, request, now_ms)


def _is_dormant(one: CacheManifest, all_: Sequence[CacheManifest], request: Request, now_ms: int) -> bool:
    """Whether its version has not been used for long, and is none of those that are kept."""
    active: dict[str, int] = {}
    policy = DEFAULTS
    for other in all_:
        if other.service_name == one.service_name:
            version = other.service_version
            active[version] = max(active.get(version, 0), last_active_ms(other))
            if version == one.service_version and other.cleanup_policy is not None:
                policy = other.cleanup_policy
    dormant = policy.dormant_after_secs or DORMANT_AFTER
    if request.dormant_after is not None:
        dormant = request.dormant_after
    if now_ms - active[one.service_version] < dormant * 1000:
        return False
    keep = policy.keep_last_n_versions if request.keep_last is None else request.keep_last
    if policy.keep_current if request.keep_current is None else request.keep_current:
        keep = max(keep, 1)
    newest = sorted(active, key=lambda version: (active[version], version_key(version), version), reverse=True)
    return one.service_version not in newest[:keep]
