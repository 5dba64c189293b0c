"""Starting a backend and waiting until it has proved who it is. Blocking: runs beside the event loop, never on it.

The program is the definition's and nothing else, inside the folder that the definition names, without arguments. It
gets its socket already listening, so that a client's first call waits instead of failing. What does not prove itself in
time is ended, and its socket is taken away.
Source: the running-process broker, backend launcher; the wait is its adaptive one, and a script may be launched too.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from posixpath import dirname

from iapeer_memory.broker.handle import BackendHandle, remove_dead_socket
from iapeer_memory.broker.identity import ExecutableHashes, describe, image_of
from iapeer_memory.broker.private_folder import make_private
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.server.starting import Failed, Found, Start
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.spawn.backend import Kept, idle_secs
from iapeer_memory.broker.spawn.environment import Asked, launch_environment
from iapeer_memory.broker.spawn.place import Allocator
from iapeer_memory.broker.spawn.wait import SpawnWait
from iapeer_memory.broker.verify import Wanted, verify
from iapeer_memory.broker.wire_v1.process import Endpoint
from iapeer_memory.domain.door import Door, ProcessInfo, Started
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.local_sockets import local_listener

SHELL = "/bin/sh"
HAND_DOWN = 'exec "$0" 3<&0 0</dev/null'
"""The descriptor that a detached program talks over becomes number 3; nothing of the definition is in this text."""
HANDED_FD = 3
PROBE_SECONDS = 0.5
END_SECONDS = 1.0
LOG_BYTES = 1 << 20
LOOK_SECONDS = 0.02
BECOMING_LOOKS, BECOMING_SECONDS = 50, 0.002
NOT_YET = ("NotFound", "ExePathMismatch", "ProbeFailed")
"""What a process may be taken for while it is still becoming the backend."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """Launches for one user. `base`: the environment as after a login; `log`: where a service's output goes.

    `hands_down` False: the backend binds its socket itself. `record`: told whose claim it is that was just started,
    before it has proved itself, so that a broker that is killed now finds it again.
    """

    door: Door
    hashes: ExecutableHashes
    allocator: Allocator
    base: Mapping[str, str]
    boot_id: str
    uid: int
    log: Callable[[str], str]
    record: Callable[[Start, Sidecar], None]
    hands_down: bool = True
    wait: SpawnWait = field(default_factory=SpawnWait)

    def launch(self, start: Start, *, taken: Callable[[str], bool], given_up: Callable[[], bool]) -> Found | Failed:
        """The backend, or why there is none. `given_up`: asked again and again; True ends the wait."""
        try:
            binary = self._program(start)
            path = self.allocator.path(taken)
            make_private(self.door.files, dirname(path), self.uid)
            return self._launch(start, binary, path, given_up)
        except (ProductError, OSError) as error:
            return Failed(error.line() if isinstance(error, ProductError) else str(error))

    def _program(self, start: Start) -> str:
        """The canonical path of the definition's program. Raises ProductError."""
        files, definition = self.door.files, start.definition
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
        child = self._started(start, binary, path)
        if not child.started:
            remove_dead_socket(self.door, path)
            return Failed(child.detail)
        born = self.door.processes.info(child.pid)
        outcome: Found | Failed = Failed("it was given up")
        try:
            outcome = self._await(start, binary, path, child.pid, born, given_up)
        finally:
            if isinstance(outcome, Failed):
                self._end(child.pid, born)
                remove_dead_socket(self.door, path)
        return outcome

    def _started(self, start: Start, binary: str, path: str) -> Started:
        """The process, detached. Raises OSError."""
        greeting = start.greeting
        asked = Asked(
            start.key,
            path,
            traceparent=greeting.frame.traceparent if greeting else "",
            tracestate=greeting.frame.tracestate if greeting else "",
            token=start.token,
        )
        start_detached, log = self.door.processes.start_detached, self.log(start.key.service)
        self._rotate(log)
        if not self.hands_down:
            return start_detached((binary,), env=launch_environment(self.base, asked, None), log=log)
        env = launch_environment(self.base, asked, HANDED_FD)
        with local_listener(path) as listener:
            return start_detached((SHELL, "-c", HAND_DOWN, binary), env=env, log=log, talk=listener.fileno())

    def _rotate(self, log: str) -> None:
        """Put a long log aside; the one before that goes."""
        found = self.door.files.lstat(log)
        if found is not None and found.size > LOG_BYTES:
            self.door.files.rename(log, f"{log}.1")

    def _await(
        self,
        start: Start,
        binary: str,
        path: str,
        pid: int,
        born: ProcessInfo | None,
        given_up: Callable[[], bool],
    ) -> Found | Failed:
        """Look, and look again. Raises ProductError, OSError."""
        clock, began, look, why = self.door.clock, self.door.clock.monotonic(), 0, "nothing was heard of it"
        claim = self._becoming(start, binary, pid, path)
        recorded = False
        while not given_up():
            claim = claim or self._claim(start, binary, pid, path)
            if claim is not None and not recorded:
                self.record(start, claim)
                recorded = True
            found = None if claim is None else self._proved(start, binary, claim)
            if isinstance(found, Found | Failed):
                return found
            why = found or why
            alive = born is not None and self._same(born)
            waited = int((clock.monotonic() - began) * 1_000)
            decision = self.wait.decide(look, waited, ready=False, alive=alive)
            if decision.verdict == "dead":
                return Failed(f"it ended before it answered; what it said is in {self.log(start.key.service)}")
            if decision.verdict == "ceiling":
                return Failed(f"it did not answer within {self.wait.ceiling_ms // 1_000} s: {why}")
            self._sleep(decision.sleep_ms / 1_000, given_up)
            look += 1
        return Failed("the broker is shutting down")

    def _becoming(self, start: Start, binary: str, pid: int, path: str) -> Sidecar | None:
        """The claim, as soon as the process is our program: mostly at once."""
        for _ in range(BECOMING_LOOKS):
            claim = self._claim(start, binary, pid, path)
            if claim is not None or self.door.processes.info(pid) is None:
                return claim
            self.door.clock.sleep(BECOMING_SECONDS)
        return None

    def _claim(self, start: Start, binary: str, pid: int, path: str) -> Sidecar | None:
        """Who the process has to say that it is, by our own look at it; None while it is not our program yet."""
        image, info = image_of(self.door.files, pid), self.door.processes.info(pid)
        if image is None or info is None or not (image.path == binary or binary in info.argv[1:3]):
            return None
        if info.argv[0] == SHELL and HAND_DOWN in info.argv:
            return None
        process = describe(
            self.door,
            self.hashes,
            pid=pid,
            endpoint=Endpoint(namespace_id=start.key.instance, path=path),
            boot_id=self.boot_id,
            started_at=info.started_at or self.door.clock.now(),
            idle_timeout=idle_secs(start.definition),
        )
        return Sidecar(process)

    def _proved(self, start: Start, binary: str, claim: Sidecar) -> Found | Failed | str:
        """The backend once it has answered as it must; a text: not yet, and why."""
        if self.hashes.digest(self.door.files, binary).hex() != start.key.exe_hash:
            return Failed("its program was replaced meanwhile", mismatch=True)
        assert claim.process.ipc_endpoint is not None
        wanted = Wanted(claim.process.ipc_endpoint, self.boot_id, self.uid)
        proved = verify(self.door, self.hashes, claim, wanted, seconds=PROBE_SECONDS)
        if isinstance(proved, NotThatDaemon):
            return proved.line() if proved.kind in NOT_YET else Failed(proved.line())
        proved.stream.close()
        handle = BackendHandle(self.door, claim, wanted, proved.pin, replaced=proved.replaced)
        return Found(Kept(handle, idle_secs(start.definition)), ours=True)

    def _sleep(self, seconds: float, given_up: Callable[[], bool]) -> None:
        end = self.door.clock.monotonic() + seconds
        while not given_up() and (left := end - self.door.clock.monotonic()) > 0:
            self.door.clock.sleep(min(left, LOOK_SECONDS * 5))

    def _end(self, pid: int, born: ProcessInfo | None) -> None:
        """End what was started, as long as it is still that process."""
        for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
            if born is None or not self._same(born):
                return
            self.door.processes.signal(pid, number)
            end = self.door.clock.monotonic() + seconds
            while self._same(born) and self.door.clock.monotonic() < end:
                self.door.clock.sleep(LOOK_SECONDS)

    def _same(self, born: ProcessInfo) -> bool:
        now = self.door.processes.info(born.pid)
        return now is not None and replace(now, argv=born.argv) == born
