"""The child process behind tests.support.daemon: memoryd over a real door, its settings taken from the environment.

Not a test. Its file name stands in its command line, as memoryd's does. Where its home holds a file `clock` when it
starts, its clocks are as many seconds ahead as that file says: `<wall> <monotonic>`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from iapeer_memory.domain.door import Clock
from iapeer_memory.domain.host import load
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.settings import Settings
from iapeer_memory.egress.compose import OwnProgram, open_door
from iapeer_memory.memoryd.app import run
from iapeer_memory.memoryd.timings import Timings


class Ahead:
    """A clock that is as far ahead as a file says."""

    def __init__(self, clock: Clock, file: str) -> None:
        self._clock = clock
        self._file = file

    def now(self) -> float:
        return self._clock.now() + self._ahead()[0]

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._ahead()[1]

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def _ahead(self) -> tuple[float, float]:
        with open(self._file, encoding="ascii") as file:
            wall, monotonic = file.read().split()
        return float(wall), float(monotonic)


def main() -> int:
    """Run with `MEMORYD_TEST` = {"port": n, "mcp": bool, "timings": {…}}."""
    given = json.loads(os.environ.pop("MEMORYD_TEST"))
    env = dict(os.environ)
    paths = Paths.from_env(env, os_home=env["HOME"])
    door = open_door(env, own=OwnProgram(interpreter=sys.executable, stable_command=paths.stable_binary))
    if os.path.exists(clock := f"{env['HOME']}/clock"):
        door = replace(door, clock=Ahead(door.clock, clock))
    host = load(door.files.read_optional(paths.host_json), paths.host_json)
    return run(
        door, paths, Settings(env), host, port=given["port"], mcp=given["mcp"], timings=Timings(**given["timings"])
    )


if __name__ == "__main__":
    sys.exit(main())
