"""A whole daemon on our SDK: answers `pong:` on one lane. Its name and build come from the environment."""

from __future__ import annotations

import os
import sys

from iapeer_memory.broker.backend import bound, launched, service
from iapeer_memory.broker.names import place_of
from iapeer_memory.broker.wire_v1.frame import Frame
from iapeer_memory.egress.real import real_door


async def answer(frame: Frame) -> bytes:
    return b"pong:" + frame.payload


def main() -> None:
    place = place_of(os.environ, platform=sys.platform, uid=os.getuid(), home=os.environ["HOME"])
    what = service(os.environ["NAME"], place, version="1.0.0", build=os.environ.get("BUILD", "b1"))
    with bound(real_door(), launched(os.environ, what)) as backend:
        backend.run({0xF0B7: answer})


if __name__ == "__main__":
    main()
