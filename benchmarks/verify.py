"""What a whole `verify` of an installed host with 30 peers of two harnesses each takes, against a bare interpreter.

Prints a table; reported, no ratio gates. The host is a throw-away home with a running memoryd.
    python benchmarks/verify.py [--quick]
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.bed import Bed, bed_in, make_runtime

PEERS = 30


def milliseconds(argv: list[str], env: dict[str, str]) -> float:
    """One run from start to end; it must end well."""
    began = time.perf_counter()
    subprocess.run(argv, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def measure(bed: Bed, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each program; they take turns."""
    bed.init(*(f"peer-{number}" for number in range(PEERS)))
    command = str(bed.home / ".local/bin/iapeer-memory")
    rows = {
        "python3 -c pass": [sys.executable, "-c", "pass"],
        "iapeer-memory --version": [command, "--version"],
        f"iapeer-memory verify, {PEERS} peers × 2": [command, "verify"],
        f"iapeer-memory verify --repair, {PEERS} peers × 2": [command, "verify", "--repair"],
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, argv in rows.items():
            times[name].append(milliseconds(argv, bed.env))
    return times


def main() -> int:
    """Install, measure, print."""
    folder = Path(tempfile.mkdtemp(prefix="bench-verify-"))
    try:
        with bed_in(folder, make_runtime(folder / "runtime")) as bed:
            times = measure(bed, 5 if "--quick" in sys.argv[1:] else 20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    floor = statistics.median(times["python3 -c pass"])
    for name, found in times.items():
        print(f"{name:48} {statistics.median(found):8.1f} ms   {statistics.median(found) / floor:6.1f} ×")
    return 0


if __name__ == "__main__":
    sys.exit(main())
