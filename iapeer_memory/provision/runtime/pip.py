"""pip, as the one tool that may fetch: in a scratch environment of its own, isolated, only built and hashed files.

The environment it gets is empty but for a home and a search path, and settings of the user are ignored. Nothing that
it installs runs here; files are only copied out of the scratch environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import join

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.provision.runtime.layout import site_packages
from iapeer_memory.provision.runtime.program import Interpreter

MAKE_SECONDS, FETCH_SECONDS = 180.0, 900.0
ISOLATED = ("--isolated", "--disable-pip-version-check", "--no-input", "--no-color", "--quiet")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A throw-away virtual environment with pip in it."""

    door: Door
    folder: str
    interpreter: Interpreter

    @property
    def python(self) -> str:
        """Its interpreter."""
        return join(self.folder, "venv", "bin", "python")

    @property
    def site(self) -> str:
        """Where it installs to."""
        return join(self.folder, "venv", site_packages(self.interpreter.tag))

    def make(self) -> None:
        """Create it. Raises InstallFailed where this Python cannot make virtual environments."""
        self.door.files.mkdir(self.folder, mode=0o700)
        result = self.run([self.interpreter.python, "-I", "-m", "venv", join(self.folder, "venv")], MAKE_SECONDS)
        if not result.ok:
            raise InstallFailed(
                f"{self.interpreter.python} cannot make a virtual environment: {last_line(result)}",
                remedy="install the venv module of this Python (on Debian: apt install python3-venv)",
            )

    def install(self, lock: str, where: Sequence[str]) -> None:
        """Install every pin of a lock. `where`: pip's own words for where to look. Raises InstallFailed."""
        path = join(self.folder, "requirements.lock")
        self.door.files.write(path, lock.encode(), mode=0o600)
        words = ["install", *ISOLATED, "--only-binary", ":all:", "--require-hashes", "--no-deps", "--no-compile"]
        result = self.run([self.python, "-I", "-m", "pip", *words, *where, "-r", path], FETCH_SECONDS)
        if not result.ok:
            raise InstallFailed(f"the locked dependencies cannot be had: {last_line(result)}")

    def download(self, requirement: str, where: Sequence[str]) -> str:
        """Fetch one wheel; its path. Raises InstallFailed."""
        folder = join(self.folder, "download")
        words = ["download", *ISOLATED, "--only-binary", ":all:", "--no-deps", "-d", folder]
        result = self.run([self.python, "-I", "-m", "pip", *words, *where, requirement], FETCH_SECONDS)
        wheels = [name for name in self.door.files.list(folder) if name.endswith(".whl")]
        if not result.ok or len(wheels) != 1:
            raise InstallFailed(f"{requirement} cannot be had: {last_line(result)}")
        return join(folder, wheels[0])

    def run(self, argv: Sequence[str], timeout: float) -> RunResult:
        """Run in the scrubbed environment."""
        env = {"HOME": self.folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_CONFIG_FILE": "/dev/null"}
        return self.door.processes.run(argv, timeout=timeout, env=env, cwd=self.folder)


def last_line(result: RunResult) -> str:
    """Why a run failed, in at most 160 characters."""
    if result.refused:
        return "refused in the sandbox"
    if result.timed_out:
        return "it took too long"
    if result.spawn_error:
        return result.spawn_error
    lines = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return ((errors or lines or [f"exit code {result.code}"])[-1])[:160]
