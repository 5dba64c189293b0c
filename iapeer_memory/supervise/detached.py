"""The fallback supervisor: nobody watches; memoryd is started once, by a session's start or a repair.

One starter at a time: a lock around looking, starting and waiting for the first answer. Whoever comes second finds it
answering and does nothing. Never starts a second one beside a process that may be ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from os.path import dirname, join

from iapeer_memory.domain.door import Door, Started
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import DaemonHandle, DaemonReport, SupervisorName
from iapeer_memory.supervise.builds import installed_build
from iapeer_memory.supervise.decide import PATIENCE, restart_plan
from iapeer_memory.supervise.definition import executable

LOCK_WAIT = 40.0
FIRST_LOOK = 0.5
GIVEN_ON = ("IAPEER_MEMORY_SUPPRESS_IAP_SEND", "IAPEER_TEST_SANDBOX", "TMPDIR", "TZ", "XDG_RUNTIME_DIR")


class DetachedSupervisor:
    """Implements `domain.ports.Supervisor` without anybody's help."""

    name: SupervisorName = "detached"

    def __init__(self, door: Door, paths: Paths, daemon: DaemonHandle, env: Mapping[str, str]) -> None:
        self._door = door
        self._paths = paths
        self._daemon = daemon
        self._env = env

    def status(self) -> tuple[bool, str]:
        """Always in charge: there is nothing to install."""
        return True, "memoryd is started by the first session and by iapeer-memory verify --repair"

    def ensure(self) -> tuple[bool, str]:
        """See that it runs; a proved process that stays silent is replaced."""
        report = self._daemon.verify()
        if report.state == "answering" and report.watch:
            return True, f"running, pid {report.pid}"
        return self._under_lock(replace_build=False)

    def restart(self) -> tuple[bool, str]:
        """Have a running memoryd replaced by one of the installed build; one that is not running is started."""
        return self._under_lock(replace_build=True)

    def remove(self) -> tuple[bool, str]:
        """Stop it."""
        with self._door.locks.hold(self._paths.spawn_lock, wait=LOCK_WAIT, what="stopping memoryd"):
            return self._daemon.stop()

    def _under_lock(self, *, replace_build: bool) -> tuple[bool, str]:
        with self._door.locks.hold(self._paths.spawn_lock, wait=LOCK_WAIT, what="starting memoryd"):
            report = self._daemon.verify()
            installed = installed_build(self._door.files, self._paths) if replace_build else None
            act = restart_plan(report, installed, supervised=True)
            if act == "nothing" and report.watch:
                return True, f"running, pid {report.pid}"
            if act == "refuse":
                return False, report.detail
            if act == "wait":
                report = self._daemon.wait_answering(None, wait=PATIENCE)
                if restart_plan(report, installed, supervised=True) == "nothing":
                    return True, f"running, pid {report.pid}"
            note = ""
            if report.state != "absent":
                stopped, note = self._daemon.stop()
                if not stopped:
                    return False, note
                note += ", "
            return self._start(note)

    def _start(self, note: str) -> tuple[bool, str]:
        began = self._door.clock.now()
        started = self._spawn()
        if not started.started:
            return False, f"{note}memoryd cannot be started: {started.detail}"
        report = self._first_answer(started.pid)
        if report.state == "answering":
            return True, f"{note}started, pid {report.pid}"
        if self._door.processes.info(started.pid) is None:
            return False, f"{note}memoryd ended at once: {self._last_words(began) or report.detail}"
        return False, f"{note}memoryd started and does not answer within {PATIENCE:g} s ({report.detail})"

    def _first_answer(self, pid: int) -> DaemonReport:
        """Until it answers, ends, or the time is up."""
        end = self._door.clock.monotonic() + PATIENCE
        while True:
            report = self._daemon.wait_answering(None, wait=FIRST_LOOK)
            over = self._door.clock.monotonic() >= end or self._door.processes.info(pid) is None
            if report.state == "answering" or over:
                return report

    def _spawn(self) -> Started:
        """Through the launcher; where that is not placed yet, or may not be run, by the runtime's own words."""
        processes, paths = self._door.processes, self._paths
        env = {"HOME": paths.home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        env |= {name: self._env[name] for name in GIVEN_ON if self._env.get(name)}
        launcher = self._door.files.stat(paths.launcher)
        if launcher is not None and launcher.mode & 0o100:
            started = processes.start_detached([paths.launcher], env=env, log=paths.daemon_log)
            if not started.refused:
                return started
        python = executable(self._door.files, paths) or join(
            self._door.files.realpath(paths.current_runtime), "bin", "python"
        )
        if self._door.files.stat(python) is None:
            return Started(False, detail=f"no runtime is installed in {dirname(paths.current_runtime)}")
        words = [python, "-I", "-m", "iapeer_memory", "memoryd"]
        return processes.start_detached(words, env=env | places(paths), log=paths.daemon_log)

    def _last_words(self, since: float) -> str:
        """The last line of memoryd's log, where it is from this attempt."""
        try:
            seen = self._door.files.stat(self._paths.daemon_log)
            data = self._door.files.read_optional(self._paths.daemon_log, limit=8 << 20)
        except FileRefused:
            return ""
        if seen is None or seen.mtime_ns / 1e9 < since - 1:
            return ""
        lines = (data or b"").decode("utf-8", "replace").strip().splitlines()
        return "".join(c for c in lines[-1][:200] if c.isprintable()) if lines else ""


def places(paths: Paths) -> dict[str, str]:
    """The variables from which the same paths are derived again."""
    return {
        "IAPEER_ROOT": paths.root,
        "IAPEER_MEMORY_CONFIG_FILE": paths.config_file,
        "IAPEER_MEMORY_STATE_DIR": paths.state_dir,
        "IAPEER_MEMORY_CACHE_DIR": paths.cache_dir,
        "IAPEER_MEMORY_LOGS_DIR": paths.logs_dir,
        "IAPEER_MEMORY_DB_PATH": paths.index_db,
        "IAPEER_MEMORY_BINARY_PATH": paths.stable_binary,
        "CODEX_HOME": paths.codex_home,
        "XDG_CONFIG_HOME": paths.xdg_config,
    }
