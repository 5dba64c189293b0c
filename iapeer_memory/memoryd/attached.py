"""Sessions that are attached: memoryd's router on a Unix socket, and the memory as the module behind it.

The same desk answers here and over HTTP. A session is asked for its folder once, when it attaches: the peer that lives
there is who calls. Never stops memoryd: a socket that cannot be had costs the sessions, and is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from iapeer_memory.attach.bodies import HOOK
from iapeer_memory.attach.bound_route import BoundRoute
from iapeer_memory.attach.errors import Refused
from iapeer_memory.attach.manifest import tool_module
from iapeer_memory.attach.module import Module
from iapeer_memory.attach.serve import RouterServer
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.local_sockets import local_listener, remove_listener
from iapeer_memory.fleet.map import FleetMap, load
from iapeer_memory.memoryd import beside
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.tools.table import Tools
from iapeer_memory.memoryd.worker import Worker

MODULE = "memory"
HEAD = Head(content_types=("application/json",))
"""As if a request had come over HTTP without a word about its revision: the handshake tells it."""


class Attached:
    """`run` as a task. `path`: of the socket. `fleet_map`: the file that says who lives where. `methods`: what a
    session may ask beside MCP, by name; none of them changes anything."""

    def __init__(
        self,
        files: Files,
        desk: Desk,
        tools: Tools,
        clerk: Worker,
        *,
        methods: Mapping[str, beside.Method],
        path: str,
        fleet_map: str,
        uid: int,
        version: str,
        log: Log,
    ) -> None:
        self._files = files
        self._desk = desk
        self._clerk = clerk
        self._methods = methods
        self._path = path
        self._fleet_map = fleet_map
        self._uid = uid
        self._log = log
        listed = [{"name": t.name, "mutates": not t.read_only, "schema": t.input_schema} for t in tools.listed]
        listed += [{"name": name, "mutates": False, "schema": {"type": "object"}} for name in methods]
        self._manifest = tool_module(MODULE, version, listed)
        self._server: RouterServer | None = None

    async def run(self) -> None:
        """Until cancelled."""
        try:
            listener = local_listener(self._path)
        except OSError as error:
            self._log.warn(f"no session can attach: {error.strerror or error} ({self._path})")
            await asyncio.Event().wait()
            return
        server = self._server = RouterServer(self._files, uid=self._uid)
        try:
            await server.serve(listener)
            server.join(Module(self._manifest, self._answer, vet=self._meet, log=self._log.warn))
            await asyncio.Event().wait()
        finally:
            self._server = None
            await server.close()
            remove_listener(self._path, listener)

    def sessions(self) -> list[dict[str, Any]]:
        """Who is attached, oldest first, as JSON-able data; hooks that ask in passing are not told. `since`: seconds
        ago."""
        found = self._server.sessions() if self._server is not None else ()
        peers = self._peers()
        return [
            {
                "harness": one.identity.harness,
                "session": one.identity.session,
                "project": one.identity.root,
                "peer": peers.get(one.identity.root),
                "pid": one.pid,
                "since": round(one.age, 1),
                "calls": one.calls,
                "last_error": one.last_error.decode("utf-8", "replace") or None,
            }
            for one in found
            if one.identity.harness != HOOK
        ]

    async def _meet(self, route: BoundRoute) -> Refused | None:
        """Every session is taken on; who lives in its folder is remembered with it."""
        root = route.identity.root
        route.keep = await self._clerk.call(lambda: self._peers().get(root))
        return None

    async def _answer(self, route: BoundRoute, method: str, body: bytes) -> bytes:
        own = self._methods.get(method)
        if own is not None:
            return await beside.answer(own, body)
        caller = route.keep if isinstance(route.keep, str) else None
        return (await self._desk.answer(HEAD, body, caller)).body

    def _peers(self) -> dict[str, str]:
        """Canonical folder → the peer that lives there."""
        try:
            fleet = load(self._files.read_optional(self._fleet_map))
            peers = fleet.peers if isinstance(fleet, FleetMap) else ()
            return {self._files.realpath(peer.cwd): peer.personality for peer in reversed(peers)}
        except (ProductError, OSError) as error:
            self._log.warn(f"the fleet map cannot be read: {error}")
            return {}
