"""slot: our declaration to the core. A foreign provider's slot is never touched; v1.1 is migrated by update alone."""

from __future__ import annotations

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.ecosystem.slot import SlotVerdict, dump, verdict, want_slot
from iapeer_memory.fleet.map import timestamp
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Seen, Step


def slot_verdict(host: Host) -> SlotVerdict:
    """Whose the slot is and what is wrong with it. Raises Unreadable: unreadable is not empty."""
    return verdict(host.door.files.read_optional(host.paths.slot, limit=1 << 20), wanted(host), host.paths.slot)


def wanted(host: Host) -> dict[str, object]:
    """The declaration of this version."""
    now = timestamp(host.door.clock.now())
    return want_slot(host.version, host.paths.stable_binary, host.paths.heartbeat, now)


def slot_matters(host: Host) -> bool:
    """A host with a core, or one whose slot names somebody already."""
    return host.with_core or slot_verdict(host).state != "empty"


class SlotStep(Step):
    """Declares version, heartbeat and the two command blocks."""

    name = "slot"

    def applies(self, host: Host) -> bool:
        """Whether there is anybody to declare it to."""
        return slot_matters(host)

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """The contract's `memory-slot` check."""
        config = seen.get("config")
        if config is not None and config.status == "fail":
            return (Finding("memory-slot", "skip", "see config"),)
        found = slot_verdict(host)
        match found.state:
            case "ours-v12-ok":
                return (Finding("memory-slot", "ok", f"iapeer-memory v{host.version}"),)
            case "foreign":
                return (
                    Finding(
                        "memory-slot",
                        "fail",
                        f"{found.problem}; it is left alone",
                        where=host.paths.slot,
                        why="the core hands memory to one provider only",
                        remedy="uninstall that provider with its own command, then run: iapeer-memory init",
                    ),
                )
            case "ours-v11":
                return (
                    Finding(
                        "memory-slot",
                        "fail",
                        found.problem,
                        where=host.paths.slot,
                        why="a repair must not race ahead of update and strand the old plugin on the peers",
                        remedy="iapeer-memory update",
                    ),
                )
            case _:
                return (
                    Finding(
                        "memory-slot",
                        "fail",
                        found.problem,
                        where=host.paths.slot,
                        remedy="iapeer-memory verify --repair",
                        healable=True,
                    ),
                )

    def apply(self, host: Host, done: Done) -> Outcome:
        """Declare, unless it is foreign, current, or the migration is postponed."""
        found = slot_verdict(host)
        if found.state == "foreign":
            return self.fail(f"{found.problem}: not ours to update")
        if found.state == "ours-v11":
            swept = done.get("plugin-off")
            if swept is None or not swept.ok:
                return self.fail("kept in the v1.1 form: the migration is postponed")
            if not swept.changed:
                return self.ok("kept in the v1.1 form: the migration was skipped")
        if found.state == "ours-v12-ok":
            return self.ok(f"identical, v{host.version}")
        previous = host.door.files.read_optional(host.paths.slot)
        if previous is not None:
            host.backups.keep(host.paths.slot, previous, 0o644)
        host.door.files.write(host.paths.slot, dump(wanted(host), previous))
        return self.ok(f"written, v{host.version}", changed=True)
