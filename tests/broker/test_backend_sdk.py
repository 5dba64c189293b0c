"""A daemon on the SDK: bound before it is ready, one a name, gone without a trace, and never brought down by a peer."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from iapeer_memory.broker.backend import AlreadyServed, Backend, Service, bound, launched, service
from iapeer_memory.broker.birth import LANE as BIRTH_LANE
from iapeer_memory.broker.handle import open_handle
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.mux import Detected
from iapeer_memory.broker.names import BadName, PathTooLong, daemon_identity_file
from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.serving import Admission
from iapeer_memory.broker.sidecar import read_sidecar
from iapeer_memory.broker.verify_async import ProvedAsync, verify_async
from iapeer_memory.broker.wire_v1.frame import PROBE, Frame, request
from iapeer_memory.broker.wire_v1.framing import Unframer, framed
from iapeer_memory.broker.wire_v1.probe import probe_request
from iapeer_memory.domain.errors import ConfigError, UnsafePath
from iapeer_memory.egress.local_sockets import local_listener
from iapeer_memory.egress.local_streams import open_local
from tests.support.backends import LANE, SECONDS, Bed, bed, our_backend, started, until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Streams]]
NONCE = bytes(32)


@pytest.fixture
def host() -> Iterator[Bed]:
    with bed() as made:
        yield made


def planned(host: Bed, **changes: object) -> Service:
    return replace(service(host.name, host.place, version="1.0.0", build="b1"), **changes)  # type: ignore[arg-type]


async def pong(frame: Frame) -> bytes:
    return b"pong:" + frame.payload


def served(
    host: Bed,
    act: Callable[[Dial], Awaitable[None]],
    *,
    admission: Admission | None = None,
    ready: Callable[[], Awaitable[object]] | None = None,
    lane: Callable[[Frame], Awaitable[bytes]] = pong,
) -> None:
    """Run `act` while a daemon is served in this process."""

    async def go(backend: Backend) -> None:
        stop = asyncio.Event()
        awaited = ready() if ready else None
        running = asyncio.ensure_future(backend.serve({LANE: lane}, stop=stop, ready=awaited, admission=admission))
        try:
            async with asyncio.timeout(SECONDS), dialling(host) as dial:
                await act(dial)
        finally:
            stop.set()
            await running

    with bound(host.door, planned(host)) as backend:
        asyncio.run(go(backend))


@asynccontextmanager
async def dialling(host: Bed) -> AsyncIterator[Dial]:
    """Connections that are closed afterwards."""
    opened: list[asyncio.StreamWriter] = []

    async def dial() -> Streams:
        streams = await open_local(host.endpoint.path, deadline=asyncio.get_running_loop().time() + SECONDS)
        opened.append(streams[1])
        return streams

    try:
        yield dial
    finally:
        for writer in opened:
            writer.close()


async def ask(streams: Streams, protocol: int, payload: bytes, number: int = 1) -> Frame | None:
    """The answer; None when the connection was closed instead."""
    reader, writer = streams
    writer.write(framed(encode(request(protocol, payload, number))))
    return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> Frame | None:
    unframer = Unframer()
    while (body := unframer.next()) is None:
        try:
            data = await reader.read(1 << 16)
        except ConnectionError:
            return None
        if not data:
            return None
        unframer.feed(data)
    return decode(Frame, body)


def test_payloads_and_probes_on_one_connection(host: Bed) -> None:
    async def act(dial: Dial) -> None:
        streams = await dial()
        for number in range(1, 4):
            found = await ask(streams, LANE, b"x" * number, number)
            assert found is not None
            assert (found.payload, found.request_id, found.kind) == (b"pong:" + b"x" * number, number, 1)
            probed = await ask(streams, PROBE, NONCE, 0)
            assert probed is not None
            assert probed.payload.startswith(NONCE)
        streams[1].close()

    served(host, act)
    assert list(host.folder.rglob("*.sock")) == []
    assert list(host.folder.rglob("*.json")) == []


def test_bound_before_anything_is_known(host: Bed) -> None:
    """Whoever calls while the daemon still prepares waits in the queue of the socket, and is answered."""
    with bound(host.door, planned(host)) as backend:
        early = socket.socket(socket.AF_UNIX)
        early.connect(host.endpoint.path)
        early.sendall(probe_request(NONCE))
        assert host.sidecar() is None  # nobody is invited yet

        async def go() -> None:
            stop = asyncio.Event()
            running = asyncio.ensure_future(backend.serve({LANE: pong}, stop=stop))
            await asyncio.to_thread(early.recv, 1)
            stop.set()
            await running

        asyncio.run(go())
        early.close()


def test_a_probe_is_answered_while_the_state_is_not_ready(host: Bed) -> None:
    gate = asyncio.Event()

    async def act(dial: Dial) -> None:
        early, prober = await dial(), await dial()
        waiting = asyncio.ensure_future(ask(early, LANE, b"one"))
        assert await ask(prober, PROBE, NONCE, 0) is not None
        while (claim := host.sidecar()) is None:
            await asyncio.sleep(0.005)
        found = await verify_async(host.door, ExecutableHashes(), claim, host.wanted(), seconds=SECONDS)
        assert isinstance(found, ProvedAsync)
        found.close()
        assert not waiting.done()
        for_brokers = read_sidecar(host.door.files, daemon_identity_file(host.place, host.name))
        assert for_brokers == claim
        gate.set()
        answered = await waiting
        assert answered is not None
        assert answered.payload == b"pong:one"

    served(host, act, ready=gate.wait)


def test_a_state_that_cannot_be_had_ends_the_daemon(host: Bed) -> None:
    async def broken() -> None:
        raise ConfigError("no vault")

    async def go(backend: Backend) -> None:
        await asyncio.wait_for(backend.serve({LANE: pong}, ready=broken()), SECONDS)

    with pytest.raises(ConfigError, match="no vault"), bound(host.door, planned(host)) as backend:
        asyncio.run(go(backend))
    assert host.sidecar() is None
    assert list(host.folder.rglob("*.sock")) == []


def test_one_daemon_a_name(host: Bed) -> None:
    with bound(host.door, planned(host)):
        with pytest.raises(AlreadyServed), bound(host.door, planned(host)):
            pass
        assert os.path.lexists(host.endpoint.path)


@pytest.mark.parametrize(
    "data", [b"\x02", b"\x01\xff\xff\xff\xff", framed(b"\xff"), framed(encode(request(0, b"", 1)))]
)
def test_what_is_not_for_us_is_closed_without_a_word_and_without_harm(host: Bed, data: bytes) -> None:
    async def act(dial: Dial) -> None:
        reader, writer = await dial()
        writer.write(data)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        found = await ask(await dial(), LANE, b"")
        assert found is not None

    served(host, act)


@pytest.mark.parametrize("whole", [probe_request(bytes(32)), framed(encode(request(LANE, b"x", 7)))])
def test_a_frame_cut_at_every_byte_harms_nobody(host: Bed, whole: bytes) -> None:
    async def act(dial: Dial) -> None:
        for at in range(len(whole)):
            reader, writer = await dial()
            writer.write(whole[:at])
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
        found = await ask(await dial(), LANE, b"")
        assert found is not None

    served(host, act)


def test_a_lane_that_fails_ends_its_connection_alone(host: Bed) -> None:
    said: list[str] = []

    async def lane(frame: Frame) -> bytes:
        if frame.payload == b"bad":
            raise KeyError("bad")
        return frame.payload

    async def act(dial: Dial) -> None:
        other = await dial()
        assert await ask(other, LANE, b"1") is not None
        assert await ask(await dial(), LANE, b"bad") is None
        assert await ask(other, LANE, b"2") is not None

    served(host, act, lane=lane, admission=Admission(say=said.append))
    assert said == ["a connection was dropped: KeyError: 'bad'"]


def test_an_answer_over_the_cap_is_never_sent(host: Bed) -> None:
    async def lane(frame: Frame) -> bytes:
        return bytes(1 << 24)

    async def act(dial: Dial) -> None:
        assert await ask(await dial(), LANE, b"") is None

    served(host, act, lane=lane)


def test_a_frame_that_has_begun_has_to_be_whole_in_time(host: Bed) -> None:
    async def act(dial: Dial) -> None:
        idle, slow = await dial(), await dial()
        slow[1].write(b"\x01\x10\x00")
        assert await slow[0].read() == b""
        found = await ask(idle, LANE, b"still here")  # has begun nothing
        assert found is not None

    served(host, act, admission=Admission(frame_seconds=0.1))


def test_a_trickle_does_not_move_the_deadline(host: Bed) -> None:
    async def act(dial: Dial) -> None:
        reader, writer = await dial()
        over = asyncio.ensure_future(reader.read())
        for byte in framed(bytes(4000)):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.005)
            if over.done():
                break
        assert over.done()

    served(host, act, admission=Admission(frame_seconds=0.1))


def test_a_peer_that_takes_no_answer_is_let_go(host: Bed) -> None:
    async def lane(frame: Frame) -> bytes:
        return bytes(8 << 20)

    async def act(dial: Dial) -> None:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(host.endpoint.path)
        stream.sendall(framed(encode(request(LANE, b"", 1))))
        while not said:
            await asyncio.sleep(0.01)
        stream.close()

    said: list[str] = []
    served(host, act, lane=lane, admission=Admission(frame_seconds=0.1, say=said.append))
    assert said == ["a connection was dropped: TimeoutError: "]


def test_a_full_house_gives_way_to_who_speaks(host: Bed) -> None:
    async def act(dial: Dial) -> None:
        talking = await dial()
        assert await ask(talking, LANE, b"") is not None
        mute = [await dial() for _ in range(10)]
        found = await ask(await dial(), LANE, b"new")
        assert found is not None
        assert await mute[0][0].read() == b""
        assert await ask(talking, LANE, b"") is not None

    served(host, act, admission=Admission(connections=4))


def test_who_waits_for_an_answer_is_not_silent(host: Bed) -> None:
    gate, taken_in = asyncio.Event(), asyncio.Event()

    def detector(data: bytes) -> Detected:
        taken_in.set()
        return "ours"

    async def act(dial: Dial) -> None:
        waiting = asyncio.ensure_future(ask(await dial(), LANE, b"first"))
        await taken_in.wait()
        assert await ask(await dial(), PROBE, NONCE, 0) is None
        assert not waiting.done()
        gate.set()
        found = await waiting
        assert found is not None
        assert found.payload == b"pong:first"

    served(host, act, ready=gate.wait, admission=Admission(connections=1, detector=detector))


def test_a_house_full_of_talkers_takes_nobody_in(host: Bed) -> None:
    async def act(dial: Dial) -> None:
        talking = [await dial() for _ in range(2)]
        for streams in talking:
            assert await ask(streams, LANE, b"") is not None
        assert await ask(await dial(), LANE, b"") is None
        for streams in talking:
            assert await ask(streams, LANE, b"") is not None

    served(host, act, admission=Admission(connections=2))


def test_an_answer_under_way_is_finished_at_the_end(host: Bed) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def lane(frame: Frame) -> bytes:
        entered.set()
        await go_on.wait()
        return b"late"

    async def go(backend: Backend) -> None:
        stop = asyncio.Event()
        running = asyncio.ensure_future(backend.serve({LANE: lane}, stop=stop))
        async with dialling(host) as dial:
            asked = asyncio.ensure_future(ask(await dial(), LANE, b""))
            await entered.wait()
            stop.set()
            with suppress(OSError):
                while True:  # until nobody is let in any more
                    await dial()
            go_on.set()
            found = await asyncio.wait_for(asked, SECONDS)
            assert found is not None
            assert found.payload == b"late"
            await asyncio.wait_for(running, SECONDS)

    with bound(host.door, planned(host)) as backend:
        asyncio.run(go(backend))


def test_nobody_there_for_the_idle_time_ends_it(host: Bed) -> None:
    async def go(backend: Backend) -> None:
        running = asyncio.ensure_future(backend.serve({LANE: pong}))
        async with dialling(host) as dial:
            streams = await dial()
            await asyncio.wait({running}, timeout=1.3)
            assert await ask(streams, LANE, b"") is not None  # who is connected is at work, even in silence
        await asyncio.wait_for(running, SECONDS)

    with bound(host.door, planned(host, idle_timeout=1)) as backend:
        asyncio.run(go(backend))


def test_the_older_wire_gets_its_connection(host: Bed) -> None:
    def detector(data: bytes) -> Detected:
        return "legacy" if data[:1] == b"G" else "ours"

    async def older(data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"old:" + data)
        await writer.drain()

    async def act(dial: Dial) -> None:
        reader, writer = await dial()
        writer.write(b"GET")
        assert await reader.read() == b"old:GET"
        assert await ask(await dial(), LANE, b"") is not None

    served(host, act, admission=Admission(detector=detector, older=older))


@pytest.mark.parametrize("protocol", [0, PROBE, 0xAD01, BIRTH_LANE, 0x8000])
def test_a_lane_that_is_not_ours_to_serve(host: Bed, protocol: int) -> None:
    with bound(host.door, planned(host)) as backend, pytest.raises(ValueError, match="not a backend's"):
        asyncio.run(backend.serve({protocol: pong}))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_let_go_before_a_word(host: Bed) -> None:
    with our_backend(host):
        for folder in (host.folder, *host.folder.rglob("*")):
            folder.chmod(0o777)  # as open as a broken host could make it
        child = os.fork()
        if not child:
            heard = b"x"
            with suppress(BaseException):
                os.setuid(4242)
                with socket.socket(socket.AF_UNIX) as stream:
                    stream.connect(host.endpoint.path)
                    with suppress(OSError):
                        stream.sendall(probe_request(NONCE))
                    try:
                        heard = stream.recv(1)
                    except ConnectionError:
                        heard = b""
            os._exit(len(heard))
        assert os.waitpid(child, 0)[1] == 0


def test_a_folder_that_is_not_ours_is_not_used(host: Bed) -> None:
    (host.folder / "running-process").mkdir()
    (host.folder / "running-process" / "broker-v2").symlink_to("/tmp")
    with pytest.raises(UnsafePath), bound(host.door, planned(host)):
        pass


def test_a_name_that_is_none(host: Bed) -> None:
    with pytest.raises(BadName), bound(host.door, planned(host, name="../x")):
        pass


PIPE = "RUNNING_PROCESS_BROKER_V1_BACKEND_PIPE"
FD = "RUNNING_PROCESS_BROKER_LISTENER_FD"


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({PIPE: "/" + "x" * 120}, PathTooLong),
        ({PIPE: "/a\0b"}, BadName),
        ({PIPE: "/a", FD: "x"}, ConfigError),
        ({PIPE: "/a", FD: "1"}, ConfigError),
        ({PIPE: "/a", FD: "9" * 30}, ConfigError),
        ({PIPE: "/a", FD: "٣"}, ConfigError),
    ],
)
def test_words_of_a_launcher_that_cannot_be_meant(
    host: Bed, environment: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        launched(environment, planned(host))


def test_without_a_launchers_words_it_is_as_planned(host: Bed) -> None:
    assert launched({FD: "7"}, planned(host)) == planned(host)


@pytest.mark.parametrize("inherits", [True, False])
def test_launched_on_the_launchers_socket(host: Bed, inherits: bool) -> None:
    path = str(host.folder / "be.sock")
    words = {PIPE: path, "RUNNING_PROCESS_BROKER_V1_BACKEND_NAMESPACE": "shared", "NAME": host.name}
    listener = local_listener(path) if inherits else None
    fds = () if listener is None else (listener.fileno(),)
    if listener is not None:
        words[FD] = str(listener.fileno())
    argv = [sys.executable, "-m", "tests.support.sdk_child"]
    with started(argv, host.environment(**words), pass_fds=fds) as process:
        if listener is not None:
            listener.close()
        claim = until(host.sidecar)
        assert claim.process.ipc_endpoint is not None
        assert (claim.process.ipc_endpoint.path, claim.process.ipc_endpoint.namespace_id) == (path, "shared")
        wanted = host.wanted(endpoint=claim.process.ipc_endpoint)
        handle = open_handle(host.door, ExecutableHashes(), claim, wanted)
        assert not isinstance(handle, NotThatDaemon), handle
        with handle:
            handle.shutdown(SECONDS)
        assert process.wait(SECONDS) == 0
        assert not os.path.lexists(path)


def test_a_launchers_folder_is_checked_and_never_changed(host: Bed) -> None:
    folder = host.folder / "theirs"
    folder.mkdir()
    folder.chmod(0o755)
    what = launched({PIPE: str(folder / "be.sock")}, planned(host))
    with pytest.raises(UnsafePath, match="0755"), bound(host.door, what):
        pass
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_descriptor_that_is_no_listener_is_told(host: Bed) -> None:
    reading, writing = os.pipe()
    words = {PIPE: str(host.folder / "be.sock"), FD: str(reading), "NAME": host.name}
    argv = [sys.executable, "-m", "tests.support.sdk_child"]
    done = subprocess.run(
        argv, env=host.environment(**words), pass_fds=(reading,), capture_output=True, timeout=SECONDS
    )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 1
    assert b"the inherited descriptor is no socket" in done.stderr


@pytest.mark.parametrize("many", [6, pytest.param(32, marks=pytest.mark.slow)])
def test_many_starters_leave_one_daemon(host: Bed, many: int) -> None:
    argv = [sys.executable, "-m", "tests.support.sdk_child"]
    environment = host.environment(NAME=host.name)
    processes = [
        subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(many)
    ]
    try:
        until(lambda: sum(one.poll() is None for one in processes) == 1, seconds=60.0)
        (survivor,) = (one for one in processes if one.poll() is None)
        for one in processes:
            if one is not survivor:
                assert one.stderr is not None
                assert b"AlreadyServed" in one.stderr.read()
        claim = until(host.sidecar)
        assert claim.process.pid == survivor.pid
        survivor.send_signal(signal.SIGTERM)
        assert survivor.wait(SECONDS) == 0
    finally:
        for one in processes:
            one.kill()
            one.wait()
            assert one.stderr is not None
            one.stderr.close()
    assert list(host.folder.rglob("*.sock")) == []


def test_killed_at_any_moment_the_next_one_serves(host: Bed) -> None:
    argv = [sys.executable, "-m", "tests.support.sdk_child"]
    for delay in (0.0, 0.06, 0.08, 0.1, 0.12, 0.15):
        process = subprocess.Popen(argv, env=host.environment(NAME=host.name), stdin=subprocess.DEVNULL)
        time.sleep(delay)  # any of them will do: this is where it is struck
        process.kill()
        process.wait()
    with our_backend(host):
        claim = host.sidecar()
        assert claim is not None
        handle = open_handle(host.door, ExecutableHashes(), claim, host.wanted())
        assert not isinstance(handle, NotThatDaemon), handle
        handle.close()
