"""The notifier as supervisor: it runs our launcher as a watcher and starts it again whenever it ends.

That a registration was sent proves nothing; only what stands in the owner's profile does. Restarting is a proved
SIGTERM: the notifier counts every exit as a reason to start again. Source: the notifier's contract for watchers.
"""

from __future__ import annotations

from collections.abc import Callable

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import DaemonHandle, DaemonReport, SupervisorName
from iapeer_memory.ecosystem.notifier import WATCHER_ID, find, watcher_script
from iapeer_memory.ecosystem.profile import TriggerReader
from iapeer_memory.supervise.builds import installed_build
from iapeer_memory.supervise.decide import PATIENCE, restart_plan

SendWatcher = Callable[[], tuple[bool, str]]
"""Sends the watcher's registration; (delivered, in words)."""
CONFIRM_SECONDS = 5.0
POLL_SECONDS = 0.1


class NotifierSupervisor:
    """Implements `domain.ports.Supervisor` through the notifier. `send` None: somebody else registers."""

    name: SupervisorName = "notifier"

    def __init__(
        self, door: Door, paths: Paths, daemon: DaemonHandle, *, read_triggers: TriggerReader, send: SendWatcher | None
    ) -> None:
        self._door = door
        self._paths = paths
        self._daemon = daemon
        self._read_triggers = read_triggers
        self._send = send

    def status(self) -> tuple[bool, str]:
        """Whether the registration stands in the profile, with our launcher."""
        triggers = self._read_triggers()
        if triggers is None:
            return False, "the index peer's profile cannot be read"
        trigger = find(triggers, "event", WATCHER_ID)
        if trigger is None:
            return False, f"watcher {WATCHER_ID} is not registered"
        if trigger.script != watcher_script(self._paths.launcher):
            return False, f"watcher {WATCHER_ID} runs {trigger.script or 'nothing'}"
        return True, f"watcher {WATCHER_ID} is registered"

    def ensure(self) -> tuple[bool, str]:
        """See that it is registered and that memoryd runs; without a registration nobody is to start it."""
        registered, words = self._registered()
        report = self._daemon.verify()
        match restart_plan(report, None, supervised=registered):
            case "refuse":
                return False, report.detail
            case "nothing" if report.state == "absent":
                return True, f"not running, and nobody is to start it: {words}"
            case "nothing" if report.watch:
                return True, f"running, pid {report.pid}; {words}"
            case "nothing":
                return self._relaunched("no longer watches: ", None)
            case "wait":
                answer = self._daemon.wait_answering(None, wait=PATIENCE)
                if answer.state == "answering":
                    return True, f"running, pid {answer.pid}; {words}"
                return self._relaunched("hung: ", None)
            case _:
                return told(self._daemon.wait_answering(None, wait=PATIENCE), "")

    def restart(self) -> tuple[bool, str]:
        """SIGTERM after proof; the notifier starts the installed build. Nothing is done where nothing runs."""
        report = self._daemon.verify()
        installed = installed_build(self._door.files, self._paths)
        if report.state == "absent":
            return True, "not running, nothing to restart"
        if restart_plan(report, installed, supervised=True) == "nothing":
            return True, f"running {report.build}, pid {report.pid}"
        return self._relaunched("", installed)

    def remove(self) -> tuple[bool, str]:
        """Stop it; the registration is taken back by whoever sends messages."""
        return self._daemon.stop()

    def _registered(self) -> tuple[bool, str]:
        """As `status`, after sending the registration where it is missing."""
        registered, words = self.status()
        if registered or self._send is None:
            return registered, words
        sent, detail = self._send()
        if not sent:
            return False, detail
        end = self._door.clock.monotonic() + CONFIRM_SECONDS
        while not registered and self._door.clock.monotonic() < end:
            self._door.clock.sleep(POLL_SECONDS)
            registered, words = self.status()
        return registered, words if registered else f"{words} (sent, not confirmed within {CONFIRM_SECONDS:g} s)"

    def _relaunched(self, why: str, build: str | None) -> tuple[bool, str]:
        registered, words = self.status()
        stopped, detail = self._daemon.stop()
        if not stopped:
            return False, why + detail
        if not registered:
            return True, f"{why}{detail}; nobody is to start it: {words}"
        return told(self._daemon.wait_answering(build, wait=PATIENCE), f"{why}{detail}, ")


def told(report: DaemonReport, note: str) -> tuple[bool, str]:
    """The end of a wait, in words."""
    if report.state == "answering":
        return True, f"{note}running {report.build}, pid {report.pid}"
    return False, f"{note}the notifier has not brought memoryd to answer within {PATIENCE:g} s ({report.detail})"
