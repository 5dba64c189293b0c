"""Whether a setting's value can be used. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from iapeer_memory.domain.host import supervisor_named
from iapeer_memory.domain.settings import BY_NAME
from iapeer_memory.provision.answers import LOCALES, MODES

CHOICES: Mapping[str, tuple[str, ...]] = {
    "LOCALE": LOCALES,
    "MODE": MODES,
    "EMBEDDING_PROVIDER": ("openai", "tei"),
    "RERANKER_PROVIDER": ("tei", "cohere", "nvidia", "jina", "none"),
    "STAMPING": ("on", "off"),
    "SUPERVISOR": ("notifier", "unit", "broker"),
    "TRANSPORT": ("http", "attach"),
}
NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?\Z", re.ASCII)
COUNT = re.compile(r"\d{1,9}\Z", re.ASCII)


def port_fault(value: str) -> str | None:
    """A TCP port that can be listened on."""
    good = COUNT.match(value) is not None and 0 < int(value) < 65536
    return None if good else f"must be a port from 1 to 65535, not {value!r}"


def path_fault(value: str) -> str | None:
    """An absolute path."""
    return None if value.startswith("/") else f"must be an absolute path, not {value!r}"


def supervisor_fault(value: str) -> str | None:
    """A supervisor, also by the name that it had before."""
    allowed = CHOICES["SUPERVISOR"]
    return None if supervisor_named(value) else f"must be one of {', '.join(allowed)}, not {value!r}"


CHECKS: Mapping[str, Callable[[str], str | None]] = {
    "MCP_PORT": port_fault,
    "VAULT_PATH": path_fault,
    "SUPERVISOR": supervisor_fault,
}


def value_fault(name: str, value: str) -> str | None:
    """What is wrong with a value of a setting (bare name), in words that follow its name; None when it can be used.

    An empty value means "not set" and is always good. A number is judged where the default is one.
    """
    if not value:
        return None
    if name in CHECKS:
        return CHECKS[name](value)
    if name in CHOICES:
        allowed = CHOICES[name]
        return None if value in allowed else f"must be one of {', '.join(allowed)}, not {value!r}"
    default = BY_NAME[name].default
    if COUNT.match(default):
        return None if COUNT.match(value) else f"must be a whole number, not {value!r}"
    if NUMBER.match(default):
        return None if NUMBER.match(value) else f"must be a number, not {value!r}"
    return None
