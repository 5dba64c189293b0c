"""A real SIGKILL at any instant, also in the middle of a write: nothing is left beside the files that were written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.bed import Bed, until
from tests.support.foreign import Fleet, Snapshot

DELAYS = (0.25, 0.45, 0.75)


def killed_after(bed: Bed, seconds: float, *words: str) -> int:
    """The command, killed after that long; its exit code."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "iapeer_memory", *words], env=bed.env, cwd=bed.home,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        return child.wait()


def kill_init(bed: Bed, folder: Path, delays: tuple[float, ...]) -> int:
    """Init killed again and again at other instants, then finished, then taken out: nothing of it is left. How often
    it was killed."""
    bed.prepare()
    fleet = Fleet(bed)
    fleet.furnish()
    snapshot = Snapshot(bed, folder / "snapshot")
    snapshot.take()
    words = ("init", *fleet.flags(), "--allow", "--non-interactive")
    killed = 0
    for seconds in delays:
        snapshot.put_back()
        for part in (1.0, 0.7, 1.3):
            killed += killed_after(bed, seconds * part, *words) == -signal.SIGKILL
            fleet.foreign_kept()
        bed.ok(*words)
        assert bed.run("verify").code == 0 and len(bed.daemons()) == 1
        until(lambda: fleet.leftovers() == [], "what memoryd writes is written")
        assert not (bed.state / "journal.json").exists()
        bed.ok("uninstall", "--keep-binary")
        assert fleet.now() == fleet.before, seconds
        assert fleet.leftovers() == []
    return killed


def test_an_init_that_is_killed_again_and_again(bed: Bed, tmp_path: Path) -> None:
    assert kill_init(bed, tmp_path, DELAYS) >= len(DELAYS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_init_that_is_killed_at_many_instants(bed: Bed, tmp_path: Path) -> None:
    delays = tuple(0.2 + step * 0.02 for step in range(60))
    assert kill_init(bed, tmp_path, delays) >= len(delays) // 2


def test_what_a_kill_left_in_the_middle_of_a_write_is_cleared(bed: Bed) -> None:
    """The two notes that a killed run leaves: its journal, and the log of what it was about to write."""
    bed.init("alpha")
    assert bed.run("update", env={"IAPEER_MEMORY_FAULT": "die:2"}).code == 137
    alpha = bed.peer("alpha")
    (alpha / ".mcp.json").unlink()
    (bed.state / "ledger.json.ahead").write_text(f'{{"path": "{alpha}/.mcp.json", "after": "0"}}\n{{"path": "/to')
    torn = [
        alpha / "..mcp.json.0123456789ab.iapeer-memory.tmp",
        bed.state / ".host.json.0123456789ab.iapeer-memory.tmp",
        bed.config_dir / "hooks/.iapeer-memory.post-write.sh.0123456789ab.iapeer-memory.tmp",
        bed.home / ".local/bin/.iapeer-memory.0123456789ab.iapeer-memory.tmp",
    ]
    theirs = [
        alpha / "theirs.tmp",
        alpha / ".x.iapeer-memory.tmp",
        bed.home / "..mcp.json.0123456789ab.iapeer-memory.tmp",
    ]
    for path in (*torn, *theirs):
        path.write_text("half a fi")
    (bed.state / "runtimes/.staging-0123456789ab").mkdir()
    began = time.time()
    bed.ok("update")
    assert not [path for path in torn if path.exists()]
    assert all(path.exists() for path in theirs)
    assert not (bed.state / "runtimes/.staging-0123456789ab").exists()
    assert not (bed.state / "ledger.json.ahead").exists() and (alpha / ".mcp.json").stat().st_mtime >= began - 1


def test_what_a_kill_left_of_the_vaults_seeds_is_cleared(bed: Bed) -> None:
    system = bed.vault / "99_System"
    torn = [
        system / ".Tags.md.0123456789ab.iapeer-memory.tmp",
        system / "Templates/.Draft.md.ba9876543210.iapeer-memory.tmp",
    ]
    theirs = [system / ".Tags.md.iapeer-memory.tmp", bed.vault / ".Mine.md.0123456789ab.iapeer-memory.tmp"]
    (system / "Templates").mkdir(parents=True)
    for path in (*torn, *theirs):
        path.write_text("half a fi")
    bed.init("alpha")
    assert [path.exists() for path in (*torn, *theirs)] == [False, False, True, True]


def test_an_intent_that_was_not_carried_out_is_no_memory(bed: Bed) -> None:
    """The file that it was about is still its owner's, and stays so."""
    bed.prepare()
    alpha = bed.peer("alpha")
    alpha.mkdir(parents=True)
    (alpha / ".mcp.json").write_text('{"mcpServers": {}}\n')
    flags = ("--peer", f"alpha={alpha}", "--non-interactive")
    bed.ok("init", *flags)
    bed.ok("uninstall", "--keep-binary")
    bed.state.mkdir(parents=True, exist_ok=True)
    never = "0" * 64
    intent = {"path": f"{alpha}/.mcp.json", "after": never, "record": {"after": never, "created": True}}
    (bed.state / "ledger.json.ahead").write_text(json.dumps(intent) + "\n")
    bed.ok("init", *flags)
    bed.ok("uninstall", "--keep-binary")
    assert (alpha / ".mcp.json").read_text() == '{"mcpServers": {}}\n'
