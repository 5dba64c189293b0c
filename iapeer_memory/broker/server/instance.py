"""Which instance of a broker a service belongs to. Two services of different instances never see each other's backends.

Source: the running-process broker, isolation.
"""

from __future__ import annotations

from iapeer_memory.broker.service_file import isolation_problem
from iapeer_memory.broker.wire_v1.service import Isolation
from iapeer_memory.broker.wire_v2.service import ServiceDefinition

SHARED = "shared"


class Unresolvable(ValueError):
    """The definition does not say which instance; the text says why."""


def instance_of(definition: ServiceDefinition) -> str:
    """`shared`, `private:<service>` or `explicit:<name>`. Raises Unresolvable."""
    reason = isolation_problem(definition.isolation, definition.explicit_instance)
    if reason is not None:
        raise Unresolvable(reason)
    if definition.isolation == Isolation.SHARED_BROKER:
        return SHARED
    if definition.isolation == Isolation.PRIVATE_BROKER:
        return f"private:{definition.service_name}"
    return f"explicit:{definition.explicit_instance}"
