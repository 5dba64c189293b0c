"""doctrines: re-render what the curator peers read at their next cold wake. Nobody is restarted.

Only files that are ours or empty scaffolds are written; init's collision guard is applied by every command.
"""

from __future__ import annotations

from os.path import join
from shlex import quote

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.ecosystem.doctrine import doctrine_problem, ownership, render_doctrine
from iapeer_memory.egress.foreign import Policy, edit_foreign, read_foreign
from iapeer_memory.egress.host import uid
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.roles import Role, load_roles
from iapeer_memory.provision.step import Done, Seen, Step

REPAIR = "iapeer-memory verify --repair"


def doctrine_path(role: Role) -> str:
    """Where a role's doctrine stands."""
    return join(role.peer_cwd, ".iapeer", "IAPEER.md")


def read_doctrine(host: Host, role: Role) -> str | None:
    """Its text, None when absent. Raises FileRefused."""
    data = read_foreign(host.door.files, doctrine_path(role), Policy(inside=role.peer_cwd, uid=uid()))
    return None if data is None else data.decode("utf-8", "replace")


def write_doctrine(host: Host, role: Role) -> str:
    """Render one doctrine: written, identical, missing-template or foreign. Raises FileRefused."""
    template = host.door.files.read_optional(role.template)
    if template is None:
        return "missing-template"
    if ownership(read_doctrine(host, role)) == "foreign":
        return "foreign"
    text = render_doctrine(template.decode("utf-8", "replace"), host.version, host.settings.vault).encode()
    change = edit_foreign(
        host.door,
        doctrine_path(role),
        lambda _old: text,
        policy=Policy(inside=role.peer_cwd, uid=uid()),
        backups=host.backups,
    )
    return "identical" if change == "already" else "written"


class DoctrinesStep(Step):
    """Every role of the manifest, with the fresh version marker."""

    name = "doctrines"
    needs_core = True

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """The contract's `doctrine[role]` checks, or `role-doctrines`."""
        roles = load_roles(host)
        if roles == "absent":
            return (Finding("role-doctrines", "skip", "no roles on this host"),)
        if isinstance(roles, str):
            return (
                Finding("role-doctrines", "fail", f"{host.paths.roles} cannot be read", remedy="iapeer-memory init"),
            )
        return tuple(self.check(host, role) for role in roles)

    def check(self, host: Host, role: Role) -> Finding:
        """One role's doctrine."""
        name = f"doctrine[{role.role}]"
        try:
            text = read_doctrine(host, role)
        except FileRefused as error:
            return Finding(name, "fail", error.line(), remedy=error.remedy)
        problem = doctrine_problem(text, host.version)
        if problem is None:
            return Finding(name, "ok", f"v{host.version}")
        path = doctrine_path(role)
        if ownership(text) == "foreign":
            aside = f"mv {quote(path)} {quote(path + '.mine')} && {REPAIR}"
            return Finding(name, "fail", "somebody else's words stand there; they are left alone", path, remedy=aside)
        return Finding(name, "fail", problem, where=path, remedy=REPAIR, healable=True)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Render all; a missing template or a foreign doctrine is a problem, named by role."""
        roles = load_roles(host)
        if isinstance(roles, str):
            return self.ok("no roles manifest on this host")
        actions = {}
        for role in roles:
            try:
                actions[role.role] = write_doctrine(host, role)
            except FileRefused as error:
                actions[role.role] = error.line()
        shown = ", ".join(f"{role}: {action}" for role, action in actions.items()) or "no roles"
        good = all(action in ("written", "identical") for action in actions.values())
        changed = "written" in actions.values()
        return self.ok(f"{shown}; read at the next cold wake", changed=changed) if good else self.fail(shown)
