"""After a reboot everybody starts at once: session starts, repairs, bridges. One broker, one memoryd, all answered."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from iapeer_memory.broker.client_errors import HelloRefused
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.real import real_door
from iapeer_memory.supervise.own_broker import OwnBroker
from tests.support.bed import Bed, short_bed, until

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "starter", "version": "1"}},
}
ASKED = (
    INITIALIZE,
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "memory_map", "arguments": {}}},
)
ANSWERED_WITHIN = 300.0


@pytest.fixture
def bed(runtime: Path) -> Iterator[Bed]:
    """A host whose sessions can attach."""
    with short_bed(runtime) as made:
        yield made


@dataclass
class Starter:
    """One program that finds memoryd absent. `said`: its stdout, once it has ended."""

    kind: str
    child: subprocess.Popen[str]
    said: str = ""

    def finish(self) -> None:
        """Hear it out; a bridge ends when its questions do, which are all asked at once."""
        told = "".join(json.dumps(one) + "\n" for one in ASKED) if self.kind == "bridge" else None
        self.said, _ = self.child.communicate(told, timeout=ANSWERED_WITHIN)

    @property
    def answered(self) -> bool:
        """Whether it got what it came for."""
        if self.child.returncode != 0:
            return False
        if self.kind != "bridge":
            return True
        answers = [json.loads(line) for line in self.said.splitlines()]
        results = {one["id"]: one["result"] for one in answers if "result" in one}
        if set(results) != {1, 2, 3} or results[3]["isError"]:
            return False
        return any(tool["name"] == "memory_search" for tool in results[2]["tools"])


def starter(bed: Bed, kind: str) -> Starter:
    """Start one."""
    python = str(bed.state / "runtimes/current/bin/python")
    words = {
        "hook": [str(bed.config_dir / "hooks/iapeer-memory.session-start.sh")],
        "repair": [python, "-I", "-m", "iapeer_memory", "verify", "--repair"],
        "bridge": [python, "-I", "-m", "iapeer_memory", "mcp"],
    }[kind]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(words, env=bed.env, cwd=bed.peer("alpha"), text=True, **pipes)  # type: ignore[call-overload]
    return Starter(kind, child)


def all_at_once(bed: Bed, kinds: list[str]) -> list[Starter]:
    """Start them, hear all of them out."""
    starters = [starter(bed, kind) for kind in kinds]
    listeners = [threading.Thread(target=one.finish) for one in starters]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join()
    return starters


def mixed(count: int) -> list[str]:
    """Mostly bridges, as many sessions are; every eighth a hook, and two repairs, which wait for each other."""
    return ["repair" if number in (3, 11) else "hook" if number % 8 == 0 else "bridge" for number in range(count)]


def rebooted(bed: Bed) -> None:
    """As after a reboot: nothing runs, no sockets, no sign of life from today."""
    bed.reboot()
    for name in ("memoryd.heartbeat", "verify-kick.stamp"):
        (bed.state / name).unlink(missing_ok=True)


def one_of_each(bed: Bed) -> bool:
    """Also a moment later, when whoever lost a race has ended."""
    until(lambda: len(bed.daemons()) == 1 == len(bed.brokers()), "one memoryd and one broker")
    (pid,) = bed.daemons()
    assert int((bed.state / "memoryd.pid").read_text()) == pid
    well = bed.findings()["memoryd-heartbeat"]["status"] == "ok"
    return well and (bed.daemons(), len(bed.brokers())) == ([pid], 1)


def storm(bed: Bed, count: int) -> list[tuple[str, int, str]]:
    """So many after a reboot: those that were not answered."""
    rebooted(bed)
    starters = all_at_once(bed, mixed(count))
    return [(one.kind, one.child.returncode, one.said[:500]) for one in starters if not one.answered]


@pytest.mark.timeout(240)
def test_twelve_starters_after_a_reboot_leave_one_of_each(bed: Bed) -> None:
    bed.init("alpha")
    assert storm(bed, 12) == []
    assert one_of_each(bed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [32, 64])
def test_many_starters_after_a_reboot_leave_one_of_each(bed: Bed, count: int) -> None:
    bed.init("alpha")
    assert storm(bed, count) == []
    assert one_of_each(bed)


def kill_and_start(bed: Bed, chance: random.Random, victims: tuple[str, ...]) -> bool:
    """In the middle of a start, or of the quiet after it, they die; then one starter: whether it is answered, by the
    only memoryd."""
    rebooted(bed)
    first = starter(bed, "bridge")
    listener = threading.Thread(target=first.finish)
    listener.start()
    time.sleep(chance.uniform(0.0, 3.0))
    for pid in (*(bed.brokers() if "broker" in victims else ()), *(bed.daemons() if "memoryd" in victims else ())):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    listener.join()
    (second,) = all_at_once(bed, ["bridge"])
    until(lambda: len(bed.daemons()) == 1, "one memoryd")
    well = bed.findings()["memoryd-heartbeat"]["status"] == "ok"
    return second.answered and well and len(bed.daemons()) == 1 and len(bed.brokers()) <= 1


VICTIMS = (("broker",), ("memoryd",), ("broker", "memoryd"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victims", VICTIMS, ids="+".join)
def test_whoever_is_killed_one_memoryd_answers(bed: Bed, victims: tuple[str, ...]) -> None:
    bed.init("alpha")
    assert kill_and_start(bed, random.Random(len(victims[0])), victims)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("victims", VICTIMS, ids="+".join)
def test_whoever_is_killed_twenty_times_one_memoryd_answers(bed: Bed, victims: tuple[str, ...]) -> None:
    bed.init("alpha")
    chance = random.Random(20)
    for _ in range(20):
        assert kill_and_start(bed, chance, victims)


def test_a_memoryd_that_a_broker_knows_nothing_of_stays_the_only_one(bed: Bed) -> None:
    """As when a broker was killed in the millisecond between starting it and recording it: the next one launches a
    second, which memoryd's own lock turns away."""
    bed.env["RUNNING_PROCESS_DISABLE"] = "1"
    bed.init("alpha")
    (pid,) = bed.daemons()
    assert bed.brokers() == []
    for claim in (*bed.run_folder.rglob("daemon-*.json"), *bed.run_folder.rglob("*.identity.json")):
        claim.unlink()
    del bed.env["RUNNING_PROCESS_DISABLE"]
    paths = Paths.from_env(bed.env, os_home=str(bed.home))
    broker = OwnBroker(real_door(), paths, bed.env)
    broker.ready(time.monotonic() + 60)
    with suppress(HelloRefused):  # it says so where the second ends before the broker's patience does
        broker.ask_for_memoryd(time.monotonic() + 60)
    until(lambda: "another memoryd" in Path(paths.daemon_log).read_text(), "a second was launched and turned away")
    until(lambda: bed.daemons() == [pid], "the second has ended")
    assert bed.findings()["memoryd-heartbeat"]["status"] == "ok"
