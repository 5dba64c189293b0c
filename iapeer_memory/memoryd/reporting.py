"""What a pass found, told: to the condition that the health page shows, and to the log."""

from __future__ import annotations

from iapeer_memory.memoryd.health import Condition
from iapeer_memory.memoryd.intake import Report
from iapeer_memory.memoryd.log import Log

NAMED_BAD = 5
"""Unreadable notes that the log names after a pass."""


def note(report: Report, condition: Condition, log: Log, *, root: str, whole_at: float | None, seconds: float) -> None:
    """`whole_at`: the time of a whole pass, None for one over a few notes; `seconds`: how long it took."""
    if report.away:
        if not condition.away:
            log.warn(f"the vault {root} is not there; its notes are kept until it returns")
        condition.away = True
        return
    if condition.away:
        log.info(f"the vault {root} is back")
    condition.away, condition.trouble = False, None
    condition.passes += 1
    condition.last_pass = seconds
    if whole_at is not None:
        condition.last_whole = whole_at
        condition.held, condition.unreadable = report.held, len(report.bad)
    if report.held:
        condition.held = report.held
        log.warn(
            f"{report.held} notes vanished at once and are kept in the index; where they are meant to be gone: "
            "iapeer-memory config set ALLOW_MASS_DELETE 1, then: iapeer-memory verify --repair"
        )
    for line in report.bad[:NAMED_BAD]:
        log.warn(f"not indexed: {line}")
    if len(report.bad) > NAMED_BAD:
        log.warn(f"not indexed: {len(report.bad) - NAMED_BAD} more")
    if report.changed:
        log.info(
            f"{'partial' if whole_at is None else 'whole'} pass: {report.seen} seen, {report.written} indexed, "
            f"{report.removed} removed, {seconds:.2f} s"
        )
