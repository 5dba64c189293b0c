"""The rooms together: our clients, a broker, and a backend that an author wrote with the kit; the page beside them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.broker import client_v2, names
from iapeer_memory.broker.adopt import Session, adopt
from iapeer_memory.broker.client_errors import ClientError
from iapeer_memory.broker.client_v2 import Caller
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.http import port_file
from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.target import Target
from iapeer_memory.broker.wire_v1.admin import AdminVerb
from iapeer_memory.broker.wire_v1.frame import BROKER_HTTP, Frame, FrameKind
from iapeer_memory.broker.wire_v2.control import BackendHttpReady, GetBrokerHttpEndpointResponse
from iapeer_memory.egress.real import real_door
from tests.support.backend_child import LANE
from tests.support.brokered import GroundOf, broker, ground, wait_for

DOOR = real_door()


@pytest.fixture
def place() -> Iterator[GroundOf]:
    with ground() as found:
        yield found


def soon() -> float:
    return DOOR.clock.monotonic() + 20


def session(place: GroundOf, version: str = "1.2.3") -> Session:
    wanted = Wanted(service="svc", version=version)
    target: Target[socket.socket | None] = Target(socket_path=place.socket(), wanted=wanted, uid=os.getuid())
    return adopt(target, environment={}, clock=DOOR.clock, deadline=soon())


def test_from_a_client_to_an_answer(place: GroundOf) -> None:
    place.service("svc", program="whole")
    with broker(place):
        first = session(place)
        assert first.route == "broker-negotiated"
        assert first.request(LANE, b"one", deadline=soon()).payload == b"echo:one"
        assert first.request(LANE, b"two", deadline=soon()).payload == b"echo:two"
        first.close()
        caller = Caller(place.place, place.user)
        found = client_v2.connect_with_deadline(
            caller, "memoryd", "1.2.3", clock=DOOR.clock, deadline=soon(), service="svc"
        )
        assert found.endpoint == first.endpoint
        with_frames = FrameClient(found.stream)
        assert with_frames.request(LANE, b"three", deadline=soon()).payload == b"echo:three"
        with_frames.close()
    assert len(place.starts("svc")) == 1


def test_a_client_is_told_why_not(place: GroundOf) -> None:
    place.service("svc", min_version="2.0.0")
    with broker(place), pytest.raises(ClientError, match="below min_version"):
        session(place)


def test_a_daemon_that_runs_without_the_broker_is_taken_by_its_own_claim(place: GroundOf) -> None:
    """Somebody else started it and keeps it alive: the broker sends clients there and leaves it alone."""
    here = place.service("svc", program="whole", labels={"idle_timeout_secs": "1"})
    started = DOOR.processes.start_detached((str(here / "backend"),), env=place.env, log=str(place.folder / "own.log"))
    assert started.started
    wait_for(lambda: Path(names.service_identity_file(place.place, "svc")).exists())
    with broker(place):
        own = session(place)
        assert own.endpoint == names.service_socket(place.place, "svc")
        own.close()
        (backend,) = json.loads(place.admin(AdminVerb.STATUS, json=True).body)["backends"]
        assert (backend["pid"], backend["launched_here"]) == (started.pid, False)
        os.kill(started.pid, signal.SIGKILL)
        wait_for(lambda: not json.loads(place.admin(AdminVerb.STATUS, json=True).body)["backends"])
        other = session(place)
        assert other.endpoint != own.endpoint
        other.close()
    assert len(place.starts("svc")) == 2


def test_a_daemon_that_is_not_ours_at_all_is_found_and_answers(place: GroundOf) -> None:
    """Their server, our broker, our client: the definition names the program that it runs."""
    pytest.importorskip("running_process_service")
    program = os.path.realpath(sys.executable)
    place.service("svc", binary_path=program, per_version_binary_dir=os.path.dirname(program))
    env = place.env | {"NAME": "svc"}
    script = Path(__file__).parents[1] / "support" / "peer_child.py"
    with subprocess.Popen([sys.executable, str(script)], env=env) as theirs:
        try:
            wait_for(lambda: Path(names.service_identity_file(place.place, "svc")).exists())
            with broker(place, launches=False):
                wait_for(lambda: place.hello("svc").negotiated)
                found = session(place)
                assert found.endpoint == names.service_socket(place.place, "svc")
                assert found.request(LANE, b"one", deadline=soon()).payload == b"pong:one"
                found.close()
                theirs.kill()
                theirs.wait()
                said = place.hello("svc").refused
                assert said is not None and said.reason == "backend is not registered"
        finally:
            theirs.kill()


def passed(place: GroundOf) -> tuple[str, bytes]:
    """(route, answer) of a client that lets its connection be handed on."""
    wanted = Wanted(service="svc", version="1.2.3")
    target: Target[socket.socket | None] = Target(
        socket_path=place.socket(), wanted=wanted, uid=os.getuid(), handoff=True
    )
    found = adopt(target, environment={}, clock=DOOR.clock, deadline=soon())
    payload = found.request(LANE, b"one", deadline=soon()).payload
    found.close()
    return found.route, payload


def test_a_connection_is_handed_to_its_backend(place: GroundOf) -> None:
    endpoint = place.folder / "take.sock"
    here = place.service("svc", labels={"handoff_endpoint": str(endpoint)})
    (here / "handoff").write_text(str(endpoint))
    with broker(place, handoff=True):
        assert place.hello("svc").negotiated is not None
        wait_for(endpoint.exists)
        assert [passed(place) for _ in range(3)] == [("handle-passed", b"one")] * 3
        assert (here / "taken").read_text().split() == ["True"] * 3
        # A client that does not ask for it is served as ever.
        found = session(place)
        assert found.route == "broker-negotiated"
        found.close()


@pytest.mark.parametrize(("on", "listens"), [(False, True), (True, False)])
def test_without_a_handoff_a_client_connects_by_itself(place: GroundOf, on: bool, listens: bool) -> None:
    endpoint = place.folder / "take.sock"
    here = place.service("svc", labels={"handoff_endpoint": str(endpoint)})
    if listens:
        (here / "handoff").write_text(str(endpoint))
    with broker(place, handoff=on):
        assert place.hello("svc").negotiated is not None
        wait_for(lambda: endpoint.exists() or not listens)
        assert passed(place) == ("broker-negotiated", b"one")
        said = place.hello("svc", client_capabilities=1).negotiated
        assert said is not None and bool(said.handle_passed_token) is on


def get(port: int, host: str | None = None) -> tuple[int, str]:
    """(status, text) of the page."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n".encode())
        data = b""
        while piece := stream.recv(65_536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode()


def page_port(place: GroundOf) -> int:
    path = names.http_port_file(place.place, "memoryd")
    wait_for(lambda: Path(path).exists())
    address = port_file.read(DOOR.files, path)
    assert address is not None
    return address.port


def test_the_page_of_a_broker(place: GroundOf) -> None:
    place.service("svc", http=True)
    place.service("plain")
    with broker(place, http="dynamic") as running:
        port = page_port(place)
        assert "no backends registered yet" in get(port)[1]
        assert get(port, "rebound.example")[0] == 421
        for name in ("svc", "plain"):
            assert place.hello(name).negotiated is not None
        text = get(port)[1]
        assert "svc@1.2.3 (starting…)" in text and "plain" not in text
        reply = place.ask(Frame(envelope_version=1, payload_protocol=BROKER_HTTP, request_id=5))
        told = decode(GetBrokerHttpEndpointResponse, reply.payload)
        assert (told.port, told.pid, reply.request_id) == (port, running.pid, 5)
        # Anybody may ask; only the backend itself may tell its port.
        ready = encode(BackendHttpReady(port=4711))
        with pytest.raises(EOFError):
            place.ask(Frame(envelope_version=1, kind=FrameKind.EVENT, payload_protocol=BROKER_HTTP, payload=ready))
        assert "(starting…)" in get(port)[1]
    assert not Path(names.http_port_file(place.place, "memoryd")).exists()


def test_a_backend_tells_its_port(place: GroundOf) -> None:
    (place.service("svc", http=True) / "http").write_text(f"{place.socket()}\n4711")
    with broker(place, http="dynamic"):
        port = page_port(place)
        assert place.hello("svc").negotiated is not None
        wait_for(lambda: 'src="http://127.0.0.1:4711/"' in get(port)[1])
        os.kill(place.starts("svc")[0], signal.SIGTERM)
        wait_for(lambda: len(place.starts("svc")) == 2)
        wait_for(lambda: 'src="http://127.0.0.1:4711/"' in get(port)[1])


def test_a_client_of_the_page_that_says_nothing_keeps_nobody_out(place: GroundOf) -> None:
    with broker(place, http="dynamic"):
        port = page_port(place)
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(80)]
        for stream in silent:
            stream.sendall(b"GET / HTTP/1.1\r\n")
        assert get(port)[0] == 200
        for stream in silent:
            stream.close()


@pytest.mark.parametrize("taken_by_env", [False, True])
def test_a_port_that_is_taken(place: GroundOf, taken_by_env: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = {"RUNNING_PROCESS_BROKER_HTTP_PORT": str(port)} if taken_by_env else {}
        place.service("svc")
        with broker(place, env, http=str(port)):
            assert place.hello("svc").negotiated is not None
            path = Path(names.http_port_file(place.place, "memoryd"))
            assert path.exists() is not taken_by_env
            if not taken_by_env:
                assert get(page_port(place))[0] == 200
