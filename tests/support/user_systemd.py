"""A real systemd user manager in namespaces of its own: nothing of it is left when the command ends.

Needs root, `unshare` and systemd; where one is missing `missing()` says which.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SYSTEMD = "/usr/lib/systemd/systemd"
INSIDE = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/user/0 && chmod 700 /run/user/0 || exit 90
export XDG_RUNTIME_DIR=/run/user/0
unset DBUS_SESSION_BUS_ADDRESS
/usr/lib/systemd/systemd --user >/run/manager.log 2>&1 &
tries=0
until systemctl --user is-system-running >/run/state 2>&1 || [ "$(cat /run/state)" = degraded ]; do
  tries=$((tries + 1)); [ $tries -lt 200 ] || { cat /run/state /run/manager.log; exit 91; }
  sleep 0.05
done
"$@"
"""


def missing() -> str | None:
    """Why there can be no manager of our own here, or None."""
    if os.geteuid() != 0:
        return "needs root for namespaces"
    if not Path(SYSTEMD).exists() or not shutil.which("unshare"):
        return "needs systemd and unshare"
    works = subprocess.run(["unshare", "-m", "-p", "-f", "--mount-proc", "true"], capture_output=True)
    return None if works.returncode == 0 else "namespaces cannot be made here"


def run_inside(home: Path, argv: Sequence[str], *, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command beside a fresh user manager whose home is `home`."""
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "USER": "root"}
    words = ["unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc", "/bin/sh", "-c", INSIDE, "sh", *argv]
    return subprocess.run(words, cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True)
