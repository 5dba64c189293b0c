"""A launchd agent as supervisor on macOS. Texts and words are pure; not yet run on macOS.

Source: launchd.plist(5) and launchctl(1).
"""

from __future__ import annotations

from html import escape
from os.path import join

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.domain.paths import UNIT_NAME, Paths
from iapeer_memory.domain.ports import DaemonHandle, SupervisorName
from iapeer_memory.egress.host import uid as own_uid
from iapeer_memory.egress.templates import template
from iapeer_memory.supervise.builds import installed_build
from iapeer_memory.supervise.decide import PATIENCE, restart_plan
from iapeer_memory.supervise.systemd import reason

TEMPLATE = "launchd.plist"
LAUNCHCTL = "/bin/launchctl"
ASK_SECONDS, ACT_SECONDS = 5.0, 30.0


def agent_path(paths: Paths) -> str:
    """Where the agent's property list lies."""
    return join(paths.home, "Library", "LaunchAgents", f"{UNIT_NAME}.plist")


def agent_text(paths: Paths) -> bytes:
    """The property list: started at login, started again whenever it ends, at most every 10 seconds."""
    text = template(TEMPLATE)
    for name, value in {"LABEL": UNIT_NAME, "LAUNCHER": paths.launcher, "LOG": paths.daemon_log}.items():
        text = text.replace("{{" + name + "}}", escape(value, quote=False))
    return text.encode("utf-8", "surrogateescape")


def domain(uid: int) -> str:
    """The domain of a user's session."""
    return f"gui/{uid}"


def load_words(paths: Paths, uid: int) -> tuple[str, ...]:
    """Load the agent."""
    return LAUNCHCTL, "bootstrap", domain(uid), agent_path(paths)


def unload_words(uid: int) -> tuple[str, ...]:
    """Unload it, which stops it."""
    return LAUNCHCTL, "bootout", f"{domain(uid)}/{UNIT_NAME}"


def restart_words(uid: int) -> tuple[str, ...]:
    """Stop it if it runs, and start it."""
    return LAUNCHCTL, "kickstart", "-k", f"{domain(uid)}/{UNIT_NAME}"


def print_words(uid: int) -> tuple[str, ...]:
    """Ask about it; exit 0 when it is loaded."""
    return LAUNCHCTL, "print", f"{domain(uid)}/{UNIT_NAME}"


def unusable(door: Door, uid: int) -> str | None:
    """Why an agent cannot be had here, or None: a session of the user must be there."""
    result = door.processes.run([LAUNCHCTL, "print", domain(uid)], timeout=ASK_SECONDS, env={}, cwd="/")
    return None if result.ok else f"no launchd session ({reason(result)})"


class LaunchdSupervisor:
    """Implements `domain.ports.Supervisor` with a launchd agent."""

    name: SupervisorName = "unit"

    def __init__(self, door: Door, paths: Paths, daemon: DaemonHandle, uid: int | None = None) -> None:
        self._door = door
        self._paths = paths
        self._daemon = daemon
        self._uid = own_uid() if uid is None else uid

    def status(self) -> tuple[bool, str]:
        """Whether the agent is as we write it, and loaded."""
        path = agent_path(self._paths)
        if self._door.files.read_optional(path) != agent_text(self._paths):
            return False, f"{path} is missing or changed"
        if not self._run(print_words(self._uid), ASK_SECONDS).ok:
            return False, f"{UNIT_NAME} is not loaded"
        return True, f"{UNIT_NAME} is loaded"

    def ensure(self) -> tuple[bool, str]:
        """Write and load the agent; nothing is done where that is so and it answers."""
        in_charge, words = self.status()
        report = self._daemon.verify()
        if report.state == "stranger":
            return False, report.detail
        if in_charge and report.state == "answering" and report.watch:
            return True, f"running, pid {report.pid}"
        if not in_charge:
            if report.state in ("answering", "silent"):
                stopped, detail = self._daemon.stop()
                if not stopped:
                    return False, detail
            self._run(unload_words(self._uid), ACT_SECONDS)
            self._door.files.mkdir(self._paths.logs_dir, mode=0o700)
            self._door.files.write(agent_path(self._paths), agent_text(self._paths), mode=0o644)
            result = self._run(load_words(self._paths, self._uid), ACT_SECONDS)
            if not result.ok:
                return False, f"{words}; it cannot be loaded: {reason(result)}"
        elif report.state != "absent":
            self._run(restart_words(self._uid), ACT_SECONDS)
        return self._answers(None)

    def restart(self) -> tuple[bool, str]:
        """Have a running memoryd replaced by one of the installed build."""
        report = self._daemon.verify()
        if report.state == "stranger":
            return False, report.detail
        build = installed_build(self._door.files, self._paths)
        if restart_plan(report, build, supervised=True) == "nothing":
            return True, f"running {report.build}, pid {report.pid}"
        result = self._run(restart_words(self._uid), ACT_SECONDS)
        if not result.ok:
            return False, f"{UNIT_NAME} cannot be restarted: {reason(result)}"
        return self._answers(build)

    def remove(self) -> tuple[bool, str]:
        """Unload the agent, take its file out, and stop whatever memoryd is left."""
        if self._door.files.lstat(agent_path(self._paths)) is not None:
            self._take_out()
        return self._daemon.stop()

    def withdraw(self) -> bool:
        """Unload and take out an agent of this very installation, however it has changed; whether there was one."""
        data = self._door.files.read_optional(agent_path(self._paths)) or b""
        ours = escape(self._paths.launcher, quote=False).encode("utf-8", "surrogateescape") in data
        if ours:
            self._take_out()
        return ours

    def _take_out(self) -> None:
        self._run(unload_words(self._uid), ACT_SECONDS)
        self._door.files.remove(agent_path(self._paths))

    def _answers(self, build: str | None) -> tuple[bool, str]:
        report = self._daemon.wait_answering(build, wait=PATIENCE)
        if report.state == "answering":
            return True, f"running {report.build}, pid {report.pid}"
        return False, f"{UNIT_NAME} is loaded and memoryd does not answer within {PATIENCE:g} s ({report.detail})"

    def _run(self, words: tuple[str, ...], timeout: float) -> RunResult:
        return self._door.processes.run(words, timeout=timeout, env={}, cwd="/")
