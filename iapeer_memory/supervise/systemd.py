"""A systemd user unit as supervisor: memoryd is there from the first login on, and comes back when it ends.

Every call of `systemctl` has a time limit. A manager that is not there, or that reads another folder than the one
we may write to, is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from os.path import join

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import DaemonHandle, DaemonReport, SupervisorName
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.templates import template
from iapeer_memory.supervise.builds import installed_build
from iapeer_memory.supervise.decide import PATIENCE, restart_plan
from iapeer_memory.supervise.unit import PROPERTIES, UNIT, UnitState, manager_objection, read_state, unit_text, word

ASK_SECONDS, ACT_SECONDS = 5.0, 30.0
TEMPLATE = "systemd.service"
SYSTEM_PATH = "/usr/bin:/bin:/run/current-system/sw/bin"


class Systemctl:
    """`systemctl --user`, with what it needs of the environment."""

    def __init__(self, door: Door, env: Mapping[str, str]) -> None:
        self._door = door
        self._program = door.processes.which("systemctl", ":".join(p for p in (env.get("PATH"), SYSTEM_PATH) if p))
        runtime = env.get("XDG_RUNTIME_DIR") or f"/run/user/{uid()}"
        kept = {name: env[name] for name in ("HOME", "PATH", "DBUS_SESSION_BUS_ADDRESS") if env.get(name)}
        self._env = {**kept, "XDG_RUNTIME_DIR": runtime, "LC_ALL": "C", "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0"}

    def __call__(self, *words: str, timeout: float = ASK_SECONDS) -> RunResult:
        """Run it; where there is no systemctl, the result says so."""
        if self._program is None:
            return RunResult(127, "", "", spawn_error="systemctl: not found")
        return self._door.processes.run(
            [self._program, "--user", "--no-pager", "--no-ask-password", *words],
            timeout=timeout,
            env=self._env,
            cwd="/",
        )


def unusable(door: Door, paths: Paths, env: Mapping[str, str]) -> str | None:
    """Why a user unit cannot be had here, or None."""
    result = Systemctl(door, env)("show", "--property=SystemState", "--property=UnitPath")
    if not result.ok:
        return f"no user service manager ({reason(result)})"
    return manager_objection(result.stdout, unit_dir(paths))


def unit_dir(paths: Paths) -> str:
    """Where a user's own units lie."""
    return join(paths.xdg_config, "systemd", "user")


class SystemdSupervisor:
    """Implements `domain.ports.Supervisor` with a user unit."""

    name: SupervisorName = "unit"

    def __init__(self, door: Door, paths: Paths, daemon: DaemonHandle, env: Mapping[str, str]) -> None:
        self._door = door
        self._paths = paths
        self._daemon = daemon
        self._user = env.get("USER") or env.get("LOGNAME") or ""
        self._systemctl = Systemctl(door, env)

    @property
    def path(self) -> str:
        """The unit's file."""
        return join(unit_dir(self._paths), UNIT)

    def wanted(self) -> bytes:
        """What the unit's file must hold."""
        return unit_text(template(TEMPLATE), self._paths)

    def status(self) -> tuple[bool, str]:
        """Whether the unit is as we write it, enabled and active."""
        if self._door.files.read_optional(self.path) != self.wanted():
            return False, f"{self.path} is missing or changed"
        result, state = self._state()
        if not result.ok:
            return False, f"systemctl does not answer ({reason(result)})"
        if not state.enabled:
            return False, f"{UNIT} is not enabled"
        if state.active not in ("active", "activating"):
            return False, f"{UNIT} is {state.active}"
        return True, f"{UNIT} is {state.active}{self._linger_hint()}"

    def ensure(self) -> tuple[bool, str]:
        """Write, enable and start the unit; nothing is done where all of that is so and it answers."""
        changed = self._door.files.read_optional(self.path) != self.wanted()
        if changed:
            self._door.files.write(self.path, self.wanted(), mode=0o644)
        if self._door.files.stat(self._paths.logs_dir) is None:
            # The manager opens the log before it runs us, and makes no folder for it.
            self._door.files.mkdir(self._paths.logs_dir, mode=0o700)
        result, state = self._state()
        if changed or state.stale:
            result = self._systemctl("daemon-reload", timeout=ACT_SECONDS)
        if result.ok and not state.enabled:
            result = self._systemctl("enable", UNIT, timeout=ACT_SECONDS)
        if not result.ok:
            return False, f"{UNIT} cannot be installed: {reason(result)}"
        return self._see_it_run(state)

    def restart(self) -> tuple[bool, str]:
        """Have a running memoryd replaced by one of the installed build."""
        report = self._daemon.verify()
        if report.state == "stranger":
            return False, report.detail
        build = installed_build(self._door.files, self._paths)
        if restart_plan(report, build, supervised=True) == "nothing":
            return True, f"running {report.build}, pid {report.pid}"
        return self._anew(report, build)

    def remove(self) -> tuple[bool, str]:
        """Stop and disable the unit, take its file out, and stop whatever memoryd is left."""
        if self._door.files.lstat(self.path) is not None:
            self._take_out()
        return self._daemon.stop()

    def withdraw(self) -> bool:
        """Stop and take out a unit of this very installation, however it has changed; whether there was one."""
        data = self._door.files.read_optional(self.path) or b""
        ours = word(self._paths.launcher).encode("utf-8", "surrogateescape") in data
        if ours:
            self._take_out()
        return ours

    def _take_out(self) -> None:
        self._systemctl("disable", "--now", UNIT, timeout=ACT_SECONDS)
        self._door.files.remove(self.path)
        self._systemctl("daemon-reload", timeout=ACT_SECONDS)
        self._systemctl("reset-failed", UNIT)

    def _see_it_run(self, state: UnitState) -> tuple[bool, str]:
        report = self._daemon.verify()
        if report.state == "stranger":
            return False, report.detail
        if report.state == "silent" and report.pid == state.pid:
            report = self._daemon.wait_answering(None, wait=PATIENCE)
        if report.state == "answering" and report.pid == state.pid and report.watch:
            return True, f"running, pid {report.pid}{self._linger_hint()}"
        return self._anew(report, None)

    def _anew(self, report: DaemonReport, build: str | None) -> tuple[bool, str]:
        """Start or restart the unit; a memoryd that somebody else started makes room first."""
        _, state = self._state()
        if report.state in ("answering", "silent") and report.pid != state.pid:
            stopped, detail = self._daemon.stop()
            if not stopped:
                return False, detail
        if state.active == "failed":
            self._systemctl("reset-failed", UNIT)
        result = self._systemctl("restart", UNIT, timeout=ACT_SECONDS)
        if not result.ok:
            return False, f"{UNIT} cannot be started: {reason(result)}"
        answer = self._daemon.wait_answering(build, wait=PATIENCE)
        if answer.state == "answering":
            return True, f"running {answer.build}, pid {answer.pid}{self._linger_hint()}"
        return False, f"{UNIT} is started and memoryd does not answer within {PATIENCE:g} s ({answer.detail})"

    def _state(self) -> tuple[RunResult, UnitState]:
        result = self._systemctl("show", UNIT, *(f"--property={name}" for name in PROPERTIES))
        return result, read_state(result.stdout if result.ok else "")

    def _linger_hint(self) -> str:
        """Without lingering a user's services end with the last session and start with the next login."""
        user = self._user
        if not user or "/" in user or self._door.files.stat(f"/var/lib/systemd/linger/{user}") is not None:
            return ""
        return " (from login to logout; all the time with: loginctl enable-linger)"


def reason(result: RunResult) -> str:
    """Why a call failed, in one short line."""
    if result.refused:
        return "refused in the sandbox"
    if result.timed_out:
        return "no answer in time"
    lines = (result.spawn_error or result.stderr or result.stdout or f"exit code {result.code}").strip().splitlines()
    return lines[-1][:160]
