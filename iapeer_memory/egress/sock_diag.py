"""Asks the kernel for one TCP socket by its two ends: microseconds, however many sockets the host has. Linux.

`question` and `reply` are pure; `ask` is the one effect. Says what the kernel says and judges nothing.

Source: sock_diag(7) and netlink(7); `struct inet_diag_req_v2` and `struct inet_diag_msg` of linux/inet_diag.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys

from iapeer_memory.egress.tcp_table import End, TcpRow, unmapped

HEADER = struct.Struct("=IHHII")
"""Every message: its length with this, its type, flags, sequence number, port."""
REQUEST = struct.Struct("=BBBxI")
"""Family, protocol, extensions, mask of states. An exact question is answered in whatever state."""
ENDS = struct.Struct("!HH16s16s")
"""Port here, port there, address here, address there; in network order, short addresses padded behind."""
SCOPE = struct.Struct("=III")
"""Interface, and the cookie in two words."""
FOUND = struct.Struct("=BBBB")
"""Family, state, timer, retransmits; then the ends and the scope."""
OWNER = struct.Struct("=IIIII")
"""Expiry, receive queue, send queue, uid, inode."""

SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR = 2
NLM_F_REQUEST = 1
NETLINK_SOCK_DIAG = 4
ANY_STATE = ANY_COOKIE = 0xFFFFFFFF
LARGEST = 1 << 12


def question(local: End, remote: End) -> bytes:
    """The message that asks for the socket whose own end is `local`."""
    body = REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ANY_STATE)
    body += ENDS.pack(local[1], remote[1], local[0], remote[0]) + SCOPE.pack(0, ANY_COOKIE, ANY_COOKIE)
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + body


def reply(data: bytes) -> TcpRow | None:
    """The socket in the kernel's answer, None when there is none. Raises OSError when it cannot say.

    Where no connection fits, the kernel may answer with a listener on that port: look at the state and the ends.
    """
    try:
        _, kind, *_ = HEADER.unpack_from(data)
        if kind == NLMSG_ERROR:
            number = -struct.unpack_from("=i", data, HEADER.size)[0]
            if number == errno.ENOENT:
                return None
            raise OSError(number, os.strerror(number))
        at = HEADER.size
        family, state, *_ = FOUND.unpack_from(data, at)
        here, there, *addresses = ENDS.unpack_from(data, at := at + FOUND.size)
        *_, uid, inode = OWNER.unpack_from(data, at + ENDS.size + SCOPE.size)
    except struct.error:
        raise OSError(errno.EPROTO, "an answer that is too short") from None
    if kind != SOCK_DIAG_BY_FAMILY:
        raise OSError(errno.EPROTO, f"an answer of type {kind}")
    ours, theirs = (a[:4] if family == socket.AF_INET else unmapped(a) for a in addresses)
    return TcpRow((ours, here), (theirs, there), state, uid, inode)


def ask(local: End, remote: End) -> TcpRow | None:
    """The socket whose own end is `local`, None when there is none. Raises OSError where the kernel is not to be asked
    (another system, a container that forbids it)."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "there is no netlink here")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(question(local, remote))
        # The answer is there when `send` returns; whoever asks must not be made to wait.
        return reply(kernel.recv(LARGEST, socket.MSG_DONTWAIT))
