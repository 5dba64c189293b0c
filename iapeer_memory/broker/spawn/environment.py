"""The environment that a backend is started with: the user's own as after a login, and who asked for what. Pure.

Nothing else of the broker's environment gets through: a broker that was started from some terminal must not hand that
terminal's settings to a daemon that serves everybody. Source: the running-process broker, launch environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.server.backends import BackendKey

PREFIX = "RUNNING_PROCESS_BROKER_V1_"
LISTENER_FD = "RUNNING_PROCESS_BROKER_LISTENER_FD"
IS_DAEMON = "RUNNING_PROCESS_IS_DAEMON"
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
CARRIED = ("LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR")
CARRIED_PREFIX = "LC_"


@dataclass(frozen=True, slots=True)
class Account:
    """The user as the system's own list of accounts knows them."""

    name: str
    home: str
    shell: str = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backend is told about why it was started. `token`: of the session, where the broker issues them."""

    key: BackendKey
    path: str
    traceparent: str = ""
    tracestate: str = ""
    token: bytes = b""


def baseline(account: Account, inherited: Mapping[str, str], also: tuple[str, ...] = ()) -> dict[str, str]:
    """As after a login. `also`: further names that are carried over."""
    env = {
        "USER": account.name,
        "LOGNAME": account.name,
        "HOME": account.home,
        "SHELL": account.shell,
        "PATH": DEFAULT_PATH,
    }
    names = {*CARRIED, *also, *(name for name in inherited if name.startswith(CARRIED_PREFIX))}
    return env | {name: inherited[name] for name in sorted(names) if inherited.get(name)}


def launch_environment(base: Mapping[str, str], asked: Asked, listener_fd: int | None) -> dict[str, str]:
    """The whole environment. `listener_fd`: of a socket that listens already, where one is handed down."""
    told = {
        "SERVICE_NAME": asked.key.service,
        "SERVICE_VERSION": asked.key.version,
        "BACKEND_PIPE": asked.path,
        "BACKEND_NAMESPACE": asked.key.instance,
        "INSTANCE": asked.key.instance,
    }
    perhaps = {
        "TRACEPARENT": asked.traceparent,
        "TRACESTATE": asked.tracestate,
        "SESSION_TOKEN": asked.token.hex(),
    }
    told |= {name: value for name, value in perhaps.items() if value}
    env = {**base, **{PREFIX + name: value.replace("\0", "") for name, value in told.items()}, IS_DAEMON: "1"}
    return env if listener_fd is None else env | {LISTENER_FD: str(listener_fd)}
