"""The doctor's answer: checks, as text and as JSON. Pure.

Source of the form, and of the names and order of the first checks: the running-process broker's doctor, schema 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from iapeer_memory.domain.errors import printable

Status = Literal["PASS", "WARN", "FAIL"]
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. WARN: unusual, and nothing is broken. FAIL: broken."""

    name: str
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in their order."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """1 when anything is broken, else 0."""
        return 1 if self.count("FAIL") else 0

    def count(self, status: Status) -> int:
        """How many checks came to that."""
        return sum(check.status == status for check in self.checks)

    def text(self) -> str:
        """One line a check and one at the end that counts them; ends with a line break."""
        width = max((len(_line(check.name)) for check in self.checks), default=0)
        lines = [f"{one.status:<4}  {_line(one.name):<{width}}  {_line(one.detail)}".rstrip() for one in self.checks]
        counts = f"{self.count('PASS')} pass, {self.count('WARN')} warn, {self.count('FAIL')} fail"
        return "\n".join([*lines, f"doctor: {len(self.checks)} checks — {counts}"]) + "\n"

    def as_json(self) -> dict[str, object]:
        """The report as JSON-able data."""
        return {
            "schema_version": SCHEMA,
            "command": "doctor",
            "exit_code": self.exit_code,
            "checks": [
                {"check": _line(check.name), "status": check.status, "detail": _line(check.detail)}
                for check in self.checks
            ],
        }


def _line(text: str) -> str:
    """The text in one line that no terminal is changed by."""
    return printable(" ".join(text.split()))
