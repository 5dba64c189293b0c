"""The small shell programs that we place on a host, rendered from their templates: hook shims, the stable command,
the daemon's launcher, the weekly gate. Pure: values in, bytes out.

Every value is a literal of the program, quoted for any POSIX shell, so that the environment in which a program
runs redirects nothing. Never writes; never looks at a disk.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from os.path import dirname, join
from typing import Literal

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.domain.host import DEFAULT_PORT
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.templates import template

Event = Literal["post-write", "session-start"]
EVENTS: tuple[Event, ...] = ("post-write", "session-start")
SCRIPTS: Mapping[Event, str] = {"post-write": "post_write.py", "session-start": "session_start.py"}

FIELD = re.compile(r"\{\{([A-Z_]+)\}\}")
SYSTEM_PATH = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"
REINSTALL = "run install.sh of iapeer-memory again"


def render(text: str, values: Mapping[str, str]) -> str:
    """The text with every `{{NAME}}` replaced, in one pass: a value that looks like a field stays as it is.

    Raises KeyError for a field without a value and ValueError for a value without a field: either is a mistake of ours.
    """
    used: set[str] = set()

    def value(found: re.Match[str]) -> str:
        used.add(found[1])
        return values[found[1]]

    done = FIELD.sub(value, text)
    if unused := set(values) - used:
        raise ValueError(f"the template has no field for: {', '.join(sorted(unused))}")
    return done


def quote_sh(text: str) -> str:
    """The text as one word of a POSIX shell. Raises ConfigError on a line break or NUL."""
    return "'" + one_line(text).replace("'", "'\\''") + "'"


def one_line(text: str) -> str:
    """The text itself. Raises ConfigError on a line break or NUL."""
    if any(mark in text for mark in "\n\r\0"):
        raise ConfigError(f"a path holds a line break: {text!r}", remedy="move it to a path without one")
    return text


def shim_path(paths: Paths, event: Event) -> str:
    """Where an event's shim lies."""
    return paths.post_write_shim if event == "post-write" else paths.session_start_shim


def runtime_python(paths: Paths) -> str:
    """The interpreter of whatever runtime is current."""
    return join(paths.current_runtime, "bin", "python")


def runtime_memoryd(paths: Paths) -> str:
    """memoryd's own executable in whatever runtime is current; not every runtime has one."""
    return join(paths.current_runtime, "bin", "memoryd")


def runtime_hooks(paths: Paths, version: tuple[int, int] = sys.version_info[:2]) -> str:
    """The folder of the hook scripts in whatever runtime is current. `version`: of its Python."""
    major, minor = version
    return join(paths.current_runtime, "lib", f"python{major}.{minor}", "site-packages", "iapeer_memory", "hooks")


def compiled_script(paths: Paths, event: Event, tag: str | None = sys.implementation.cache_tag) -> str:
    """The compiled form of an event's script in whatever runtime is current. `tag`: of its Python's bytecode."""
    return join(runtime_hooks(paths), "__pycache__", f"{SCRIPTS[event][:-3]}.{tag}.pyc")


def environment(paths: Paths, *, lang: str = "C.UTF-8") -> dict[str, str]:
    """A whole environment from which `Paths.from_env` derives exactly these paths again, and nothing else in it."""
    home, *others = paths.variables().items()
    return dict([home, ("PATH", f"{dirname(paths.stable_binary)}:{SYSTEM_PATH}"), ("LANG", lang), *others])


def moved(paths: Paths) -> dict[str, str]:
    """The fewest variables beside HOME from which `Paths.from_env` derives these paths: none where nothing is moved."""
    found: dict[str, str] = {}
    for name, value in paths.variables().items():
        derived = Paths.from_env({"HOME": paths.home, **found}, os_home=paths.home).variables()
        if derived.get(name) != value:
            found[name] = value
    return found


def render_shim(
    event: Event,
    *,
    paths: Paths,
    python: str | None = None,
    script_dir: str | None = None,
    with_core: bool,
    port: int = DEFAULT_PORT,
    platform: str = sys.platform,
    reinstall: str = REINSTALL,
) -> bytes:
    """A hook shim.

    `python`, `script_dir`: default to the current runtime's. `reinstall`: what an operator does when the interpreter
    is gone, in words. Raises ConfigError on a path with a line break.
    """
    interpreter = python or runtime_python(paths)
    values = {
        "PYTHON": quote_sh(interpreter),
        "SCRIPT": quote_sh(join(script_dir or runtime_hooks(paths), SCRIPTS[event])),
        "PAUSED": quote_sh(paths.state("paused", "by-path")),
        "WITH_CORE": "yes" if with_core else "no",
        "PORT": str(port),
        "PYTHON_GONE": quote_sh(f"[iapeer-memory] off: its Python is gone ({interpreter}); fix: {reinstall}"),
        "SCRIPT_GONE": quote_sh("[iapeer-memory] off: a part of its runtime is gone; fix: run iapeer-memory update"),
    }
    if event == "post-write":
        compiled = "" if script_dir else compiled_script(paths, event)
        values |= {
            "COMPILED": quote_sh(compiled),
            "CONFIG_FILE": quote_sh(paths.config_file),
            "HOOK_LOG": quote_sh(paths.hook_log),
            "STATE": quote_sh(paths.state_dir),
            "TAGS": quote_sh(join(paths.cache_dir, "tags-dictionary.md")),
        }
    else:
        words = (quote_sh(f"{name}={value}") for name, value in environment(paths).items())
        values |= {
            "HEARTBEAT": quote_sh(paths.heartbeat),
            "CONTEXTS": quote_sh(join(paths.contexts, "by-path")),
            # GNU find compares seconds; BSD's rounds the age up to whole minutes first. Both say: at most 120 s.
            "MINUTES": "-3" if platform == "darwin" else "-2",
            "ENVIRONMENT": " \\\n    ".join(words),
        }
    return encode(render(template(f"hooks/{event}.sh"), values))


def render_command(*, version: str, paths: Paths, python: str | None = None, reinstall: str = REINSTALL) -> bytes:
    """The stable command at `IAPEER_MEMORY_BINARY_PATH`: tells its version by itself, else becomes the runtime's."""
    interpreter = python or runtime_python(paths)
    values = {
        "VERSION": quote_sh(version),
        "PYTHON": quote_sh(interpreter),
        "PYTHON_GONE": quote_sh(f"iapeer-memory: its Python is gone ({interpreter}); fix: {reinstall}"),
    }
    return encode(render(template("command.sh"), values))


def render_launcher(*, paths: Paths, python: str | None = None, reinstall: str = REINSTALL) -> bytes:
    """What a supervisor runs to become memoryd; it takes no arguments.

    `python`: instead of the current runtime's own executable for memoryd and its interpreter.
    """
    interpreter = python or runtime_python(paths)
    exports = (f"export {name}={quote_sh(value)}" for name, value in environment(paths).items())
    values = {
        "MEMORYD": quote_sh(python or runtime_memoryd(paths)),
        "PYTHON": quote_sh(interpreter),
        "ENVIRONMENT": "\n".join(exports),
        "PYTHON_GONE": quote_sh(f"iapeer-memory: its Python is gone ({interpreter}); fix: {reinstall}"),
    }
    return encode(render(template("launcher.sh"), values))


def render_daemon_environment(*, paths: Paths) -> bytes:
    """What memoryd's executable takes its settings from when a broker starts it: `NAME=VALUE` lines.

    Raises ConfigError on a path with a line break.
    """
    return encode("".join(f"{name}={one_line(value)}\n" for name, value in environment(paths).items()))


def render_dream_gate(*, paths: Paths, python: str | None = None) -> bytes:
    """What the weekly timer asks whether there is anything to do: exit 0 wakes the role."""
    exports = (f"export {name}={quote_sh(value)}" for name, value in environment(paths).items())
    values = {"PYTHON": quote_sh(python or runtime_python(paths)), "ENVIRONMENT": "\n".join(exports)}
    return encode(render(template("dream-gate.sh"), values))


def encode(text: str) -> bytes:
    """UTF-8; the bytes of a file name that is not UTF-8 come out as they went in."""
    return text.encode("utf-8", "surrogateescape")
