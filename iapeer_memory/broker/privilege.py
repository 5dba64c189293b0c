"""Who may not run a broker: the superuser, unless told so in as many words. Pure.

Source: the running-process broker.
"""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.domain.errors import ConfigError

ALLOW = "RUNNING_PROCESS_BROKER_ALLOW_PRIVILEGED"
ROOT = 0
EXIT_CODE = 77


class Privileged(ConfigError):
    """A broker was started as root without leave."""

    exit_code = EXIT_CODE


def objection(uid: int, environment: Mapping[str, str]) -> Privileged | None:
    """The refusal to run as this user, or None. Leave is given by the exact value `1`, by nothing else."""
    if uid != ROOT or environment.get(ALLOW) == "1":
        return None
    return Privileged("a broker does not run as root", remedy=f"run it as an ordinary user, or set {ALLOW}=1")
