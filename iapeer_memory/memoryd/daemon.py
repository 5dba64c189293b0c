"""The daemon while it runs: its parts as tasks of one event loop, their start in order, their end in time.

Never opens the door itself: everything comes from app.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.host import hostname, platform
from iapeer_memory.egress.listeners import connection_peer_uid
from iapeer_memory.egress.signals import on_stop
from iapeer_memory.index.port import IndexBroken, IndexFailed
from iapeer_memory.memoryd import delivery, health
from iapeer_memory.memoryd.front import Front, Receive, Scope, Send, answer_json
from iapeer_memory.memoryd.heart import Heart
from iapeer_memory.memoryd.keeper import Keeper
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.passes import Vault
from iapeer_memory.memoryd.serving import QuietServer, serve, server
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.timings import Timings
from iapeer_memory.memoryd.tools import SearchArguments
from iapeer_memory.memoryd.watching import Watching
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.search.engine import Question, answer

if TYPE_CHECKING:
    from socket import socket

LOADING = 20.0
"""Seconds that a request waits for the protocol library to be loaded."""
FIRST_PASS = 5.0
"""Seconds that a search waits for the first pass over a vault of which nothing is indexed yet."""
CLOSING = 1.0


class Daemon:
    """One run of memoryd. `results`: of a search that does not say how many."""

    def __init__(
        self,
        door: Door,
        paths: Paths,
        vault: Vault,
        identity: health.Identity,
        store: Store,
        *,
        core: bool,
        results: int,
        mcp: bool,
        timings: Timings,
        log: Log,
    ) -> None:
        self._door = door
        self._paths = paths
        self._vault = vault
        self._identity = identity
        self._store = store
        self._results = results
        self._mcp = mcp
        self._timings = timings
        self._log = log
        self._condition = health.Condition()
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._endpoint: asyncio.Future[Any] | None = None
        self._clerk = Worker("memoryd-files")
        self._heart = Heart(
            door.files,
            door.clock,
            log,
            path=paths.heartbeat,
            lock=paths.daemon_lock,
            fleet_map=paths.fleet_map,
            host=hostname(),
        )
        self._delivery = delivery.Delivery(door, paths, vault.root, vault.locale, core=core, uid=identity.uid, log=log)
        self._keeper = Keeper(
            store,
            door.files,
            vault,
            self._condition,
            timings=timings,
            clock=door.clock,
            log=log,
            changed=self._index_changed,
        )

    async def run(self, listener: socket) -> int:
        """Until a signal; 0, or 1 when a part of the daemon failed."""
        loop = asyncio.get_running_loop()
        self._endpoint = loop.create_future()
        port = listener.getsockname()[1]
        front = Front(port, self._probe, self._serve_mcp if self._mcp else None)
        http = server(
            front,
            uid=self._identity.uid,
            peer_uid=connection_peer_uid if platform() == "linux" else None,
            graceful=self._timings.graceful,
        )
        with on_stop(loop, self._stop.set):
            serving = asyncio.create_task(serve(http, listener))
            tasks: list[asyncio.Task[Any]] = [serving]
            try:
                await self._store.open()
                self._condition.notes = await self._store.ask(lambda reader: reader.count())
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
                tasks += [asyncio.create_task(part) for part in (self._beating(), watching.run(), self._keeper.run())]
                if self._mcp:
                    tasks.append(asyncio.create_task(self._load()))
                return await self._until_stopped(tasks)
            finally:
                await self._end(http, tasks)

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> int:
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            return 0
        stopped.cancel()
        for task in done:
            error = None if task.cancelled() else task.exception()
            self._log.warn(f"a part of memoryd ended ({type(error).__name__}: {error})")
        return 1

    async def _end(self, http: QuietServer, tasks: list[asyncio.Task[Any]]) -> None:
        """Close everything, each within its time; what hangs is left to die with the process."""
        self._keeper.stop()
        http.should_exit = True
        for task in tasks[1:]:
            task.cancel()
        await asyncio.wait(tasks, timeout=self._timings.graceful + CLOSING)
        try:
            async with asyncio.timeout(CLOSING):
                await self._store.close()
        except (TimeoutError, IndexFailed, IndexBroken):
            self._log.warn("the index was still in use and is left as it is")
        self._heart.still()
        self._door.files.remove(self._paths.pid_file)
        self._log.info("down")

    def _probe(self, nonce: str | None) -> Mapping[str, Any]:
        return health.probe(self._identity, self._condition, nonce)

    async def _serve_mcp(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._endpoint is not None
        try:
            async with asyncio.timeout(LOADING):
                endpoint = await asyncio.shield(self._endpoint)
        except TimeoutError:
            await answer_json(send, 503, {"error": "memoryd is still starting; try again in a moment"})
            return
        await endpoint.handle_request(scope, receive, send)

    async def _load(self) -> None:
        """Import the protocol library beside the event loop, then keep its endpoint alive."""

        def load() -> Any:
            from iapeer_memory.memoryd import mcp_server

            return mcp_server.endpoint(self._search, version=self._identity.version, vault=self._vault.root)

        loader = Worker("memoryd-loader")
        endpoint = await loader.call(load)
        loader.stop()
        async with endpoint.run():
            assert self._endpoint is not None
            self._endpoint.set_result(endpoint)
            await asyncio.Event().wait()

    async def _search(self, arguments: SearchArguments, caller: str | None) -> dict[str, Any]:
        """Answer a search. Raises IndexFailed."""
        if not self._ready.is_set() and not self._condition.notes:
            await asyncio.wait({asyncio.create_task(self._ready.wait())}, timeout=FIRST_PASS)
        question = Question(arguments.query, caller, arguments.for_curation, arguments.limit or self._results)
        try:
            return await self._store.ask(lambda reader: answer(reader, self._vault.locale, question))
        except IndexBroken:
            self._keeper.broken()
            raise IndexFailed("the index is being rebuilt; search again in a moment") from None

    async def _index_changed(self) -> None:
        """After a pass that changed something, and after the first."""
        self._ready.set()
        await self._deliver()

    async def _deliver(self) -> None:
        summaries = await self._store.ask(lambda reader: reader.summaries())
        await self._clerk.call(lambda: self._delivery.deliver(summaries))

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(self._timings.heartbeat)
            changed = await self._clerk.call(self._beat_all)
            if changed and self._ready.is_set():
                try:
                    await self._deliver()
                except (IndexBroken, IndexFailed) as error:
                    self._log.warn(error.line())

    def _beat_all(self) -> bool:
        """One beat; whether every context is due: the fleet is another one, or a context was taken away."""
        self._beat()
        whole = self._delivery.alive()
        return self._heart.fleet_changed() or not whole

    def _beat(self) -> None:
        self._heart.beat(self._condition.watch)

    def _switched(self, on: bool) -> None:
        if self._condition.watch != on:
            self._condition.watch = on
            if not self._stop.is_set():
                self._beat()
