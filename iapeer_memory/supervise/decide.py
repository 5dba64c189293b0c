"""What to do about a memoryd that was looked at. Pure."""

from __future__ import annotations

from typing import Literal

from iapeer_memory.domain.ports import DaemonReport

PATIENCE = 15.0
"""Seconds that a supervised memoryd may take to answer before it counts as failed."""

Act = Literal["nothing", "start", "restart", "wait", "refuse"]


def restart_plan(report: DaemonReport, installed_build: str | None, *, supervised: bool) -> Act:
    """nothing: it runs what is installed, or nothing runs and nobody is to start it. restart: another build answers.

    wait: it runs and does not answer; give it `PATIENCE`, then it failed. start: somebody is to start it. refuse: the
    port belongs to a stranger. `installed_build` None: any build will do.
    """
    match report.state:
        case "answering":
            return "nothing" if installed_build in (None, report.build) else "restart"
        case "silent":
            return "wait"
        case "stranger":
            return "refuse"
        case _:
            return "start" if supervised else "nothing"
