"""The program that runs now, as material for a runtime: our package, its texts, its lock and where modules live.

Looks at the interpreter's own facts (`sys`); reads no file by itself and writes nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import abspath, dirname, join

import iapeer_memory
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import InstallFailed


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A base interpreter. `python`: absolute path; `tag`: `3.11`; `cache_tag`: `cpython-311`; `full`: `3.11.7`."""

    python: str
    tag: str
    cache_tag: str
    full: str


@dataclass(frozen=True, slots=True)
class Program:
    """What runs now. `site`: folders that hold distributions; `prefix`: where the running environment lives."""

    version: str
    package: str
    templates: str
    lock: str
    site: tuple[str, ...]
    prefix: str
    interpreter: Interpreter
    source: str


def running_program(door: Door) -> Program:
    """The facts of this process. Raises InstallFailed when no lasting interpreter is behind it."""
    files = door.files
    package = dirname(files.realpath(iapeer_memory.__file__))
    root = dirname(package)
    shipped = files.stat(join(package, "_templates")) is not None
    folders = (files.realpath(p) for p in sys.path if p and (seen := files.stat(p)) and seen.kind == "dir")
    return Program(
        version=iapeer_memory.__version__,
        package=package,
        templates=join(package, "_templates") if shipped else join(root, "templates"),
        lock=join(package, "_requirements.lock") if shipped else join(root, "requirements.lock"),
        site=tuple(dict.fromkeys(folders)),
        prefix=files.realpath(sys.prefix),
        interpreter=running_interpreter(door),
        source=f"the program at {package}",
    )


def running_interpreter(door: Door) -> Interpreter:
    """The base interpreter behind this process, by the name that lasts longest."""
    env = door.processes.environment()
    tag = f"{sys.version_info[0]}.{sys.version_info[1]}"
    base = getattr(sys, "_base_executable", None) or sys.executable
    cache = env.get("XDG_CACHE_HOME") or (join(env["HOME"], ".cache") if env.get("HOME") else None)
    short_lived = tuple(p for p in (sys.prefix if sys.prefix != sys.base_prefix else None, cache) if p)
    python = lasting_interpreter(door.files, base, sys.executable, tag, short_lived)
    return Interpreter(python, tag, sys.implementation.cache_tag or "", platform.python_version())


def lasting_interpreter(files: Files, base: str, running: str, tag: str, short_lived: tuple[str, ...]) -> str:
    """The path to write into a runtime.

    `base`: what the interpreter calls its base; `running`: the running executable. `python3.11` beside the base is
    preferred: `python3` moves to another version one day, and a fully resolved path names a patch release that
    package managers remove. Raises InstallFailed when only a path in a short-lived folder is left.
    """
    real = files.realpath(running)
    copied = any(inside(files, real, root) for root in short_lived)
    for candidate in (join(dirname(base), f"python{tag}"), base, real):
        if not executable(files, candidate) or not (copied or files.realpath(candidate) == real):
            continue
        if not any(inside(files, candidate, root) for root in short_lived):
            return abspath(candidate)
    raise InstallFailed(
        f"the interpreter {real} lies in a folder that may be deleted",
        remedy=f"install Python {tag} or newer for the whole system and run ./install.sh",
    )


def executable(files: Files, path: str) -> bool:
    """Whether a path leads to a file that may be run."""
    seen = files.stat(path)
    return seen is not None and seen.kind == "file" and bool(seen.mode & 0o111)


def inside(files: Files, path: str, root: str) -> bool:
    """Whether a path lies in a folder, as written or after following links."""
    top = files.realpath(root).rstrip("/") + "/"
    return any(place.startswith(top) for place in (abspath(path), files.realpath(path)))


def marker_environment(interpreter: Interpreter) -> Mapping[str, str]:
    """What markers of a lock are judged by. Source: PEP 508."""
    return {
        "implementation_name": sys.implementation.name,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": interpreter.full,
        "python_version": interpreter.tag,
        "sys_platform": sys.platform,
        "extra": "",
    }
