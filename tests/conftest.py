"""Every test runs in the sandbox, in a home of its own; the live host is out of reach by default."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from iapeer_memory.domain.door import Door
from tests.support.confined import confined_door
from tests.support.runtime_folder import remove_runtime_folder, runtime_folder

ARMED = {"IAPEER_TEST_SANDBOX": "1", "IAPEER_MEMORY_SUPPRESS_IAP_SEND": "1"}
FOREIGN = ("IAPEER_", "PEER_", "CLAUDE", "CODEX", "ANTHROPIC_", "OPENAI_", "XDG_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

# A property does not fail because the machine is busy; time that grows is for tests of its own.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Armed at import, so that nothing a test module does while it is collected gets out either.
os.environ.update(ARMED)


@pytest.fixture(scope="session", autouse=True)
def no_sockets_left() -> Iterator[None]:
    """The folder of all sockets goes with the session."""
    yield
    remove_runtime_folder()


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and an ecosystem folder under tmp_path, and nothing of the caller's that could lead elsewhere."""
    home = tmp_path / "_home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    for name, value in ARMED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("IAPEER_ROOT", str(home / ".iapeer"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime_folder())
    return home


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A real door that can write under tmp_path alone."""
    return confined_door(str(tmp_path))
