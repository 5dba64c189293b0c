"""Running a harness: a clean environment, a time limit, and no process left behind.

Never passes this process's environment on: what a harness may see is spelled out here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic


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


def run(command: Sequence[str], *, cwd: str, env: Mapping[str, str], timeout: float, stdin: str = "") -> Done:
    """Run to its end in a process group of its own; the whole group is gone when this returns.

    Raises TookTooLong. A harness may leave helpers behind that hold its pipes: they are ended with it.
    """
    os.makedirs(env.get("TMPDIR", cwd), exist_ok=True)
    began = monotonic()
    process = subprocess.Popen(
        list(command), cwd=cwd, env=dict(env), start_new_session=True, text=True, errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        end_group(process.pid)
        out, err = process.communicate()
        raise TookTooLong(f"{' '.join(command)}: no end after {timeout:g} s\n{out}\n{err}") from None
    finally:
        end_group(process.pid)
    return Done(tuple(command), process.returncode, out, err, monotonic() - began)


def end_group(group: int) -> None:
    """End every process of this group; none left is fine. Only for groups that `start_new_session` made."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
