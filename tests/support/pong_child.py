"""A daemon of ours for the tests of clients: answers `pong:` and the request. Run as a program of its own."""

from __future__ import annotations

import os
import sys

from iapeer_memory.broker.backend import bound, service
from iapeer_memory.broker.names import Place
from iapeer_memory.broker.wire_v1.frame import Frame
from iapeer_memory.egress.real import real_door
from tests.support.backends import LANE


async def pong(frame: Frame) -> bytes:
    return b"pong:" + frame.payload


def main() -> None:
    """Serve until SIGTERM."""
    home = os.environ["XDG_RUNTIME_DIR"]
    place = Place(sys.platform, os.getuid(), home, runtime=home)
    with bound(real_door(), service(os.environ["NAME"], place, version="1.0.0")) as backend:
        backend.run({LANE: pong})


if __name__ == "__main__":
    main()
