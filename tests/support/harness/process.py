"""Running a harness: a clean environment, a time limit, and no process left behind.

Never passes this process's environment on: what a harness may see is spelled out here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import IO

from tests.support.runtime_folder import runtime_folder


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended. `seconds` is for reports only, never for a gate."""

    command: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"{' '.join(self.command)}\nexit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class TookTooLong(AssertionError):
    """The command did not end in time; what it had said is in the text."""


def clean_env(home: str, path: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """As `env -i` with a HOME of its own; nothing that updates itself, reports or asks for an outside host."""
    return {
        "HOME": home,
        "PATH": path,
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": runtime_folder(),
        "TERM": "dumb",
        "TMPDIR": os.path.join(home, "tmp"),
        "XDG_CONFIG_HOME": os.path.join(home, ".config"),
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        **(extra or {}),
    }


def run(command: Sequence[str], *, cwd: str, env: Mapping[str, str], timeout: float) -> Done:
    """Run to its end in a process group of its own, with nothing to read; the whole group is gone afterwards.

    Raises TookTooLong. Output goes to files, so that a helper which a harness leaves behind cannot hold us up.
    """
    os.makedirs(env.get("TMPDIR", cwd), exist_ok=True)
    began = monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            list(command), cwd=cwd, env=dict(env), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip
        try:
            process.wait(timeout)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        finally:
            end_group(process.pid)
            process.wait()
        done = Done(tuple(command), process.returncode, _text(out), _text(err), monotonic() - began)
    if late:
        raise TookTooLong(f"no end after {timeout:g} s: {done}")
    return done


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def end_group(group: int) -> None:
    """End every process of this group; none left is fine. Only for groups that `start_new_session` made."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
