"""What the operator sees: step lines, check lines, colours, JSON documents. Text only; colours never change it.

Source of the formats: the reference package's command chapter (step line: mark, two spaces, name padded to 10, two
spaces, detail; check line: 8-character mark, space, name padded to the longest, two spaces, detail).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from iapeer_memory import __version__
from iapeer_memory.domain.finding import Finding, Outcome, Status

SCHEMA = 1
Tone = Literal["ok", "fail", "skip", "warn", "dim", "bold"]
SGR: Mapping[Tone, str] = {"ok": "32", "fail": "31", "skip": "90", "warn": "33", "dim": "2", "bold": "1"}
MARKS: Mapping[Status, str] = {"ok": "ok", "fail": "FAIL", "warn": "warn", "skip": "skip", "repaired": "repaired"}
TONES: Mapping[Status, Tone] = {"ok": "ok", "fail": "fail", "warn": "warn", "skip": "skip", "repaired": "ok"}
STEP_WIDTH = 10


class Output:
    """Lines on stdout, painted where a terminal is watching."""

    def __init__(self, env: Mapping[str, str], *, as_json: bool = False) -> None:
        forced = env.get("FORCE_COLOR", "") not in ("", "0", "false")
        self.colour = "NO_COLOR" not in env and (sys.stdout.isatty() or forced)
        self.as_json = as_json

    def paint(self, text: str, tone: Tone) -> str:
        """The text in a tone, or as it is."""
        return f"\x1b[{SGR[tone]}m{text}\x1b[0m" if self.colour else text

    def line(self, text: str = "") -> None:
        """One line; nothing when a JSON document is to be the only thing on stdout."""
        if not self.as_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def outcome(self, outcome: Outcome) -> None:
        """A step line with its sub-lines."""
        mark = self.paint("ok  ", "ok") if outcome.ok else self.paint("FAIL", "fail")
        self.line(f"{mark}  {outcome.step.ljust(STEP_WIDTH)}  {outcome.detail}")
        for subline in outcome.sublines:
            self.line(f"      {outcome.step.ljust(STEP_WIDTH)}  {subline}")

    def findings(self, findings: Sequence[Finding]) -> None:
        """Width-aligned check lines; under a problem, why it matters and what mends it."""
        width = max((len(f.check) for f in findings), default=0)
        for finding in findings:
            mark = self.paint(MARKS[finding.status].ljust(8), TONES[finding.status])
            self.line(f"{mark} {finding.check.ljust(width)}  {finding.detail}")
            if finding.status in ("fail", "warn"):
                if finding.why:
                    self.line(" " * (9 + width + 2) + self.paint(finding.why, "dim"))
                if finding.remedy:
                    self.line(" " * (9 + width + 2) + f"fix: {finding.remedy}")

    def status_findings(self, findings: Sequence[Finding]) -> None:
        """The lines of `status`: mark, two spaces, name padded to at least 12, two spaces, detail."""
        width = max(12, *(len(f.check) for f in findings)) if findings else 12
        for finding in findings:
            mark = self.paint(MARKS[finding.status].ljust(4), TONES[finding.status])
            self.line(f"{mark}  {finding.check.ljust(width)}  {finding.detail}")

    def document(self, kind: str, body: Mapping[str, object]) -> None:
        """The one JSON document of a `--json` run."""
        if self.as_json:
            record = {"schema": SCHEMA, "kind": kind, "version": __version__, **body}
            sys.stdout.write(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def outcome_rows(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """JSON rows of steps."""
    return [asdict(outcome) for outcome in outcomes]


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """JSON rows of checks."""
    return [asdict(finding) for finding in findings]
