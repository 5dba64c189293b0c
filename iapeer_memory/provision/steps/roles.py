"""roles, wake_policy: the curator peers: created where missing, described, given their doctrine, woken fresh.

A folder with somebody else's doctrine is a collision: named, and never written over.
"""

from __future__ import annotations

import tomllib
from os.path import join

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.ecosystem.core import Core, Listing
from iapeer_memory.ecosystem.profile import set_wake_policy
from iapeer_memory.egress.foreign import Policy
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.templates import template
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.roles import Role, dump_roles, load_roles
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.provision.steps.doctrines import write_doctrine
from iapeer_memory.provision.steps.templates import ROLES


def description_of(role: str, locale: str) -> str:
    """The sentence by which the other peers know the role."""
    return str(tomllib.loads(template("roles/descriptions.toml"))[locale][role])


class RolesStep(Step):
    """init creates; verify looks at the registry's descriptions and repair fills empty ones."""

    name = "roles"
    needs_core = True

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """The contract's `role-descriptions` check."""
        roles = load_roles(host)
        core = host.core
        config = seen.get("config")
        if isinstance(roles, str) or core is None or (config is not None and config.status == "fail"):
            return (
                Finding(
                    "role-descriptions", "skip", "no roles on this host" if isinstance(roles, str) else "see config"
                ),
            )
        listing = core.list()
        if listing.failed:
            return (Finding("role-descriptions", "skip", listing.failed),)
        missing = [r.role for r in roles if listing.get(r.role) is None]
        if missing:
            return (
                Finding(
                    "role-descriptions",
                    "fail",
                    f"not in the registry: {', '.join(missing)}",
                    remedy="iapeer-memory init",
                ),
            )
        empty = undescribed(roles, listing)
        if empty:
            names = ", ".join(r.role for r in empty)
            return (
                Finding(
                    "role-descriptions",
                    "fail",
                    f"empty: {names}",
                    remedy="iapeer-memory verify --repair",
                    healable=True,
                ),
            )
        return (Finding("role-descriptions", "ok", f"{len(roles)} described"),)

    def repair(self, host: Host, found: tuple[Finding, ...]) -> Outcome:
        """Describe those that have no description."""
        roles = load_roles(host)
        core = host.core
        if isinstance(roles, str) or core is None:
            return self.fail("no roles manifest")
        problems = [p for r in undescribed(roles, core.list()) if (p := describe(core, host, r.role, r.peer_cwd))]
        return self.fail("; ".join(problems)) if problems else self.ok("described")

    def apply(self, host: Host, done: Done) -> Outcome:
        """Create, describe, render, and write the manifest of those that rendered."""
        answers = host.wishes.answers
        core = host.core
        if core is None or answers is None or answers.skip_ecosystem:
            return self.ok("skipped (--skip-ecosystem)")
        listing = core.list()
        if listing.refused:
            return self.ok("skipped in the sandbox")
        if listing.failed:
            return self.fail(f"it is not known which of them exist: {listing.failed}")
        notes: list[str] = []
        created = False
        for role in ROLES:
            if listing.get(role) is None:
                said = core.create(role, description=description_of(role, answers.locale), runtime=answers.runtime)
                if not said.ok and answers.runtime is None:
                    return self.ok(
                        f"skipped: no agent runtime to create them with ({said.detail}); then run init again"
                    )
                if not said.ok:
                    notes.append(f"{role}: {said.detail}")
                created = created or said.ok
        listing = core.list()
        if listing.failed:
            return self.fail(f"{host.paths.roles} stays as it is: {listing.failed}", *notes)
        roles, changed = self.rendered(host, core, listing, notes)
        manifest = dump_roles(roles)
        if host.door.files.read_optional(host.paths.roles) != manifest:
            host.door.files.write(host.paths.roles, manifest)
            changed = True
        if notes or len(roles) < len(ROLES):
            return self.fail(f"{len(roles)}/{len(ROLES)} in place", *notes)
        return self.ok(f"{', '.join(r.role for r in roles)} in place", changed=created or changed)

    def rendered(self, host: Host, core: Core, listing: Listing, notes: list[str]) -> tuple[tuple[Role, ...], bool]:
        """(roles whose doctrine is in place, whether any was written); problems are added to `notes`."""
        roles: list[Role] = []
        changed = False
        for name in ROLES:
            row = listing.get(name)
            if row is None:
                continue
            cwd = row.cwd or join(host.paths.root, "peers", name)
            role = Role(name, cwd, join(host.paths.templates, host.settings.locale, f"{name}.md"))
            try:
                action = write_doctrine(host, role)
            except FileRefused as error:
                notes.append(f"{name}: {error.line()}")
                continue
            if action == "foreign":
                notes.append(
                    f"COLLISION {name}: {cwd} has a doctrine of its own; rename that peer, then run init again: "
                    f"iapeer rename {name} NEW"
                )
                continue
            if action == "missing-template":
                notes.append(f"{name}: template {role.template} is missing")
                continue
            if not row.description and (problem := describe(core, host, name, cwd)):
                notes.append(problem)
            changed = changed or action == "written" or not row.description
            roles.append(role)
        return tuple(roles), changed


class WakePolicyStep(Step):
    """Curators start fresh each time, so that they read the current doctrine."""

    name = "wake_policy"
    heals = False
    needs_core = True

    def apply(self, host: Host, done: Done) -> Outcome:
        """Set `wake_policy` to `ephemeral` in each role's profile."""
        roles = load_roles(host)
        if isinstance(roles, str):
            return self.ok("no roles manifest on this host")
        actions: dict[str, str] = {}
        for role in roles:
            policy = Policy(inside=role.peer_cwd, uid=uid())
            try:
                actions[role.role] = set_wake_policy(host.door, role.peer_cwd, policy=policy, backups=host.backups)
            except FileRefused as error:
                actions[role.role] = error.line()
        shown = ", ".join(f"{role}: {action}" for role, action in actions.items()) or "no roles"
        missing = "missing-profile" in actions.values() and host.wishes.answers is not None
        return self.fail(shown) if missing else self.ok(shown, changed="written" in actions.values())


def undescribed(roles: tuple[Role, ...], listing: Listing) -> tuple[Role, ...]:
    """Roles that the registry lists without a description."""
    return tuple(r for r in roles if (row := listing.get(r.role)) is not None and not row.description)


def describe(core: Core, host: Host, role: str, cwd: str) -> str | None:
    """Give a peer that exists its description; the reason where that failed."""
    said = core.create(role, description=description_of(role, host.settings.locale), path=cwd)
    return None if said.ok else f"{role}: {said.detail}"
