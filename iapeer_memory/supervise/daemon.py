"""memoryd, by proof and never by pid alone: asked over its own port, told apart from strangers, stopped with care.

It is stopped through the identity that it proves, where it has one; else by what its port, its lock and its start
prove. A daemon that answers is healthy, however old its heartbeat looks: a laptop that wakes from sleep has a stale
heartbeat and a working memoryd. SIGKILL only for one that was proved to be ours and does not answer.
"""

from __future__ import annotations

import signal

from iapeer_memory.broker.handle import BackendHandle, ShutdownTimeout
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import DaemonReport
from iapeer_memory.egress.host import uid as own_uid
from iapeer_memory.egress.pins import pin
from iapeer_memory.supervise.identity import prove
from iapeer_memory.supervise.probe import is_memoryd, objection, read_health
from iapeer_memory.supervise.proof import Traces, proved, read_pid

ASK_SECONDS = 2.0
ASK_AGAIN_SECONDS = 4.0
"""A second, longer question before a process is called silent: a full pass may hold it for a while."""
POLL_SECONDS = 0.05
HANG_SECONDS = 5.0
KILL_SECONDS = 2.0


class Daemon:
    """Implements `domain.ports.DaemonHandle` for the memoryd of one state directory and port."""

    __slots__ = ("_door", "_paths", "_port", "_uid")

    def __init__(self, door: Door, paths: Paths, port: int, uid: int | None = None) -> None:
        self._door = door
        self._paths = paths
        self._port = port
        self._uid = own_uid() if uid is None else uid

    def verify(self) -> DaemonReport:
        """Ask and look; no effect."""
        listener = self._door.net.listener_uid(self._port)
        if listener is not None and listener != self._uid:
            return self._report("stranger", f"port {self._port} is held by another user (uid {listener})")
        refused, report = self._ask(ASK_SECONDS)
        if report is None and not refused:
            refused, report = self._ask(ASK_AGAIN_SECONDS)
        if report is not None and report.state == "answering":
            return report
        silent = self._silent()
        if silent is None and report is None and not refused:
            report = self._report("stranger", f"port {self._port} is held by a program that says nothing")
        return silent or report or self._report("absent", "not running")

    def stop(self, *, wait: float = 10.0) -> tuple[bool, str]:
        """SIGTERM after proof, wait, report; (stopped or not there, what was done)."""
        # A held process is signalled past the door, so a dry run takes the way on which it is only planned.
        handle = None if self._door.kind == "overlay" else prove(self._door, self._paths, uid=self._uid)
        if isinstance(handle, BackendHandle):
            with handle:
                return self._stop_proved(handle, wait)
        return self._stop_unnamed(wait)

    def _stop_proved(self, handle: BackendHandle, wait: float) -> tuple[bool, str]:
        """The process is held from its proof on, so nobody else can be signalled."""
        pid = handle.process.pid
        try:
            handle.shutdown(wait)
        except ShutdownTimeout:
            stream = handle.connect(seconds=ASK_AGAIN_SECONDS)
            if not isinstance(stream, NotThatDaemon):
                stream.close()
                return False, f"pid {pid} still answers {wait:g} s after SIGTERM; left running"
            if not handle.force_kill():
                return False, f"pid {pid} survives SIGKILL; its pid file is kept"
            return self._stopped(pid, "killed (it hung)")
        return self._stopped(pid, "stopped")

    def _stop_unnamed(self, wait: float) -> tuple[bool, str]:
        """A memoryd without a socket of its own, or one that hangs: its port, its lock and its start are the proof."""
        report = self.verify()
        if report.state == "stranger":
            return False, f"{report.detail}; not signalled"
        if report.state == "absent":
            return True, "not running" + (", stale pid file removed" if self._drop_pid_file(None) else "")
        process = self._door.processes.info(report.pid)
        if process is None or not is_memoryd(process, self._uid):
            return True, "ended by itself"
        self._door.processes.signal(process.pid, signal.SIGTERM)
        if self._ends(process, wait if report.state == "answering" else min(wait, HANG_SECONDS)):
            return self._stopped(process.pid, "stopped")
        if self.verify().state == "answering":
            return False, f"pid {process.pid} still answers {wait:g} s after SIGTERM; left running"
        if not self._same(process):
            return self._stopped(process.pid, "stopped")
        self._door.processes.signal(process.pid, signal.SIGKILL)
        if self._ends(process, KILL_SECONDS):
            return self._stopped(process.pid, "killed (it hung)")
        return False, f"pid {process.pid} survives SIGKILL; its pid file is kept"

    def wait_answering(self, build: str | None, *, wait: float) -> DaemonReport:
        """Poll until it answers (with that build where one is given) or the time is up."""
        clock = self._door.clock
        end = clock.monotonic() + wait
        while True:
            left = end - clock.monotonic()
            _, report = self._ask(max(min(left, ASK_SECONDS), POLL_SECONDS))
            if report is not None and report.state == "answering" and build in (None, report.build):
                return report
            if clock.monotonic() >= end:
                return report if report is not None else self._silent() or self._report("absent", "not running")
            clock.sleep(POLL_SECONDS)

    def _ask(self, timeout: float) -> tuple[bool, DaemonReport | None]:
        """(nobody listens, report of what answers). A listener that says nothing gives (False, None)."""
        nonce = self._door.random.token()
        url = f"http://127.0.0.1:{self._port}/health?nonce={nonce}"
        response = self._door.net.fetch(url, timeout=timeout, limit=1 << 16)
        if response.status == 0:
            return self._door.net.port_free(self._port), None
        health = read_health(response, nonce)
        if health is None:
            return False, self._report("stranger", f"port {self._port} is held by another program")
        process = self._door.processes.info(health.pid)
        state_dir = self._paths.state_dir
        if self._door.files.realpath(health.state_dir) == self._door.files.realpath(state_dir):
            state_dir = health.state_dir
        problem = objection(health, process, uid=self._uid, state_dir=state_dir)
        if problem is not None:
            return False, self._report("stranger", f"port {self._port} is held by {problem}")
        return False, DaemonReport(
            "answering",
            f"pid {health.pid} answers",
            pid=health.pid,
            build=health.build,
            version=health.version,
            watch=health.watch,
            heartbeat_age=self._heartbeat_age(),
        )

    def _silent(self) -> DaemonReport | None:
        """The process of the pid file or the lock, where it is proved to be ours."""
        traces = self._traces()
        process = self._door.processes.info(traces.candidate) if traces.candidate else None
        if process is None or not proved(traces, process, self._uid):
            return None
        return self._report("silent", f"pid {process.pid} runs and does not answer", pid=process.pid)

    def _traces(self) -> Traces:
        files = self._door.files
        data, written = None, None
        try:
            seen = files.stat(self._paths.pid_file)
            data = files.read_optional(self._paths.pid_file, limit=64)
            written = seen.mtime_ns / 1e9 if seen else None
        except FileRefused:
            pass
        return Traces(read_pid(data), written, self._door.locks.holder(self._paths.daemon_lock))

    def _heartbeat_age(self) -> float | None:
        try:
            seen = self._door.files.stat(self._paths.heartbeat)
        except FileRefused:
            return None
        return None if seen is None else max(self._door.clock.now() - seen.mtime_ns / 1e9, 0.0)

    def _report(self, state: str, detail: str, *, pid: int = 0) -> DaemonReport:
        return DaemonReport(state, detail, pid=pid, heartbeat_age=self._heartbeat_age())  # type: ignore[arg-type]

    def _same(self, process: ProcessInfo) -> bool:
        """Whether exactly that process still lives."""
        now = self._door.processes.info(process.pid)
        return now is not None and now.started == process.started

    def _ends(self, process: ProcessInfo, wait: float) -> bool:
        """Whether it is gone within so many seconds, with all its threads: the last one closes its sockets."""
        held = None if self._door.kind == "overlay" else pin(self._door.processes, process.pid)
        if held is not None:
            with held:
                now = self._door.processes.info(process.pid)
                return (now is not None and now.started != process.started) or held.wait(wait)
        end = self._door.clock.monotonic() + wait
        while self._same(process):
            if self._door.clock.monotonic() >= end:
                return False
            self._door.clock.sleep(POLL_SECONDS)
        return True

    def _stopped(self, pid: int, what: str) -> tuple[bool, str]:
        self._drop_pid_file(pid)
        return True, f"pid {pid} {what}"

    def _drop_pid_file(self, pid: int | None) -> bool:
        """Remove the pid file if it names that dead process (`None`: any that is no live memoryd of ours)."""
        files = self._door.files
        try:
            named = read_pid(files.read_optional(self._paths.pid_file, limit=64))
        except FileRefused:
            return False
        if pid is not None and named != pid:
            return False
        if pid is None and named is not None and is_memoryd(self._door.processes.info(named), self._uid):
            return False
        return files.remove(self._paths.pid_file)
