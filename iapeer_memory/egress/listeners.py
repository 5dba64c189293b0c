"""Listening sockets, and who is at the other end of one. Loopback only, never inherited by a child.

Source: proc(5), `/proc/net/tcp` and `/proc/net/tcp6`; addresses are 32-bit words in the byte order of the host.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
LISTEN = 0x0A
TALKING = (0x01, 0x04, 0x05, 0x08, 0x09)
"""ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK. The others show uid 0 whoever made them."""
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
BACKLOG = 128


@dataclass(frozen=True, slots=True)
class TcpRow:
    """One socket of the kernel's table. Addresses are packed, IPv4-mapped ones as IPv4."""

    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    state: int
    uid: int
    inode: int


def loopback_listener(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1:port (0: any free one), for the server library to serve on.

    Raises OSError; EADDRINUSE when the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def address(text: str, byteorder: str) -> tuple[bytes, int]:
    """(packed address, port) of one `HEX:HEX` field."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    if byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    if len(raw) == 16 and raw[:12] == b"\0" * 10 + b"\xff\xff":
        raw = raw[12:]
    return raw, int(port, 16)


def parse_tcp(text: str, byteorder: str = sys.byteorder) -> Iterator[TcpRow]:
    """The rows of a table; lines that do not fit are left out."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 10:
            continue
        try:
            local, remote = address(words[1], byteorder), address(words[2], byteorder)
            yield TcpRow(local, remote, int(words[3], 16), int(words[7]), int(words[9]))
        except ValueError:
            continue


def listener_in(rows: Iterator[TcpRow] | tuple[TcpRow, ...], port: int) -> int | None:
    """The uid of whoever a connection to 127.0.0.1:port reaches: the exact address wins over a wildcard."""
    exact, wild = socket.inet_aton(LOOPBACK), (bytes(4), bytes(16))
    fallback: int | None = None
    for row in rows:
        if row.state != LISTEN or row.local[1] != port:
            continue
        if row.local[0] == exact:
            return row.uid
        if row.local[0] in wild and fallback is None:
            fallback = row.uid
    return fallback


def peer_in(rows: Iterator[TcpRow] | tuple[TcpRow, ...], local_port: int, remote_port: int) -> int | None:
    """The uid at the client's end of the connection between two loopback ports; see `connection_peer_uid`."""
    here = socket.inet_aton(LOOPBACK)
    for row in rows:
        # The client's own row: what is remote to us is local to it. A socket nobody holds any more has inode 0.
        if row.local == (here, remote_port) and row.remote == (here, local_port):
            return row.uid if row.state in TALKING and row.inode else None
    return None


def table_rows() -> tuple[TcpRow, ...]:
    """What the kernel shows now; empty where it shows nothing."""
    rows: list[TcpRow] = []
    for table in TABLES:
        try:
            with open(table, encoding="ascii") as file:
                rows.extend(parse_tcp(file.read()))
        except OSError:
            continue
    return tuple(rows)


def listener_uid(port: int) -> int | None:
    """Who listens on 127.0.0.1:port; None when nobody does or it cannot be told (Linux only)."""
    return listener_in(table_rows(), port)


def connection_peer_uid(local_port: int, remote_port: int) -> int | None:
    """The uid of the process at the client's end of a loopback TCP connection that we accepted.

    `local_port`: ours; `remote_port`: the client's. None when it cannot be told: treat that as a stranger where
    `can_tell_peers()` is true.
    """
    return peer_in(table_rows(), local_port, remote_port)


def can_tell_peers() -> bool:
    """Whether this host shows the owners of connections."""
    return os.access(TABLES[0], os.R_OK)
