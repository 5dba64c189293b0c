"""memoryd started by ourselves, nobody between: what stands in where no broker can be had. Waits for nothing.

Whoever calls holds the spawn lock and has looked that memoryd does not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import dirname, join

from iapeer_memory.domain.door import Door, Started
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import Paths
from iapeer_memory.supervise.definition import executable

GIVEN_ON = ("IAPEER_MEMORY_SUPPRESS_IAP_SEND", "IAPEER_TEST_SANDBOX", "TMPDIR", "TZ", "XDG_RUNTIME_DIR")
LOG_BYTES = 8 << 20
LONGEST_WORDS = 500
PREFIX = re.compile(r"^(?:\S+Z (?:info|warn) )?(?:(?:memoryd|the broker) does not start: )?")
"""What a line of ours begins with."""


def start_directly(door: Door, paths: Paths, env: Mapping[str, str]) -> Started:
    """Through the launcher; where that is not placed yet, or may not be run, by the runtime's own words."""
    launcher = door.files.stat(paths.launcher)
    if launcher is not None and launcher.mode & 0o100:
        given = own_environment(paths, env)
        started = door.processes.start_detached([paths.launcher], env=given, log=paths.daemon_log)
        if not started.refused:
            return started
    python = executable(door.files, paths) or runtime_python(door, paths)
    return start_ourselves(door, paths, python, "memoryd", env=own_environment(paths, env), log=paths.daemon_log)


def start_ourselves(door: Door, paths: Paths, python: str, *words: str, env: Mapping[str, str], log: str) -> Started:
    """A command of the installed runtime, detached."""
    if door.files.stat(python) is None:
        return Started(False, detail=f"no runtime is installed in {dirname(paths.current_runtime)}")
    return door.processes.start_detached([python, "-I", "-m", "iapeer_memory", *words], env=env, log=log)


def runtime_python(door: Door, paths: Paths) -> str:
    """The interpreter of the runtime that is current now, by a name that says which that is."""
    return join(door.files.realpath(paths.current_runtime), "bin", "python")


def own_environment(paths: Paths, env: Mapping[str, str]) -> dict[str, str]:
    """A whole environment from which the same paths are derived again. `env`: of the caller."""
    given = {name: env[name] for name in GIVEN_ON if env.get(name)}
    return {**paths.variables(), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **given}


def last_words(door: Door, log: str, since: float) -> str:
    """What the last line of a log says, where it was written after that moment; "" otherwise."""
    try:
        seen = door.files.stat(log)
        data = door.files.read_optional(log, limit=LOG_BYTES)
    except FileRefused:
        return ""
    if seen is None or seen.mtime_ns / 1e9 < since - 1:
        return ""
    lines = (data or b"").decode("utf-8", "replace").strip().splitlines()
    words = PREFIX.sub("", lines[-1]) if lines else ""
    return "".join(c for c in words[:LONGEST_WORDS] if c.isprintable())
