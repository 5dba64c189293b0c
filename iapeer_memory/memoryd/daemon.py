"""The daemon while it runs: its parts as tasks of one event loop, their start in order, their end in time.

Never opens the door itself: everything comes from app.py.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iapeer_memory.attach.settings import SessionSettings
from iapeer_memory.context.budget import beginning
from iapeer_memory.egress.heap import give_back
from iapeer_memory.egress.host import hostname, platform
from iapeer_memory.egress.listeners import connection_peer_uid
from iapeer_memory.egress.signals import on_stop
from iapeer_memory.fleet.map import timestamp
from iapeer_memory.index.port import IndexBroken, IndexFailed
from iapeer_memory.memoryd import health, metrics
from iapeer_memory.memoryd.attached import Attached
from iapeer_memory.memoryd.backfill import Backfill
from iapeer_memory.memoryd.courier import Courier
from iapeer_memory.memoryd.front import Front
from iapeer_memory.memoryd.heart import Heart
from iapeer_memory.memoryd.keeper import Keeper
from iapeer_memory.memoryd.kit import Kit
from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.http import Endpoint
from iapeer_memory.memoryd.memory import VaultMemory
from iapeer_memory.memoryd.serving import QuietServer, serve, server
from iapeer_memory.memoryd.ticking import Ticking
from iapeer_memory.memoryd.tools.table import Tools
from iapeer_memory.memoryd.watching import Watching
from iapeer_memory.memoryd.worker import Worker

if TYPE_CHECKING:
    from socket import socket

CLOSING = 1.0
AGAIN = 64
"""What a run ends with when it shall be followed by another one, with the settings as they are now."""
STATM = "/proc/self/statm"
PAGE = 4096


class Daemon:
    """One run of memoryd."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._door = kit.door
        self._paths = kit.paths
        self._vault = kit.vault
        self._identity = kit.identity
        self._store = kit.store
        self._timings = kit.timings
        self._log = kit.log
        self._condition = health.Condition()
        self._ready = asyncio.Event()
        self._opened = asyncio.Event()
        self._stop = asyncio.Event()
        self._again = False
        self._clerk = Worker("memoryd-files")
        self._courier = Courier(kit.store, kit.delivery, kit.door.clock, kit.log)
        self._heart = Heart(
            kit.door.files,
            kit.door.clock,
            kit.log,
            path=kit.paths.heartbeat,
            lock=kit.paths.daemon_lock,
            fleet_map=kit.paths.fleet_map,
            host=hostname(),
        )
        self._keeper = Keeper(
            kit.store,
            kit.door.files,
            kit.vault,
            self._condition,
            timings=kit.timings,
            clock=kit.door.clock,
            log=kit.log,
            tending=kit.tending,
            keeping=kit.keeping,
            changed=self._index_changed,
        )
        self._backfill = Backfill(kit.store, kit.models, self._condition, kit.log)
        self._memory = VaultMemory(
            kit.store,
            self._keeper,
            kit.pen,
            self._clerk,
            kit.models,
            self._condition,
            self._ready,
            kit.searching,
            locale=kit.vault.locale,
            results=kit.results,
            nameless=kit.nameless,
            now=lambda: timestamp(kit.door.clock.now()),
        )

    async def run(self, listener: socket) -> int:
        """Until a signal; 0, AGAIN, or 1 when a part of the daemon failed."""
        kit, loop = self._kit, asyncio.get_running_loop()
        port = listener.getsockname()[1]
        tools = Tools(self._memory, kit.vault.locale, kit.vault.root, nameless=kit.nameless)
        desk = Desk(tools, version=kit.identity.version, log=kit.log)
        attached = Attached(
            kit.door.files,
            desk,
            tools,
            self._clerk,
            methods={"dedup": lambda _, __, given: self._memory.dedup(given), "context": self._context},
            shape={"locale": kit.vault.locale.id, "vault": kit.vault.root},
            path=kit.paths.attach_socket,
            fleet_map=kit.paths.fleet_map,
            uid=kit.identity.uid,
            version=kit.identity.version,
            log=kit.log,
        )
        front = Front(
            port,
            health=self._probe,
            metrics=self._metrics,
            rescan=self._keeper.rescan,
            reload=self._reload,
            dedup=self._memory.dedup,
            sessions=attached.sessions,
            mcp=Endpoint(desk) if kit.mcp else None,
        )
        http = server(
            front,
            uid=self._identity.uid,
            peer_uid=connection_peer_uid if platform() == "linux" else None,
            graceful=self._timings.graceful,
        )
        with on_stop(loop, self._stop.set):
            # Sessions before HTTP: who has waited for memoryd to answer there finds the socket, too.
            attaching = [asyncio.create_task(attached.run())] if kit.mcp else []
            serving = asyncio.create_task(serve(http, listener))
            offering = asyncio.create_task(kit.offer.serve(self._probe, ready=self._opened.wait()))
            tasks: list[asyncio.Task[Any]] = [serving, offering, *attaching]
            try:
                await self._store.open()
                self._opened.set()
                self._condition.notes = await self._store.ask(lambda reader: reader.count())
                if kit.searching is not None:
                    kit.searching.start()
                self._beat()
                self._door.files.write(self._paths.pid_file, f"{self._identity.pid}\n".encode(), mode=0o600)
                self._log.info(
                    f"up: http://127.0.0.1:{port}/mcp, pid {self._identity.pid}, vault {self._vault.root}, "
                    f"{self._condition.notes} notes from the last run"
                )
                watching = Watching(
                    self._door.files,
                    self._vault.root,
                    self._keeper,
                    timings=self._timings,
                    log=self._log,
                    switched=self._switched,
                )
                ticking = Ticking(kit.store, kit.tending, kit.door.clock, period=kit.period, emit=kit.emit, log=kit.log)
                keeper = (self._keeper.run(), self._keeper.chores())
                others = (watching.run(), ticking.run(), self._backfill.run(), self._courier.run())
                parts = (self._beating(), *keeper, *others)
                tasks += [asyncio.create_task(part) for part in parts]
                return await self._until_stopped(tasks)
            finally:
                await self._end(http, tasks)

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> int:
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            return AGAIN if self._again else 0
        stopped.cancel()
        for task in done:
            error = None if task.cancelled() else task.exception()
            self._log.warn(f"a part of memoryd ended ({type(error).__name__}: {error})")
        return 1

    async def _end(self, http: QuietServer, tasks: list[asyncio.Task[Any]]) -> None:
        """Close everything, each within its time; what hangs is left to die with the process."""
        self._keeper.stop()
        http.end()
        for task in tasks[1:]:
            task.cancel()
        await asyncio.wait(tasks, timeout=self._timings.graceful + CLOSING)
        try:
            if self._kit.searching is not None:
                self._kit.searching.close()
            async with asyncio.timeout(CLOSING):
                await self._store.beside(self._kit.keeping.close)
                await self._store.beside(self._kit.tending.close)
                await self._store.close()
        except (TimeoutError, IndexFailed, IndexBroken):
            self._log.warn("the index was still in use and is left as it is")
        # A thread that dies in the middle of a file leaves half of it beside the whole.
        await asyncio.wait(
            [asyncio.ensure_future(part.still()) for part in (self._clerk, self._courier)], timeout=CLOSING
        )
        self._heart.still()
        self._door.files.remove(self._paths.pid_file)
        self._log.info("down")

    async def _context(self, folder: str, settings: SessionSettings, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a session in that folder starts with, within its budget."""
        text = await self._clerk.call(lambda: self._kit.delivery.context(folder))
        return {"context": text if settings.context_budget is None else beginning(text, settings.context_budget)}

    def _probe(self, nonce: str | None) -> Mapping[str, Any]:
        self._take_stock()
        return health.probe(self._identity, self._condition, nonce)

    def _metrics(self) -> str:
        self._take_stock()
        return metrics.page(health.numbers(self._condition))

    def _take_stock(self) -> None:
        """What is only known when it is asked for."""
        condition, kit = self._condition, self._kit
        facts = kit.tending.facts
        condition.queue, condition.stamping, condition.lease = facts.queue, facts.stamping, facts.lease
        condition.history_bytes, condition.findings = kit.keeping.kept_bytes, tuple(kit.keeping.findings)
        condition.breakers = kit.models.breakers
        condition.searcher = kit.searching.pid if kit.searching is not None else None
        found = kit.door.files.lstat(kit.paths.index_db)
        condition.index_bytes = found.size if found else 0
        if platform() == "linux":
            words = (kit.door.files.read_optional(STATM) or b"0 0").split()
            condition.resident_bytes = int(words[1]) * PAGE
        self._keeper.take_stock()

    def _reload(self) -> bool:
        """End this run for one with the changed settings; whether they have changed."""
        if not self._again and self._kit.outdated():
            self._again = True
            self._log.info("the settings have changed; starting anew with them")
            self._stop.set()
        return self._again

    async def _index_changed(self) -> None:
        """After a pass that changed something, and after the first."""
        if not self._ready.is_set():
            # What is remembered of every note stays for good: to look it through for garbage would make searches wait.
            gc.collect()
            gc.freeze()
            give_back()
        self._ready.set()
        self._backfill.wake()
        self._courier.wake()

    async def _beating(self) -> None:
        await self._clerk.call(self._kit.offer.tell)
        while True:
            await asyncio.sleep(self._timings.heartbeat)
            changed = await self._clerk.call(self._beat_all)
            self._reload()
            whole = await self._courier.alive()
            if (changed or not whole) and self._ready.is_set():
                self._courier.wake()

    def _beat_all(self) -> bool:
        """One beat; whether the fleet is another one."""
        self._beat()
        return self._heart.fleet_changed()

    def _beat(self) -> None:
        self._heart.beat(self._condition.watch)

    def _switched(self, on: bool) -> None:
        if self._condition.watch != on:
            self._condition.watch = on
            if not self._stop.is_set():
                self._beat()
