"""Checks of the variables that change where programs look for a broker, or whether they do. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from iapeer_memory.broker.doctor.check import Check
from iapeer_memory.broker.file_places import MANIFEST_DIR, SERVICE_DEF_DIR
from iapeer_memory.broker.switch import DISABLE, broker_is_on
from iapeer_memory.domain.errors import ConfigError

FAKE_BACKEND = "RUNNING_PROCESS_FAKE_BACKEND"
BROKER_SOCKET = "RUNNING_PROCESS_BROKER_V1_SOCKET"
NOTED = (
    "RUNNING_PROCESS_NO_TRACKING",
    "RUNNING_PROCESS_DAEMON_SCOPE",
    SERVICE_DEF_DIR,
    BROKER_SOCKET,
    MANIFEST_DIR,
)
"""Unusual when they are set at all."""


def variable_checks(env: Mapping[str, str]) -> Iterator[Check]:
    """One check a variable."""
    try:
        on = broker_is_on(env)
        yield Check(f"env:{DISABLE}", "PASS" if on else "WARN", "unset" if on else "1: the broker is switched off")
    except ConfigError as error:
        yield Check(f"env:{DISABLE}", "FAIL", error.line())
    for name in (FAKE_BACKEND, *NOTED):
        value = env.get(name)
        if value is None:
            yield Check(f"env:{name}", "PASS", "unset")
        else:
            yield Check(f"env:{name}", "WARN", f"set to {json.dumps(value, ensure_ascii=False)}")
