"""What hot paths may load: a hook costs hardly more than a bare interpreter, and --version loads no framework."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from iapeer_memory.attach.envelope import RESPONSE, encoded
from tests.support.answering import answering
from tests.support.attached import socket_folder

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "iapeer_memory" / "hooks"
PYTHON = os.path.realpath(sys.executable)
HEAVY = {"dataclasses", "enum", "typing", "pathlib", "subprocess", "http.client", "socket", "signal", "json", "re"}
HEAVY |= {"inspect", "collections", "functools", "logging", "datetime", "argparse", "tempfile", "shutil", "asyncio"}
FRAMEWORKS = {"typer", "click", "rich", "pydantic", "mcp", "uvicorn", "starlette", "watchfiles", "filelock", "tomli_w"}
HINT = (encoded(RESPONSE, 0, 1, b'{"route_channel":7}'), encoded(RESPONSE, 7, 2, b'{"result":{"matches":[]}}'))


def loaded(argv: list[str], *, stdin: bytes = b"", cwd: Path = ROOT, code: int = 0) -> set[str]:
    """Names of the modules that a run of the interpreter imports, as it tells itself."""
    argv = [argv[0], "-X", "importtime", *argv[1:]]
    done = subprocess.run(argv, input=stdin, capture_output=True, cwd=cwd, timeout=60, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == code, done.stderr
    lines = (line for line in done.stderr.decode().splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip() for line in lines}


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] == "iapeer_memory"}


def post_write(tmp: Path, payload: bytes) -> set[str]:
    argv = [PYTHON, "-I", "-S", str(HOOKS / "post_write.py"), str(tmp / "config.env"), str(tmp / "log"), "5000"]
    return loaded(argv, stdin=payload)


@pytest.fixture(scope="module")
def bare() -> set[str]:
    return loaded([PYTHON, "-I", "-S", "-c", "pass"])


def payload(path: Path) -> bytes:
    return json.dumps({"tool_name": "Write", "tool_input": {"file_path": str(path)}}).encode()


def test_a_call_that_wrote_no_note_costs_a_bare_start(bare: set[str], tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text(f"IAPEER_MEMORY_VAULT_PATH={tmp_path}\n")
    assert post_write(tmp_path, b"") - bare <= {"posix"}
    assert post_write(tmp_path, payload(tmp_path / "absent.md")) - bare <= {"posix", "_json"}


def test_a_note_of_the_vault_brings_os_and_nothing_heavy(bare: set[str], tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text(f"IAPEER_MEMORY_VAULT_PATH={tmp_path}\n")
    (tmp_path / "note.md").write_text("x")
    modules = post_write(tmp_path, payload(tmp_path / "note.md"))
    assert "os" in modules  # the payload did reach the vault's gate
    assert not modules & HEAVY
    assert not ours(modules)


@pytest.mark.parametrize("well", [True, False])
def test_session_start_loads_nothing_heavy(well: bool, tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text("IAPEER_MEMORY_VAULT_PATH=/v\n")
    if well:
        (tmp_path / "memoryd.heartbeat").write_text("x")
    words = [f"IAPEER_MEMORY_STATE_DIR={tmp_path}", f"IAPEER_MEMORY_LOGS_DIR={tmp_path}"]
    words.append(f"IAPEER_MEMORY_CONFIG_FILE={tmp_path / 'config.env'}")
    modules = loaded([PYTHON, "-I", "-S", str(HOOKS / "session_start.py"), "/bin/true", "9", *words])
    assert (tmp_path / "verify-kick.stamp").exists() is not well
    assert not modules & HEAVY
    assert not ours(modules)


def test_version_loads_no_framework() -> None:
    modules = loaded([sys.executable, "-m", "iapeer_memory", "--version"])
    assert ours(modules)
    assert not {name.split(".")[0] for name in modules} & FRAMEWORKS


def test_the_guard_sees_what_is_loaded() -> None:
    assert {"json", "re", "enum"} <= loaded([PYTHON, "-I", "-S", "-c", "import json"])


def test_a_hint_over_a_session_brings_nothing_heavy() -> None:
    uptime = Path("/proc/uptime")
    with socket_folder() as folder, answering(f"{folder}/attach.sock", *HINT) as session:
        here = Path(folder)
        note = here / "01_Knowledge" / "note.md"
        note.parent.mkdir()
        note.write_text("body\n")
        (here / "config.env").write_text(
            f"IAPEER_MEMORY_VAULT_PATH={folder}\nIAPEER_MEMORY_EMBEDDING_ENDPOINT=http://127.0.0.1:1\n"
        )
        words = ["config.env", "log", "60000", folder, "mirror", "9", "yes", folder]
        words.append(uptime.read_text().split()[0] if uptime.exists() else "")
        modules = loaded([PYTHON, "-I", "-S", str(HOOKS / "post_write.py"), *words], stdin=payload(note), cwd=here)
        assert session.left.wait(20)
        assert len(session.heard) == 3, "it has attached, asked and left"
    assert not modules & HEAVY
    assert {"iapeer_memory.hooks.over_http", "iapeer_memory.attach.client_async"} & modules == set()
