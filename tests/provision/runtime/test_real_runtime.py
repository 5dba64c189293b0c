"""The whole product as a runtime: made from this very program, it needs nothing of it, and memoryd runs from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iapeer_memory import __version__
from iapeer_memory.broker.file_places import definitions_folder
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime.command import place_command
from iapeer_memory.provision.runtime.install import install_running
from iapeer_memory.provision.runtime.program import Program, running_interpreter, running_program
from iapeer_memory.provision.runtime.shelf import Shelf
from iapeer_memory.supervise.brokered import BrokerSupervisor
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.supervise.definition import Declaration, executable
from iapeer_memory.supervise.own_broker import OwnBroker
from iapeer_memory.surfaces.shims import render_daemon_environment, render_launcher
from tests.support.confined import confined_door
from tests.support.ports import free_port

LOOK = """
import json, sys
import iapeer_memory.cli.app, iapeer_memory.memoryd.app, iapeer_memory.memoryd.mcp.http
import uvicorn, watchfiles, snowballstemmer, typer, rich, tomli_w
files = [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
print(json.dumps({"prefix": sys.prefix, "path": sys.path, "files": files}))
"""


def frozen(program: Program, folder: Path) -> Program:
    """The program's package as it is now, so that nobody edits it while the test runs."""
    root = Path(program.package).parent
    shutil.copytree(program.package, folder / "copy" / "iapeer_memory", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(program.templates, folder / "copy" / "templates")
    shutil.copy(program.lock, folder / "copy" / "requirements.lock")
    copy = {
        name: getattr(program, name).replace(str(root), str(folder / "copy"))
        for name in ("package", "templates", "lock")
    }
    return replace(program, **copy)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, as sockets have to lie in it."""
    with TemporaryDirectory(prefix="im", dir="/tmp") as short:
        yield Path(short)


def test_it_stands_alone_and_memoryd_runs_from_it(folder: Path) -> None:
    door, home = confined_door(str(folder)), folder / "a home"
    paths = Paths.from_env({"HOME": str(home)}, os_home=str(home))
    program = frozen(running_program(door), folder)
    made = install_running(door, paths, program)
    assert (made.action, made.version) == ("installed", __version__)
    assert Shelf(door, paths).damage(made.build, deep=True) == ()
    assert install_running(door, paths, program).action == "identical"

    python = f"{paths.current_runtime}/bin/python"
    done = subprocess.run([python, "-I", "-c", LOOK], env={}, cwd="/", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["prefix"] == made.runtime
    standard = str(Path(running_interpreter(door).python).resolve().parents[1])
    outside = [
        f for f in map(os.path.realpath, seen["files"]) if not f.startswith((made.runtime + "/", standard + "/"))
    ]
    assert outside == []
    assert not [p for p in seen["path"] if "site-packages" in p and not p.startswith(made.runtime)]

    place_command(door, paths)
    done = subprocess.run(
        [paths.stable_binary, "--help"], env={"HOME": str(home)}, cwd="/", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "memory" in done.stdout, done.stderr

    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(folder)}
    port = free_port()
    (home / "vault").mkdir()
    door.files.write(
        paths.config_file,
        f"IAPEER_MEMORY_VAULT_PATH={home}/vault\nIAPEER_MEMORY_MCP_PORT={port}\n".encode(),
        mode=0o600,
    )
    door.files.write(paths.launcher, render_launcher(paths=paths), mode=0o755)
    door.files.write(paths.daemon_environment, render_daemon_environment(paths=paths))
    definitions = definitions_folder(env, home=str(home), platform="linux").path
    Declaration(door.files, definitions, paths, os.getuid()).write(executable(door.files, paths) or "")
    daemon = Daemon(door, paths, port)
    supervisor = BrokerSupervisor(door, paths, daemon, env)
    try:
        ok, words = supervisor.ensure()
        assert ok, words
        report = daemon.verify()
        assert (report.state, report.build, report.version) == ("answering", made.build, __version__)
        assert made.build in Shelf(door, paths).in_use()
        assert supervisor.restart() == (True, f"running, pid {report.pid}")
        broker = OwnBroker(door, paths, env).process()
        assert broker is not None and broker.argv[0].startswith(str(home))
    finally:
        stopped, words = supervisor.remove()
    assert stopped, words
    assert daemon.verify().state == "absent"
