"""`mcp --relay`: the far end of `mcp --host`. Bytes between stdin, stdout and memoryd's socket; reads none of them.

Says one line first, so that the near end knows where the session's bytes begin, whatever a shell's start files print.
"""

from __future__ import annotations

import sys

from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.pumping import pump

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable

GREETING = b"iapeer-memory relay 1\n"
"""The number changes with what the near end has to know."""
WITHIN = 60.0


def relay(connect: Callable[[float], _socket.socket]) -> int:
    """Until either side ends; 1 where memoryd cannot be had."""
    try:
        stream = connect(RealClock().monotonic() + WITHIN)
    except OSError as error:
        sys.stderr.write(f"iapeer-memory: {error}\n")
        return 1
    try:
        sys.stdout.buffer.write(GREETING)
        sys.stdout.buffer.flush()
        pump(stream)
    except OSError:
        pass  # nobody is there any more
    return 0
