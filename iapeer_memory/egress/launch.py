"""A program about to be started, as a value that a decorator of a door can look at, alter, start or refuse. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from iapeer_memory.domain.door import RunResult, Started

NOT_RUN = 127
R = TypeVar("R", RunResult, Started)


@dataclass(frozen=True, slots=True)
class Launch(Generic[R]):
    """A program about to be started.

    `verb`: run, interact, start or replace. `go`: starts it in the channel below, with the environment given to it.
    `refused`: the answer, given why, when it may not start. `done`: the answer when it worked and said nothing.
    `named`, `log`: as in the port.
    """

    verb: str
    argv: Sequence[str]
    env: Mapping[str, str]
    go: Callable[[Mapping[str, str]], R]
    refused: Callable[[str], R]
    done: R
    named: bool = False
    log: str | None = None


def refused_run(why: str) -> RunResult:
    """The answer to a program that may not run."""
    return RunResult(NOT_RUN, "", why, refused=True)


def refused_start(why: str) -> Started:
    """The answer to a program that may not be started."""
    return Started(False, detail=why, refused=True)
