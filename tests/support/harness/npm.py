"""The pinned harnesses and checkers from npm: where they are kept, and how they get there.

Never installs unasked: tests only look (`harnesses()`); `python -m tests.support.harness.npm install` installs.
The pins are `tests/harnesses/package.json` and its lock, which names no registry; the ordinary npm client decides
where packages come from. The cache is one folder per lock: `<cache>/harnesses-<12 hex of the lock>`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PINS = os.path.join(CHECKOUT, "tests", "harnesses")
COMPLETE = ".complete"
INSTALL_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Harnesses:
    """Absolute paths of programs. Everything but `node` and `claude` is a script to hand to `node`."""

    root: str
    node: str
    claude: str
    codex: str
    inspector: str
    conformance: str

    def codex_command(self) -> tuple[str, ...]:
        return (self.node, self.codex)

    def claude_command(self) -> tuple[str, ...]:
        return (self.claude,)

    @property
    def path(self) -> str:
        """A PATH for a session: Node 22 first, then the system's own folders."""
        return os.pathsep.join((os.path.dirname(self.node), "/usr/local/bin", "/usr/bin", "/bin"))


class CannotInstall(Exception):
    """npm is missing, or said no; the text is one line."""


def cache_root(env: dict[str, str] | None = None) -> str:
    """`IAPEER_MEMORY_TEST_CACHE`, else `.cache` of the checkout (ignored by git)."""
    values = os.environ if env is None else env
    return os.path.abspath(values.get("IAPEER_MEMORY_TEST_CACHE") or os.path.join(CHECKOUT, ".cache"))


def pins_digest() -> str:
    """12 hex digits over the lock: another pin is another folder."""
    with open(os.path.join(PINS, "package-lock.json"), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()[:12]


def install_folder(env: dict[str, str] | None = None) -> str:
    return os.path.join(cache_root(env), f"harnesses-{pins_digest()}")


def harnesses(env: dict[str, str] | None = None) -> Harnesses | None:
    """The installed harnesses, or None when the cache does not hold this lock, whole."""
    root = install_folder(env)
    if not os.path.exists(os.path.join(root, COMPLETE)):
        return None
    modules = os.path.join(root, "node_modules")
    return Harnesses(
        root=root,
        node=_node(modules),
        claude=_bin(modules, "@anthropic-ai/claude-code", "claude"),
        codex=_bin(modules, "@openai/codex", "codex"),
        inspector=_bin(modules, "@modelcontextprotocol/inspector", "mcp-inspector"),
        conformance=_bin(modules, "@modelcontextprotocol/conformance", "conformance"),
    )


def install(env: dict[str, str] | None = None) -> Harnesses:
    """Put the pinned packages into the cache, once; a second caller waits for the first.

    Raises CannotInstall. A folder without its mark is left over from a broken try and is made anew.
    """
    values = dict(os.environ if env is None else env)
    with _alone(cache_root(values)):
        found = harnesses(values)
        if found is not None:
            return found
        target = install_folder(values)
        work = tempfile.mkdtemp(prefix="harnesses-", suffix=".partial", dir=cache_root(values))
        try:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(os.path.join(PINS, name), os.path.join(work, name))
            _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], work, values)
            modules = os.path.join(work, "node_modules")
            # The one install script that matters: it puts the platform's own program in place.
            _run([_node(modules), "install.cjs"], os.path.join(modules, "@anthropic-ai", "claude-code"), values)
            with open(os.path.join(work, COMPLETE), "w", encoding="utf-8") as stream:
                stream.write(pins_digest() + "\n")
            shutil.rmtree(target, ignore_errors=True)
            os.rename(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        done = harnesses(values)
        if done is None:
            raise CannotInstall(f"{target}: installed, but not whole")
        return done


def _node(modules: str) -> str:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine())
    bundled = os.path.join(modules, f"node-{sys.platform}-{machine}", "bin", "node")
    return bundled if os.access(bundled, os.X_OK) else (shutil.which("node") or "node")


def _bin(modules: str, package: str, name: str) -> str:
    folder = os.path.join(modules, *package.split("/"))
    with open(os.path.join(folder, "package.json"), encoding="utf-8") as stream:
        declared = json.load(stream)["bin"]
    return os.path.join(folder, declared if isinstance(declared, str) else declared[name])


def _run(command: list[str], cwd: str, env: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise CannotInstall(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"{command[0]}: no end after {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        raise CannotInstall(f"{' '.join(command[:2])}: exit {done.returncode}: {last}")


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "harnesses.lock"), "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """`install` puts them there; `where` only says whether they are. Exit 1 when they are not."""
    if arguments not in (["install"], ["where"]):
        sys.stderr.write("usage: python -m tests.support.harness.npm install|where\n")
        return 2
    try:
        found = install() if arguments == ["install"] else harnesses()
    except CannotInstall as error:
        sys.stderr.write(f"harnesses not installed: {error}\n")
        return 1
    sys.stdout.write(f"harnesses: {found.root}\n" if found else f"harnesses: not in {install_folder()}\n")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
