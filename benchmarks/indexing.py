"""What the index costs: filling it, a changed note, a search, memory; each beside a bare table in the same run.

    python benchmarks/indexing.py [--notes 1000 10000] [--large] [--rounds 3]

The bare loop reads, hashes and stems the same notes and inserts them into one FTS5 table. The bare search is the MATCH
of the same stems joined by OR, `ORDER BY rank LIMIT 24`, over the same passages. Times are of the processor, so that a
busy machine says the same; a changed note is timed by the clock. Two ratios are gates: exit 1 when the fill is slower
than half the bare loop's speed, or a question takes more than three times the bare search.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from snowballstemmer import stemmer  # type: ignore[import-untyped]  # noqa: E402

from iapeer_memory.egress.files import RealFiles  # noqa: E402
from iapeer_memory.index.port import Writer  # noqa: E402
from iapeer_memory.index.records import Match, Word  # noqa: E402
from iapeer_memory.index.sqlite.engine import SqliteEngine  # noqa: E402
from iapeer_memory.memoryd import passes  # noqa: E402
from iapeer_memory.memoryd.passes import Vault  # noqa: E402
from iapeer_memory.vault.locales import locale  # noqa: E402
from iapeer_memory.vault.walk import Rules  # noqa: E402
from tests.support.vault_of import VaultOf  # noqa: E402

LARGE = 50_000
QUESTIONS = 200
LEAST_SPEED = 0.5
MOST_SEARCH = 3.0
WORD = re.compile(r"\w+")
RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")


def bare_fill(root: Path, place: Path) -> int:
    """The bare loop; how many notes."""
    table = sqlite3.connect(place, isolation_level=None)
    table.execute("PRAGMA journal_mode = WAL")
    table.execute("PRAGMA synchronous = NORMAL")
    table.execute("CREATE VIRTUAL TABLE bare USING fts5 (text, tokenize = 'unicode61')")
    table.execute("BEGIN")
    english, russian = stemmer("english").stemWord, stemmer("russian").stemWord
    stems: dict[str, str] = {}
    count = 0
    for folder, _, names in os.walk(root):
        for name in names:
            data = Path(folder, name).read_bytes()
            sha256(data).hexdigest()
            words = []
            for word in WORD.findall(data.decode().lower()):
                if word not in stems:
                    stems[word] = (russian if word[0] >= "а" else english)(word)
                words.append(stems[word])
            table.execute("INSERT INTO bare VALUES (?)", (" ".join(words),))
            count += 1
    table.execute("COMMIT")
    table.close()
    return count


def processor(work: Callable[[], object]) -> float:
    """Processor seconds of a piece of work."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def fill(root: Path, notes: int, rounds: int) -> bool:
    """The index of a whole vault, beside the bare loop; whether it is fast enough."""
    vault = Vault(str(root), locale("en"), Rules.of(("99_System",)))
    ours, bare = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            bare.append(processor(partial(bare_fill, root, Path(folder, "bare.db"))))
            writer = engine(folder).writer("f")
            ours.append(processor(partial(passes.full, RealFiles(), vault, writer, stop=lambda: False)))
            writer.close()
    speed = min(bare) / min(ours)
    print(
        f"{notes:>6} notes  fill   {min(ours) / notes * 1e6:8.0f} µs a note; bare {min(bare) / notes * 1e6:.0f} µs;"
        f" speed {speed:.2f} of the bare loop's (wanted {LEAST_SPEED})"
    )
    return speed >= LEAST_SPEED


def engine(folder: str) -> SqliteEngine:
    return SqliteEngine(RealFiles(), f"{folder}/index.db", uid=os.getuid())


def changed(source: VaultOf, root: Path, writer: Writer) -> None:
    """From a changed file to a note that is found, by the clock."""
    vault = Vault(str(root), locale("en"), Rules.of(("99_System",)))
    chance = random.Random(3)
    times = []
    for edition in range(1, 41):
        number = chance.randrange(source.count)
        path = source.path(number)
        (root / path).write_text(source.text(number, edition), encoding="utf-8")
        began = time.perf_counter()
        report = passes.partial(RealFiles(), vault, writer, [path], stop=lambda: False)
        times.append(time.perf_counter() - began)
        assert report.written == 1
    times.sort()
    print(
        f"{source.count:>6} notes  change {statistics.median(times) * 1e3:8.2f} ms until it is found;"
        f" slowest {times[-1] * 1e3:.1f} ms (wanted 100 ms)"
    )


def search(source: VaultOf, folder: str) -> bool:
    """A question to the reader, beside the bare MATCH over the same passages; whether it is fast enough."""
    reader = engine(folder).reader()
    table = sqlite3.connect(f"file:{folder}/index.db?mode=ro", uri=True)
    chance = random.Random(5)
    questions = [source.question(chance, chance.randint(2, 5)) for _ in range(QUESTIONS)]
    ours: list[float] = []
    bare: list[float] = []
    for text in questions:
        match = Match(tuple((Word(word),) for word in text.split()), every=False)
        stems = reader.stemmer.stems(text)
        asked = " OR ".join(f'"{stem}"' for stem in stems)
        for times, work in (
            (bare, lambda asked=asked: table.execute(
                "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT 24", (asked,)).fetchall()),
            (ours, lambda match=match: reader.match(match, limit=24)),
        ):  # fmt: skip
            work()
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    reader.close()
    table.close()
    mine, base = statistics.median(ours), statistics.median(bare)
    print(
        f"{source.count:>6} notes  search {mine * 1e3:8.2f} ms p50; bare {base * 1e3:.2f} ms;"
        f" {mine / base:.2f} of it (wanted {MOST_SEARCH}); p99 {sorted(ours)[-3] * 1e3:.1f} ms"
    )
    print(f"              asked: {'; '.join(questions[:4])}; …")
    return mine / base <= MOST_SEARCH


def resident() -> float:
    """Megabytes that this process holds."""
    found = RESIDENT.search(Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


def main() -> int:
    """Every size that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} notes too")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    met = True
    for notes in [*asked.notes, *([LARGE] if asked.large else [])]:
        source = VaultOf(notes)
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "vault")
            root.mkdir()
            source.write(root)
            met &= fill(root, notes, asked.rounds if notes < LARGE else 1)
            before = resident()
            writer = engine(folder).writer("f")
            passes.full(
                RealFiles(), Vault(str(root), locale("en"), Rules.of(("99_System",))), writer, stop=lambda: False
            )
            print(f"{notes:>6} notes  memory {resident():8.0f} MB after a fill, {before:.0f} before")
            met &= search(source, folder)
            changed(source, root, writer)
            writer.close()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
