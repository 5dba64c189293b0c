"""A settled fleet: what looking at every surface costs, against merely reading the same files.

Prints a table; exits 1 when a ratio is broken. Both sides run in this process, interleaved, on the same files.
    python benchmarks/surfaces.py [--quick]
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from iapeer_memory import __version__
from iapeer_memory.domain.host import HostChoices
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.peer import Peer
from iapeer_memory.domain.settings import Settings
from iapeer_memory.egress.real import real_door
from iapeer_memory.egress.recording import recording
from iapeer_memory.provision.host import ConfigFile, Host
from iapeer_memory.provision.sweep import look_at, provision_all

LIMIT = 4.0
SLOPE = 1.2


def make_host(home: Path, core: bool) -> Host:
    """A host with everything under `home`."""
    env = {"HOME": str(home), "IAPEER_MEMORY_VAULT_PATH": str(home / "notes")}
    paths = Paths.from_env(env, os_home=str(home))
    choices = HostChoices(core="/nowhere/iapeer" if core else None, allow=not core)
    settings = Settings(env)
    return Host(real_door(), paths, env, ConfigFile(False), settings, choices, True, __version__, "bench")


def make_peers(home: Path, count: int) -> list[Peer]:
    """Folders with a plausible life of their own."""
    peers = []
    for number in range(count):
        folder = home / "work" / f"peer-{number}"
        folder.mkdir(parents=True)
        (folder / "README.md").write_text("# work\n")
        peers.append(Peer(f"peer-{number}", str(folder), ("claude", "codex")))
    return peers


def surface_files(peers: list[Peer]) -> list[str]:
    """Every file that the sweep placed."""
    return [
        os.path.join(folder, name)
        for peer in peers
        for folder, _, names in os.walk(peer.cwd)
        for name in names
        if name != "README.md"
    ]


def read_all(paths: list[str]) -> None:
    """The baseline: open, read, close."""
    for path in paths:
        with open(path, "rb") as file:
            file.read()


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure(count: int, rounds: int) -> tuple[float, float, float, int]:
    """(seconds of reading, of looking, of a second sweep, effects of the second sweep), medians."""
    home = Path(tempfile.mkdtemp(prefix="bench-surfaces-"))
    try:
        host = make_host(home, core=False)
        peers = make_peers(home, count)
        host.door.files.mkdir(host.paths.codex_home)
        provision_all(host, peers)
        files = surface_files(peers)
        before = {path: os.stat(path).st_mtime_ns for path in files}
        look_at(host, peers)
        reading, looking, sweeping = [], [], []
        for _ in range(rounds):
            reading.append(seconds(lambda: read_all(files)))
            looking.append(seconds(lambda: look_at(host, peers)))
            sweeping.append(seconds(lambda: provision_all(host, peers)))
        watched, effects = recording(host.door)
        quiet = Host(
            watched, host.paths, host.env, host.config, host.settings, host.choices, True, __version__, "bench"
        )
        look_at(quiet, peers)
        provision_all(quiet, peers)
        changed = sum(os.stat(path).st_mtime_ns != mtime for path, mtime in before.items())
        return (
            statistics.median(reading),
            statistics.median(looking),
            statistics.median(sweeping),
            len(effects) + changed,
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    """Measure, print, judge."""
    quick = "--quick" in sys.argv[1:]
    sizes = (50, 200) if quick else (100, 1000, 5000)
    rows = {count: measure(count, 3 if quick else 5) for count in sizes}
    heads = ("peers", "read ms", "verify ms", "update ms", "verify/read", "update/read", "effects")
    print("  ".join(head.rjust(11) for head in heads))
    bad = 0
    for count, (reading, looking, sweeping, effects) in rows.items():
        ratio, second = looking / reading, sweeping / reading
        bad += ratio > LIMIT or second > LIMIT or effects > 0
        cells = (
            f"{reading * 1e3:.1f}",
            f"{looking * 1e3:.1f}",
            f"{sweeping * 1e3:.1f}",
            f"{ratio:.2f}",
            f"{second:.2f}",
        )
        print("  ".join(cell.rjust(11) for cell in (str(count), *cells, str(effects))))
    if not quick:
        first = (rows[1000][1] - rows[100][1]) / 900
        second = (rows[5000][1] - rows[1000][1]) / 4000
        print(f"slope 1,000 to 5,000 over slope 100 to 1,000: {second / first:.2f} (limit {SLOPE})")
        bad += second / first > SLOPE
    print("ok" if not bad else "FAIL")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
