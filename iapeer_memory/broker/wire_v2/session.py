"""The messages of a session with a child process behind the broker (payload protocol SESSION). Never starts one.

One message rides in one Frame. Input, its end and the start are requests; output and the exit are responses; the
frame's request id counts up within the session.
Source: the running-process broker, wire v2.
"""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, mapping, message, optional, proto, repeated


class EnvironmentPolicy:
    """`SessionStart.environment_policy`: what the child's environment begins with."""

    UNSPECIFIED = 0
    INHERIT = 1
    USER_BASELINE = 2
    CLEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentEntry(Message):
    """One variable."""

    key: str = proto(1, "string")
    value: str = proto(2, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStart(Message):
    """What to start. `clear_inherited_env` gave way to the policy."""

    program: str = proto(1, "string")
    args: tuple[str, ...] = repeated(2, "string")
    cwd: str = proto(3, "string")
    env: tuple[EnvironmentEntry, ...] = repeated(4, EnvironmentEntry)
    clear_inherited_env: bool = proto(5, "bool")
    environment_policy: int = proto(6, "enum")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExit(Message):
    """How it ended."""

    code: int = proto(1, "int32")
    signal: int = proto(2, "int32")
    metadata: Mapping[str, str] = mapping(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFrame(Message):
    """One of these, never two."""

    stdin: bytes | None = optional(1, "bytes", oneof="payload")
    stdin_eof: bool | None = optional(2, "bool", oneof="payload")
    stdout: bytes | None = optional(3, "bytes", oneof="payload")
    stderr: bytes | None = optional(4, "bytes", oneof="payload")
    exit: SessionExit | None = message(5, SessionExit, oneof="payload")
    start: SessionStart | None = message(6, SessionStart, oneof="payload")
