"""The small programs that we place beside the settings: hook shims, the daemon's launcher, the dream gate; and what
memoryd's executable reads when no launcher runs it. Pure texts, and one way to see and mend a file with its mode."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.provision.host import Host
from iapeer_memory.surfaces.shims import (
    EVENTS,
    render_daemon_environment,
    render_dream_gate,
    render_launcher,
    render_shim,
    shim_path,
)


@dataclass(frozen=True, slots=True)
class Program:
    """A file of ours with its bytes."""

    name: str
    path: str
    data: bytes
    mode: int = 0o755


def shims(host: Host) -> tuple[Program, ...]:
    """The hook shims, with every path they need baked in."""
    return tuple(
        Program(
            f"{event} shim",
            shim_path(host.paths, event),
            render_shim(event, paths=host.paths, with_core=host.with_core, port=host.port),
        )
        for event in EVENTS
    )


def launcher(host: Host) -> Program:
    """What a supervisor runs; it takes no arguments."""
    return Program("launcher", host.paths.launcher, render_launcher(paths=host.paths))


def daemon_environment(host: Host) -> Program:
    """The launcher's settings for a memoryd that a broker starts, by its executable alone."""
    path, data = host.paths.daemon_environment, render_daemon_environment(paths=host.paths)
    return Program("memoryd's environment", path, data, mode=0o600)


def dream_gate(host: Host) -> Program:
    """What the weekly timer asks whether there is anything to do."""
    return Program("dream gate", host.paths.dream_gate, render_dream_gate(paths=host.paths))


def problem(host: Host, program: Program) -> str | None:
    """missing, drifted, not executable, or None."""
    data = host.door.files.read_optional(program.path)
    if data is None:
        return f"{program.name} missing"
    if data != program.data:
        return f"{program.name} drifted"
    stat = host.door.files.stat(program.path)
    lacking = program.mode & 0o100 and not (stat is not None and stat.mode & 0o100)
    return f"{program.name} not executable" if lacking else None


def place(host: Host, programs: tuple[Program, ...]) -> int:
    """Write those that have a problem; how many."""
    written = 0
    for program in programs:
        if problem(host, program) is not None:
            host.door.files.write(program.path, program.data, mode=program.mode)
            written += 1
    return written
