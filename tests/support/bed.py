"""A host for whole-command tests: a home of its own, the real command line as a child, the sandbox armed, a free port.

The private runtime is made once a test worker, by the product itself, and linked into each home: making it anew in
every test would test the same thing a hundred times.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any

from tests.support import warm
from tests.support.ports import free_port

ARMED = {"IAPEER_TEST_SANDBOX": "1", "IAPEER_MEMORY_SUPPRESS_IAP_SEND": "1"}
PATIENCE = 30.0
FORKED_NOT_EXECUTED = 0x40
"""PF_FORKNOEXEC of the kernel, in the flags that /proc/<pid>/stat tells."""


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that can be asked; fails the test when it does not come about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"did not come about: {what}"
        time.sleep(0.02)


def only_forked(process: Path) -> bool:
    """Whether it is still the copy of another process that is about to become its own program."""
    flags = int((process / "stat").read_text().rpartition(")")[2].split()[6])
    return bool(flags & FORKED_NOT_EXECUTED)


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass
class Bed:
    """One host."""

    home: Path
    runtime: Path | None = None
    env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    run_folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="r", dir="/tmp")))
    """XDG_RUNTIME_DIR: short, since sockets lie there."""

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "IAPEER_MEMORY_SUPERVISOR": "broker",
            "IAPEER_MEMORY_TRANSPORT": "http",
            "XDG_RUNTIME_DIR": str(self.run_folder),
            **ARMED,
            **self.env,
        }

    @property
    def root(self) -> Path:
        return self.home / ".iapeer"

    @property
    def state(self) -> Path:
        return self.root / "state" / "iapeer-memory"

    @property
    def config_dir(self) -> Path:
        return self.root / "plugins" / "iapeer-memory"

    @property
    def vault(self) -> Path:
        return self.home / "notes"

    def prepare(self) -> None:
        """The port of this bed in the user's settings, the vault, and the runtime that the worker made once."""
        self.config_dir.mkdir(parents=True)
        (self.config_dir / "config.env").write_text(
            f"IAPEER_MEMORY_VAULT_PATH={self.vault}\nIAPEER_MEMORY_MODE=lean\n"
            f"IAPEER_MEMORY_MCP_PORT={self.port}\nIAPEER_MEMORY_SUPERVISOR=broker\n"
        )
        self.vault.mkdir(exist_ok=True)
        if self.runtime is not None:
            self.state.mkdir(parents=True)
            subprocess.run(["cp", "-al", str(self.runtime), str(self.state / "runtimes")], check=True)

    def run(self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> Ran:
        """The command line, as a process of its own."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            whole = {**self.env, **(env or {})}
            code = warm.run(words, env=whole, cwd=self.home, out=out, err=err, timeout=timeout)
            said = [stream.read().decode() for stream in (out, err) if not stream.seek(0)]
        assert "Traceback" not in said[1], said[1]
        return Ran(code, *said)

    def ok(self, *words: str, env: Mapping[str, str] | None = None) -> Ran:
        """A command that must end well."""
        ran = self.run(*words, env=env)
        assert ran.code == 0, f"{words}: {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def init(self, *peers: str, words: tuple[str, ...] = ()) -> Ran:
        """A prepared host with peers of these names, both harnesses each."""
        self.prepare()
        for name in peers:
            (self.home / "work" / name).mkdir(parents=True, exist_ok=True)
        flags = [word for name in peers for word in ("--peer", f"{name}={self.home / 'work' / name}")]
        return self.ok("init", *flags, "--non-interactive", *words)

    def peer(self, name: str) -> Path:
        """A peer's folder."""
        return self.home / "work" / name

    def findings(self, *words: str) -> dict[str, dict[str, Any]]:
        """`verify --json` by check name."""
        return {row["check"]: row for row in self.run("verify", "--json", *words).json()["findings"]}

    def daemons(self) -> list[int]:
        """Pids of every memoryd that runs for this home."""
        return self.running(b"memoryd")

    def brokers(self) -> list[int]:
        """Pids of every broker that runs for this home."""
        return self.running(b"broker")

    def running(self, word: bytes) -> list[int]:
        """Pids of the processes of this home with that word on their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if word in words and str(self.home).encode() in b" ".join(words) and not only_forked(entry):
                        found.append(int(entry.name))
        return found

    def end(self) -> None:
        """Stop what still runs."""
        for pid in (*self.brokers(), *self.daemons()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.brokers() and not self.daemons(), "broker and daemons end")
        shutil.rmtree(self.run_folder, ignore_errors=True)

    def reboot(self) -> None:
        """Nothing runs any more, and the runtime folder is empty."""
        self.end()
        self.run_folder.mkdir(mode=0o700)


def make_runtime(folder: Path) -> Path:
    """The private runtime of the code under test, made by the product itself."""
    bed = Bed(folder / "home")
    bed.ok("install-binary")
    bed.end()
    return bed.state / "runtimes"


@contextlib.contextmanager
def bed_in(folder: Path, runtime: Path) -> Iterator[Bed]:
    """A bed that leaves no process behind."""
    bed = Bed(folder / "host", runtime)
    try:
        yield bed
    finally:
        bed.end()
        shutil.rmtree(folder / "host", ignore_errors=True)


@contextlib.contextmanager
def short_bed(runtime: Path) -> Iterator[Bed]:
    """A bed whose home has a short name, so that sessions can attach."""
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as folder, bed_in(Path(folder), runtime) as bed:
        yield bed


def tree(folder: Path) -> dict[str, bytes | str | None]:
    """Everything below a folder: bytes of files, targets of links, None for folders."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def plain_files(folder: Path) -> dict[str, bytes]:
    """Every plain file below a folder, by its path; where a daemon writes, without what goes while we look."""
    found: dict[str, bytes] = {}
    for top, _, names in os.walk(folder):
        for path in (Path(top, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                if S_ISREG(path.lstat().st_mode):
                    found[str(path)] = path.read_bytes()
    return found
