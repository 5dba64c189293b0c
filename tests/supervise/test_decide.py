"""What is done about a memoryd that was looked at."""

from __future__ import annotations

import pytest

from iapeer_memory.domain.ports import DaemonReport, DaemonState
from iapeer_memory.supervise.decide import Act, restart_plan


@pytest.mark.parametrize(
    ("state", "build", "installed", "supervised", "act"),
    [
        ("answering", "a", "a", True, "nothing"),
        ("answering", "a", "a", False, "nothing"),
        ("answering", "a", "b", True, "restart"),
        ("answering", "a", None, True, "nothing"),
        ("silent", "", "a", True, "wait"),
        ("absent", "", "a", True, "start"),
        ("absent", "", "a", False, "nothing"),
        ("stranger", "", "a", True, "refuse"),
    ],
)
def test_plan(state: DaemonState, build: str, installed: str | None, supervised: bool, act: Act) -> None:
    assert restart_plan(DaemonReport(state, "", build=build), installed, supervised=supervised) == act
