"""The broker's composition root: puts it together, serves until it is told to stop, leaves nothing behind.

Order: who we are, the sockets, then everything else, so that a second broker is turned away at once. Backends live on
when a broker ends: they are not its children, and the next one finds them by their claims.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from iapeer_memory.broker import names
from iapeer_memory.broker.http.endpoints import Endpoints
from iapeer_memory.broker.http.port import resolve
from iapeer_memory.broker.spawn.environment import Account
from iapeer_memory.brokerd.drain import Ending, serve_until
from iapeer_memory.brokerd.front import Front
from iapeer_memory.brokerd.ground import Ground, survey
from iapeer_memory.brokerd.options import DRAIN_MS, Options, limits
from iapeer_memory.brokerd.page import PageServer, open_page, publish, withdraw
from iapeer_memory.brokerd.parts import Parts
from iapeer_memory.brokerd.sockets import Sockets, bound
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError, printable


def run(
    door: Door, options: Options, *, account: Account | None = None, warn: Callable[[str], None] | None = None
) -> int:
    """Run the broker in the foreground until SIGTERM, SIGINT or its operator's word; the exit code.

    0: told to stop. 75: another one serves already. 77: root without leave. A refusal to start is one line for `warn`,
    which is stderr by default. `account`: whose environment backends get; the process's own by default.
    """
    tell = warn or _say
    try:
        uid = os.getuid()
        own = account or _account(uid, door.processes.environment())
        ground = survey(door, own, uid=uid, platform=sys.platform)
        with bound(door.files, door.clock, ground, options) as sockets:
            return asyncio.run(_serve(door, ground, options, sockets, tell))
    except ProductError as error:
        tell(f"the broker does not start: {error.line()}")
        return error.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        tell(f"the broker does not start: {where}{error.strerror or error}")
        return 1


async def _serve(door: Door, ground: Ground, options: Options, sockets: Sockets, warn: Callable[[str], None]) -> int:
    """Until it is told to stop."""
    bounds = limits(ground.env)
    ending = Ending(asyncio.get_running_loop(), DRAIN_MS)
    endpoints = Endpoints()
    page = _page(door, ground, options, endpoints, warn)
    desk = Parts(door, ground, options, bounds, sockets, page, warn).desk(endpoints, ending.now)
    owners = frozenset({ground.place.uid})
    front = Front(desk, owners, hello_seconds=bounds.hello_seconds, most_open=bounds.connections)
    front.open(sockets.first, 1)
    front.open(sockets.second, 2)
    try:
        await serve_until(ending, desk, front, sockets, installed=lambda: _installed(door, options))
    finally:
        if page is not None:
            page.close()
            withdraw(door.files, names.http_port_file(ground.place, options.program))
    return 0


def _installed(door: Door, options: Options) -> bool:
    """Whether the program of an installation's own broker is still there."""
    return not options.only or door.files.lstat(sys.executable) is not None


def _page(
    door: Door, ground: Ground, options: Options, endpoints: Endpoints, warn: Callable[[str], None]
) -> PageServer | None:
    """The page, published, where one is wanted and its address can be had."""
    if options.http is None:
        return None
    try:
        page = open_page(resolve(options.http, ground.env), endpoints)
    except OSError as error:
        warn(f"no page: {error}")
        return None
    problem = publish(door.files, names.http_port_file(ground.place, options.program), page.address, ground.place.uid)
    if problem is not None:
        warn(f"the page's address is not published: {problem}")
    warn(f"the page is at http://{page.address.authority}/")
    return page


def _account(uid: int, env: Mapping[str, str]) -> Account:
    """The account of the process; one that the system does not list has what its environment says."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(env.get("USER") or str(uid), env.get("HOME") or "/")
    return Account(entry.pw_name, entry.pw_dir, entry.pw_shell or "/bin/sh")


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"brokerd: {printable(text)}\n")
        sys.stderr.flush()
