"""What the daemon costs, each figure beside a baseline of the same run.

    python benchmarks/memoryd.py [--notes 1000 10000] [--large] [--searches N] [--only TABLE …] [--locomo FOLDER]

Over vaults of made-up notes (2 KB, linked, two languages): a search in the daemon's own code, of questions that were
never asked before, beside the bare MATCH of the same stems joined by OR over the same passages; what MCP over HTTP adds
to it beside a bare Starlette echo; eight agents at once beside one; a search during a whole pass over a vault of which
every note has changed beside an idle one; a change until it is found; bytes of the answers; memory and processor time.
`--large`: 50,000 notes too. `--searches`: of the memory table. `--locomo`: a folder of LoCoMo conversations in JSON:
the same search, of the questions that people asked about them, with a note for each session. Ratios are gates: exit 1
when one is not met. Absolute figures are only told.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.finding import conversations, indexed  # noqa: E402
from benchmarks.questions import Asked, asked, printed  # noqa: E402
from benchmarks.wire import Line, agents, echo, processor, request, resident, search, timed  # noqa: E402
from iapeer_memory.egress.files import RealFiles  # noqa: E402
from iapeer_memory.index.sqlite.engine import SqliteEngine  # noqa: E402
from iapeer_memory.index.stems import Stemmer  # noqa: E402
from iapeer_memory.memoryd.timings import Timings  # noqa: E402
from iapeer_memory.search.engine import Finder, Question  # noqa: E402
from iapeer_memory.vault.locales import locale  # noqa: E402
from tests.support.daemon import Running, start  # noqa: E402
from tests.support.vault_of import PEERS, VaultOf  # noqa: E402

LARGE = 50_000
TABLES = ("idle", "search", "agents", "change", "memory", "pass")
BARE = "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT 24"
DEBOUNCE = 0.3
PATIENCE = 900.0
IDLE_SECONDS = 60.0
AT_ONCE = 8
REST = 200
"""Searches after which memory is looked at."""


class Table:
    """Prints figures as they come, and remembers which gate was not met."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def tell(self, name: str, figure: str, ratio: float | None = None, *, most: float = 0, least: float = 0) -> None:
        """One row. `most`, `least`: what the ratio may be."""
        wanted = f"<= {most:g}" if most else f">= {least:g}" if least else ""
        met = ratio is None or not ((most and ratio > most) or ratio < least)
        told = "" if ratio is None else f"{ratio:.2f}"
        print(f"  {name:44}{figure:>24}{told:>9}  {wanted:8}{'' if met else 'MISSED'}", flush=True)
        if not met:
            self.missed.append(f"{name}: {told}, wanted {wanted}")


@dataclasses.dataclass
class Bench:
    """A vault, the daemon that serves it, and what is asked of it."""

    source: VaultOf
    vault: Path
    home: Path
    table: Table
    questions: list[Asked]
    warming: list[Asked]
    seconds: float = 4.0
    changes: int = 20

    @contextmanager
    def daemon(self, **timings: float) -> Iterator[Running]:
        """A daemon with the product's own timings but these, its first pass not waited for. It serves a fleet, and
        leaves the notes where they are."""
        fleet = self.home / ".iapeer" / "state" / "iapeer-memory" / "fleet.json"
        if not fleet.exists():
            fleet.parent.mkdir(parents=True, mode=0o700)
            peers = [{"personality": name, "cwd": str(self.home / name)} for name in PEERS]
            fleet.write_text(json.dumps({"updatedAt": "2026-01-01T00:00:00Z", "peers": peers}))
        real = dataclasses.asdict(Timings()) | timings
        with start(self.home, self.vault, ready=False, cold=True, settings={"STAMPING": "0"}, **real) as daemon:
            yield daemon


def settled(daemon: Running) -> float:
    """Wait until the first pass is done and nothing is left to do; seconds until the pass was done."""
    began = time.monotonic()
    while not daemon.health()["ready"]:
        time.sleep(0.1)
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"never ready: {daemon.lines[-5:]}")
    ready = time.monotonic() - began
    quiet = 0
    while quiet < 3 and time.monotonic() - began < PATIENCE:
        before = processor(daemon.pid)
        time.sleep(1.0)
        quiet = quiet + 1 if processor(daemon.pid) - before <= 0.02 else 0
    return ready


def middle(times: list[float]) -> float:
    """The median, in ms."""
    return statistics.median(times) * 1000


def ninety_nine(times: list[float]) -> float:
    """The 99th percentile, in ms."""
    return statistics.quantiles(times, n=100)[98] * 1000


def worked(work: Callable[[], object]) -> float:
    """Processor seconds of this thread, which a busy machine does not change."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def searching(bench: Bench, daemon: Running) -> None:
    """The daemon's own search, the bare MATCH, the round trip and the echo: each question to all four in turn. Other
    questions come first, to warm all of them. Then the same are asked again, which is told but no gate."""
    engine = SqliteEngine(RealFiles(), str(daemon.index), uid=os.getuid())
    reader, finder, stemmer = engine.reader(), Finder(locale("en")), Stemmer()
    bare: dict[str, list[float]] = {}
    own: dict[str, list[float]] = {}
    again: list[float] = []
    bare_again: list[float] = []
    round_trip: list[float] = []
    added: list[float] = []
    echoed: list[float] = []
    sizes: list[int] = []
    with (
        closing(sqlite3.connect(f"file:{daemon.index}?mode=ro", uri=True)) as connection,
        echo() as port,
        closing(Line(port)) as plain,
        closing(Line(daemon.port)) as line,
    ):
        for turn, questions in enumerate((bench.warming, bench.questions, bench.questions)):
            for one in questions:
                words = " OR ".join(f'"{stem}"' for stem in stemmer.stems(one.text))
                body, question = search(one.text), Question(one.text)
                base = worked(lambda: connection.execute(BARE, (words,)).fetchall())  # noqa: B023 - called at once
                mine = worked(lambda: finder.answer(reader, question))  # noqa: B023
                if turn == 2:
                    again.append(mine)
                    bare_again.append(base)
                    continue
                whole = timed(lambda: line.post(body))  # noqa: B023
                least = timed(lambda: plain.post(body))  # noqa: B023
                if turn == 1:
                    bare.setdefault(one.kind, []).append(base)
                    own.setdefault(one.kind, []).append(mine)
                    round_trip.append(whole)
                    added.append(whole - mine)
                    echoed.append(least)
        sizes = [text_of(line.post(search(one.text))) for one in bench.questions]
        listed = len(line.post(request("tools/list")))
    reader.close()
    tell = bench.table.tell
    for kind, times in own.items():
        tell(
            f"search, {kind}: p50",
            f"{middle(times):.2f} / {middle(bare[kind]):.2f} ms",
            middle(times) / middle(bare[kind]),
        )
    every = [time for times in own.values() for time in times]
    base_p50 = middle([time for times in bare.values() for time in times])
    tell(
        "search in the daemon / bare MATCH, p50",
        f"{middle(every):.2f} / {base_p50:.2f} ms",
        middle(every) / base_p50,
        most=3,
    )
    told = f"{middle(again):.2f} / {middle(bare_again):.2f} ms"
    tell("the same questions a second time, p50", told, middle(again) / middle(bare_again))
    tell(
        "MCP over HTTP adds / bare echo, p50",
        f"{middle(added):.2f} / {middle(echoed):.2f} ms",
        middle(added) / middle(echoed),
        most=8,
    )
    p50, p99 = middle(round_trip), ninety_nine(round_trip)
    tell("round trip, p99 / p50", f"{p99:.2f} / {p50:.2f} ms", p99 / p50, most=5)
    tell("tools/list / 6 KB", f"{listed} bytes", listed / 6_144, most=1)
    tell("text of a default search / 4 KB", f"{max(sizes)} bytes at most", max(sizes) / 4_096, most=1)


def conversing(folder: Path, table: Table) -> None:
    """The daemon's own search and the bare MATCH of real questions over real texts, the first quarter to warm both."""
    notes, cases = conversations(folder)
    finder, stemmer = Finder(locale("en")), Stemmer()
    bare: list[float] = []
    own: list[float] = []
    with (
        indexed(notes.items()) as (reader, index),
        closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as plain,
    ):
        for case in cases:
            words = " OR ".join(f'"{stem}"' for stem in stemmer.stems(case.text))
            question = Question(case.text)
            bare.append(worked(lambda: plain.execute(BARE, (words,)).fetchall()))  # noqa: B023 - called at once
            own.append(worked(lambda: finder.answer(reader, question)))  # noqa: B023
    warm = len(cases) // 4
    base_p50, own_p50 = middle(bare[warm:]), middle(own[warm:])
    print(f"\n{len(notes)} sessions of conversations, {len(cases) - warm} questions that people asked")
    figure = f"{own_p50:.2f} / {base_p50:.2f} ms"
    table.tell("search in the daemon / bare MATCH, p50", figure, own_p50 / base_p50, most=3)
    print("asked:", *(case.text for case in cases[warm : warm + 3]), sep="\n  ")


def text_of(answer: bytes) -> int:
    """Bytes of the text part of an answer."""
    return len(json.loads(answer)["result"]["content"][0]["text"].encode())


def at_once(bench: Bench, daemon: Running) -> None:
    """One client and eight, in turn."""
    bodies = [search(one.text) for one in bench.questions]
    alone: list[int] = []
    many: list[int] = []
    refused = 0
    for _ in range(3):
        for count, seen in ((1, alone), (AT_ONCE, many)):
            answered, failed = agents(count, daemon.port, bodies, bench.seconds)
            seen.append(answered)
            refused += failed
    ratios = [ours / base for ours, base in zip(many, alone, strict=True)]
    figure = f"{statistics.median(many) / bench.seconds:.0f} / {statistics.median(alone) / bench.seconds:.0f} a second"
    bench.table.tell(f"{AT_ONCE} agents at once / one", figure, statistics.median(ratios), least=1.5)
    bench.table.tell("of them refused or failed, and none may be", str(refused), 1.0 + refused, most=1)


def changing(bench: Bench, daemon: Running) -> None:
    """From the end of the debounce to a note that is found; one change after the other, and the first of a rest."""
    chance = random.Random(3)
    times: list[float] = []
    with closing(Line(daemon.port)) as line:
        for edition in range(1, bench.changes + 1):
            number = chance.randrange(bench.source.count)
            word = f"zq{number}x{edition}"
            body = search(word)
            note = bench.vault / bench.source.path(number)
            text = f"{bench.source.text(number, edition)}\n{word}\n"
            began = time.perf_counter()
            note.write_text(text, encoding="utf-8")
            time.sleep(DEBOUNCE)
            while f"[{word}]".encode() not in line.post(body):
                time.sleep(0.005)
                if time.perf_counter() - began > PATIENCE:
                    raise SystemExit(f"{word} is never found")
            times.append(time.perf_counter() - began - DEBOUNCE)
    bench.table.tell("a change is found after the debounce, p50", f"{middle(times):.0f} ms (wanted 100)")
    bench.table.tell("the slowest of so many", f"{max(times) * 1000:.0f} ms of {len(times)}")


def resting(bench: Bench, daemon: Running) -> None:
    """Processor time of a daemon that nobody asks. First comes what it does once a day, a minute after its start."""
    time.sleep(Timings().chores)
    settled(daemon)
    before, began = processor(daemon.pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    share = (processor(daemon.pid) - before) / (time.monotonic() - began) * 100
    bench.table.tell("processor while idle / 0.2 %", f"{share:.3f} %", share / 0.2, most=1)


def remembering(bench: Bench, daemon: Running, searches: int) -> None:
    """Memory after the first pass, and over many searches: the last half of them must not add to it."""
    most = 150 if bench.source.count > 10_000 else 110
    bodies = [search(one.text) for one in bench.questions]
    seen: list[float] = []
    with closing(Line(daemon.port)) as line:
        for turn in range(searches):
            line.post(bodies[turn % len(bodies)])
            if turn % REST == REST - 1:
                seen.append(resident(daemon.pid))
        beside = resident(daemon.health()["searcher"])
    half = seen[len(seen) // 2 :]
    bench.table.tell(f"resident / {most} MB", f"{max(seen):.1f} MB", max(seen) / most, most=1)
    bench.table.tell("resident, the search process beside it", f"{beside:.1f} MB")
    growth = statistics.fmean(half[-3:]) / statistics.fmean(half[:3])
    bench.table.tell(f"last half of {searches} searches", f"{half[0]:.1f} to {half[-1]:.1f} MB", growth, most=1.02)


def during_a_pass(bench: Bench) -> None:
    """Every note gets another text while no daemon runs; the next one finds so and is searched meanwhile."""
    bodies = [search(one.text) for one in bench.questions]

    def asked_for(line: Line, busy: Callable[[], bool]) -> list[float]:
        times: list[float] = []
        while busy():
            for body in bodies[len(times) % len(bodies) :][:20]:
                times.append(timed(lambda: line.post(body)))  # noqa: B023 - called at once
        return times

    idle: list[float] = []
    for number in range(bench.source.count):
        path = bench.vault / bench.source.path(number)
        path.write_text(bench.source.text(number, 1), encoding="utf-8")
    with bench.daemon() as daemon:
        began = time.monotonic()
        with closing(Line(daemon.port)) as line:
            busy = asked_for(line, lambda: not daemon.health()["ready"])
        took = time.monotonic() - began
        settled(daemon)
        with closing(Line(daemon.port)) as line:
            for _ in range(2):
                end = time.monotonic() + min(10.0, took)
                idle += asked_for(line, lambda: time.monotonic() < end)  # noqa: B023
    figure = f"{middle(busy):.2f} / {middle(idle):.2f} ms"
    bench.table.tell("search during a whole pass / idle, p50", figure, middle(busy) / middle(idle), most=3)
    bench.table.tell("of so many, in a pass of", f"{len(busy)}, {took:.1f} s; p99 {ninety_nine(busy):.0f} ms")


def measure(bench: Bench, only: Sequence[str], searches: int) -> None:
    """All tables of one vault."""
    print(f"\n{bench.source.count} notes")
    bench.source.write(bench.vault)
    with bench.daemon(debounce=DEBOUNCE) as daemon:
        bench.table.tell("first pass, until searches are served", f"{settled(daemon):.1f} s")
        tables: dict[str, Callable[[], None]] = {
            "idle": lambda: resting(bench, daemon),
            "search": lambda: searching(bench, daemon),
            "agents": lambda: at_once(bench, daemon),
            "change": lambda: changing(bench, daemon),
            "memory": lambda: remembering(bench, daemon, searches),
        }
        for name, work in tables.items():
            if name in only:
                work()
    if "pass" in only:
        during_a_pass(bench)
    print("asked:", *printed(bench.questions), sep="\n  ")


def main() -> int:
    """Every size that was asked for."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--notes", type=int, nargs="*", default=[1_000, 10_000])
    words.add_argument("--large", action="store_true", help=f"{LARGE:,} notes too")
    words.add_argument("--searches", type=int, default=3_000, help="of the memory table; 100000 for the long form")
    words.add_argument("--only", nargs="*", choices=TABLES, default=TABLES)
    words.add_argument("--locomo", type=Path, help="a folder with conversation-*.json")
    given = words.parse_args()
    table = Table()
    if given.locomo:
        conversing(given.locomo, table)
    for notes in [*given.notes, *([LARGE] if given.large else [])]:
        source = VaultOf(notes)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "vault").mkdir()
            bench = Bench(
                source, folder / "vault", folder / "home", table, asked(source, 40), asked(source, 40, seed=8)
            )
            measure(bench, given.only, given.searches)
    print(f"\nload average: {' '.join(f'{load:.1f}' for load in os.getloadavg())}, {os.cpu_count()} cores")
    for line in table.missed:
        print(f"MISSED {line}")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
