"""verify and repair over steps made for the purpose: what is looked at, what is mended, how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.provision.verify import base_name, in_print_order, repair, verify


@dataclass
class FakeHost:
    """Only what the loop itself asks."""

    with_core: bool = True
    log: list[str] = field(default_factory=list)


class Made(Step):
    """A step whose state is a variable."""

    def __init__(
        self, name: str, state: str = "bad", *, heals: bool = True, healable: bool = True, mends: bool = True
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.heals = heals  # type: ignore[misc]
        self.state = state
        self.healable = healable
        self.mends = mends

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        if self.state == "raise":
            raise ConfigError("cannot look", remedy="iapeer-memory init")
        if self.state == "disk":
            raise PermissionError(13, "Permission denied", "/x")
        return (Finding(self.name, "ok" if self.state == "good" else "fail", self.state, healable=self.healable),)

    def apply(self, host: Host, done: Done) -> Outcome:
        cast(FakeHost, host).log.append(self.name)
        if not self.mends:
            return self.fail("no luck")
        self.state = "good"
        return self.ok("mended")


def run(*steps: Step, fix: bool = True) -> tuple[tuple[Finding, ...], list[str]]:
    """(findings, names of steps that were applied)."""
    host = FakeHost()
    found = (repair if fix else verify)(cast(Host, host), steps)
    return found, host.log


def test_verify_never_applies() -> None:
    found, applied = run(Made("slot"), fix=False)
    assert (found[0].status, applied) == ("fail", [])


def test_repair_mends_and_says_so() -> None:
    found, applied = run(Made("slot"))
    assert [(f.status, f.detail) for f in found] == [("repaired", "mended")] and applied == ["slot"]


def test_what_is_good_is_not_touched() -> None:
    assert run(Made("slot", "good"))[1] == []


def test_a_migration_is_never_applied_by_repair() -> None:
    found, applied = run(Made("plugin-off", heals=False))
    assert (found[0].status, applied) == ("fail", [])


def test_what_is_not_healable_is_not_tried() -> None:
    assert run(Made("slot", healable=False))[1] == []


def test_a_repair_without_luck_stays_a_fail_and_tells_why() -> None:
    found, _ = run(Made("slot", mends=False))
    assert (found[0].status, found[0].detail) == ("fail", "bad; repair failed: no luck")


@pytest.mark.parametrize(("state", "text"), [("raise", "cannot look"), ("disk", "/x: Permission denied")])
def test_a_check_that_cannot_look_stops_no_other(state: str, text: str) -> None:
    found, _ = run(Made("a", state), Made("b"))
    assert [(f.status, f.detail) for f in found] == [("fail", text), ("repaired", "mended")]


def test_lines_come_in_the_contracts_order() -> None:
    names = ["binary", "doctrine[index]", "peer-surfaces[a:claude]", "config", "memory-slot", "guide"]
    ordered = [f.check for f in in_print_order([Finding(name, "ok", "") for name in names])]
    assert ordered == ["config", "memory-slot", "peer-surfaces[a:claude]", "doctrine[index]", "binary", "guide"]
    assert base_name("doctrine[index]") == "doctrine"
