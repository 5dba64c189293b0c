"""How the sessions of a host reach memoryd, and why: over its port, or attached by the stdio bridge.

A setting wins, then the core, whose peers use the port. Two things speak for the bridge: other users of the machine,
who can reach a port too, and a memoryd that nobody starts before the first session, since a session that finds no port
has no memory tools for its whole life. Never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import fsencode

from iapeer_memory.broker.names import SUN_PATH
from iapeer_memory.domain.host import Transport
from iapeer_memory.domain.ports import SupervisorName
from iapeer_memory.egress.host import platform, uid
from iapeer_memory.provision.accounts import others
from iapeer_memory.provision.host import Host

EARLY: tuple[SupervisorName, ...] = ("notifier", "unit")
"""Those who start memoryd with the machine or the login; every other supervisor waits for a session."""
WORDS: Mapping[str, Transport] = {"http": "http", "attach": "attach"}
NAMED = 3
"""Accounts that a reason names before it counts."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A transport and the words that say why it."""

    transport: Transport
    why: str


def choose(
    wish: Transport | None,
    source: str,
    *,
    spare: int,
    with_core: bool,
    supervisor: SupervisorName,
    accounts: tuple[str, ...],
) -> Choice:
    """Decide. `wish`: what a setting says, and where (`source`). `spare`: bytes by which the socket's path may still
    grow; negative where there can be none. `accounts`: of others who log in."""
    if wish == "http" or (wish == "attach" and spare >= 0):
        return Choice(wish, f"set in {source}")
    if with_core:
        return Choice("http", "as the core's peers do")
    if spare < 0:
        return Choice("http", f"the path of the state folder is {-spare} bytes too long for a socket in it")
    if accounts:
        more = len(accounts) - NAMED
        names = ", ".join(accounts[:NAMED]) + (f" and {more} more" if more > 0 else "")
        return Choice("attach", f"others log in here ({names}), and a port is open to every user")
    if supervisor not in EARLY:
        return Choice("attach", "nobody starts memoryd before the first session, so each session sees to it")
    return Choice("http", "memoryd runs before the first session, and nobody else logs in here")


def chosen(host: Host) -> Choice:
    """What would be decided for the host today, its supervisor being known."""
    return choose(
        wished(host),
        host.settings.source("TRANSPORT"),
        spare=SUN_PATH.get(platform(), SUN_PATH["darwin"]) - len(fsencode(host.paths.attach_socket)),
        with_core=host.with_core,
        supervisor=host.choices.supervisor,
        accounts=others(host.door.files, uid=uid(), platform=platform()),
    )


def with_transport(host: Host) -> Host:
    """The host with its transport decided. What was decided earlier stays, but for a setting or the core."""
    if host.choices_known and wished(host) is None and not host.with_core:
        return host
    return host.deciding(transport=chosen(host).transport)


def wished(host: Host) -> Transport | None:
    """What the setting says; a word that is none of ours is the config check's to tell."""
    return WORDS.get(host.settings["TRANSPORT"])


def told(host: Host) -> str:
    """The host's transport and why, in one line."""
    kept, today = host.choices.transport, chosen(host)
    if kept == today.transport:
        return f"{kept}: {today.why}"
    change = f"iapeer-memory config set TRANSPORT {today.transport}, then: iapeer-memory update"
    return f"{kept}: decided earlier; today it would be {today.transport}: {today.why}; to change it: {change}"
