"""The kernel's table of TCP sockets, as text. Read-only; the parser is pure.

Source: proc(5), `/proc/net/tcp` and `/proc/net/tcp6`; addresses are 32-bit words in the byte order of the host.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv6 address that stands for an IPv4 one begins."""

End = tuple[bytes, int]
"""(packed address, port)."""


@dataclass(frozen=True, slots=True)
class TcpRow:
    """One socket. Addresses are packed, IPv4-mapped ones as IPv4. `inode` 0: no process holds it any more."""

    local: End
    remote: End
    state: int
    uid: int
    inode: int


def unmapped(packed: bytes) -> bytes:
    """An IPv4-mapped address as IPv4; any other as it is."""
    return packed[12:] if len(packed) == 16 and packed.startswith(MAPPED) else packed


def address(text: str, byteorder: str) -> End:
    """(packed address, port) of one `HEX:HEX` field."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    if byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return unmapped(raw), int(port, 16)


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


def table_rows() -> tuple[TcpRow, ...]:
    """What the kernel shows now; empty where it shows nothing. Takes milliseconds on a host with many sockets."""
    rows: list[TcpRow] = []
    for table in TABLES:
        try:
            with open(table, encoding="ascii") as file:
                rows.extend(parse_tcp(file.read()))
        except OSError:
            continue
    return tuple(rows)
