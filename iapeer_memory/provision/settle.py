"""Settling what is decided for a host once and remembered: the core's command, who supervises, port and transport.

Decides only what is not known yet; writing `host.json` is the config step's and the repair's business.
"""

from __future__ import annotations

from dataclasses import replace

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.domain.host import DEFAULT_PORT, supervisor_named
from iapeer_memory.ecosystem.core import find_core
from iapeer_memory.ecosystem.notifier import notifier_present
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.patience import patient
from iapeer_memory.provision.transport import with_transport
from iapeer_memory.supervise.table import choose

PORTS_TRIED = 100


def settle(host: Host) -> Host:
    """The host with every decision made: remembered ones as they are, new ones from what is there now."""
    wished = supervisor_named(host.settings["SUPERVISOR"])
    if host.choices_known:
        host = patient(remember_flag(host))
        return with_transport(host if wished is None else host.deciding(supervisor=wished))
    host = patient(with_core(host, find_core(host.door, host.env, host.wishes.core_flag)))
    # A port that was given is remembered: memoryd's own start knows no environment but the one that we bake.
    host = host.deciding(port=host.port if host.settings["MCP_PORT"] else first_port(host))
    found = wished or choose(host.door, host.paths, env=host.env, notifier=notifier_there(host))
    return with_transport(host.deciding(supervisor=found))


def remember_flag(host: Host) -> Host:
    """A core that is named by a flag is remembered from now on."""
    if host.wishes.core_flag is None:
        return host
    return with_core(host, find_core(host.door, host.env, host.wishes.core_flag))


def with_core(host: Host, core: str | None) -> Host:
    """The host with that core (an absolute path: the flag may have been a bare name)."""
    flag = None if host.wishes.core_flag is None else core
    return replace(host.deciding(core=core), wishes=replace(host.wishes, core_flag=flag))


def notifier_there(host: Host) -> bool:
    """Whether the core has the notifier's `watcher` peer."""
    core = host.core
    return core is not None and notifier_present(core.list().rows)


def first_port(host: Host) -> int:
    """The default port, or the next one that is free; a port on which our own memoryd runs counts as free.

    That may be one of the reference provider: proved to be a memoryd of this state directory, though silent to us.
    """
    for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        candidate = replace(host, choices=replace(host.choices, port=port))
        if host.door.net.port_free(port) or candidate.daemon.verify().state in ("answering", "silent"):
            return port
    return DEFAULT_PORT


def take_new_port(host: Host) -> Host:
    """Move to the next free port and remember it; the surfaces then drift from it and are healed."""
    port = next((p for p in range(host.port + 1, host.port + 1 + PORTS_TRIED) if host.door.net.port_free(p)), None)
    if port is None:
        raise ConfigError(f"no port from {host.port + 1} on is free")
    if host.settings["MCP_PORT"]:
        raise ConfigError(
            f"the port {host.port} is set in {host.settings.source('MCP_PORT')}, which is yours to change",
            remedy=f"iapeer-memory config set MCP_PORT {port}, then: iapeer-memory update",
        )
    host = host.deciding(port=port)
    host.door.files.write(host.paths.host_json, host.choices.dump(), mode=0o600)
    return host
