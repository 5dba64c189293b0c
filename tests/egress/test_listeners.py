"""Listeners, and what the kernel says of sockets: real ones, of this user and of another, and its answers as bytes."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from iapeer_memory.egress import sock_diag
from iapeer_memory.egress.listeners import (
    HERE,
    connection_peer_uid,
    listener_in,
    listener_pid,
    listener_uid,
    loopback_listener,
    peer_in,
    pid_in,
)
from iapeer_memory.egress.processes import RealProcesses
from iapeer_memory.egress.tcp_table import TcpRow, parse_tcp, table_rows

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else")
NOBODY = 65534
Way = Callable[[tuple[str, int], int], int | None]


def by_table(remote: tuple[str, int], port: int) -> int | None:
    return peer_in(table_rows(), (socket.inet_aton(remote[0]), remote[1]), (HERE, port))


def by_question(remote: tuple[str, int], port: int) -> int | None:
    client, server = (socket.inet_aton(remote[0]), remote[1]), (HERE, port)
    row = sock_diag.ask(client, server)
    return None if row is None else peer_in((row,), client, server)


def asked(remote: tuple[str, int], port: int) -> int | None:
    return connection_peer_uid(port, remote)


WAYS = pytest.mark.parametrize("way", [by_table, by_question, asked])


@contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    with closing(loopback_listener(0)) as listener:
        listener.setblocking(True)
        yield listener, listener.getsockname()[1]


@linux
@WAYS
def test_the_owner_of_a_connection_is_told_while_it_lives(way: Way) -> None:
    with listening() as (listener, port):
        client = socket.create_connection(("127.0.0.1", port))
        served, remote = listener.accept()
        with closing(served):
            assert way(remote, port) == os.getuid()
            client.close()
            assert way(remote, port) is None, "nobody holds the other end any more"


@linux
@WAYS
def test_a_client_with_an_ipv6_socket_is_told_too(way: Way) -> None:
    with listening() as (listener, port), socket.socket(socket.AF_INET6) as client:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        client.connect(("::ffff:127.0.0.1", port))
        served, remote = listener.accept()
        with closing(served):
            assert way(remote, port) == os.getuid()


@linux
@root
@WAYS
def test_another_users_connection_is_told_apart(way: Way) -> None:
    with listening() as (listener, port):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            kept = socket.create_connection(("127.0.0.1", port))
            os.close(writer)
            os.read(reader, 1)
            kept.close()
            os._exit(0)
        os.close(reader)
        served, remote = listener.accept()
        with closing(served):
            assert way(remote, port) == NOBODY
            os.close(writer)
            os.waitpid(child, 0)


@linux
@root
@WAYS
def test_the_port_of_an_honest_client_does_not_help_another_user(way: Way) -> None:
    with listening() as (listener, port), socket.create_connection(("127.0.0.1", port)) as honest:
        served, remote = listener.accept()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            kept = socket.socket()
            kept.bind(("127.0.0.2", honest.getsockname()[1]))
            kept.connect(("127.0.0.1", port))
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        os.close(reader)
        other, disguised = listener.accept()
        with closing(served), closing(other):
            assert disguised[1] == remote[1]
            assert way(remote, port) == os.getuid()
            assert way(disguised, port) == NOBODY
            os.close(writer)
            os.waitpid(child, 0)


@linux
def test_a_listener_is_not_taken_for_a_client() -> None:
    with listening() as (_, port), listening() as (_, other):
        assert connection_peer_uid(port, ("127.0.0.1", other)) is None


@linux
def test_where_the_kernel_is_not_to_be_asked_its_table_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(sock_diag, "ask", forbidden)
    with listening() as (listener, port), socket.create_connection(("127.0.0.1", port)):
        served, remote = listener.accept()
        with closing(served):
            assert connection_peer_uid(port, remote) == os.getuid()


@linux
def test_who_listens() -> None:
    with listening() as (_, port):
        assert listener_uid(port) == os.getuid()
        assert listener_pid(RealProcesses(), port) == os.getpid()
    assert listener_uid(port) is None
    assert listener_pid(RealProcesses(), port) is None


def test_a_listener_answers_without_delay() -> None:
    with listening() as (listener, port), socket.create_connection(("127.0.0.1", port)):
        served, _ = listener.accept()
        with closing(served):
            assert (listener.proto, served.proto) == (socket.IPPROTO_TCP, socket.IPPROTO_TCP)
            assert not listener.get_inheritable()


QUESTION = bytes.fromhex(
    "48000000 1400 0100 01000000 00000000"  # length 72, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence 1
    "02 06 00 00 ffffffff"  # AF_INET, TCP, no extension, any state
    "9c40 223e 7f000001 000000000000000000000000 7f000001 000000000000000000000000"
    "00000000 ffffffff ffffffff"
)
little = pytest.mark.skipif(sys.byteorder != "little", reason="the bytes are those of a little-endian host")


@little
def test_the_question_as_bytes() -> None:
    assert sock_diag.question((HERE, 0x9C40), (HERE, 0x223E)) == QUESTION


def answer(family: int, state: int, here: bytes, there: bytes, uid: int, inode: int) -> bytes:
    ends = struct.pack("!HH16s16s", 0x9C40, 0x223E, here, there) + bytes(12)
    body = struct.pack("=BBBB", family, state, 0, 0) + ends + struct.pack("=IIIII", 0, 0, 0, uid, inode)
    return struct.pack("=IHHII", 16 + len(body), 20, 0, 1, 0) + body


MAPPED = bytes(10) + b"\xff\xff" + HERE
ROW = TcpRow((HERE, 0x9C40), (HERE, 0x223E), 1, 501, 7)


@pytest.mark.parametrize(
    "data",
    [answer(socket.AF_INET, 1, HERE, HERE, 501, 7), answer(socket.AF_INET6, 1, MAPPED, MAPPED, 501, 7)],
)
def test_an_answer(data: bytes) -> None:
    assert sock_diag.reply(data) == ROW
    assert sock_diag.reply(data + bytes(40)) == ROW


def error(number: int) -> bytes:
    return struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -number) + bytes(16)


def test_no_such_socket() -> None:
    assert sock_diag.reply(error(errno.ENOENT)) is None


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (error(errno.EPERM), errno.EPERM),
        (b"", errno.EPROTO),
        (answer(socket.AF_INET, 1, HERE, HERE, 501, 7)[:80], errno.EPROTO),
        (struct.pack("=IHHII", 16, 3, 0, 1, 0) + bytes(80), errno.EPROTO),
    ],
)
def test_an_answer_that_says_nothing(data: bytes, number: int) -> None:
    with pytest.raises(OSError) as raised:
        sock_diag.reply(data)
    assert raised.value.errno == number


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:223E 00000000:0000 0A 00000000:00000000 00:00000000 00000000   501        0 11 1 0
   1: 0100007F:223E 00000000:0000 0A 00000000:00000000 00:00000000 00000000   502        0 12 1 0
   2: 0100007F:223E 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   502        0 13 1 0
   3: 0100007F:9C40 0100007F:223E 01 00000000:00000000 00:00000000 00000000   503        0 14 1 0
   4: 0100007F:9C41 0100007F:223E 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
   5: 0100007F:9C42 0100007F:223E 04 00000000:00000000 03:00000000 00000000     0        0 0 3 0
   garbage
"""
TABLE6 = """  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 0000000000000000FFFF00000100007F:9C43 0000000000000000FFFF00000100007F:223E 01 0:0 00:0 0  504        0 15 1 0
   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0  505        0 16 1 0
"""
ROWS = (*parse_tcp(TABLE, "little"), *parse_tcp(TABLE6, "little"))


@pytest.mark.parametrize(
    ("remote", "uid"), [(0x9C40, 503), (0x9C41, None), (0x9C42, None), (0x9C43, 504), (0x9C44, None)]
)
def test_the_client_end_of_a_connection(remote: int, uid: int | None) -> None:
    assert peer_in(ROWS, (HERE, remote), (HERE, 0x223E)) == uid


@pytest.mark.parametrize(("port", "inode"), [(0x223E, 12), (0x1F90, 16), (1, None)])
def test_the_listener_that_loopback_reaches(port: int, inode: int | None) -> None:
    row = listener_in(ROWS, port)
    assert (row and row.inode) == inode


def test_a_big_endian_host_prints_addresses_the_other_way() -> None:
    line = "h\n   0: 7F000001:0050 00000000:0000 0A 0:0 00:0 0  1        0 9 1 0\n"
    assert tuple(parse_tcp(line, "big")) == (TcpRow((HERE, 80), (b"\0\0\0\0", 0), 10, 1, 9),)


@pytest.mark.parametrize(("text", "pid"), [("p77\nf3\np78\n", 77), ("", None), ("python\n", None), ("f3\n", None)])
def test_the_first_process_that_lsof_names(text: str, pid: int | None) -> None:
    assert pid_in(text) == pid
