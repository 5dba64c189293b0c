"""Everything at once, with a daemon that dies again and again: the index ends as the vault is, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.soaked import Soak

SHORT = 7.0
LONG = float(os.environ.get("SOAK_SECONDS", "600"))
"""Seconds of the long form; the environment may ask for another length."""


def soaked(folder: Path, *, seed: int, seconds: float) -> Soak:
    """Run one: it fails where it ends otherwise than whole."""
    host = Soak(folder, seed)
    host.run(seconds)
    return host


def test_a_host_where_everything_happens_at_once_ends_whole(tmp_path: Path) -> None:
    host = soaked(tmp_path, seed=1, seconds=SHORT)
    assert host.was_one(), (host.lives, host.ledger.counts)


def test_what_must_not_be_is_seen(tmp_path: Path) -> None:
    """The checks at the end of a soak, each on a host where it has something to find."""
    host = Soak(tmp_path, seed=3)
    checks = (host.lost, host.torn, host.left_over, host.bad_log_lines)
    assert [check() for check in checks] == [[]] * 4
    first, second = (host.vault / path for path in host.shared.paths[:2])
    first.write_bytes(first.read_bytes()[:-5])
    second.with_name(".fm-0123456789ab.tmp").write_text("x")
    host.said.append("Traceback (most recent call last):")
    assert [len(check()) for check in checks] == [1] * 4


@pytest.mark.slow
@pytest.mark.timeout(LONG + 300)
def test_ten_minutes_of_everything_at_once(tmp_path: Path) -> None:
    host = soaked(tmp_path, seed=2, seconds=LONG)
    assert host.was_one(), (host.lives, host.ledger.counts)
