"""Carrying out a plan: roots first, manifests last. Without confirmation it only tells.

Every root is looked at again in the moment before it goes; one that changed since the plan stays. A manifest goes when
nothing is left of what it could have deleted, so that a run that was killed is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from iapeer_memory.broker.cleanup.ground import Ground
from iapeer_memory.broker.cleanup.guard import Reach, needed_against
from iapeer_memory.broker.cleanup.judge import Verdict
from iapeer_memory.broker.cleanup.plan import Plan, surveyed
from iapeer_memory.broker.cleanup.request import Action, Cleaned
from iapeer_memory.broker.cleanup.sight import Sight, sight
from iapeer_memory.broker.cleanup.survey import Spare, remove_sparing
from iapeer_memory.broker.registry import Entry
from iapeer_memory.broker.wire_v1.manifest import CacheManifest
from iapeer_memory.domain.errors import FileRefused


@dataclass(slots=True)
class _Done:
    """`places`: roots that went. `left`: manifests with a root that stays for now."""

    places: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


def carry_out(ground: Ground, plan: Plan, *, confirm: bool) -> Cleaned:
    """What was done, or would be. Raises nothing: what cannot be deleted is told and stays, with its manifest."""
    done = _Done()
    actions = [action for verdict in plan.verdicts for action in _root(ground, plan, verdict, done, confirm=confirm)]
    actions += _manifests(ground, plan, done, confirm=confirm)
    return Cleaned(plan.request, confirm, tuple(actions), plan.refused)


def _root(ground: Ground, plan: Plan, verdict: Verdict, done: _Done, *, confirm: bool) -> Iterator[Action]:
    """At most one action: a root that two manifests name goes once."""
    place = verdict.sight.place if verdict.sight else ""
    if place in done.places:
        return
    reason = verdict.reason
    if verdict.standing == "go" and confirm:
        reason = _removed(ground, plan, verdict)
    if reason is None:
        done.places.add(place)
    elif verdict.standing in ("go", "pending") or (plan.request.verb == "prune" and verdict.standing == "kept"):
        # What is pruned leaves the protection of what stays with its manifest; an uninstalled service leaves none.
        done.left.add(verdict.entry.path)
    yield Action(
        verdict.manifest.service_name,
        verdict.manifest.service_version,
        verdict.root.path,
        deleted=reason is None and confirm,
        skip_reason=reason,
        bytes=verdict.bytes,
    )


def _removed(ground: Ground, plan: Plan, verdict: Verdict) -> str | None:
    """Delete the root; None, or why it stays."""
    try:
        now = sight(ground.files, verdict.root.path)
        if now is not None and now.found is None:
            return None
        if now is None or not _same(now, verdict.sight):
            return "changed while it was looked at"
        life = ground.life(verdict.manifest)
        if life.state != "dead":
            return f"its daemon is not proved dead: {life.detail}"
        again = surveyed(ground, verdict, plan.limits)
        if again.standing != "go":
            return again.reason
        _delete(ground, now, [spare for spare in plan.limits.spares if spare.concerns(now.place)])
    except FileRefused as error:
        return f"cannot be looked at: {error.line()}"
    except OSError as error:
        return f"could not be deleted ({(error.strerror or str(error)).lower()})"
    return None


def _delete(ground: Ground, now: Sight, spares: Sequence[Spare]) -> None:
    """A link goes, and what it leads to stays; a folder goes with all that is in it but what is excluded."""
    if now.found is not None and spares:
        remove_sparing(ground.files, now.place, now.found, spares)
    elif now.found is None or now.found.kind != "dir":
        ground.files.remove(now.place)
    else:
        ground.files.remove_tree(now.place)


def _same(now: Sight, before: Sight | None) -> bool:
    if before is None or before.found is None or now.found is None:
        return False
    return now.place == before.place and now.found.inode == before.found.inode and now.found.kind == before.found.kind


def _manifests(ground: Ground, plan: Plan, done: _Done, *, confirm: bool) -> Iterator[Action]:
    """One action a manifest. Those that protect nothing go first, so that no kill leaves one without the other."""
    ordered = sorted(plan.entries, key=lambda one: bool(plan.reach.get(one[0].path, Reach()).protects))
    reasons = {entry.path: plan.blocked or _stays(ground, entry, manifest, done) for entry, manifest in ordered}
    staying = {path for path in plan.reach if path not in reasons}
    staying |= {path for path, reason in reasons.items() if reason is not None}
    changed = True
    while changed:
        changed = False
        for entry, _ in ordered:
            against = needed_against(entry.path, sorted(staying), plan.reach)
            if entry.path not in staying and against is not None:
                reasons[entry.path] = f"it protects what {against} would have deleted"
                staying.add(entry.path)
                changed = True
    for entry, manifest in ordered:
        reason = reasons[entry.path]
        if reason is None and confirm:
            reason = _unlinked(ground, entry)
        yield Action(
            manifest.service_name,
            manifest.service_version,
            entry.path,
            "manifest",
            deleted=reason is None and confirm,
            skip_reason=reason,
        )


def _stays(ground: Ground, entry: Entry, manifest: CacheManifest, done: _Done) -> str | None:
    """Why the manifest stays, looked at by itself; None when it may go."""
    if entry.path in done.left:
        return "a root of it stays"
    life = ground.life(manifest)
    return None if life.state == "dead" else f"its daemon is not proved dead: {life.detail}"


def _unlinked(ground: Ground, entry: Entry) -> str | None:
    try:
        ground.files.remove(entry.path)
    except OSError as error:
        return f"could not be deleted ({(error.strerror or str(error)).lower()})"
    return None
