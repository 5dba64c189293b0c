"""The broker as supervisor: asked by the first session or by a repair, it finds memoryd or launches it.

Where no broker can be had memoryd is started by ourselves. One starter at a time either way: a lock around looking,
asking and waiting for the first answer, so that whoever comes second finds it answering. Never starts one beside a
process that may be ours. A broker forgets with its end what it knew of crashes, so it ends before we stop memoryd on
purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.broker.client_errors import ClientError, HelloRefused
from iapeer_memory.broker.patience import with_patience
from iapeer_memory.broker.server.refusals import NO_BUDGET
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import DaemonHandle, DaemonReport, SupervisorName
from iapeer_memory.supervise.builds import installed_build
from iapeer_memory.supervise.decide import PATIENCE, restart_plan
from iapeer_memory.supervise.direct import last_words, start_directly
from iapeer_memory.supervise.own_broker import NoBroker, OwnBroker

LOCK_WAIT = 60.0
WITHIN = 30.0
"""Seconds for a start through the broker."""
LOOK_SECONDS = 3.0
"""How long memoryd is waited for before the broker is asked again what became of it."""
FIRST_LOOK = 0.5
LOOK = "to look: iapeer-memory logs"
REPAIR = "iapeer-memory verify --repair"


class BrokerSupervisor:
    """Implements `domain.ports.Supervisor` with a broker of this installation's own."""

    name: SupervisorName = "broker"

    def __init__(self, door: Door, paths: Paths, daemon: DaemonHandle, env: Mapping[str, str]) -> None:
        self._door = door
        self._paths = paths
        self._daemon = daemon
        self._env = env
        self._broker = OwnBroker(door, paths, env)

    def status(self) -> tuple[bool, str]:
        """Whether memoryd is declared, and who would start it."""
        who = "by the first session and by iapeer-memory verify --repair"
        objection = self._broker.objection()
        if objection is not None:
            return True, f"memoryd is started {who}, without a broker: {objection}"
        problem = self._broker.definition_problem()
        return (True, f"memoryd is started through its broker, {who}") if problem is None else (False, problem)

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
        """Stop the broker, then memoryd, which it would start again, and leave nothing of theirs."""
        with self._door.locks.hold(self._paths.spawn_lock, wait=LOCK_WAIT, what="stopping memoryd"):
            ended, words = self._broker.stop()
            stopped, said = self._daemon.stop()
            if ended and stopped:
                self._broker.clear()
            return ended and stopped, said if ended else f"{words}; {said}"

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
                self._broker.stop()
                stopped, note = self._daemon.stop()
                if not stopped:
                    return False, note
                note += ", "
            return self._start(note)

    def _start(self, note: str) -> tuple[bool, str]:
        objection = "a dry run asks nobody" if self._door.kind == "overlay" else self._broker.objection()
        if objection is not None:
            return self._start_directly(note, objection)
        problem = self._broker.definition_problem()
        if problem is not None:
            return False, f"{note}{problem}; fix: {REPAIR}"
        clock, began = self._door.clock, self._door.clock.now()
        deadline, broken, renewed = clock.monotonic() + WITHIN, 0, False
        while True:
            refused = ""
            try:
                self._broker.ready(deadline)
                self._ask(deadline)
            except HelloRefused as refusal:
                if out_of_budget(refusal) and not renewed:
                    # What a broker counts is for what starts by itself, and a new one has counted nothing.
                    renewed = True
                    if self._broker.stop()[0]:
                        continue
                refused = f"{note}memoryd is not started: {self._why(began, line_of(refusal))}"
            except NoBroker as error:
                return self._start_directly(note, error.line())
            except ClientError as error:
                broken += 1
                if broken > 1:
                    return self._start_directly(note, error.line())
            # Also after a refusal or a broken connection: it may run all the same.
            left = 0.0 if refused else max(deadline - clock.monotonic(), 0.0)
            report = self._daemon.wait_answering(None, wait=min(LOOK_SECONDS, left))
            if report.state == "answering":
                return True, f"{note}started, pid {report.pid}"
            if refused:
                return False, refused
            if not left:
                late = f"does not answer within {WITHIN:g} s ({report.detail})"
                return False, f"{note}memoryd was started through its broker and {late}; {self._why(began, LOOK)}"

    def _ask(self, deadline: float) -> None:
        """A Hello, and another whenever a refusal says so. Raises ClientError.

        A start that failed is tried once more, and a spent budget not waited for: told is why the first one failed.
        """
        failed: HelloRefused | None = None

        def attempt() -> HelloRefused | None:
            nonlocal failed
            try:
                self._broker.ask_for_memoryd(deadline)
            except HelloRefused as refused:
                if failed is not None or out_of_budget(refused):
                    return failed or refused
                if refused.refusal.kind == "other":
                    failed = refused
                raise
            return None

        if (refusal := with_patience(attempt, clock=self._door.clock, deadline=deadline)) is not None:
            raise refusal

    def _start_directly(self, note: str, objection: str) -> tuple[bool, str]:
        """Without a broker."""
        began = self._door.clock.now()
        started = start_directly(self._door, self._paths, self._env)
        if not started.started:
            return False, f"{note}memoryd cannot be started: {started.detail}"
        report = self._first_answer(started.pid)
        if report.state == "answering":
            return True, f"{note}started, pid {report.pid}, without a broker: {objection}"
        if self._door.processes.info(started.pid) is None:
            return False, f"{note}memoryd ended at once: {self._why(began, report.detail)}"
        return False, f"{note}memoryd started and does not answer within {PATIENCE:g} s ({report.detail})"

    def _first_answer(self, pid: int) -> DaemonReport:
        """Until it answers, ends, or the time is up."""
        end = self._door.clock.monotonic() + PATIENCE
        while True:
            report = self._daemon.wait_answering(None, wait=FIRST_LOOK)
            over = self._door.clock.monotonic() >= end or self._door.processes.info(pid) is None
            if report.state == "answering" or over:
                return report

    def _why(self, began: float, otherwise: str) -> str:
        """What memoryd itself said last since that moment, or what was said of it; and a remedy."""
        words = last_words(self._door, self._paths.daemon_log, began) or otherwise
        return words if "; fix: " in words or words == LOOK else f"{words}; {LOOK}"


def out_of_budget(refused: HelloRefused) -> bool:
    """Whether the broker has started memoryd too often already."""
    return refused.refusal.refused.reason == NO_BUDGET.reason


def line_of(refused: HelloRefused) -> str:
    """A refusal in words, with the time after which the broker may be asked again."""
    wait = refused.refusal.wait_seconds
    return f"{refused.line()}, again in {wait:.0f} s" if wait and wait > 1 else refused.line()
