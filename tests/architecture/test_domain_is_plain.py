"""domain/ imports nothing of ours and does nothing to the host; hot paths can afford it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("typer", "rich", "mcp", "uvicorn", "starlette", "watchfiles", "sqlite3", "tomli_w", "http.client")


def loaded_by(statement: str) -> set[str]:
    """Modules that a statement brings into a fresh interpreter."""
    script = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_domain_brings_nothing_heavy() -> None:
    modules = ("paths", "peer", "finding", "errors", "settings", "host", "door", "ports")
    loaded = loaded_by("import " + ", ".join(f"iapeer_memory.domain.{name}" for name in modules))
    assert [name for name in HEAVY if name in loaded] == []
    ours = {name for name in loaded if name.startswith("iapeer_memory.")}
    assert {name.split(".")[1] for name in ours} == {"domain"}


def test_help_loads_no_command() -> None:
    loaded = loaded_by("from iapeer_memory.cli.app import run; run(['--help'])")
    assert not {"iapeer_memory.cli.init", "iapeer_memory.provision.order", "rich.progress", "mcp"} & loaded
