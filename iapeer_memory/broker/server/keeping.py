"""What a broker does of its own accord: starts crashed backends again, sends nobody to idle ones and has them stopped.

Decisions on the router's state; starting, stopping and waiting are done by whoever calls. Times are milliseconds of a
monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from iapeer_memory.broker.server.backends import BackendKey, Entry
from iapeer_memory.broker.server.events import Kind
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.starting import Start
from iapeer_memory.broker.spawn.idle import QuiesceReason, Watched, due
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.errors import ProductError


def recoveries(router: Router, now_ms: int) -> tuple[Start, ...]:
    """Backends of ours that crashed since this was asked, and that are to be started again now."""
    router.prune()
    crashed, router.crashed = router.crashed, []
    starts = []
    for entry in crashed:
        crash = router.recovery.crashed(entry.key, now_ms)
        definition = _definition_again(router, entry.key)
        if crash.retry_ms is None or definition is None or router.draining or not router.launches:
            continue
        if router.backends.get(entry.key) is None and router.flight.begin(entry.key):
            taken = router.budget.take(entry.key, now_ms)
            again = partial(Start, entry.key, definition, taken, may_launch=taken.granted)
            starts.append(again(delay_ms=crash.retry_ms, token=router.new_token(entry.key)))
    return tuple(starts)


def idle(router: Router, now_ms: int, connected: Callable[[str], int | None]) -> tuple[Entry, ...]:
    """Backends of ours whose idle time is up: quiesced now, to be stopped by the caller.

    `connected`: how many connections are open to a socket's path, None where that cannot be told.
    """
    watched = []
    for entry in router.backends.all():
        secs = entry.backend.idle_timeout_secs
        if not entry.ours or not secs or entry.quiesced or now_ms - entry.active_ms < secs * 1_000:
            continue
        open_now = connected(entry.backend.path)
        if open_now:
            entry.active_ms = now_ms
        watched.append(Watched(entry, entry.active_ms, secs, open_now))
    return tuple(one.key for one in due(watched, now_ms) if quiesce(router, one.key, one.reason))


def quiesce(router: Router, entry: Entry, reason: QuiesceReason) -> bool:
    """Send nobody to that backend any more; False when that is so already, or it is being started."""
    if entry.quiesced or not router.flight.begin(entry.key):
        return False
    entry.quiesced = reason
    return True


def stopped(router: Router, entry: Entry, objection: str | None) -> None:
    """A quiesced backend was stopped, or, with an objection, was not and serves on."""
    router.flight.end(entry.key)
    if objection is not None and entry.backend.is_alive():
        entry.quiesced = ""
        return
    router.backends.remove(entry)
    router.recovery.settled(entry.key)
    kind: Kind = "DIED_IDLE" if entry.quiesced == "IdleTimeout" else "DIED_SHUTDOWN"
    router.events.add(kind, entry.key, entry.backend.pid)
    router.forget_token(entry.key)


def _definition_again(router: Router, key: BackendKey) -> ServiceDefinition | None:
    """The definition of a backend that is to be started again, if it still is for that very program."""
    try:
        definition = router.definitions(key.service)
    except ProductError:
        return None
    return definition if definition and router.exe_hash(definition.binary_path) == key.exe_hash else None
