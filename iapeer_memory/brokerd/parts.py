"""Puts a broker together from its options: the router, its operator's desk, what finds and what launches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import getpid

from iapeer_memory import __version__
from iapeer_memory.broker import names
from iapeer_memory.broker.http.endpoints import Endpoints
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.server.admin import About, Setting
from iapeer_memory.broker.server.definitions import Definitions
from iapeer_memory.broker.server.events import Recent
from iapeer_memory.broker.server.handoff import Handoffs
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.lane import Lane
from iapeer_memory.broker.server.metrics import Hellos
from iapeer_memory.broker.server.rate import WINDOW_MS, RateLimiter
from iapeer_memory.broker.server.tokens import SessionTokens
from iapeer_memory.broker.spawn import budget
from iapeer_memory.broker.spawn.environment import baseline
from iapeer_memory.broker.spawn.find import Finder
from iapeer_memory.broker.spawn.launch import Launcher
from iapeer_memory.broker.spawn.place import Allocator
from iapeer_memory.broker.spawn.proof import Prover
from iapeer_memory.broker.spawn.records import Records
from iapeer_memory.broker.spawn.starter import Starter
from iapeer_memory.broker.wire_v1.framing import HELLO_CAP
from iapeer_memory.brokerd import look
from iapeer_memory.brokerd.desk import Desk
from iapeer_memory.brokerd.ground import Ground
from iapeer_memory.brokerd.options import DRAIN_MS, Limits, Options
from iapeer_memory.brokerd.page import PageServer
from iapeer_memory.brokerd.sockets import Sockets
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError

RECORDS = "launched"
LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Parts:
    """What all of it is made from. `page` None: there is none. `warn`: a line for the log."""

    door: Door
    ground: Ground
    options: Options
    bounds: Limits
    sockets: Sockets
    page: PageServer | None
    warn: Callable[[str], None]

    def desk(self, endpoints: Endpoints, shut_down: Callable[[int | None], None]) -> Desk:
        """The whole broker, but for its doors."""
        hashes = ExecutableHashes()
        router = self.router(hashes)
        about = self.about(router)
        page = self.page
        return Desk(
            router=router,
            about=about,
            lane=Lane(
                router,
                endpoints,
                lambda: 0 if page is None else page.address.port,
                about.pid,
                self.ground.place.uid,
                self.door.net.listener_uid,
            ),
            endpoints=endpoints,
            starter=self.starter(router, hashes),
            clock=self.door.clock,
            connections_to=look.connections_to(self.door.files),
            warn=self.warn,
            shut_down=shut_down,
        )

    def router(self, hashes: ExecutableHashes) -> Router:
        """What decides."""
        files, random, clock = self.door.files, self.door.random, self.door.clock

        def exe_hash(path: str) -> str:
            try:
                return hashes.digest(files, path).hex()
            except (ProductError, OSError):
                return ""

        def random_bytes(count: int) -> bytes:
            return bytes.fromhex(random.token(count))

        definitions, only = (
            Definitions(files, self.ground.definitions, self.ground.place.uid, clock.monotonic),
            self.options.only,
        )

        return Router(
            (lambda service: definitions(service) if service == only else None) if only else definitions,
            exe_hash,
            __version__,
            launches=self.options.launches,
            tokens=SessionTokens(random_bytes) if self.options.session_tokens else None,
            handoffs=Handoffs(random_bytes) if self.options.handoff else None,
            rate=RateLimiter(self.options.rate_limit),
            events=Recent(lambda: int(clock.now() * 1_000)),
        )

    def starter(self, router: Router, hashes: ExecutableHashes) -> Starter:
        """What finds and launches."""
        door, ground, place = self.door, self.ground, self.ground.place
        records = Records(door, f"{ground.state}/{RECORDS}", place.uid, ground.boot)
        records.sweep()
        prover = Prover(door, hashes, ground.boot, place.uid)

        def sidecars(service: str) -> tuple[str, ...]:
            return names.daemon_identity_file(place, service), names.service_identity_file(place, service)

        launcher = Launcher(
            prover,
            records,
            Allocator(door, place, ground.user),
            baseline(ground.account, ground.env, self.options.carried),
            lambda service: self.options.log or f"{ground.state}/{LOGS}/{service}.log",
            hands_down=bool(self.bounds.hands_down.value),
        )
        return Starter(
            Finder(prover, records, sidecars),
            launcher,
            lambda path: any(one.backend.path == path for one in router.backends.all()),
        )

    def about(self, router: Router) -> About:
        """What its operator sees."""
        files = self.door.files
        return About(
            instance=self.options.called,
            pid=getpid(),
            socket=self.sockets.first_path,
            began_ms=int(self.door.clock.monotonic() * 1_000),
            router=router,
            hellos=Hellos(),
            settings=self.settings(),
            inodes=look.inodes(names.v1_folder(self.ground.place)),
            fd_usage=look.fd_usage(files),
        )

    def settings(self) -> Mapping[str, Mapping[str, Setting]]:
        """What `config` shows."""
        options, bounds, page = self.options, self.bounds, self.page
        return {
            "broker": {
                "instance": Setting(options.called, "runtime"),
                "program": Setting(options.program, "runtime"),
                "version": Setting(__version__, "runtime"),
                "page": Setting(None if page is None else page.address.authority, "runtime"),
                "launches": Setting(options.launches, "runtime"),
                "handoff": Setting(options.handoff, "runtime"),
                "session_tokens": Setting(options.session_tokens, "runtime"),
                "owned_bind": bounds.hands_down,
            },
            "protocol": {"envelope": Setting(1, "protocol-v1"), "framing": Setting(1, "protocol-v1")},
            "limits": {
                "hello_frame_bytes": Setting(HELLO_CAP, "protocol-v1"),
                "hello_timeout_ms": bounds.hello_timeout_ms,
                "connections": bounds.most_open,
                "hellos_per_window": Setting(options.rate_limit, "runtime"),
                "hello_window_ms": Setting(WINDOW_MS, "default"),
            },
            "paths": {
                "socket": Setting(self.sockets.first_path, "platform-default"),
                "socket_v2": Setting(self.sockets.second_path, "platform-default"),
                "service_definitions": Setting(self.ground.definitions, "platform-default"),
                "state": Setting(self.ground.state, "platform-default"),
            },
            "spawn_budget": {
                "attempts": Setting(budget.ATTEMPTS, "default"),
                "window_ms": Setting(budget.WINDOW_MS, "default"),
            },
            "diagnostics": {"schema": Setting(1, "schema-v1"), "drain_ms": Setting(DRAIN_MS, "default")},
        }
