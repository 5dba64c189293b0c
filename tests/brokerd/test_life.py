"""A real broker with real backends: one of each under any rush, found again after a kill, ended in order."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.broker.wire_v1.admin import AdminVerb
from iapeer_memory.broker.wire_v1.control import ErrorCode, HelloReply, Negotiated, Refused
from iapeer_memory.egress.faulty import KILLED
from tests.support.brokered import PATIENCE, GroundOf, broker, ground, mode_of, serves, start, wait_for

RUSH = 32


@pytest.fixture
def place() -> Iterator[GroundOf]:
    with ground() as found:
        yield found


def granted(reply: HelloReply) -> Negotiated:
    assert reply.negotiated is not None, reply.refused
    return reply.negotiated


def refused(reply: HelloReply) -> Refused:
    assert reply.refused is not None, reply.negotiated
    return reply.refused


def insist(place: GroundOf, service: str) -> Negotiated:
    """As a client does it: ask again when told to, and after as long as told."""
    while True:
        reply = place.hello(service)
        if reply.negotiated is not None:
            return reply.negotiated
        assert reply.refused is not None and reply.refused.retry_after_ms, reply.refused
        time.sleep(min(reply.refused.retry_after_ms, 200) / 1_000)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def talk_to(path: str) -> None:
    """Connect as a client of the backend does."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(path)


def test_a_rush_of_clients_gets_one_backend(place: GroundOf) -> None:
    place.service("svc")
    with broker(place, rate_limit=0), ThreadPoolExecutor(RUSH) as pool:
        said = list(pool.map(lambda _: insist(place, "svc"), range(RUSH)))
        assert len({one.backend_pipe for one in said}) == 1
        assert sorted(one.connection_id for one in said) == list(range(1, RUSH + 1))
        talk_to(said[0].backend_pipe)
        assert len(place.starts("svc")) == 1
        document = json.loads(place.admin(AdminVerb.STATUS, json=True).body)
        assert [one["pid"] for one in document["backends"]] == place.starts("svc")


def rush_of_brokers(place: GroundOf, count: int) -> tuple[list[int], bool]:
    """Start so many at once. (how the others ended, whether the one that is left is who answers)"""
    rivals = [start(place) for _ in range(count)]
    try:
        wait_for(lambda: sum(one.poll() is None for one in rivals) == 1 and serves(place), 2 * PATIENCE)
        (winner,) = [one for one in rivals if one.returncode is None]
        answers: int = json.loads(place.admin(AdminVerb.STATUS, json=True).body)["broker_pid"]
        return [one.returncode for one in rivals if one is not winner], answers == winner.pid
    finally:
        for one in rivals:
            one.kill()
            one.communicate()


def test_of_several_brokers_one_serves(place: GroundOf) -> None:
    assert rush_of_brokers(place, 4) == ([75] * 3, True)


@pytest.mark.slow
def test_of_many_brokers_one_serves(place: GroundOf) -> None:
    assert rush_of_brokers(place, RUSH) == ([75] * (RUSH - 1), True)


def test_the_sockets_are_private(place: GroundOf) -> None:
    with broker(place):
        for generation in (1, 2):
            assert mode_of(place.socket(generation)) == 0o600
            assert mode_of(os.path.dirname(place.socket(generation))) == 0o700


def test_sigterm_ends_it_and_the_backend_lives_on(place: GroundOf) -> None:
    place.service("svc")
    with broker(place) as running:
        first = granted(place.hello("svc"))
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0
    assert not Path(place.socket(1)).exists() and not Path(place.socket(2)).exists()
    with broker(place):
        assert granted(place.hello("svc")).backend_pipe == first.backend_pipe
    assert len(place.starts("svc")) == 1


def test_a_killed_broker_is_followed_by_one_that_finds_its_backends(place: GroundOf) -> None:
    place.service("svc")
    with broker(place) as running:
        first = granted(place.hello("svc"))
        running.kill()
        running.wait(PATIENCE)
    assert Path(place.socket(1)).exists()
    with broker(place):
        assert granted(place.hello("svc")).backend_pipe == first.backend_pipe
    assert len(place.starts("svc")) == 1


def test_a_broker_killed_in_the_middle_of_a_launch(place: GroundOf) -> None:
    held = place.service("svc") / "held"
    held.touch()
    with broker(place) as running:
        waiting = threading.Thread(target=left_alone, args=(place,))
        waiting.start()
        records = place.folder / "running-process" / "broker-v2" / "launched"
        wait_for(lambda: list(records.glob("svc-*.json")))
        running.kill()
        running.wait(PATIENCE)
        waiting.join(PATIENCE)
    held.unlink()
    with broker(place):
        talk_to(insist(place, "svc").backend_pipe)
    assert len(place.starts("svc")) == 1


LAUNCH = range(3, 6)
"""Of a new broker's effects those of its first launch: starting the program, and within that the record of it."""


@pytest.mark.parametrize("fault", [f"{how}:{at}" for at in LAUNCH for how in ("die", "die-after")])
def test_a_broker_that_dies_at_any_step_of_a_launch(place: GroundOf, fault: str) -> None:
    """Whatever it had done by then: after the next one there is one backend, and there was never another."""
    place.service("svc")
    with broker(place, fault=fault) as running:
        with pytest.raises(EOFError):
            place.hello("svc")
        assert running.wait(PATIENCE) == KILLED
    with broker(place):
        talk_to(insist(place, "svc").backend_pipe)
    assert len(place.starts("svc")) == 1


def test_no_step_of_a_launch_is_left_out_above(place: GroundOf) -> None:
    place.service("svc")
    with broker(place, fault=f"die:{LAUNCH.stop}") as running:
        assert granted(place.hello("svc")).backend_pipe
        assert running.poll() is None


def starts_under_kills(place: GroundOf, times: int) -> int:
    """How often the backend is started while its broker is killed again and again, under clients that insist."""
    place.service("svc", program="whole")
    dice, stop = random.Random(16), threading.Event()

    def client() -> None:
        while not stop.is_set():
            with suppress(OSError, EOFError):
                place.hello("svc")

    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    try:
        for _ in range(times):
            with broker(place, rate_limit=0) as running:
                time.sleep(dice.random() * 0.2)
                running.kill()
                running.wait(PATIENCE)
    finally:
        stop.set()
        for one in clients:
            one.join(PATIENCE)
    with broker(place):
        talk_to(insist(place, "svc").backend_pipe)
        wait_for(lambda: not left_torn(place))  # the backend may be writing who it is
    return len(place.starts("svc"))


def left_torn(place: GroundOf) -> list[Path]:
    """Files that somebody began to write and did not finish."""
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    return [path for path in files if ".tmp" in path.name or (path.suffix == ".json" and not is_json(path))]


def is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text()), dict)
    except ValueError:
        return False


def test_a_broker_that_is_killed_at_any_moment(place: GroundOf) -> None:
    assert starts_under_kills(place, 2) == 1
    assert left_torn(place) == []


@pytest.mark.slow
def test_a_broker_that_is_killed_at_many_moments(place: GroundOf) -> None:
    assert starts_under_kills(place, 25) == 1
    assert left_torn(place) == []


def left_alone(place: GroundOf) -> None:
    """A client whose broker goes away before it has answered."""
    with pytest.raises(EOFError):
        place.hello("svc")


def test_a_crashed_backend_comes_back_once_by_itself(place: GroundOf) -> None:
    place.service("svc")
    with broker(place):
        granted(place.hello("svc"))
        os.kill(place.starts("svc")[0], signal.SIGKILL)
        wait_for(lambda: len(place.starts("svc")) == 2)
        second = insist(place, "svc")
        talk_to(second.backend_pipe)
        os.kill(place.starts("svc")[1], signal.SIGKILL)
        wait_for(lambda: place.hello("svc").refused)
        said = refused(place.hello("svc"))
        assert (said.code, said.reason) == (ErrorCode.RATE_LIMITED, "backend spawn budget exhausted")
        assert 0 < said.retry_after_ms <= 30_000
        assert len(place.starts("svc")) == 2
        events = json.loads(place.admin(AdminVerb.DUMP, json=True).body)["recent_lifecycle_events"]
        assert [event["kind"] for event in events] == ["SPAWN", "DIED_CRASH", "SPAWN", "DIED_CRASH"]


def test_a_backend_killed_while_it_starts_is_started_for_the_next_who_asks(place: GroundOf) -> None:
    held = place.service("svc") / "held"
    held.touch()
    with broker(place), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(place.hello, "svc")
        wait_for(lambda: place.starts("svc"))
        os.kill(place.starts("svc")[0], signal.SIGKILL)
        said = refused(waiting.result())
        assert said.reason.startswith("backend spawn failed: it ended before it answered")
        held.unlink()
        talk_to(insist(place, "svc").backend_pipe)
        assert len(place.starts("svc")) == 2
        assert len(list(Path(place.socket()).parent.glob("*-be-*.sock"))) == 1


def test_an_idle_backend_is_stopped_and_its_socket_taken_away(place: GroundOf) -> None:
    place.service("svc", labels={"idle_timeout_secs": "1"})
    with broker(place):
        first = granted(place.hello("svc"))
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(first.backend_pipe)
            began = time.monotonic()
            wait_for(lambda: time.monotonic() - began > 2 or not alive(place.starts("svc")[0]))
            assert alive(place.starts("svc")[0]), "somebody was connected"
        wait_for(lambda: not alive(place.starts("svc")[0]))
        wait_for(lambda: not Path(first.backend_pipe).exists())
        assert insist(place, "svc").backend_pipe != first.backend_pipe
        assert len(place.starts("svc")) == 2


def test_a_rebuilt_program_gets_a_backend_of_its_own(place: GroundOf) -> None:
    program = place.service("svc") / "backend"
    with broker(place):
        first = granted(place.hello("svc"))
        replacement = program.with_name("new")
        replacement.write_text(program.read_text() + "# another build\n")
        replacement.chmod(0o755)
        replacement.replace(program)
        second = granted(place.hello("svc"))
        assert first.backend_pipe != second.backend_pipe
        assert all(alive(pid) for pid in place.starts("svc"))


def test_two_services_and_two_instances_have_their_own(place: GroundOf) -> None:
    for name, isolation in (("a", 0), ("b", 1)):
        place.service(name, isolation=isolation)
    with broker(place), ThreadPoolExecutor(2) as pool:
        said = list(pool.map(place.hello, ("a", "b")))
        assert len({granted(one).backend_pipe for one in said}) == 2
        backends = json.loads(place.admin(AdminVerb.STATUS, json=True).body)["backends"]
        assert {one["broker_instance"] for one in backends} == {"private:a", "shared"}


def test_a_backend_that_dies_is_refused_with_where_its_words_are(place: GroundOf) -> None:
    (place.service("svc") / "dies").touch()
    with broker(place):
        for _ in range(3):
            said = refused(place.hello("svc"))
            assert (said.code, said.retry_after_ms) == (ErrorCode.BACKEND_SPAWN_FAILED, 1_000)
            assert said.reason.startswith("backend spawn failed: it ended before it answered")
            assert said.reason.endswith("svc.log")
        said = refused(place.hello("svc"))
        assert (said.code, said.reason) == (ErrorCode.RATE_LIMITED, "backend spawn budget exhausted")
        assert 20_000 < said.retry_after_ms <= 30_000
        assert len(place.starts("svc")) == 3
        left = Path(place.socket()).parent.glob("*-be-*.sock")
        assert list(left) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"per_version_binary_dir": ""}, "per_version_binary_dir is not set"),
        ({"per_version_binary_dir": "/usr"}, "is not inside per_version_binary_dir"),
        ({"binary_path": "{here}/../svc2/backend"}, "is not inside per_version_binary_dir"),
        ({"binary_path": "{here}/absent"}, "there is no program at"),
        ({"binary_path": "{here}"}, "is not inside per_version_binary_dir"),
    ],
)
def test_only_the_definitions_own_program_is_started(place: GroundOf, fields: dict[str, Any], why: str) -> None:
    here = place.folder / "bin" / "svc"
    place.service("svc2")
    place.service("svc", **{name: text.format(here=here) for name, text in fields.items()})
    with broker(place):
        assert why in refused(place.hello("svc")).reason
    assert place.starts("svc") == place.starts("svc2") == []


def test_one_waits_while_it_starts_and_the_rest_is_told_to_come_again(place: GroundOf) -> None:
    held = place.service("svc") / "held"
    held.touch()
    with broker(place), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(place.hello, "svc")
        wait_for(lambda: place.starts("svc"))
        said = refused(place.hello("svc"))
        assert (said.reason, said.retry_after_ms) == ("backend spawn already in progress", 1_000)
        held.unlink()
        granted(waiting.result())
        assert len(place.starts("svc")) == 1


def test_a_client_that_leaves_does_not_take_its_backend_along(place: GroundOf) -> None:
    held = place.service("svc") / "held"
    held.touch()
    with broker(place):
        with pytest.raises(TimeoutError):
            impatient(place)
        held.unlink()
        insist(place, "svc")
        assert len(place.starts("svc")) == 1


def impatient(place: GroundOf) -> None:
    """Send a Hello and hang up before the answer."""
    from iapeer_memory.broker.protobuf import encode
    from iapeer_memory.broker.wire_v1.control import Hello
    from iapeer_memory.broker.wire_v1.frame import CONTROL, request
    from iapeer_memory.broker.wire_v1.framing import framed

    hello = Hello(client_min_protocol=1, client_max_protocol=1, service_name="svc", wanted_version="1.2.3")
    with place.connect() as stream:
        stream.sendall(framed(encode(request(CONTROL, encode(hello), 1))))
        stream.settimeout(0.1)
        stream.recv(1)


@pytest.mark.slow
def test_a_client_of_generation_2_is_told_to_come_again_in_its_own_way(place: GroundOf) -> None:
    held = place.service("svc", generation=2) / "held"
    held.touch()
    with broker(place):
        said = granted(place.hello("svc", generation=2))
        assert said.backend_pipe == ""
        held.unlink()
        wait_for(lambda: place.hello("svc", generation=2).negotiated)
        assert granted(place.hello("svc", generation=2)).backend_pipe
        assert len(place.starts("svc")) == 1


def environment(place: GroundOf, service: str) -> dict[str, str]:
    lines = (place.folder / "bin" / service / "environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_what_a_backend_is_told(place: GroundOf) -> None:
    place.service("svc")
    with broker(place, session_tokens=True):
        pipe = granted(place.hello("svc")).backend_pipe
    env = environment(place, "svc")
    prefix = "RUNNING_PROCESS_BROKER_V1_"
    assert {name.removeprefix(prefix): text for name, text in env.items() if name.startswith(prefix)} == {
        "SERVICE_NAME": "svc",
        "SERVICE_VERSION": "1.2.3",
        "BACKEND_PIPE": pipe,
        "BACKEND_NAMESPACE": "shared",
        "INSTANCE": "shared",
        "SESSION_TOKEN": env[f"{prefix}SESSION_TOKEN"],
    }
    assert len(bytes.fromhex(env[f"{prefix}SESSION_TOKEN"])) == 32
    assert env["RUNNING_PROCESS_IS_DAEMON"] == "1"
    assert int(env["RUNNING_PROCESS_BROKER_LISTENER_FD"]) > 2
    assert (env["USER"], env["HOME"], env["LC_TIME"]) == ("tester", str(place.folder), "C.UTF-8")
    assert env["XDG_RUNTIME_DIR"] == str(place.folder)
    assert "SECRET_OF_A_TERMINAL" not in env and "PYTHONPATH" not in env


@pytest.mark.parametrize(("value", "handed"), [("0", False), ("", True)])
def test_who_binds(place: GroundOf, value: str, handed: bool) -> None:
    place.service("svc")
    with broker(place, {"RUNNING_PROCESS_BROKER_OWNED_BIND": value}):
        talk_to(granted(place.hello("svc")).backend_pipe)
    assert ("RUNNING_PROCESS_BROKER_LISTENER_FD" in environment(place, "svc")) is handed


def test_the_operators_word_ends_it_even_during_a_launch(place: GroundOf) -> None:
    (place.service("svc") / "silent").touch()
    with broker(place) as running, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(place.hello, "svc")
        wait_for(lambda: place.starts("svc"))
        reply = place.admin(AdminVerb.SHUTDOWN, drain_deadline_ms=100)
        assert (reply.body, reply.exit_code) == ("broker shutting down\n", 0)
        assert running.wait(PATIENCE) == 0
        with pytest.raises(EOFError):
            waiting.result()
        wait_for(lambda: not alive(place.starts("svc")[0]))


def test_who_has_not_spoken_is_told_when_it_ends(place: GroundOf) -> None:
    from iapeer_memory.broker.protobuf import decode
    from iapeer_memory.broker.wire_v1.frame import Frame
    from tests.support.brokered import body_from

    with broker(place) as running, place.connect() as silent:
        wait_for(lambda: json.loads(place.admin(AdminVerb.STATUS, json=True).body)["connections_open"] == 2)
        running.send_signal(signal.SIGTERM)
        said = refused(decode(HelloReply, decode(Frame, body_from(silent)).payload))
        assert (said.code, said.retry_after_ms) == (ErrorCode.SHUTTING_DOWN, 1_000)
        assert running.wait(PATIENCE) == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be refused as root")
def test_root_needs_leave(place: GroundOf) -> None:
    refused_start = start(place, {"RUNNING_PROCESS_BROKER_ALLOW_PRIVILEGED": "yes"})
    _, said = refused_start.communicate(timeout=PATIENCE)
    assert refused_start.returncode == 77
    assert said.count("\n") == 1 and "root" in said


def test_a_folder_that_is_not_ours_alone_is_refused(place: GroundOf) -> None:
    elsewhere = place.folder / "elsewhere"
    elsewhere.mkdir()
    (place.folder / "running-process").mkdir()
    (place.folder / "running-process" / "broker").symlink_to(elsewhere)
    refused_start = start(place)
    _, said = refused_start.communicate(timeout=PATIENCE)
    assert refused_start.returncode == 1
    assert said.count("\n") == 1 and "not a folder" in said
    assert list(elsewhere.iterdir()) == []


def test_what_the_system_refuses_is_told_with_its_path(place: GroundOf) -> None:
    (place.folder / "running-process").write_text("")
    refused_start = start(place)
    _, said = refused_start.communicate(timeout=PATIENCE)
    assert refused_start.returncode == 1
    assert (
        said.startswith(f"brokerd: the broker does not start: {place.folder}/running-process") and "Errno" not in said
    )


def test_a_folder_of_ours_that_was_open_is_closed(place: GroundOf) -> None:
    for folder in ("broker", "broker-v2"):
        (place.folder / "running-process" / folder).mkdir(parents=True, mode=0o755)
    with broker(place):
        assert mode_of(os.path.dirname(place.socket(1))) == mode_of(os.path.dirname(place.socket(2))) == 0o700


def test_a_path_that_no_socket_can_have(place: GroundOf) -> None:
    deep = place.folder / ("x" * 60)
    deep.mkdir(mode=0o700)
    refused_start = start(place, {"XDG_RUNTIME_DIR": str(deep)})
    _, said = refused_start.communicate(timeout=PATIENCE)
    assert refused_start.returncode == 1
    assert said.count("\n") == 1 and "derived path exceeds Linux sun_path" in said and "fix: " in said


def test_somebody_else_on_the_socket_is_left_alone(place: GroundOf) -> None:
    path = Path(place.socket(2))
    path.parent.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(str(path))
        squatter.listen()
        refused_start = start(place)
        _, said = refused_start.communicate(timeout=PATIENCE)
        assert refused_start.returncode == 75 and said.count("\n") == 1
        talk_to(str(path))
    assert not Path(place.socket(1)).exists(), "it had bound the other one"


def test_a_backend_that_cannot_be_recorded_is_not_started(place: GroundOf) -> None:
    """Nobody would find it again, and the next broker would start a second one."""
    state = place.folder / "running-process" / "broker-v2"
    state.mkdir(parents=True, mode=0o700)
    (state / "launched").write_text("in the way")
    place.service("svc")
    with broker(place):
        assert f"{state}/launched" in refused(place.hello("svc")).reason
    assert place.starts("svc") == []


def test_a_file_that_is_no_socket_is_left_alone(place: GroundOf) -> None:
    path = Path(place.socket())
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("precious")
    refused_start = start(place)
    _, said = refused_start.communicate(timeout=PATIENCE)
    assert refused_start.returncode == 75 and said.count("\n") == 1
    assert path.read_text() == "precious"


def test_it_loads_nothing_heavy() -> None:
    script = "import sys, iapeer_memory.brokerd.app; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"mcp", "uvicorn", "starlette", "sqlite3", "pydantic", "pydantic_core", "typer", "rich", "h11", "ssl"}
    assert heavy & set(done.stdout.split()) <= {"ssl"}
