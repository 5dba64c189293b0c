"""Several of us at once, and somebody else writing the same files: one daemon, whole files, nobody's keys lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.bed import Bed, tree, until

COMMAND = (sys.executable, "-I", "-m", "iapeer_memory")


def start(bed: Bed, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """A command that runs beside others."""
    return subprocess.Popen(
        [*COMMAND, *words], env={**bed.env, **(env or {})}, cwd=bed.home, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(children: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """How each came to its end."""
    found = []
    for child in children:
        out, err = child.communicate(timeout=110)
        assert "Traceback" not in err, err
        found.append((child.returncode, out, err))
    return found


def peer_words(bed: Bed, verb: str, name: str, runtime: str) -> tuple[str, ...]:
    """The core's way of calling us for one peer."""
    named = ("--personality", name) if verb == "provision-peer" else ()
    return (verb, "--cwd", str(bed.peer(name)), "--runtime", runtime, *named)


class Writer(threading.Thread):
    """A harness that rewrites its own settings: reads the file, counts up in it, writes it atomically, and rests."""

    def __init__(self, path: Path, rest: float) -> None:
        super().__init__(daemon=True)
        self.path, self.rest = path, rest
        self.written = 0
        self.lost = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            text = self.path.read_text()
            self.lost += self.found(text) != self.written
            self.written += 1
            self.put(text)
            self.over.wait(self.rest)

    def put(self, text: str) -> None:
        """One write of its own counter."""
        new = self.counted(text)
        temp = self.path.with_name(f"{self.path.name}.theirs")
        temp.write_text(new)
        temp.replace(self.path)

    def counted(self, text: str) -> str:
        """The text with the counter in it."""
        if self.path.suffix == ".json":
            return json.dumps({**json.loads(text), "count": self.written}, indent=4)
        lines = [line for line in text.splitlines() if not line.startswith("count = ")]
        return "\n".join([f"count = {self.written}", *lines]) + "\n"

    def found(self, text: str) -> int:
        """The counter as the file has it: not the last one written means that somebody's write has lost it."""
        doc = json.loads(text) if self.path.suffix == ".json" else tomllib.loads(text)
        return int(doc["count"])

    def stop(self) -> None:
        """Let it finish."""
        self.over.set()
        self.join()


@pytest.mark.timeout(240)
def test_eight_at_once_beside_foreign_writers(bed: Bed) -> None:
    names = ("alpha", "beta", "gamma")
    bed.init(*names)
    alpha = bed.peer("alpha")
    writers = [Writer(alpha / ".claude/settings.json", 0.03), Writer(alpha / ".codex/config.toml", 0.03)]
    for writer in writers:
        writer.put(writer.path.read_text())
        writer.start()
    mix = [
        ("update",), ("verify", "--repair"), peer_words(bed, "unprovision-peer", "beta", "claude"), ("update",),
        peer_words(bed, "provision-peer", "beta", "claude"), peer_words(bed, "provision-peer", "gamma", "codex"),
        ("init", "--non-interactive"), ("verify", "--repair"),
    ]  # fmt: skip
    for file in (".mcp.json", ".codex/hooks.json"):
        (alpha / file).unlink()
    found = ended([start(bed, *words) for words in mix])
    for writer in writers:
        writer.stop()
    busy = [row for row in found if row[0] != 0]
    assert all("is held by" in out + err or "keeps writing" in out + err for _, out, err in busy), busy
    assert len(bed.daemons()) == 1
    bed.ok("update")
    assert bed.run("verify").code == 0
    for writer in writers:
        # Nothing stands between a last look and a rename but an instant: hardly ever, and never twice.
        assert writer.written > 20 and writer.lost <= 1, (writer.path, writer.written, writer.lost)
    for name in names:
        for path in bed.peer(name).rglob("*.json"):
            json.loads(path.read_text())
        tomllib.loads((bed.peer(name) / ".codex/config.toml").read_text())
    assert not [path for path in tree(bed.home / "work") if ".iapeer-memory.tmp" in path]


def test_a_foreign_writer_that_holds_still_loses_nothing(bed: Bed) -> None:
    """Each turn: it writes and waits, we mend the same file; its every write must still be there."""
    bed.init("alpha")
    writer = Writer(bed.peer("alpha") / ".claude/settings.json", 0)
    shim = "iapeer-memory.session-start.sh"
    for turn in range(1, 6):
        writer.written = turn
        text = writer.path.read_text().replace(shim, "iapeer-memory.old.sh")
        writer.put(text)
        bed.ok("verify", "--repair")
        assert writer.found(writer.path.read_text()) == turn and shim in writer.path.read_text()


def test_a_second_update_waits_and_names_the_holder(bed: Bed) -> None:
    bed.init("alpha")
    lock = bed.state / "operation.lock"
    hold = (
        "import fcntl, os, sys, time\n"
        f"fd = os.open({str(lock)!r}, os.O_RDWR)\nfcntl.flock(fd, fcntl.LOCK_EX)\n"
        "os.ftruncate(fd, 0); os.pwrite(fd, f'{os.getpid()}\\nresting\\n'.encode(), 0)\n"
        "print('held', flush=True)\nsys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    began = time.monotonic()
    second = start(bed, "update")
    assert second.stderr is not None
    said = second.stderr.readline()
    assert f"held by pid {holder.pid} (resting)" in said
    holder.send_signal(signal.SIGKILL)  # the kernel lets go for it
    out, rest = second.communicate(timeout=60)
    assert second.returncode == 0 and "update complete" in out, (out, rest)
    assert time.monotonic() - began < 60
    holder.wait()
    if holder.stdin is not None:
        holder.stdin.close()
    holder.stdout.close()


@pytest.mark.slow
def test_a_busy_lock_is_a_clear_failure(bed: Bed) -> None:
    bed.init("alpha")
    import fcntl

    with (bed.state / "operation.lock").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ran = bed.run("update")
        assert ran.code == 1 and "is held by" in ran.err and "waited 15" in ran.err
        found = bed.run("verify", "--repair")
        assert found.code == 1 and "operation-lock" in found.out
        assert bed.run("verify").code == 0


def test_two_session_starts_kick_one_repair(bed: Bed) -> None:
    bed.init("alpha")
    bed.end()
    for name in ("memoryd.heartbeat", "verify-kick.stamp"):
        (bed.state / name).unlink(missing_ok=True)
    (bed.peer("alpha") / ".mcp.json").unlink()
    shim = bed.config_dir / "hooks/iapeer-memory.session-start.sh"
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    starts = [
        subprocess.Popen([str(shim)], env=bed.env, cwd=bed.peer("alpha"), text=True, **quiet)  # type: ignore[call-overload]
        for _ in range(4)
    ]
    said = [child.communicate(timeout=30)[0] for child in starts]
    assert sum("a repair has been started" in text for text in said) == 1, said
    assert all(child.returncode == 0 for child in starts)
    until(lambda: len(bed.daemons()) == 1, "the one repair starts memoryd")
    until(lambda: (bed.peer("alpha") / ".mcp.json").exists(), "the one repair heals the surface")


def test_sixteen_starts_of_memoryd_leave_one(bed: Bed) -> None:
    bed.init("alpha")
    bed.end()
    python = bed.state / "runtimes/current/bin/python"
    words = [str(python), "-I", "-m", "iapeer_memory", "memoryd"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    starts = [subprocess.Popen(words, env=bed.env, text=True, **quiet) for _ in range(16)]  # type: ignore[call-overload]
    until(lambda: sum(child.poll() is None for child in starts) == 1, "fifteen of them end")
    losers = [child for child in starts if child.poll() is not None]
    assert len(losers) == 15 and all(child.returncode == 1 for child in losers)
    texts = [child.stderr.read() for child in losers if child.stderr is not None]
    assert all("Traceback" not in text and text.strip() for text in texts), texts
    (winner,) = [child for child in starts if child.poll() is None]
    until(lambda: bed.run("verify").code == 0, "the winner answers")
    assert bed.daemons() == [winner.pid]
    assert int((bed.state / "memoryd.pid").read_text()) == winner.pid
    winner.terminate()
    assert winner.wait(timeout=10) == 0
    for child in starts:
        if child.stderr is not None:
            child.stderr.close()


def test_a_lock_goes_with_its_holder(bed: Bed) -> None:
    """Killed while it holds both locks, an update leaves them free for the next."""
    bed.init("alpha")
    (bed.peer("alpha") / ".mcp.json").unlink()
    child = start(bed, "update", env={"IAPEER_MEMORY_FAULT": "die:5"})
    child.communicate(timeout=60)
    assert child.returncode == 137
    began = time.monotonic()
    ran = bed.ok("update")
    assert "waiting" not in ran.err and time.monotonic() - began < 15
    assert os.path.exists(bed.peer("alpha") / ".mcp.json")
