"""Patience with the core: one that let a call run into its time limit is not asked again in the same command.

Without it a core that hangs costs its time limit once for every step and every peer. Never retries, and never keeps
another program waiting for the core's fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from iapeer_memory.domain.door import Processes, RunResult
from iapeer_memory.egress.through import ThroughProcesses
from iapeer_memory.provision.host import Host


class PatientProcesses(ThroughProcesses):
    """Real processes; calls of the core end at once after the first that had no answer."""

    def __init__(self, processes: Processes, core: str) -> None:
        super().__init__(processes)
        self._core = core
        self._hung: RunResult | None = None

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | None = None,
        named: bool = False,
        keep_fds: Sequence[int] = (),
    ) -> RunResult:
        ours = bool(argv) and argv[0] == self._core
        if ours and self._hung is not None:
            return self._hung
        result = super().run(argv, timeout=timeout, env=env, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds)
        if ours and result.timed_out:
            self._hung = result
        return result


def patient(host: Host) -> Host:
    """The same host, whose core is given up on after one silence."""
    core = host.core_path
    if core is None or isinstance(host.door.processes, PatientProcesses):
        return host
    return replace(host, door=replace(host.door, processes=PatientProcesses(host.door.processes, core)))
