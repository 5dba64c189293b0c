"""Whether the daemons that a manifest is about are dead. Looks at claims and processes, never changes anything.

A claim is the manifest's own, or a sidecar of its service. A sidecar does not tell its version: one that another
version's manifest names too is that version's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from iapeer_memory.broker.liveness import Life, life
from iapeer_memory.broker.names import daemon_identity_file, service_identity_file
from iapeer_memory.broker.registry import Entry
from iapeer_memory.broker.sidecar import Sidecar, try_read_sidecar
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.broker.wire_v1.manifest import CacheManifest
from iapeer_memory.broker.wire_v1.process import DaemonProcess
from iapeer_memory.domain.errors import FileRefused

DAEMON_PREFIX, DAEMON_SUFFIX = "daemon-", ".json"
SERVICE_SUFFIX = ".identity.json"


def service_of(file_name: str) -> str | None:
    """Whose sidecar a file is by its name; None for any other file."""
    if file_name.endswith(SERVICE_SUFFIX):
        return file_name.removesuffix(SERVICE_SUFFIX)
    if file_name.startswith(DAEMON_PREFIX) and file_name.endswith(DAEMON_SUFFIX):
        return file_name.removeprefix(DAEMON_PREFIX).removesuffix(DAEMON_SUFFIX)
    return None


def lives(around: Surroundings, entries: Sequence[Entry]) -> Callable[[CacheManifest], Life]:
    """What tells of a manifest whether its daemons are dead; it looks anew at each call."""

    def told(manifest: CacheManifest) -> Life:
        try:
            sidecars = list(_sidecars(around, manifest.service_name))
        except FileRefused as error:
            return Life("unknown", f"an identity file cannot be used: {error.line()}")
        others = [
            entry.manifest.current_daemon
            for entry in entries
            if entry.manifest is not None
            and entry.manifest.service_name == manifest.service_name
            and entry.manifest.service_version != manifest.service_version
        ]
        claims = list(_claims(manifest.current_daemon, sidecars, others))
        return life(around.door, claims, manifest.host, around.here, uid=around.uid)

    return told


def _claims(
    own: DaemonProcess | None, sidecars: Sequence[Sidecar], others: Sequence[DaemonProcess | None]
) -> Iterator[Sidecar]:
    claim = None if own is None else Sidecar(own)
    for sidecar in sidecars:
        if claim is not None and _is_same(claim.process, sidecar.process):
            claim = replace(claim, started=sidecar.started)
        elif not any(other is not None and _is_same(other, sidecar.process) for other in others):
            yield sidecar
    if claim is not None:
        yield claim


def _is_same(one: DaemonProcess, other: DaemonProcess) -> bool:
    return (one.pid, one.boot_id, one.started_at_unix_ms) == (other.pid, other.boot_id, other.started_at_unix_ms)


def _sidecars(around: Surroundings, service: str) -> Iterator[Sidecar]:
    """Every sidecar of the service. Raises Malformed, Unreadable."""
    for path in (daemon_identity_file(around.place, service), service_identity_file(around.place, service)):
        found = try_read_sidecar(around.door.files, path)
        if found is not None:
            yield found
