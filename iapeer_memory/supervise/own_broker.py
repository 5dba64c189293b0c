"""The broker of one installation: whether it can be had here, seeing that it runs, asking it for memoryd, ending it.

It goes by the name of the installation's service and serves that alone, so that the brokers of several installations
never meet. Only one can have its sockets: that is what keeps a second one from serving, whoever starts it. Never
signals a process that the kernel does not show behind those sockets.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from os.path import dirname

from iapeer_memory.broker import names, privilege
from iapeer_memory.broker.client import negotiate
from iapeer_memory.broker.client_v2 import HELLO_SECONDS, Caller, v2_target
from iapeer_memory.broker.surroundings import Surroundings, surroundings
from iapeer_memory.broker.switch import broker_is_on
from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.host import hostname
from iapeer_memory.egress.host import platform as own_platform
from iapeer_memory.egress.host import uid as own_uid
from iapeer_memory.egress.local_sockets import local_connect, peer_credentials
from iapeer_memory.supervise.definition import Declaration, definition, executable
from iapeer_memory.supervise.direct import last_words, own_environment, runtime_python, start_ourselves
from iapeer_memory.supervise.outside import remove_empty

WORDS = ("broker", "serve")
FOREIGN_WORDS = "RUNNING_PROCESS_"
LOOK_SECONDS = 0.02
DIAL_SECONDS = 2.0
STOP_SECONDS, KILL_SECONDS = 10.0, 2.0
RECORDS = "launched"
CONFIG_HOME = "XDG_CONFIG_HOME"
SETTINGS_BYTES = 1 << 16


class NoBroker(ProductError):
    """There is no broker to be had."""


class OwnBroker:
    """The broker of the installation whose paths these are. `env`: of this process."""

    def __init__(self, door: Door, paths: Paths, env: Mapping[str, str]) -> None:
        self._door = door
        self._paths = paths
        self._env = env
        self._uid = own_uid()

    @cached_property
    def around(self) -> Surroundings:
        """Where its sockets and definitions lie."""
        return surroundings(
            self._door,
            {**self._env, **self._written},
            home=self._paths.home,
            uid=self._uid,
            hostname=hostname(),
            platform=own_platform(),
        )

    @cached_property
    def _written(self) -> Mapping[str, str]:
        """Where definitions lie as the launcher's settings say: a harness may have started us with other ones."""
        data = self._door.files.read_optional(self._paths.daemon_environment, limit=SETTINGS_BYTES) or b""
        lines = data.decode("utf-8", "surrogateescape").splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith(f"{CONFIG_HOME}="))

    @cached_property
    def sockets(self) -> tuple[str, str]:
        """Where it listens, one a generation. Raises ProductError."""
        place, user, service = self.around.place, self.around.user(), self._paths.service
        first = names.v1_socket(place, names.instance_leaf(user, service))
        return first, names.v2_socket(place, names.v2_name(service, user))

    def objection(self) -> str | None:
        """Why there can be no broker here, or None. Starts nothing."""
        try:
            if not broker_is_on(self._env):
                return "the broker is switched off by RUNNING_PROCESS_DISABLE=1"
            program = executable(self._door.files, self._paths)
            if program is None:
                return "the runtime has no executable of memoryd's own"
            definition(self._paths, program)
            # Of all names of sockets that of a backend is the longest.
            longest = names.backend_leaf(self.around.user(), "0" * names.BACKEND_HEX)
            names.v1_socket(self.around.place, longest)
        except ProductError as error:
            return error.line()
        return None

    def definition_problem(self) -> str | None:
        """Why memoryd's service definition is not the one that it goes by, or None."""
        files, paths = self._door.files, self._paths
        declared = Declaration(files, self.around.definitions.path, paths, self._uid)
        return declared.problem(executable(files, paths) or "")

    def process(self) -> ProcessInfo | None:
        """Who listens there, as the kernel tells it; None where nobody of ours does."""
        try:
            stream = local_connect(self.sockets[1], deadline=self._door.clock.monotonic() + DIAL_SECONDS)
        except (ProductError, OSError):
            return None
        with stream:
            who = peer_credentials(stream)
        return self._door.processes.info(who.pid) if who.uid == self._uid else None

    def ready(self, deadline: float) -> None:
        """See that it listens, and runs the installed program. `deadline`: of the clock. Raises NoBroker."""
        found = self.process()
        if found is not None and not self._outdated(found):
            return
        if found is not None:
            self.stop()
        began, log = self._door.clock.now(), self._paths.broker_log
        python = runtime_python(self._door, self._paths)
        started = start_ourselves(self._door, self._paths, python, *WORDS, env=self._environment(), log=log)
        if not started.started:
            raise NoBroker(f"the broker cannot be started: {started.detail}")
        while self.process() is None:
            if self._door.processes.info(started.pid) is None and self.process() is None:
                raise NoBroker(last_words(self._door, log, began) or "the broker ended at once")
            if self._door.clock.monotonic() >= deadline:
                raise NoBroker("the broker was started and does not listen in time")
            self._door.clock.sleep(LOOK_SECONDS)

    def ask_for_memoryd(self, deadline: float) -> None:
        """One Hello: the broker finds memoryd, or launches it, which may take longer than its answer.

        Raises ClientError: HelloRefused where it will not.
        """
        clock, service = self._door.clock, self._paths.service
        target = v2_target(Caller(self.around.place, self.around.user()), service, "")
        negotiate(target, clock=clock, deadline=min(deadline, clock.monotonic() + HELLO_SECONDS))

    def stop(self) -> tuple[bool, str]:
        """End it; (ended or not there, in words). What it has launched lives on."""
        found = self.process()
        if found is None:
            return True, "no broker"
        if not self._is_broker(found):
            return False, f"pid {found.pid} listens on {self.sockets[1]} and is no broker of ours; not signalled"
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            if self._lives(found):
                self._door.processes.signal(found.pid, number)
            end = self._door.clock.monotonic() + seconds
            while self._lives(found) and self._door.clock.monotonic() < end:
                self._door.clock.sleep(LOOK_SECONDS)
        if self._lives(found):
            return False, f"broker pid {found.pid} survives SIGKILL"
        return True, f"broker pid {found.pid} ended"

    def clear(self) -> None:
        """Take away what brokers of this installation have left beside their sockets. None may run."""
        files, state = self._door.files, names.state_folder(self.around.place)
        folder = f"{state}/{RECORDS}"
        with suppress(ProductError, OSError):
            for path in self.sockets:
                files.remove(path)
                files.remove(f"{path}.lock")
            for name in files.list(folder):
                if name.startswith(f"{self._paths.service}-"):
                    files.remove(f"{folder}/{name}")
            files.rmdir(folder)
            for used in {state, *map(dirname, self.sockets)}:
                remove_empty(files, used)

    def _lives(self, found: ProcessInfo) -> bool:
        """Whether that very process still runs."""
        return self._door.processes.info(found.pid) == found

    def _is_broker(self, found: ProcessInfo) -> bool:
        return found.uid == self._uid and found.argv[-len(WORDS) :] == WORDS

    def _outdated(self, found: ProcessInfo) -> bool:
        """Whether it runs from a runtime of ours that is not the current one, and may be gone any time."""
        files = self._door.files
        folder, current = files.realpath(dirname(found.argv[0])), dirname(runtime_python(self._door, self._paths))
        return folder.startswith(files.realpath(self._paths.runtimes) + "/") and folder != current

    def _environment(self) -> dict[str, str]:
        """Where it finds the same places as we do. It may run as root: it launches nothing but our own memoryd."""
        env = own_environment(self._paths, self._env)
        env |= {name: value for name, value in self._env.items() if name.startswith(FOREIGN_WORDS)}
        if self.around.place.runtime:
            env["XDG_RUNTIME_DIR"] = self.around.place.runtime
        env |= self._written
        return env | ({privilege.ALLOW: "1"} if self._uid == privilege.ROOT else {})
