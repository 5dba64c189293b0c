"""Ports that floors above implement and floors between use: who keeps memoryd alive, and which memoryd it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

DaemonState = Literal["absent", "answering", "silent", "stranger"]
SupervisorName = Literal["notifier", "unit", "broker"]


@dataclass(frozen=True, slots=True)
class DaemonReport:
    """What can be proved about memoryd.

    absent: no process, nobody answers. answering: our memoryd answers its identity probe (`build`, `pid`).
    silent: the process in the pid file is proved to be ours (command line, start time, boot) and does not answer.
    stranger: the port answers, but not as our memoryd of our uid (`detail` says who).
    """

    state: DaemonState
    detail: str
    pid: int = 0
    build: str = ""
    version: str = ""
    watch: bool = True
    heartbeat_age: float | None = None


class DaemonHandle(Protocol):
    """memoryd, by proof and never by pid alone."""

    def verify(self) -> DaemonReport:
        """Ask and look; no effect."""
        ...

    def stop(self, *, wait: float = 10.0) -> tuple[bool, str]:
        """SIGTERM after proof, wait, report; (stopped or not there, what was done)."""
        ...

    def wait_answering(self, build: str | None, *, wait: float) -> DaemonReport:
        """Poll until it answers (with that build where one is given) or the time is up."""
        ...


class Supervisor(Protocol):
    """Who keeps memoryd alive."""

    @property
    def name(self) -> SupervisorName: ...

    def status(self) -> tuple[bool, str]:
        """(installed and in charge, in words); read-only."""
        ...

    def ensure(self) -> tuple[bool, str]:
        """Install what it needs and see that memoryd runs; idempotent."""
        ...

    def restart(self) -> tuple[bool, str]:
        """Have a running memoryd replaced by one of the installed build."""
        ...

    def remove(self) -> tuple[bool, str]:
        """Take out what `ensure` put in place and stop memoryd; idempotent."""
        ...
