"""What a broker's operator may ask over its socket, and the answers: text, JSON and OpenMetrics.

JSON bodies bear `schema_version` 1, `command` and `generated_at_unix_ms`; fields are added, never renamed. Only
SHUTDOWN changes anything, and that is left to the caller. Source: the running-process broker, admin verbs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iapeer_memory.broker.fs_health import InodeHealth
from iapeer_memory.broker.protobuf import DecodeFailed, decode
from iapeer_memory.broker.server.backends import BackendKey, Entry
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.metrics import CONTENT_TYPE, Gauges, Hellos, openmetrics
from iapeer_memory.broker.wire_v1.admin import AdminReply, AdminReplyKind, AdminRequest, AdminVerb
from iapeer_memory.broker.wire_v1.frame import ENVELOPE_VERSION, Frame, FrameKind, PayloadEncoding

SCHEMA = 1
REDACTIONS = ("home", "secret-env", "acl-identities")


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting. `source`: runtime, protocol-v1, platform-default, default, schema-v1 or env:<name>."""

    value: str | int | bool | None
    source: str

    def as_json(self) -> dict[str, Any]:
        """As `config` shows it."""
        return {"value": self.value, "source": self.source}


@dataclass(frozen=True, slots=True)
class About:
    """The broker as its operator sees it.

    `settings`: by group, then by name. `inodes`: the room under the broker's files, None where it cannot be told.
    `fd_usage`: the share of its descriptors that the process uses, 0.0 to 1.0. `began_ms`: of the monotonic clock.
    """

    instance: str
    pid: int
    socket: str
    began_ms: int
    router: Router
    hellos: Hellos
    settings: Mapping[str, Mapping[str, Setting]]
    inodes: Callable[[], InodeHealth | None]
    fd_usage: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply; `shutdown`: the broker ends after it, within `drain_ms` where the operator named a time."""

    reply: AdminReply
    shutdown: bool = False
    drain_ms: int | None = None


def answer(about: About, frame: Frame, now_ms: int, now_unix_ms: int) -> Answered | None:
    """The answer to an admin frame; None for a bad one, which gets none."""
    if frame.envelope_version != ENVELOPE_VERSION or frame.kind != FrameKind.REQUEST:
        return None
    if frame.payload_encoding != PayloadEncoding.NONE:
        return None
    try:
        asked = decode(AdminRequest, frame.payload)
    except DecodeFailed:
        return None
    if asked.verb == AdminVerb.SHUTDOWN:
        return Answered(text("broker shutting down\n"), shutdown=True, drain_ms=asked.drain_deadline_ms or None)
    return Answered(_told(about, asked, now_ms, now_unix_ms))


def _told(about: About, asked: AdminRequest, now_ms: int, now_unix_ms: int) -> AdminReply:
    """The verbs that only look."""
    accepting = about.router.accepting
    if asked.verb == AdminVerb.HEALTHZ:
        return text("ok\n")
    if asked.verb == AdminVerb.READYZ:
        return text("ready\n") if accepting else text("not ready\n", exit_code=1)
    if asked.verb == AdminVerb.STATUS and not asked.json:
        return text(f"broker_instance: {about.instance}\naccepting_hello: {str(accepting).lower()}\n")
    if asked.verb == AdminVerb.METRICS:
        body = openmetrics(about.hellos, gauges(about, now_ms))
        return AdminReply(kind=AdminReplyKind.OPENMETRICS, body=body, content_type=CONTENT_TYPE)
    named = DOCUMENTS.get(asked.verb)
    if named is None:
        return text("unsupported admin verb\n", exit_code=2)
    command, make = named
    head = {"schema_version": SCHEMA, "command": command, "generated_at_unix_ms": now_unix_ms}
    body = json.dumps(head | make(Look(about, asked, now_ms)), ensure_ascii=False)
    return AdminReply(kind=AdminReplyKind.JSON, body=body, content_type="application/json")


def text(body: str, *, exit_code: int = 0) -> AdminReply:
    """A reply for people."""
    return AdminReply(kind=AdminReplyKind.TEXT, body=body, exit_code=exit_code, content_type="text/plain")


def gauges(about: About, now_ms: int) -> Gauges:
    """What the metrics show of now."""
    budget = about.router.budget
    return Gauges(
        active_backends=sum(entry.backend.is_alive() for entry in about.router.backends.all()),
        spawn_attempts=budget.taken,
        connections_open=about.router.connections.open,
        fd_usage_ratio=about.fd_usage(),
        uptime_seconds=(now_ms - about.began_ms) / 1_000,
        budgets={key.id: max(0, budget.attempts - used) for key, used, _ in budget.used(now_ms)},
    )


@dataclass(frozen=True, slots=True)
class Look:
    """The JSON bodies, but for what all of them bear."""

    about: About
    asked: AdminRequest
    now_ms: int

    def status(self) -> dict[str, Any]:
        """The broker and its backends in short."""
        router = self.about.router
        return {
            "broker_instance": self.about.instance,
            "broker_pid": self.about.pid,
            "uptime_seconds": (self.now_ms - self.about.began_ms) / 1_000,
            "accepting_hello": router.accepting,
            "connections_open": router.connections.open,
            "connections_turned_away": router.connections.turned_away,
            "fd_pressure": {"demoted": router.pressure.demoted, "times": router.pressure.times},
            "inode_pressure": _inodes(self.about.inodes()),
            "backends": [_backend(entry) for entry in router.backends.all()],
        }

    def dump(self) -> dict[str, Any]:
        """What the broker goes by, and all it knows of its backends."""
        router = self.about.router
        budgets = {key: (used, retry) for key, used, retry in router.budget.used(self.now_ms)}
        known = list(budgets) + [entry.key for entry in router.backends.all() if entry.key not in budgets]
        return {
            "broker_instance": self.about.instance,
            "effective_config": _settings(self.about),
            "backend_table": [_backend(entry) for entry in router.backends.all()],
            "spawn_budgets": [self._budget(key, *budgets.get(key, (0, 0))) for key in known],
            "recent_lifecycle_events": [event.as_json() for event in router.events.all()],
        }

    def _budget(self, key: BackendKey, used: int, retry_after_ms: int) -> dict[str, Any]:
        return {
            "broker_instance": key.instance,
            "service_name": key.service,
            "service_version": key.version,
            "attempts_used": used,
            "remaining": max(0, self.about.router.budget.attempts - used),
            "in_flight": key in self.about.router.flight,
            "retry_after_ms": retry_after_ms,
        }

    def instances(self) -> dict[str, Any]:
        """This broker: each one answers for itself."""
        state = "not-serving" if self.about.router.draining else "running"
        own = {"broker_instance": self.about.instance, "pipe": self.about.socket, "pid": self.about.pid, "state": state}
        return {"instances": [own]}

    def health(self) -> dict[str, Any]:
        """`service_name` empty: every service."""
        name = self.asked.service_name
        chosen = [entry for entry in self.about.router.backends.all() if name in ("", entry.key.service)]
        return {
            "service_name": name,
            "backends": [
                {
                    "service_version": entry.key.version,
                    "pid": entry.backend.pid,
                    "state": _state(entry),
                    "last_hello_unix_ms": entry.active_unix_ms,
                    "last_error": self.about.router.events.last_error(entry.key),
                }
                for entry in chosen
            ],
        }

    def config(self) -> dict[str, Any]:
        """The effective settings, and where each comes from."""
        return {"values": _settings(self.about)}

    def diagnose(self) -> dict[str, Any]:
        """What an archive would hold. None is written: this answer is the whole of it."""
        entries = ["status.json", "dump.json", "config.json", "metrics.txt"]
        return {
            "output": self.asked.output_path,
            "bundle": {"format": "tar.gz", "mode": "metadata-only", "created": False, "entries": entries},
            "files": [],
            "redactions": list(REDACTIONS),
            "redaction_policy": "metadata only: no file contents, no environment, no identities",
        }


def _settings(about: About) -> dict[str, Any]:
    return {
        group: {name: setting.as_json() for name, setting in settings.items()}
        for group, settings in about.settings.items()
    }


def _backend(entry: Entry) -> dict[str, Any]:
    return {
        "service_name": entry.key.service,
        "service_version": entry.key.version,
        "broker_instance": entry.key.instance,
        "pid": entry.backend.pid,
        "backend_pipe": entry.backend.path,
        "launched_here": entry.ours,
        "last_active_unix_ms": entry.active_unix_ms,
        "state": _state(entry),
    }


def _state(entry: Entry) -> str:
    return "running" if entry.backend.is_alive() else "stale"


def _inodes(health: InodeHealth | None) -> dict[str, Any]:
    if health is None or not health.supported:
        return {"supported": False, "detail": "this filesystem does not count inodes"}
    return {
        "supported": True,
        "inodes_total": health.total,
        "inodes_free": health.free,
        "inodes_used": health.used,
        "used_ratio": health.used_ratio,
    }


DOCUMENTS: Mapping[int, tuple[str, Callable[[Look], dict[str, Any]]]] = {
    AdminVerb.STATUS: ("status", Look.status),
    AdminVerb.DUMP: ("dump", Look.dump),
    AdminVerb.LIST_INSTANCES: ("list-instances", Look.instances),
    AdminVerb.BACKEND_HEALTH: ("backend-health", Look.health),
    AdminVerb.CONFIG: ("config", Look.config),
    AdminVerb.DIAGNOSE: ("diagnose", Look.diagnose),
}
