"""The switch by which a user turns the broker off for all programs. Never reads the environment by itself.

Source: the running-process broker, `RUNNING_PROCESS_DISABLE`.
"""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.domain.errors import ConfigError, printable

DISABLE = "RUNNING_PROCESS_DISABLE"


def broker_is_on(environment: Mapping[str, str]) -> bool:
    """True where the switch is unset, False where it is 1. Raises ConfigError for anything else, an empty text too."""
    value = environment.get(DISABLE)
    if value is None:
        return True
    if value == "1":
        return False
    said = printable(value).replace('"', '\\"')
    raise ConfigError(f'{DISABLE} must be unset or 1, got "{said}"', remedy=f"unset {DISABLE}")
