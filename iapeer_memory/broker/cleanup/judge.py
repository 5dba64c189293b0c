"""Whether one root of a manifest may go, looked at by itself: by its disposition, its kind and its daemon. Pure.

Whether it overlaps with something that stays is decided in `plan`, when all roots are known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from iapeer_memory.broker.cleanup.request import Request
from iapeer_memory.broker.cleanup.sight import Sight, plain
from iapeer_memory.broker.liveness import Life
from iapeer_memory.broker.manifest_file import DISPOSABLE
from iapeer_memory.broker.registry import Entry
from iapeer_memory.broker.wire_v1.manifest import CacheManifest, CacheRoot, CacheRootKind, StorageDisposition

Standing = Literal["go", "gone", "kept", "shared", "pending"]
"""go: is to be deleted. gone: is not there. kept: stays by right. shared: stays because somebody else keeps it.
pending: stays for now, and a later cleanup may delete it; so its manifest stays too."""

PRUNABLE = frozenset(
    (
        StorageDisposition.PRUNE_ON_UNINSTALL,
        StorageDisposition.PRUNE_WHEN_DORMANT,
        StorageDisposition.PRUNE_ON_CRASH,
    )
)
KEPT = frozenset((StorageDisposition.NEVER_PRUNE, StorageDisposition.PRESERVE_ACROSS_UNINSTALL))
NOT_PRUNABLE = "root disposition is not prunable"
KINDS = {
    value: name.lower().replace("_", " ") for name, value in vars(CacheRootKind).items() if not name.startswith("_")
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One root of one manifest, and what becomes of it."""

    entry: Entry
    manifest: CacheManifest
    root: CacheRoot
    sight: Sight | None
    standing: Standing
    reason: str | None = None
    bytes: int = 0

    def stays(self, standing: Standing, reason: str) -> Verdict:
        """The same root, not to be deleted."""
        return replace(self, standing=standing, reason=reason)


def judged(verdict: Verdict, life: Life, request: Request, *, uid: int) -> Verdict:
    """The root by itself, one that is still to go."""
    root, sight = verdict.root, verdict.sight
    if root.disposition in KEPT:
        return verdict.stays("kept", NOT_PRUNABLE)
    if root.disposition not in PRUNABLE:
        return verdict.stays("kept", f"root disposition {root.disposition} is unknown")
    if sight is None or plain(root.path) is None:
        return verdict.stays("pending", "is not a plain absolute path")
    if sight.place.count("/") < 2:
        return verdict.stays("pending", "is a folder of the system")
    if life.state != "dead":
        return verdict.stays("pending", f"its daemon is not proved dead: {life.detail}")
    if sight.found is None:
        return verdict.stays("gone", "does not exist")
    if sight.found.uid != uid:
        return verdict.stays("pending", f"belongs to another user (uid {sight.found.uid})")
    return _by_kind(verdict, root, request)


def _by_kind(verdict: Verdict, root: CacheRoot, request: Request) -> Verdict:
    if root.kind in DISPOSABLE:
        return verdict
    if root.kind == CacheRootKind.CONFIG and request.verb == "uninstall":
        return verdict.stays("kept", "configuration is kept") if request.keep_config else verdict
    if plain(root.path) in {plain(path) for path in request.named}:
        return verdict
    kind = KINDS.get(root.kind, f"kind {root.kind}")
    return verdict.stays("pending", f"holds {kind}, which cannot be made again; it goes only when it is named")
