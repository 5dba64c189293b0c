"""What we decided for this host: `host.json` in the state directory, machine-owned. Pure: text in, values out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from shlex import quote
from typing import Literal, get_args

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.domain.ports import SupervisorName

Transport = Literal["http", "attach"]
DEFAULT_PORT = 8766
SCHEMA = 1
FORMER_NAME = "detached"
"""What host.json and the settings of version 0.6 call the broker."""


@dataclass(frozen=True, slots=True)
class HostChoices:
    """Decisions that outlive a command.

    `transport`: how sessions reach memoryd, over its port or attached by a stdio bridge. `core`: absolute path of the
    ecosystem's command, None where there is none. `allow`: the user said yes to permission entries. `grant_trust`: the
    user said yes to trusting our hooks for Codex.
    `follow`: places outside a peer's folder that links in it may lead to, each named by the user.
    """

    supervisor: SupervisorName = "broker"
    port: int = DEFAULT_PORT
    transport: Transport = "http"
    core: str | None = None
    runtimes: tuple[str, ...] = ("claude", "codex")
    allow: bool = False
    grant_trust: bool = False
    follow: tuple[str, ...] = ()

    def dump(self) -> bytes:
        """The file's bytes."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False) + "\n").encode()


def supervisor_named(word: str) -> SupervisorName | None:
    """The supervisor of that name, also of one that it had before; None for any other word."""
    name = "broker" if word == FORMER_NAME else word
    return name if name in get_args(SupervisorName) else None  # type: ignore[return-value]


def load(data: bytes | None, path: str) -> HostChoices:
    """Read the file; None gives the defaults; unknown keys are ignored. Raises Malformed."""
    if data is None:
        return HostChoices()
    remedy = f"mv {quote(path)} {quote(path + '.broken')} && iapeer-memory init"
    try:
        raw = json.loads(data)
    except json.JSONDecodeError as error:
        raise Malformed(path, f"not JSON ({error.msg})", line_number=error.lineno, remedy=remedy) from None
    except (ValueError, RecursionError):
        raise Malformed(path, "not JSON", remedy=remedy) from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise Malformed(path, f"not a host file of schema {SCHEMA}", remedy=remedy)
    base = HostChoices()
    port = raw.get("port", base.port)
    supervisor = supervisor_named(str(raw.get("supervisor", base.supervisor)))
    transport = raw.get("transport", base.transport)
    core = raw.get("core")
    runtimes = raw.get("runtimes", list(base.runtimes))
    follow = raw.get("follow", [])
    if (
        type(port) is not int
        or not 0 < port < 65536
        or supervisor is None
        or transport not in ("http", "attach")
        or not (core is None or isinstance(core, str))
        or not texts(runtimes)
        or not texts(follow)
    ):
        raise Malformed(path, "a value has the wrong type or is out of range", remedy=remedy)
    return replace(
        base,
        supervisor=supervisor,
        port=port,
        transport=transport,
        core=core,
        runtimes=tuple(runtimes),
        follow=tuple(follow),
        allow=raw.get("allow") is True,
        grant_trust=raw.get("grant_trust") is True,
    )


def texts(value: object) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
