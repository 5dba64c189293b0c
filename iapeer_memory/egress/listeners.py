"""Listening sockets, who holds one, and who is at the other end of a connection. Loopback only, never inherited."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable

from iapeer_memory.domain.door import Processes
from iapeer_memory.egress import procfs, sock_diag
from iapeer_memory.egress.tcp_table import End, TcpRow, table_rows

LOOPBACK = "127.0.0.1"
HERE = socket.inet_aton(LOOPBACK)
WILD = (bytes(4), bytes(16))
LISTEN = 0x0A
TALKING = (0x01, 0x04, 0x05, 0x08, 0x09)
"""ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK. The others show uid 0 whoever made them."""
BACKLOG = 128
LSOF = ("/usr/sbin/lsof", "-nP", "-sTCP:LISTEN", "-Fp")
LOOKUP_SECONDS = 2.0


def loopback_listener(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1:port (0: any free one), for the server library to serve on.

    Raises OSError; EADDRINUSE when the port is taken.
    """
    # asyncio switches Nagle's delay off only for sockets that name their protocol; it costs 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def listener_in(rows: Iterable[TcpRow], port: int) -> TcpRow | None:
    """What a connection to 127.0.0.1:port reaches: the exact address wins over a wildcard."""
    fallback: TcpRow | None = None
    for row in rows:
        if row.state != LISTEN or row.local[1] != port:
            continue
        if row.local[0] == HERE:
            return row
        if row.local[0] in WILD and fallback is None:
            fallback = row
    return fallback


def peer_in(rows: Iterable[TcpRow], client: End, server: End) -> int | None:
    """The uid at the client's end of a connection; see `connection_peer_uid`."""
    for row in rows:
        # The client's own row: what is remote to us is local to it. A socket nobody holds any more has inode 0.
        if row.local == client and row.remote == server:
            return row.uid if row.state in TALKING and row.inode else None
    return None


def listener_uid(port: int) -> int | None:
    """Who listens on 127.0.0.1:port; None when nobody does or it cannot be told (Linux only)."""
    row = listener_in(table_rows(), port)
    return None if row is None else row.uid


def listener_pid(processes: Processes, port: int) -> int | None:
    """The process that listens on 127.0.0.1:port; None when nobody does or it cannot be told without more rights."""
    if sys.platform == "linux":
        row = listener_in(table_rows(), port)
        return None if row is None else procfs.socket_holder(row.inode)
    found = processes.run((*LSOF, f"-iTCP:{port}"), timeout=LOOKUP_SECONDS)
    return pid_in(found.stdout) if found.ok else None


def pid_in(text: str) -> int | None:
    """The first process in the output of `lsof -F p`. Not yet run on macOS.

    Source: lsof(8), "Output for other programs".
    """
    for line in text.splitlines():
        if line.startswith("p") and line[1:].isascii() and line[1:].isdecimal():
            return int(line[1:])
    return None


def connection_peer_uid(local_port: int, remote: tuple[str, int]) -> int | None:
    """The uid of the process at the client's end of a loopback TCP connection that we accepted (Linux only).

    `local_port`: ours; `remote`: the client's IPv4 address and port, both: whoever calls from 127.0.0.2 can take the
    port of somebody who calls from 127.0.0.1. None when it cannot be told: treat that as a stranger.
    """
    client, server = (socket.inet_aton(remote[0]), remote[1]), (HERE, local_port)
    try:
        row = sock_diag.ask(client, server)
    except OSError:
        return peer_in(table_rows(), client, server)
    return None if row is None else peer_in((row,), client, server)
