"""verify: the same steps, looked at. `--repair` applies those that may heal and looks again.

Inspection runs through whatever door the host holds; `verify` without `--repair` is given one that cannot write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.finding import Finding, Outcome, failed
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.journal import Journal
from iapeer_memory.provision.run import guarded, os_error_line
from iapeer_memory.provision.step import Seen, Step

PRINT_ORDER = (
    "config",
    "memory-slot",
    "fleet-map",
    "peer-surfaces",
    "memoryd-heartbeat",
    "notifier-watcher",
    "dream-timer",
    "doctrine",
    "role-doctrines",
    "role-descriptions",
)
"""The contract's order; checks of our own follow in step order."""
CHECKS = {
    "slot": "memory-slot",
    "fleet": "fleet-map",
    "surfaces": "peer-surfaces",
    "memoryd": "memoryd-heartbeat",
    "doctrines": "role-doctrines",
}


def verify(host: Host, steps: Sequence[Step]) -> tuple[Finding, ...]:
    """Every finding, in the contract's order."""
    seen: dict[str, Finding] = {}
    findings: list[Finding] = []
    for step in steps:
        findings += remember(seen, look(step, host, seen))
    return in_print_order(findings)


def repair(host: Host, steps: Sequence[Step], journal: Journal | None = None) -> tuple[Finding, ...]:
    """Look, mend what may be mended, look again; what was bad and is good now is `repaired`.

    `journal`: told of each step that mends something.
    """
    seen: dict[str, Finding] = {}
    findings: list[Finding] = []
    for step in steps:
        found = look(step, host, seen)
        bad = tuple(f for f in failed(found) if f.healable)
        if bad and step.heals:
            if journal is not None:
                journal.begin(step.name)
            outcome = guarded(step, lambda step=step, bad=bad: step.repair(host, bad))  # type: ignore[misc]
            if journal is not None:
                journal.end(step.name)
            found = after_repair(found, look(step, host, seen), outcome)
        findings += remember(seen, found)
    return in_print_order(findings)


def after_repair(before: Sequence[Finding], after: Sequence[Finding], outcome: Outcome) -> tuple[Finding, ...]:
    """The second look, with what was mended marked, and what was tried told where it is still bad."""
    were_bad = {base_name(f.check) for f in before if f.status == "fail" and f.healable}
    result: list[Finding] = []
    for finding in after:
        if base_name(finding.check) in were_bad and finding.status in ("ok", "skip"):
            result.append(replace(finding, status="repaired", detail=outcome.detail))
        elif finding.status == "fail" and finding.healable and not outcome.ok:
            result.append(replace(finding, detail=f"{finding.detail}; repair failed: {outcome.detail}"))
        else:
            result.append(finding)
    gone = were_bad - {base_name(f.check) for f in after}
    result += [Finding(name, "repaired", outcome.detail) for name in sorted(gone)]
    return tuple(result)


def look(step: Step, host: Host, seen: Seen) -> tuple[Finding, ...]:
    """A step's findings; a check that cannot even look is itself a finding, and stops no other."""
    if not step.applies(host):
        return ()
    try:
        return step.inspect(host, seen)
    except ProductError as error:
        text = error.line().removesuffix(f"; fix: {error.remedy}")
        return (Finding(check_of(step), "fail", text, remedy=error.remedy),)
    except OSError as error:
        return (Finding(check_of(step), "fail", os_error_line(error)),)


def check_of(step: Step) -> str:
    """The name under which a step that cannot look is reported: its check's."""
    return CHECKS.get(step.name, step.name)


def remember(seen: dict[str, Finding], found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Note findings for the checks that come after."""
    for finding in found:
        seen[finding.check] = finding
    return found


def base_name(check: str) -> str:
    """`peer-surfaces[alpha:codex]` → `peer-surfaces`."""
    return check.split("[", 1)[0]


def in_print_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Stable sort by the contract's order."""

    def rank(finding: Finding) -> int:
        name = base_name(finding.check)
        return PRINT_ORDER.index(name) if name in PRINT_ORDER else len(PRINT_ORDER)

    return tuple(sorted(findings, key=rank))
