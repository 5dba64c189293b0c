"""What our hooks add to a tool call and to a session's start, against bare programs measured in the same run.

    python benchmarks/hooks.py [--quick] [--load [--seconds N]]

Prints a table of medians over interleaved runs. The ratios to `python3 -I -S -c pass` are gates (exit 1 when one is
broken); they are of processor time, to which other programs add nothing. So is that hints over a session come no
later than over HTTP, of the same memoryd, by the quicker quarter of their runs. Milliseconds that pass are only
reported. `--load`: 30 sessions with one call a second each, alone and while a real
memoryd does nothing but whole passes over 2,000 notes that change; reports percentiles of hooks and baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from iapeer_memory.domain.paths import Paths  # noqa: E402
from iapeer_memory.provision.runtime.bytecode import compiled, pyc_path  # noqa: E402
from iapeer_memory.surfaces.shims import EVENTS, render_shim, runtime_hooks, shim_path  # noqa: E402
from tests.support.daemon import start  # noqa: E402
from tests.support.models import models  # noqa: E402
from tests.support.notes import Notes, rewriting  # noqa: E402
from tests.support.ports import free_port  # noqa: E402

PYTHON = os.path.realpath(sys.executable)
BASELINE = "python3 -I -S -c pass"
SESSIONS = 30
NOTES = 2_000
MIX = {
    "post-write, no .md": 70,
    "post-write, .md in the content only": 15,
    "post-write, a .md outside the vault": 10,
    "post-write, a note of the vault": 5,
}
"""How many of a hundred tool calls are of each kind."""
OVER_SESSION, OVER_HTTP = "post-write, hints over a session", "post-write, hints over HTTP"
ROOMS = ("attach", "domain", "egress", "hooks", "notes", "vault")
"""Where the modules are that a hook loads."""
NOTE = (
    "---\ntitle: Harbour plan\ntags:\n  - harbour\n---\n\n# Harbour plan\n\n"
    + "The keeper counts [[Gannets]] every day and writes the number down. " * 28
    + "\n\n## Links\n\n- [[Lighthouse]] — the same place\n"
)
"""A note of 2 KB that has not been stamped."""
DICTIONARY = "| Tag | Boundary |\n| --- | --- |\n" + "".join(f"| tag-{n} | what it is about |\n" for n in range(30))
DICTIONARY += "| harbour | boats |\n"
NULL = os.open("/dev/null", os.O_RDWR)
ENV = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PEER_PERSONALITY": "alpha"}


@dataclass(frozen=True, slots=True)
class Row:
    """One measured program. `limit`: the largest allowed ratio to the baseline, None where it is only reported."""

    name: str
    argv: tuple[str, ...]
    stdin: bytes = b""
    limit: float | None = None
    before: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one run: those that passed, and those of a processor, of its children too."""

    passed: float
    used: float


def call(row: Row) -> Took:
    """A run of the program, its stdin a pipe that is written and closed."""
    reading, writing = os.pipe()
    os.write(writing, row.stdin)
    os.close(writing)
    actions = [(os.POSIX_SPAWN_DUP2, reading, 0), (os.POSIX_SPAWN_DUP2, NULL, 1), (os.POSIX_SPAWN_DUP2, NULL, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(row.argv[0], row.argv, ENV, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    took = Took(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)
    os.close(reading)
    if status:
        raise SystemExit(f"{row.name}: ended with status {status}")
    return took


def payload(path: str, content: str) -> bytes:
    """A PostToolUse event of a Write, in a harness's spelling."""
    event = {
        "session_id": "0b7f6a2e-2a51-4f6e-9a55-6d6a3f3f5a10",
        "transcript_path": "/home/u/.claude/projects/-home-u-work/0b7f6a2e.jsonl",
        "cwd": "/home/u/work",
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        "tool_name": "Write",
        "tool_input": {"file_path": path, "content": content},
        "tool_response": {"type": "create", "filePath": path, "content": content},
    }
    return json.dumps(event, separators=(",", ":")).encode()


def lay_out(home: Path, with_core: bool, port: int = 9) -> Paths:
    """A scratch host with rendered shims, a runtime's hook scripts, a vault with one note, context for one folder."""
    paths = Paths.from_env({"HOME": str(home)}, os_home=str(home))
    (home / "vault" / "01_Knowledge").mkdir(parents=True)
    (home / "vault" / "99_System").mkdir()
    (home / "vault" / "99_System" / "Tags.md").write_text(DICTIONARY)
    (home / "other.md").write_text("x\n")
    for event in EVENTS:
        shim = Path(shim_path(paths, event))
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.write_bytes(render_shim(event, paths=paths, python=PYTHON, with_core=with_core, port=port))
        shim.chmod(0o755)
    install(Path(runtime_hooks(paths)).parent)
    Path(paths.config_file).write_text(f"IAPEER_MEMORY_VAULT_PATH={home / 'vault'}\n")
    context = Path(f"{paths.contexts}/by-path{os.getcwd()}")
    context.mkdir(parents=True)
    (context / "context.txt").write_text("what this peer knows\n" * 400)
    return paths


def install(package: Path) -> None:
    """What a hook may load, with its compiled forms, as the private runtime has it."""
    for room in ROOMS:
        for source in (ROOT / "iapeer_memory" / room).rglob("*.py"):
            target = package / source.relative_to(ROOT / "iapeer_memory")
            pyc = Path(pyc_path(str(target), sys.implementation.cache_tag or ""))
            pyc.parent.mkdir(parents=True, exist_ok=True)
            code = compiled(source.read_bytes(), str(target))
            assert code is not None, source
            target.write_bytes(source.read_bytes())
            pyc.write_bytes(code)


def vectors(asked: dict[str, Any]) -> dict[str, Any]:
    """A model's answer, to whom all texts are alike."""
    return {"data": [{"index": number, "embedding": [1.0, 0.5]} for number in range(len(asked["input"]))]}


@contextmanager
def hinting(scratch: Path) -> Iterator[tuple[Row, Row]]:
    """A hook that asks a real memoryd for hints, which has a model that answers at once: over a session, and over HTTP,
    where the socket is out of sight."""
    home, port = scratch / "hint", free_port()
    paths = lay_out(home, True, port)
    note = home / "vault" / "01_Knowledge" / "note.md"
    note.with_name("other.md").write_text(NOTE)
    shim = Path(paths.post_write_shim)
    # On a busy machine a hook gives up, and would look quick.
    shim.write_text(shim.read_text().replace("milliseconds=235", "milliseconds=9000"))
    with models(vectors) as model:
        settings = {"EMBEDDING_ENDPOINT": model.url, "EMBEDDING_MODEL": "m", "EMBEDDING_DIMENSIONS": "2"}
        with Path(paths.config_file).open("a") as config:
            config.write("".join(f"IAPEER_MEMORY_{name}={value}\n" for name, value in settings.items()))
        with start(home, home / "vault", port=port, settings=settings, cold=True) as daemon:
            daemon.until(lambda: model.requests)
            daemon.wait(lambda health: health["unembedded"] == 0)
            seen, hidden = Path(paths.attach_socket), Path(f"{paths.attach_socket}.hidden")

            def written(source: Path, target: Path) -> Callable[[], None]:
                def write() -> None:
                    note.write_text(NOTE)
                    if source.exists():
                        source.rename(target)

                return write

            event = payload(str(note), NOTE)
            yield (
                Row(OVER_SESSION, (str(shim),), event, before=written(hidden, seen)),
                Row(OVER_HTTP, (str(shim),), event, before=written(seen, hidden)),
            )
            written(hidden, seen)()


def rows(scratch: Path) -> tuple[Row, ...]:
    """Everything that needs no memoryd; the baseline first."""
    core, plain = lay_out(scratch / "core", True), lay_out(scratch / "plain", False)
    prose = "A paragraph about nothing in particular, of the length that agents write. " * 12
    post = (core.post_write_shim,)
    note = scratch / "core" / "vault" / "01_Knowledge" / "note.md"

    def beat(paths: Paths, age: float) -> Callable[[], None]:
        def touch() -> None:
            Path(paths.heartbeat).touch()
            then = time.time() - age
            os.utime(paths.heartbeat, (then, then))

        return touch

    def written() -> None:
        note.write_text(NOTE)

    written()
    stamp = Path(plain.kick_stamp)
    stamp.write_text("now\n")
    return (
        Row(BASELINE, (PYTHON, "-I", "-S", "-c", "pass")),
        Row("sh -c :", ("/bin/sh", "-c", ":")),
        Row("post-write, no .md", post, payload("/home/u/src/a.py", prose), 0.6),
        Row("post-write, .md in the content only", post, payload("/home/u/src/a.py", prose + "See README.md."), 2.5),
        Row("post-write, a .md outside the vault", post, payload(str(scratch / "core" / "other.md"), prose)),
        Row("post-write, a note of the vault", post, payload(str(note), NOTE), 3.5, before=written),
        Row("session-start, well, with the core", (core.session_start_shim,), limit=0.6, before=beat(core, 0)),
        Row("session-start, well, prints context", (plain.session_start_shim,), limit=0.6, before=beat(plain, 0)),
        Row("session-start, unwell, repair under way", (plain.session_start_shim,), before=beat(plain, 900)),
    )


def measure(table: tuple[Row, ...], rounds: int) -> dict[str, list[Took]]:
    """The runs of each row; the rows take turns, so that a busy moment hits all of them."""
    seen: dict[str, list[Took]] = {row.name: [] for row in table}
    for turn in range(rounds + 3):
        for row in table:
            row.before()
            took = call(row)
            if turn >= 3:
                seen[row.name].append(took)
    return seen


def rehearse(table: tuple[Row, ...], scratch: Path) -> None:
    """See that the hooks do their work: they fail open, so a broken one would look fast. Ends the run otherwise."""
    wanted = {"session-start, well, prints context": "what this peer knows"}
    wanted |= {"session-start, unwell, repair under way": "degraded", OVER_SESSION: "[[other]]", OVER_HTTP: "[[other]]"}
    for row, want in ((row, wanted[row.name].encode()) for row in table if row.name in wanted):
        row.before()
        said = subprocess.run(row.argv, capture_output=True, env=ENV, input=row.stdin, check=True)
        if want not in said.stdout:
            raise SystemExit(f"{row.name}: printed {said.stdout[:200]!r}")
    stamped = next(row for row in table if row.name == "post-write, a note of the vault")
    note = scratch / "core" / "vault" / "01_Knowledge" / "note.md"
    stamped.before()
    subprocess.run(stamped.argv, input=stamped.stdin, capture_output=True, env=ENV, check=True)
    if "last_edited_by: alpha" not in note.read_text():
        raise SystemExit(f"{stamped.name}: is not stamped")
    for compiled_one in scratch.rglob("post_write.*.pyc"):
        subprocess.run(
            (PYTHON, "-I", "-S", str(compiled_one), "/dev/null", "/dev/null", "5000"), env=ENV, stdin=NULL, check=True
        )


def report(table: tuple[Row, ...], seen: dict[str, list[Took]]) -> bool:
    """Print the table; whether every limit is kept."""
    passed = {name: [took.passed for took in runs] for name, runs in seen.items()}
    used = {name: statistics.median(took.used for took in runs) for name, runs in seen.items()}
    kept = True
    print(f"{'':42}{'median ms':>10}{'processor ms':>14}{'ratio':>8}{'limit':>8}")
    for row in table:
        ratio = used[row.name] / used[BASELINE]
        good = row.limit is None or ratio <= row.limit
        kept = kept and good
        figures = f"{statistics.median(passed[row.name]) * 1000:10.2f}{used[row.name] * 1000:14.2f}{ratio:8.2f}"
        limit = "" if row.limit is None else f"{row.limit:.1f}"
        print(f"{row.name:42}{figures}{limit:>8}{'' if good else '  BROKEN'}")
    session, http = (statistics.quantiles(passed[name], n=4)[0] for name in (OVER_SESSION, OVER_HTTP))
    print(f"hints over a session / over HTTP, the quicker quarter: {session / http:.2f}, at most 1")
    return kept and session <= http


@dataclass(frozen=True, slots=True)
class Moment:
    """One call under load: which program, how long it took in seconds."""

    name: str
    took: float


def sessions(choose: Callable[[random.Random], Row], seconds: float) -> list[Moment]:
    """The calls of 30 sessions, each once a second at a moment of its own."""
    made: list[Moment] = []

    def session(number: int) -> None:
        chance = random.Random(number)
        start = time.monotonic() + chance.random()
        for turn in range(max(1, int(seconds))):
            time.sleep(max(0.0, start + turn - time.monotonic()))
            row = choose(chance)
            made.append(Moment(row.name, call(row).passed))

    threads = [threading.Thread(target=session, args=(number,)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def take_turns(table: tuple[Row, ...], seconds: float) -> list[Moment]:
    """Hooks for five seconds, the baseline for five, and so on: the same load on both."""
    chances = [(row, MIX[row.name]) for row in table if row.name in MIX]
    mixed, shares = [row for row, _ in chances], [share for _, share in chances]
    made: list[Moment] = []
    for _ in range(max(1, round(seconds / 5))):
        made += sessions(lambda chance: chance.choices(mixed, shares)[0], min(5.0, seconds))
        made += sessions(lambda _: table[0], min(5.0, seconds))
    return made


def tell(title: str, made: list[Moment]) -> None:
    """Print the percentiles of each program, and of all hooks together."""
    print(f"\n{title}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':42}{'n':>6}{'p50 ms':>9}{'p99 ms':>9}{'within 25 ms':>14}")
    groups = {name: [moment.took for moment in made if moment.name == name] for name in (BASELINE, *MIX)}
    groups["all hooks"] = [moment.took for moment in made if moment.name != BASELINE]
    for name, times in groups.items():
        if len(times) < 2:
            continue
        worst = statistics.quantiles(times, n=100, method="inclusive")[98]
        within = sum(took <= 0.025 for took in times) / len(times)
        middle = statistics.median(times)
        print(f"{name:42}{len(times):6}{middle * 1000:9.2f}{worst * 1000:9.2f}{within:14.1%}")


def under_load(scratch: Path, table: tuple[Row, ...], seconds: float) -> None:
    """Report hooks and baseline of 30 sessions, alone and while a real memoryd indexes all of its vault again and
    again."""
    notes = Notes(scratch / "many", NOTES)
    notes.write()
    what = f"{SESSIONS} sessions, one call a second each"
    tell(f"{what}, nothing else of ours runs", take_turns(table, seconds))
    with start(scratch / "memoryd", notes.root, cold=True, belt=0.0) as daemon, rewriting(notes):
        made = take_turns(table, seconds)
        passes = sum("whole pass" in line or "partial pass" in line for line in daemon.lines)
    if passes < 2:
        raise SystemExit(f"memoryd did no pass meanwhile: {daemon.lines[-3:]}")
    tell(f"{what}, while memoryd passes over {NOTES} notes that change", made)


def main() -> int:
    """Run; 1 when a ratio is broken."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--quick", action="store_true", help="40 rounds instead of 200")
    words.add_argument("--load", action="store_true", help="also measure 30 sessions while memoryd does whole passes")
    words.add_argument("--seconds", type=float, default=10.0, help="how long hooks, and the baseline, are under load")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        table = rows(Path(scratch))
        with hinting(Path(scratch)) as hints:
            rehearse((*table, *hints), Path(scratch))
            kept = report((*table, *hints), measure((*table, *hints), 40 if given.quick else 200))
        if given.load:
            under_load(Path(scratch), table, given.seconds)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
