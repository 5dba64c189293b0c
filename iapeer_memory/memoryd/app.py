"""memoryd's composition root: puts the daemon together, runs it until it is told to stop, leaves nothing behind.

Order: checks, the single-writer lock, the two listeners, then all that takes time. So a second daemon is refused at
once, a caller is answered at once, and the pid file names only a daemon that runs. Nothing but events is ever written
to stdout, and those only where a curator receives them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from iapeer_memory import __version__
from iapeer_memory.curation.modes import curation
from iapeer_memory.curation.rules import Rules
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.host import HostChoices
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.settings import Settings
from iapeer_memory.egress.build import running_build
from iapeer_memory.egress.heap import stay_small
from iapeer_memory.egress.host import hostname
from iapeer_memory.egress.listeners import loopback_listener
from iapeer_memory.egress.stdout import say
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd import checks
from iapeer_memory.memoryd.backend import Offer, offered, without_listener
from iapeer_memory.memoryd.daemon import AGAIN, Daemon
from iapeer_memory.memoryd.delivery import Delivery
from iapeer_memory.memoryd.health import Identity
from iapeer_memory.memoryd.keeping import Keeping
from iapeer_memory.memoryd.kit import Kit
from iapeer_memory.memoryd.leftovers import clear_up
from iapeer_memory.memoryd.log import Forward, Log
from iapeer_memory.memoryd.models import models
from iapeer_memory.memoryd.outdated import config_lines, outdated
from iapeer_memory.memoryd.passes import Vault
from iapeer_memory.memoryd.receipts import Receipts
from iapeer_memory.memoryd.record import fingerprint
from iapeer_memory.memoryd.searching import Searching
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.tending import Tending
from iapeer_memory.memoryd.timings import Timings
from iapeer_memory.memoryd.vaulted import Vaulted
from iapeer_memory.memoryd.writing import Pen
from iapeer_memory.notes.conflict import has_conflict_marks, is_conflict_copy
from iapeer_memory.notes.history import History
from iapeer_memory.notes.lease import CLOUD_PATHS
from iapeer_memory.notes.leasing import Leasing
from iapeer_memory.vault.locales import locale as locale_named

if TYPE_CHECKING:
    from socket import socket

PRIVATE = 0o700


def run(
    door: Door,
    paths: Paths,
    settings: Settings,
    host: HostChoices,
    *,
    port: int | None = None,
    mcp: bool = True,
    timings: Timings | None = None,
) -> int:
    """Run memoryd in the foreground until SIGTERM or SIGINT; the exit code.

    `port`: overrides the setting and host.json; 0 takes any free one. `mcp` False: index and watch, and answer the
    identity probe only. A refusal to start is one line on stderr and exit 1.
    """
    log = Log(door.files, door.clock, paths.daemon_log)
    stay_small()
    try:
        code = _run(door, paths, settings, host, log=log, port=port, mcp=mcp, timings=timings or Timings())
        if code == AGAIN:
            argv = (sys.executable, *sys.orig_argv[1:])
            env = without_listener(door.processes.environment())
            log.warn(door.processes.replace(argv, env=env).stderr)
        return code
    except ProductError as error:
        log.warn(f"memoryd does not start: {error.line()}")
        return error.exit_code
    except OSError as error:
        log.warn(f"memoryd does not start: {error}")
        return 1


def chosen_port(settings: Settings, host: HostChoices, port: int | None) -> int:
    """Flag, then setting, then host.json. A setting that is no port counts as none."""
    if port is not None:
        return port
    text = settings["MCP_PORT"].strip()
    return int(text) if text.isascii() and text.isdecimal() and int(text) < 65536 else host.port


def _run(
    door: Door,
    paths: Paths,
    settings: Settings,
    host: HostChoices,
    *,
    log: Log,
    port: int | None,
    mcp: bool,
    timings: Timings,
) -> int:
    env: Mapping[str, str] = door.processes.environment()
    locale = locale_named(settings.locale)
    root = checks.vault_of(door, settings)
    checks.refuse_live_vault(door, env, root)
    for folder in (paths.state_dir, os.path.dirname(paths.index_db), paths.logs_dir):
        door.files.mkdir(folder, mode=PRIVATE)
    checks.refuse_second(door, paths)
    with door.locks.hold(paths.daemon_lock, wait=0, what="memoryd"):
        # First of all that is written: where there is no room, the refusal is the one line that says so.
        host_id = _host_id(door, paths)
        identity = _identity(door, paths, root)
        wanted = chosen_port(settings, host, port)
        with offered(door, paths, identity, log=log) as offer, _listener(door, wanted) as listener:
            clear_up(door, paths)
            vault = Vault(
                root=root,
                locale=locale,
                rules=checks.rules_of(settings, locale),
                allow_mass_delete=settings["ALLOW_MASS_DELETE"] == "1",
            )
            logging.basicConfig(handlers=[Forward(log)], level=logging.WARNING, force=True)
            store = Store(SqliteEngine(door.files, paths.index_db, uid=identity.uid), fingerprint(locale), log)
            kit = _kit(
                door, paths, settings, host, vault, offer, store, host_id=host_id, log=log, mcp=mcp, timings=timings
            )
            return asyncio.run(Daemon(kit).run(listener))


def _identity(door: Door, paths: Paths, vault: str) -> Identity:
    """Who we are."""
    pid = os.getpid()
    me = door.processes.info(pid)
    return Identity(
        version=__version__,
        build=running_build(door.files),
        pid=pid,
        uid=os.getuid(),
        started=me.started if me else "",
        state_dir=paths.state_dir,
        vault=vault,
    )


def _listener(door: Door, port: int) -> socket:
    """The port. Raises DaemonFailed."""
    try:
        return loopback_listener(port)
    except OSError as error:
        raise checks.port_refusal(door, port, error) from None


def _kit(
    door: Door,
    paths: Paths,
    settings: Settings,
    host: HostChoices,
    vault: Vault,
    offer: Offer,
    store: Store,
    *,
    host_id: str,
    log: Log,
    mcp: bool,
    timings: Timings,
) -> Kit:
    """Every part, from the settings."""
    core = host.core is not None
    modes = curation(settings, with_core=core)
    if modes.refused:
        log.warn(modes.refused)
    history = History(door.files, paths.history, door.clock.now)
    notes = Vaulted(door, vault.root, history)
    rules = Rules(
        locale=vault.locale,
        human=settings["HUMAN_NAME"].strip() or None,
        curators=frozenset(settings.curators),
        index_agent=settings["INDEX_AGENT"].strip(),
        window=float(settings.number("FRESH_EDIT_WINDOW_S")),
        review=modes.review,
        conflict=partial(_in_conflict, door, vault.root),
    )
    leasing = Leasing(door, vault.root, vault.locale.folders["system"], host=host_id, name=hostname())
    tending = Tending(
        door,
        vault,
        rules,
        notes,
        leasing,
        stamps=settings.stamping,
        state_dir=paths.state_dir,
        log=log,
    )
    keeping = Keeping(
        door,
        vault.root,
        history,
        days=settings.number("HISTORY_DAYS"),
        size=settings.number("HISTORY_MB") << 20,
        log=log,
    )
    pen = Pen(
        door.files,
        door.clock,
        vault.root,
        vault.locale,
        notes,
        Receipts(door.files, paths.receipts),
        may_stamp=tending.stamps_now,
        wrote=tending.wrote,
        curators=settings.curators,
        review=modes.review,
        nameless=settings["AGENT_NAME"].strip() or None,
    )
    delivery = Delivery(
        door,
        paths,
        vault.root,
        vault.locale,
        core=core,
        uid=offer.identity.uid,
        projects_root=settings["PROJECTS_ROOT"],
        widest=settings.number("TAGS_BOUNDARY_MAXLEN"),
        log=log,
    )
    servers = models(settings, door.net, door.clock)
    searching = Searching(door, paths.index_db, vault.locale.id, log_path=paths.daemon_log, log=log)
    return Kit(
        door=door,
        paths=paths,
        vault=vault,
        identity=offer.identity,
        offer=offer,
        store=store,
        tending=tending,
        keeping=keeping,
        delivery=delivery,
        pen=pen,
        models=servers,
        # Only threads know the model servers; what waits for one lets other threads run anyway.
        searching=searching if mcp and servers.embedder is None and servers.reranker is None else None,
        results=checks.results_of(settings),
        nameless=settings["AGENT_NAME"].strip() or None,
        emit=say if modes.target else None,
        period=max(1, settings.number("CURATOR_TICK_SECS")) * 1000,
        mcp=mcp,
        timings=timings,
        log=log,
        outdated=partial(outdated, door, paths, config_lines(door, paths)),
    )


def _in_conflict(door: Door, root: str, path: str, data: bytes) -> bool:
    """Whether a sync tool or git has left that note for a person to settle."""
    folder, _, name = path.rpartition("/")
    cloud = any(place in f"{root}/" for place in CLOUD_PATHS)
    siblings = door.files.list(f"{root}/{folder}") if cloud else ()
    return is_conflict_copy(name, siblings, cloud=cloud) or has_conflict_marks(data)


def _host_id(door: Door, paths: Paths) -> str:
    """What tells this host from others that share its vault; made once."""
    door.files.create(paths.host_id, f"{door.random.token(16)}\n".encode(), mode=0o600)
    return door.files.read(paths.host_id, limit=4096).decode("utf-8", "replace").strip()
