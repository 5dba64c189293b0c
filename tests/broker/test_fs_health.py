"""Room for files, and who may run a broker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iapeer_memory.broker import privilege
from iapeer_memory.broker.fs_health import InodeHealth
from iapeer_memory.egress.inodes import inode_counts


@pytest.mark.parametrize(
    ("total", "free", "verdict", "ratio"),
    [
        (0, 0, "not applicable", 0.0),
        (0, 10, "not applicable", 0.0),
        (1000, 1000, "ok", 0.0),
        (1000, 50, "ok", 0.95),
        (1000, 49, "warn", 0.951),
        (1000, 10, "warn", 0.99),
        (1000, 9, "fail", 0.991),
        (1000, 0, "fail", 1.0),
        (1000, 2000, "ok", 0.0),
    ],
)
def test_verdicts(total: int, free: int, verdict: str, ratio: float) -> None:
    health = InodeHealth(total, free)
    assert health.verdict == verdict
    assert health.used_ratio == pytest.approx(ratio)


def test_a_path_that_is_not_there_yet_is_asked_for_above(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    total, free = inode_counts(str(tmp_path / "not" / "yet"))
    assert total == found.f_files
    assert 0 <= free <= total


@pytest.mark.parametrize(
    ("uid", "value", "refused"),
    [(1000, None, False), (0, None, True), (0, "1", False), (0, "true", True), (0, "", True), (0, " 1", True)],
)
def test_root_needs_leave_in_as_many_words(uid: int, value: str | None, refused: bool) -> None:
    found = privilege.objection(uid, {} if value is None else {privilege.ALLOW: value})
    assert (found is not None) is refused
    assert found is None or found.exit_code == 77
