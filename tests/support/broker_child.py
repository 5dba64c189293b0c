"""A broker as a process of its own: options as one JSON text. The account is a made-up one in the given home.

`fault`: it dies at that effect, as `egress.faulty` counts them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import fields

from iapeer_memory.broker.http.port import parsed
from iapeer_memory.broker.spawn.environment import Account
from iapeer_memory.brokerd.app import run
from iapeer_memory.brokerd.options import Options
from iapeer_memory.egress.faulty import faulty, parse_fault
from iapeer_memory.egress.real import real_door


def main() -> int:
    """Run until it is told to stop."""
    given = json.loads(sys.argv[1])
    if "http" in given:
        given["http"] = parsed(given["http"])
    door = real_door()
    fault = parse_fault(given.pop("fault", ""))
    if fault is not None:
        door = faulty(door, fault.at, fault.how)
    assert set(given) <= {one.name for one in fields(Options)}
    account = Account("tester", os.environ["HOME"], "/bin/sh")
    return run(door, Options(**given), account=account)


if __name__ == "__main__":
    sys.exit(main())
