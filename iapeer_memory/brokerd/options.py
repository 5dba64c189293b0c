"""What a broker is told on its command line and by its environment. Pure: reads no file.

A number in the environment that is no number above zero counts as not set. Source: the running-process broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker import names
from iapeer_memory.broker.http.port import HttpPort
from iapeer_memory.broker.server.admin import Setting
from iapeer_memory.broker.server.instance import SHARED
from iapeer_memory.broker.server.rate import LIMIT

HELLO_TIMEOUT = "RUNNING_PROCESS_BROKER_HELLO_TIMEOUT_MS"
MAX_INFLIGHT = "RUNNING_PROCESS_BROKER_MAX_INFLIGHT_HANDLERS"
OWNED_BIND = "RUNNING_PROCESS_BROKER_OWNED_BIND"
HELLO_TIMEOUT_MS = 30_000
MOST_OPEN = 256
DRAIN_MS = 5_000
PROGRAM = "memoryd"


@dataclass(frozen=True, slots=True)
class Options:
    """The words of the command.

    `instance`: the broker's name on the wire of generation 1; "" for the one that services of a user share. Ours has a
    name of its own, so that another broker of the user is not in its way. `program`: its name in generation 2.
    `http` None: no page. `handoff`: hand clients' connections to backends that take them. `rate_limit` 0: no limit.
    `carried`: variables that backends get as the broker has them, beside those that a login has. `only`: the one
    service that is served; "" for every one that is defined. `log`: where backends' output goes; "" for a file each.
    """

    instance: str = PROGRAM
    program: str = PROGRAM
    http: HttpPort | None = None
    launches: bool = True
    session_tokens: bool = False
    handoff: bool = False
    rate_limit: int = LIMIT
    carried: tuple[str, ...] = ()
    only: str = ""
    log: str = ""

    @property
    def called(self) -> str:
        """The instance as operators know it."""
        return f"explicit:{self.instance}" if self.instance else SHARED

    def leaf(self, user: str) -> str:
        """The name of the socket of generation 1. `user`: the sid hash. Raises BadName."""
        return names.instance_leaf(user, self.instance) if self.instance else names.shared_leaf(user)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the environment may change. `most_open`: connections that have not said yet what they want."""

    hello_timeout_ms: Setting
    most_open: Setting
    hands_down: Setting

    @property
    def hello_seconds(self) -> float:
        """How long a client has for its first frame."""
        return float(self.hello_timeout_ms.value or HELLO_TIMEOUT_MS) / 1_000

    @property
    def connections(self) -> int:
        """How many may be open before the silent give way."""
        return int(self.most_open.value or MOST_OPEN)


def limits(env: Mapping[str, str]) -> Limits:
    """What applies, and where it comes from."""
    hands_down = env.get(OWNED_BIND) != "0"
    return Limits(
        hello_timeout_ms=number(env, HELLO_TIMEOUT, HELLO_TIMEOUT_MS),
        most_open=number(env, MAX_INFLIGHT, MOST_OPEN),
        hands_down=Setting(hands_down, "default" if hands_down else f"env:{OWNED_BIND}"),
    )


def number(env: Mapping[str, str], name: str, default: int) -> Setting:
    """A positive number, blanks around it forgiven."""
    text = env.get(name, "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10 and int(text):
        return Setting(int(text), f"env:{name}")
    return Setting(default, "default")
