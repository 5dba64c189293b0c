"""What it costs to ask the installed command its version, against a bare interpreter.

Prints a table; exits 1 when the ratio is broken. The command is installed by the product into a throw-away home.
    python benchmarks/command.py [--quick]
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 2.0


def milliseconds(argv: list[str], env: dict[str, str]) -> float:
    """One run from start to end."""
    began = time.perf_counter()
    subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def main() -> int:
    """Install, measure interleaved, judge."""
    rounds = 30 if "--quick" in sys.argv[1:] else 200
    home = Path(tempfile.mkdtemp(prefix="bench-command-"))
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    try:
        subprocess.run(
            [sys.executable, "-I", "-m", "iapeer_memory", "install-binary"],
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        base = str((home / ".iapeer/state/iapeer-memory/runtimes/current/bin/python").resolve())
        command = str(home / ".local/bin/iapeer-memory")
        rows = {
            "python3 -c pass": [base, "-c", "pass"],
            "iapeer-memory --version": [command, "--version"],
            "iapeer-memory version (module)": [
                f"{home}/.iapeer/state/iapeer-memory/runtimes/current/bin/python",
                "-I",
                "-m",
                "iapeer_memory",
                "--version",
            ],
            "iapeer-memory --help": [command, "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(rounds):
            for name, argv in rows.items():
                times[name].append(milliseconds(argv, env))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    floor = statistics.median(times["python3 -c pass"])
    for name, found in times.items():
        print(f"{name:32} {statistics.median(found):7.2f} ms   {statistics.median(found) / floor:5.2f} ×")
    ratio = statistics.median(times["iapeer-memory --version"]) / floor
    print("ok" if ratio <= LIMIT else f"FAIL: --version costs {ratio:.2f} × a bare interpreter, the limit is {LIMIT}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
