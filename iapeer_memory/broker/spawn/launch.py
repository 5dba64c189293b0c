"""Starting a backend and waiting until it has proved who it is. Blocking: runs beside the event loop, never on it.

The program is the definition's and nothing else, inside the folder that the definition names, without arguments. It is
recorded before it begins, and gets its socket already listening, so that a client's first call waits instead of
failing. What does not prove itself in time is ended, and its socket is taken away.
Source: the running-process broker, backend launcher; the wait is its adaptive one, and a script may be launched too.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from posixpath import dirname

from iapeer_memory.broker.handle import remove_dead_socket
from iapeer_memory.broker.private_folder import make_private
from iapeer_memory.broker.server.starting import Failed, Found, Start
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.spawn.environment import Asked, launch_environment
from iapeer_memory.broker.spawn.place import Allocator
from iapeer_memory.broker.spawn.proof import Prover
from iapeer_memory.broker.spawn.records import Records, record_of
from iapeer_memory.broker.spawn.wait import SpawnWait
from iapeer_memory.domain.errors import DaemonFailed, ProductError
from iapeer_memory.egress.local_sockets import local_listener

END_SECONDS = 1.0
LOG_BYTES = 1 << 20
LOOK_SECONDS = 0.02
NOT_YET = ("NotFound", "ExePathMismatch", "ProbeFailed")
"""What a process may be taken for while it is still becoming the backend."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """Launches for one user. `base`: the environment as after a login; `log`: where a service's output goes.

    `hands_down` False: the backend binds its socket itself.
    """

    prover: Prover
    records: Records
    allocator: Allocator
    base: Mapping[str, str]
    log: Callable[[str], str]
    hands_down: bool = True
    wait: SpawnWait = field(default_factory=SpawnWait)

    def launch(self, start: Start, *, taken: Callable[[str], bool], given_up: Callable[[], bool]) -> Found | Failed:
        """The backend, or why there is none. `given_up`: asked again and again; True ends the wait."""
        try:
            binary = self._program(start)
            path = self.allocator.path(taken)
            make_private(self.prover.door.files, dirname(path), self.prover.uid)
            return self._launch(start, binary, path, given_up)
        except (ProductError, OSError) as error:
            return Failed(error.line() if isinstance(error, ProductError) else str(error))

    def _program(self, start: Start) -> str:
        """The canonical path of the definition's program. Raises ProductError."""
        files, definition = self.prover.door.files, start.definition
        if not definition.per_version_binary_dir:
            raise ProductError("per_version_binary_dir is not set")
        folder, binary = files.realpath(definition.per_version_binary_dir), files.realpath(definition.binary_path)
        if not binary.startswith(folder.rstrip("/") + "/"):
            raise ProductError(f"binary_path {definition.binary_path} is not inside per_version_binary_dir")
        found = files.stat(binary)
        if found is None or found.kind != "file":
            raise ProductError(f"there is no program at {binary}")
        return binary

    def _launch(self, start: Start, binary: str, path: str, given_up: Callable[[], bool]) -> Found | Failed:
        """Raises ProductError, OSError."""
        outcome: Found | Failed = Failed("it was given up")
        record = None
        try:
            record = self._started(start, binary, path)
            outcome = self._await(start, binary, record, given_up)
        finally:
            if isinstance(outcome, Failed):
                if record is not None:
                    self._end(record)
                remove_dead_socket(self.prover.door, path)
        return outcome

    def _started(self, start: Start, binary: str, path: str) -> Sidecar:
        """The process, detached, and recorded before it began. Raises ProductError, OSError."""
        greeting, log = start.greeting, self.log(start.key.service)
        asked = Asked(
            start.key,
            path,
            traceparent=greeting.frame.traceparent if greeting else "",
            tracestate=greeting.frame.tracestate if greeting else "",
            token=start.token,
        )
        records: list[Sidecar] = []

        def record(pid: int) -> None:
            info = self.prover.door.processes.info(pid)
            if info is None:
                raise DaemonFailed("it ended before it began")
            records.append(record_of(start.key, binary, path, info, self.prover.boot))
            try:
                self.records.write(start.key, records[0])
            except OSError as error:
                raise DaemonFailed(f"it could not be recorded: {error}") from None

        self._rotate(log)
        with ExitStack() as stack:
            kept = [stack.enter_context(local_listener(path)).fileno()] if self.hands_down else []
            env = launch_environment(self.base, asked, kept[0] if kept else None)
            child = self.prover.door.processes.start_detached((binary,), env=env, log=log, keep_fds=kept, before=record)
        if not child.started:
            raise DaemonFailed(child.detail)
        return records[0]

    def _rotate(self, log: str) -> None:
        """Put a long log aside; the one before that goes."""
        files = self.prover.door.files
        found = files.lstat(log)
        if found is not None and found.size > LOG_BYTES:
            files.rename(log, f"{log}.1")

    def _await(self, start: Start, binary: str, record: Sidecar, given_up: Callable[[], bool]) -> Found | Failed:
        """Look, and look again. Raises ProductError, OSError."""
        clock = self.prover.door.clock
        began, look, why = clock.monotonic(), 0, "nothing was heard of it"
        while not given_up():
            claim = self.prover.claim(start, record.process)
            found = why if claim is None else self._proved(start, binary, claim)
            if isinstance(found, Found | Failed):
                return found
            why = found
            waited = int((clock.monotonic() - began) * 1_000)
            decision = self.wait.decide(look, waited, ready=False, alive=self.records.runs(record))
            if decision.verdict == "dead":
                return Failed(f"it ended before it answered; what it said is in {self.log(start.key.service)}")
            if decision.verdict == "ceiling":
                return Failed(f"it did not answer within {self.wait.ceiling_ms // 1_000} s: {why}")
            self._sleep(decision.sleep_ms / 1_000, given_up)
            look += 1
        return Failed("the broker is shutting down")

    def _proved(self, start: Start, binary: str, claim: Sidecar) -> Found | Failed | str:
        """The backend once it has answered as it must; a text: not yet, and why."""
        if self.prover.hashes.digest(self.prover.door.files, binary).hex() != start.key.exe_hash:
            return Failed("its program was replaced meanwhile", mismatch=True)
        proved = self.prover.backend(start, claim, ours=True)
        if isinstance(proved, Found):
            return proved
        return proved.line() if proved.kind in NOT_YET else Failed(proved.line())

    def _sleep(self, seconds: float, given_up: Callable[[], bool]) -> None:
        clock = self.prover.door.clock
        end = clock.monotonic() + seconds
        while not given_up() and (left := end - clock.monotonic()) > 0:
            clock.sleep(min(left, LOOK_SECONDS * 5))

    def _end(self, record: Sidecar) -> None:
        """End what was started, as long as it is still that process."""
        door = self.prover.door
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.records.runs(record):
                door.processes.signal(record.process.pid, number)
            end = door.clock.monotonic() + END_SECONDS
            while self.records.runs(record) and door.clock.monotonic() < end:
                door.clock.sleep(LOOK_SECONDS)
