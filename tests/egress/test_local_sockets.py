"""Unix sockets: one listener a path under any race, nothing foreign removed, no wait beyond its time."""

from __future__ import annotations

import asyncio
import os
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iapeer_memory.egress.local_sockets import (
    AddressInUse,
    Credentials,
    local_connect,
    local_listener,
    peer_credentials,
    remove_listener,
    uid_in,
)
from iapeer_memory.egress.local_streams import open_local, serve_local

STARTER = """
import sys, time
from iapeer_memory.egress.local_sockets import AddressInUse, local_listener
try:
    listener = local_listener(sys.argv[1])
except AddressInUse:
    sys.exit(75)
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path() -> Iterator[str]:
    """A short one: the kernel takes about a hundred bytes."""
    with TemporaryDirectory(prefix="s") as folder:
        yield f"{folder}/a.sock"


def soon() -> float:
    return time.monotonic() + 5


def test_a_listener_is_private_and_knows_who_connects(path: str) -> None:
    with local_listener(path) as listener:
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
        with local_connect(path, deadline=soon()) as stream:
            assert peer_credentials(stream) == Credentials(os.getuid(), os.getpid())
            accepted, _ = listener.accept()
            with accepted:
                assert peer_credentials(accepted) == Credentials(os.getuid(), os.getpid())


def test_a_dead_listeners_socket_is_replaced(path: str) -> None:
    local_listener(path).close()
    assert os.path.exists(path)
    with local_listener(path), local_connect(path, deadline=soon()):
        pass


def test_a_live_one_is_not(path: str) -> None:
    with local_listener(path), pytest.raises(AddressInUse):
        local_listener(path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_stays(path: str, kind: str) -> None:
    place = Path(path)
    if kind == "file":
        place.write_text("theirs")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(place.parent / "elsewhere")
    with pytest.raises(AddressInUse):
        local_listener(path)
    assert place.is_symlink() if kind == "link" else place.exists()


def test_its_end_takes_the_socket_away_but_not_a_successors(path: str) -> None:
    listener = local_listener(path)
    remove_listener(path, listener)
    assert not os.path.exists(path)
    listener = local_listener(path)
    os.unlink(path)
    with local_listener(path):
        remove_listener(path, listener)
        local_connect(path, deadline=soon()).close()


def test_of_many_starters_over_a_dead_socket_one_listens(path: str) -> None:
    local_listener(path).close()
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    told = [starter.stdout.readline() if starter.stdout else "" for starter in starters]
    assert sorted(told) == [""] * 7 + ["up\n"]
    local_connect(path, deadline=soon()).close()
    for starter in starters:
        starter.communicate("", timeout=20)
    assert sorted(starter.returncode for starter in starters) == [0] + [75] * 7


def test_a_path_beyond_the_kernels_budget_is_an_error(path: str) -> None:
    with pytest.raises(OSError, match="too long"):
        local_listener(f"{path}{'x' * 120}")


def test_a_full_queue_is_waited_for_no_longer_than_asked(path: str) -> None:
    with local_listener(path, backlog=0):
        waiting = []
        with pytest.raises(TimeoutError):
            for _ in range(8):
                waiting.append(local_connect(path, deadline=time.monotonic() + 0.2))
        assert waiting
        for stream in waiting:
            stream.close()


def test_nobody_there_is_told_at_once(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        local_connect(path, deadline=soon())
    local_listener(path).close()
    with pytest.raises(ConnectionRefusedError):
        local_connect(path, deadline=soon())


def test_more_streams_than_the_queue_holds_all_come_through(path: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        await writer.drain()
        writer.close()

    async def ask(number: int) -> bytes:
        reader, writer = await open_local(path, deadline=asyncio.get_running_loop().time() + 20)
        writer.write(struct.pack("I", number))
        answer = await reader.readexactly(4)
        writer.close()
        return answer

    async def all_of_them() -> list[bytes]:
        async with await serve_local(local_listener(path, backlog=2), echo, backlog=2):
            return await asyncio.gather(*(ask(number) for number in range(200)))

    assert asyncio.run(all_of_them()) == [struct.pack("I", number) for number in range(200)]


@pytest.mark.parametrize("told", [b"", b"\0" * 7, struct.pack("=II", 1, 501)])
def test_credentials_that_cannot_be_read_are_an_error(told: bytes) -> None:
    assert uid_in(struct.pack("=II", 0, 501) + bytes(68)) == 501
    with pytest.raises(OSError, match="credentials"):
        uid_in(told)
