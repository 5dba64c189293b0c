"""Sessions that are attached: memoryd's router on a Unix socket, and the memory as the module behind it.

The same desk answers here and over HTTP. A session is met once, when it attaches: the peer that lives in its folder is
who calls, and its tiers say what holds for it. Never stops memoryd: a socket that cannot be had costs the sessions, and
is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from iapeer_memory.attach import codes
from iapeer_memory.attach.bodies import HOOK, KEY, Identity
from iapeer_memory.attach.bound_route import BoundRoute
from iapeer_memory.attach.errors import Refused
from iapeer_memory.attach.manifest import tool_module
from iapeer_memory.attach.module import Module
from iapeer_memory.attach.once import key_of
from iapeer_memory.attach.serve import RouterServer
from iapeer_memory.attach.settings import REQUIRES, chosen
from iapeer_memory.attach.tiers import difference, reported, settled
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.local_sockets import local_listener, remove_listener
from iapeer_memory.fleet.map import FleetMap, load
from iapeer_memory.memoryd import beside
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.mcp.protocol import LARGEST_BODY
from iapeer_memory.memoryd.tools.asker import Asker, asker_of
from iapeer_memory.memoryd.tools.table import Tools
from iapeer_memory.memoryd.worker import Worker

MODULE = "memory"
TOO_LARGE = "request_too_large"
HEAD = Head(content_types=("application/json",))
"""As if a request had come over HTTP without a word about its revision: the handshake tells it."""
KEYED = KEY.encode()
MOST_TOLD = 1000
"""Lines on sessions' settings of which it is remembered that the log has them."""


@dataclass(frozen=True, slots=True)
class Met:
    """What is known of a session. `welcome`: the instructions that it gets, "" for the usual ones. `dropped`: lines on
    what of its settings does not count, in the words of its files."""

    asker: Asker
    welcome: str
    dropped: tuple[str, ...]


class Attached:
    """`run` as a task. `path`: of the socket. `fleet_map`: the file that says who lives where. `methods`: what a
    session may ask beside MCP, by name; none of them changes anything. `shape`: what of memoryd a session may insist
    on, by name."""

    def __init__(
        self,
        files: Files,
        desk: Desk,
        tools: Tools,
        clerk: Worker,
        *,
        methods: Mapping[str, beside.Method],
        shape: Mapping[str, str],
        path: str,
        fleet_map: str,
        uid: int,
        version: str,
        log: Log,
    ) -> None:
        self._files = files
        self._desk = desk
        self._tools = tools
        self._clerk = clerk
        self._methods = methods
        self._shape = shape
        self._told: dict[str, None] = {}
        self._path = path
        self._fleet_map = fleet_map
        self._uid = uid
        self._log = log
        listed = [{"name": t.name, "mutates": not t.read_only, "schema": t.input_schema} for t in tools.listed]
        listed += [{"name": name, "mutates": False, "schema": {"type": "object"}} for name in methods]
        self._manifest = tool_module(MODULE, version, listed)
        self._server: RouterServer | None = None
        self._module: Module | None = None

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
            self._module = Module(self._manifest, self._answer, vet=self._meet, log=self._log.warn)
            server.join(self._module)
            await asyncio.Event().wait()
        finally:
            self._server = self._module = None
            await server.close()
            remove_listener(self._path, listener)

    def sessions(self) -> list[dict[str, Any]]:
        """Who is attached, oldest first, as JSON-able data; hooks that ask in passing are not told. `since`: seconds
        ago. `settings`: those that are not the defaults. `dropped`: lines on what of its files does not count."""
        if self._server is None or self._module is None:
            return []
        met = {channel: _met(route) for channel, route in self._module.routes.items()}
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
                "settings": chosen(met[one.channel].asker.settings),
                "dropped": met[one.channel].dropped,
            }
            for one in self._server.sessions()
            if one.identity.harness != HOOK and one.channel in met
        ]

    async def _meet(self, route: BoundRoute) -> Refused | None:
        """A session is taken on unless it insists on another memory; what is known of it is remembered with it."""
        root = route.identity.root
        # Off the loop: nobody waits for what a stranger's file may cost to read.
        told, caller = await self._clerk.call(lambda: (settled(route.tiers), self._peers().get(root)))
        dropped = reported(one.text() for one in told.dropped)
        for line in dropped:
            self._tell(line)
        if differs := difference(self._shape, told.settings.requires):
            where = " or ".join(told.requiring)
            said = f"the session's settings require another memory: {differs}; fix: change `{REQUIRES}` in {where}"
            return Refused(codes.CONFIG_DIVERGENCE, said)
        asker = asker_of(told, caller)
        welcome = self._tools.welcome(asker)
        route.keep = Met(asker, "" if welcome == self._tools.instructions else welcome, dropped)
        return None

    def _tell(self, line: str) -> None:
        """Into the log, once for all sessions that have the same file."""
        if line not in self._told:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told[line] = None
            self._log.warn(f"a setting of a session does not count: {line}")

    async def _answer(self, route: BoundRoute, method: str, body: bytes) -> bytes:
        if len(body) > LARGEST_BODY:
            # Said here, where who asked is known without reading it: MCP could answer nobody in particular.
            raise Refused(TOO_LARGE, f"a request has at most {LARGEST_BODY} bytes, not {len(body)}")
        met = _met(route)
        own = self._methods.get(method)
        if own is not None:
            return await beside.answer(own, route.identity.root, met.asker.settings, body)
        _, key = key_of(body) if KEYED in body else ("", "")
        asker = replace(met.asker, key=scoped(route.identity, key)) if key else met.asker
        return (await self._desk.answer(HEAD, body, asker, welcome=met.welcome)).body

    def _peers(self) -> dict[str, str]:
        """Canonical folder → the peer that lives there."""
        try:
            fleet = load(self._files.read_optional(self._fleet_map))
            peers = fleet.peers if isinstance(fleet, FleetMap) else ()
            return {self._files.realpath(peer.cwd): peer.personality for peer in reversed(peers)}
        except (ProductError, OSError) as error:
            self._log.warn(f"the fleet map cannot be read: {error}")
            return {}


def _met(route: BoundRoute) -> Met:
    met = route.keep
    assert isinstance(met, Met)
    return met


def scoped(identity: Identity, key: str) -> str:
    """A key of one session, as nobody else's."""
    return "\0".join((identity.root, identity.harness, identity.session, key))
