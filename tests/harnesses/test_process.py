"""Running a harness leaves nothing behind and takes nothing along. Needs no harness."""

from __future__ import annotations

import os
from time import monotonic, sleep

import pytest

from tests.support.harness.process import TookTooLong, clean_env, run


def gone(pid: int) -> bool:
    """True when no such process runs; a zombie that nobody has reaped yet counts as gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pid: int) -> bool:
    """The kernel ends a killed process in its own time: give it 10 s at most."""
    until = monotonic() + 10
    while not gone(pid) and monotonic() < until:
        sleep(0.01)
    return gone(pid)


@pytest.fixture
def env(tmp_path: object) -> dict[str, str]:
    return clean_env(str(tmp_path), "/usr/bin:/bin")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
def test_a_helper_that_is_left_behind_is_ended_and_does_not_hold_us_up(env: dict[str, str]) -> None:
    done = run(["sh", "-c", "sleep 600 & echo $!"], cwd=env["HOME"], env=env, timeout=60)
    assert done.code == 0
    assert wait_until_gone(int(done.out))


def test_what_takes_too_long_is_ended_and_says_what_it_had_said(env: dict[str, str]) -> None:
    with pytest.raises(TookTooLong, match="started"):
        run(["sh", "-c", "echo started; sleep 600"], cwd=env["HOME"], env=env, timeout=1)


def test_nothing_of_our_own_environment_is_passed_on(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "mine")
    monkeypatch.setenv("CODEX_HOME", "/mine")
    done = run(["env"], cwd=env["HOME"], env=env, timeout=60)
    names = {line.split("=", 1)[0] for line in done.out.splitlines()}
    assert names - set(env) <= {"PWD", "SHLVL", "_"}
    assert f"HOME={env['HOME']}" in done.out.splitlines()
