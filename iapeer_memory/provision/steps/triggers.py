"""watcher, dream, triggers: what the core's notifier starts and wakes for us. Nothing here on a host without it.

A delivered message is no registration: verify reads the index peer's profile.
"""

from __future__ import annotations

from typing import Literal

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.ecosystem.core import Core, Listing, Said
from iapeer_memory.ecosystem.notifier import (
    DREAM_ID,
    LEGACY_ID,
    OWNER,
    TIMER,
    WATCHER,
    Trigger,
    dream_message,
    dream_problem,
    find,
    legacy_registered,
    read_triggers,
    registrant,
    unregister_message,
    watcher_message,
    watcher_problem,
)
from iapeer_memory.egress.templates import template
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.roles import role_cwd
from iapeer_memory.provision.step import Done, Seen, Step

REPAIR = "iapeer-memory verify --repair"
NO_INDEX = "skipped: there is no index peer to register as"
CONFIRM_SECONDS = 5.0
POLL_SECONDS = 0.1


def send_watcher(host: Host, core: Core, sender: str) -> str | None:
    """Register memoryd's launcher; the reason where it could not be sent."""
    return refusal(core.send(WATCHER, sender, watcher_message(host.paths.launcher, host.settings.event_target)))


def send_dream(host: Host, core: Core, sender: str) -> str | None:
    """Register the weekly timer, or drop it where the role is off."""
    if host.settings.role_on("dreamweaver"):
        text = template(f"dream-tick/{host.settings.locale}.txt").strip()
        message = dream_message(host.settings["DREAM_CRON"], text, host.paths.dream_gate)
    else:
        message = unregister_message(DREAM_ID)
    return refusal(core.send(TIMER, sender, message))


def triggers_of_index(host: Host) -> tuple[Trigger, ...] | None:
    """What the index peer's profile holds."""
    cwd = role_cwd(host, "index")
    if cwd is None:
        return None
    return read_triggers(host.door.files.read_optional(f"{cwd}/.iapeer/peer-profile.json", limit=4 << 20))


def dream_registered(host: Host) -> bool:
    """Whether the weekly timer stands in the profile."""
    return find(triggers_of_index(host) or (), "time", DREAM_ID) is not None


class TriggersStep(Step):
    """Watcher and timers are sent again under the same ids, which replaces them."""

    name = "triggers"
    needs_core = True

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """The contract's `notifier-watcher` and `dream-timer` checks."""
        if role_cwd(host, "index") is None:
            return (
                Finding("notifier-watcher", "skip", "no index role on this host"),
                Finding("dream-timer", "skip", "no index role on this host"),
            )
        target = host.settings.event_target
        dream_on = host.settings.role_on("dreamweaver")
        problem = problem_of(host, "watcher")
        watcher = Finding("notifier-watcher", "ok", f"wakes {target or 'nobody'}")
        if problem:
            watcher = Finding("notifier-watcher", "fail", problem, remedy=REPAIR, healable=True)
        problem = problem_of(host, "dream")
        dream = Finding(
            "dream-timer", "ok" if dream_on else "skip", host.settings["DREAM_CRON"] if dream_on else "role off"
        )
        if problem:
            dream = Finding("dream-timer", "fail", problem, remedy=REPAIR, healable=True)
        return (watcher, dream)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Send everything again; drop the timer of old releases."""
        core = host.core
        listing = listed(host)
        if core is None or listing is None:
            return self.ok("skipped: no core")
        if listing.failed:
            return self.ok(f"skipped: {listing.failed}") if listing.refused else self.fail(listing.failed)
        sender = registrant(listing.rows)
        if sender is None:
            return self.ok(NO_INDEX)
        legacy = legacy_registered(triggers_of_index(host))
        changed = legacy or any(f.status == "fail" for f in self.inspect(host, {}))
        sent = {"watcher": send_watcher(host, core, sender), "timer": send_dream(host, core, sender)}
        if legacy:
            sent["old timer"] = refusal(core.send(TIMER, sender, unregister_message(LEGACY_ID)))
        problems = [f"{what}: {reason}" for what, reason in sent.items() if reason]
        if problems:
            return self.fail("; ".join(problems))
        dream = "on" if host.settings.role_on("dreamweaver") else "off"
        return self.ok(
            f"sent as {sender}: watcher wakes {host.settings.event_target or 'nobody'}, dream {dream}",
            *(["the timer of old releases is dropped"] if legacy else []),
            changed=changed,
        )

    def repair(self, host: Host, found: tuple[Finding, ...]) -> Outcome:
        """As apply, then a short wait for the notifier, which registers when it has read its messages."""
        outcome = self.apply(host, {})
        end = host.door.clock.monotonic() + CONFIRM_SECONDS
        while outcome.ok and any(f.status == "fail" for f in self.inspect(host, {})):
            if host.door.clock.monotonic() >= end:
                return self.fail(f"{outcome.detail}; not registered within {CONFIRM_SECONDS:g} s: is the notifier up?")
            host.door.clock.sleep(POLL_SECONDS)
        return outcome


class WatcherStep(Step):
    """init's own line for the watcher."""

    name = "watcher"
    heals = False
    needs_core = True

    def apply(self, host: Host, done: Done) -> Outcome:
        """Register memoryd's launcher."""
        return register(self, host, "watcher")


class DreamStep(Step):
    """init's own line for the weekly timer."""

    name = "dream"
    heals = False
    needs_core = True

    def apply(self, host: Host, done: Done) -> Outcome:
        """Register the timer where the role is on."""
        if not host.settings.role_on("dreamweaver") and not dream_registered(host):
            return self.ok("not registered: the role is off")
        return register(self, host, "dream")


def problem_of(host: Host, what: Literal["watcher", "dream"]) -> str | None:
    """What is wrong with one registration, or None."""
    known = triggers_of_index(host)
    if what == "watcher":
        return watcher_problem(known, host.paths.launcher, host.settings.event_target)
    on = host.settings.role_on("dreamweaver")
    return dream_problem(known, host.paths.dream_gate, host.settings["DREAM_CRON"], on=on)


def register(step: Step, host: Host, what: Literal["watcher", "dream"]) -> Outcome:
    """One registration with init's rules: no runtime is a problem for the watcher, the sandbox is not."""
    answers = host.wishes.answers
    if answers is not None and answers.skip_ecosystem:
        return step.ok("skipped (--skip-ecosystem)")
    roles = role_cwd(host, "index")
    if roles is None:
        return step.ok("skipped: there are no role peers")
    listing = listed(host)
    core = host.core
    if core is None or listing is None:
        return step.ok("skipped: no core")
    if listing.refused:
        return step.ok("skipped in the sandbox")
    named = answers.runtime if answers is not None else None
    sender = f"{named}-{OWNER}" if named else registrant(listing.rows)
    if sender is None:
        return step.fail(listing.failed or "the index peer declares no runtime to send as")
    changed = problem_of(host, what) is not None
    problem = send_watcher(host, core, sender) if what == "watcher" else send_dream(host, core, sender)
    return step.fail(problem) if problem else step.ok(f"sent as {sender}", changed=changed)


def refusal(said: Said) -> str | None:
    """Why a message was not delivered, or None."""
    return None if said.ok else said.detail


def listed(host: Host) -> Listing | None:
    """The core's list, None without a core."""
    core = host.core
    return core.list() if core is not None else None
