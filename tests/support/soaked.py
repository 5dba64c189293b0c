"""A host on which everything happens at once, and what must be true of it afterwards.

Agents write with their file tools and the real post-write hook, shells append, callers write over MCP, seekers search,
names change, notes go; meanwhile the daemon is killed and started again. Each line that anybody writes is told from all
others and carries its own checksum: a line that is gone and a line that is half written are both seen.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.egress.notefile import VaultRoot
from iapeer_memory.egress.real import real_door
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.notes.history import History
from iapeer_memory.notes.late import sweep_all, take_in
from iapeer_memory.notes.write import NoteWriter
from iapeer_memory.provision.indexed import Differences, compare
from iapeer_memory.vault.walk import Rules
from tests.support.daemon import Running, start
from tests.support.noted import FAR
from tests.support.ports import free_port
from tests.support.stamped import TAGGED, Stamped, event, make_stamped

FOLDERS = ("01_Knowledge", "02_Decisions", "05_Lists")
QUIET = 200
"""Notes that nobody touches: among few, a handful that goes at once would blow the fuse."""
SHARED = 8
"""Notes that everybody lengthens and nobody shortens."""
MOST_OWN = 60
ACTS = {"new": 4, "edit": 6, "replace": 4, "rename": 1, "delete": 1}
"""What an agent does to its own notes, and how often."""
WORDS = ["heron", "quay", "tide", "ladder", "gull", "rope", "mast", "buoy", "keel", "anchor", "harbour", "pier"]
MUST = (*ACTS, "shared renamed", "written over MCP", "answered")
LONGER = 60.0
"""Seconds beyond its time that a soak goes on, at the most, until everybody has acted."""
LINE = re.compile(r"(?P<said>\w+-\d+( [a-z]+)+) =(?P<sum>[0-9a-f]{8})\Z")


@dataclass(slots=True)
class Ledger:
    """Every line that its writer was told is there."""

    lines: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def line(self, who: str, chance: random.Random) -> str:
        """A line that nobody has written before."""
        with self._lock:
            self.counts[who] = number = self.counts.get(who, 0) + 1
        said = f"{who}-{number} {' '.join(chance.choices(WORDS, k=chance.randint(3, 12)))}"
        return f"{said} ={zlib.crc32(said.encode()):08x}"

    def acknowledged(self, line: str) -> None:
        """Its writer was told that it is written."""
        with self._lock:
            self.lines.append(line)

    def counted(self, what: str) -> None:
        """One more of these."""
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + 1


@dataclass(slots=True)
class Shared:
    """The notes that several write at the same time, by the names that they have now."""

    paths: list[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, chance: random.Random) -> str:
        """The path of one of them."""
        with self._lock:
            return chance.choice(self.paths)

    def renamed(self, old: str, new: str) -> None:
        """One has another name now."""
        with self._lock:
            self.paths[self.paths.index(old)] = new


class Soak:
    """One host. `seed`: of everything that is left to chance, but for who is quicker."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.port = free_port()
        self.stamped: Stamped = make_stamped(folder, with_core=False, port=self.port)
        self.ledger = Ledger()
        self.shared = Shared([f"01_Knowledge/Shared {n}.md" for n in range(SHARED)])
        self.failures: list[BaseException] = []
        self.said: list[str] = []
        self.lives = 0
        self._seed = seed
        self._running: Running | None = None
        self._over = threading.Event()
        self._door = real_door()
        for path in (*self.shared.paths, *(f"05_Lists/Quiet {n}.md" for n in range(QUIET))):
            line = self.ledger.line("first", self._chance(path))
            self.put(path, f"{TAGGED}{line}\n")
            self.ledger.acknowledged(line)

    @property
    def home(self) -> Path:
        return self.vault.parent

    @property
    def vault(self) -> Path:
        return self.stamped.host.vault

    def put(self, path: str, text: str) -> Path:
        """Write a note as a file tool does."""
        return self.stamped.put(path, text)

    def run(self, seconds: float) -> None:
        """Everybody at once for so long; then the host is left to settle and everything is checked. Longer where that
        was too little for everybody to act."""
        actors: dict[str, Callable[[str, random.Random], None]] = {
            "alpha": self._hand, "beta": self._hand, "shell": self._shell, "gamma": self._caller,
            "delta": self._caller, "mover": self._mover, "seeker": self._seeker, "asker": self._seeker,
        }  # fmt: skip
        threads = [threading.Thread(target=self._acting, args=pair) for pair in actors.items()]
        end = time.monotonic() + seconds
        for thread in threads:
            thread.start()
        try:
            self._live_and_die(end)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        assert not self.failures, self.failures
        self._settle()

    def _live_and_die(self, end: float) -> None:
        """The daemon, killed again and again and started as its supervisor would."""
        chance = self._chance("supervisor")
        while not self.failures and time.monotonic() < (end if self.was_one() else end + LONGER):
            with self._daemon(ready=chance.random() < 0.7) as daemon:
                number = signal.SIGTERM if chance.random() < 0.2 else signal.SIGKILL
                self._over.wait(chance.uniform(0.0, 3.0))
                code = daemon.stop(number)
                assert code == (0 if number == signal.SIGTERM else -number), (code, daemon.lines[-8:])

    @contextmanager
    def _daemon(self, *, ready: bool) -> Iterator[Running]:
        """One life of memoryd."""
        with start(self.home, self.vault, port=self.port, ready=ready, chores=0.3, debounce=0.1) as daemon:
            self.lives += 1
            self._running = daemon
            try:
                yield daemon
            finally:
                self.said += daemon.lines

    def was_one(self) -> bool:
        """Whether everybody has acted, and the daemon died more than once."""
        return self.lives >= 3 and all(self.ledger.counts.get(act, 0) for act in MUST)

    # Who acts.

    def _acting(self, who: str, act: Callable[[str, random.Random], None]) -> None:
        try:
            act(who, self._chance(who))
        except BaseException as error:
            self.failures.append(error)
            self._over.set()

    def _rest(self, chance: random.Random, longest: float) -> bool:
        """A while; whether to go on."""
        return not self._over.wait(chance.uniform(0.0, longest))

    def _hand(self, who: str, chance: random.Random) -> None:
        """An agent with notes of its own: writes, edits, replaces, renames and deletes them."""
        own: list[Path] = []
        first = [*ACTS]
        folders = (*FOLDERS, f"06_Agent_Memory/{who}")
        while self._rest(chance, 0.1):
            (act,) = [first.pop()] if len(own) >= 4 and first else chance.choices([*ACTS], weights=[*ACTS.values()])
            line = self.ledger.line(who, chance)
            if act == "new" and len(own) >= MOST_OWN:
                act = "edit"
            if act == "new" or len(own) < 4:
                note = self.put(f"{chance.choice(folders)}/{line.split()[0]}.md", f"{TAGGED}{line}\n")
                own.append(note)
                self._hook(who, note, line)
                self.ledger.counted("new")
                continue
            at = chance.randrange(len(own))
            note = own[at]
            if act == "delete":
                note.unlink()
                del own[at]
            elif act == "rename":
                own[at] = self.vault / chance.choice(folders) / f"{line.split()[0]} moved.md"
                own[at].parent.mkdir(parents=True, exist_ok=True)
                note.rename(own[at])
            else:
                text = f"{note.read_text()}{line}\n" if act == "edit" else f"{TAGGED}{line}\n"
                if chance.random() < 0.5:
                    note.write_text(text)
                else:
                    temp = self.home / f"written by {who}"
                    temp.write_text(text)
                    temp.replace(note)
                self._hook(who, note, line)
            self.ledger.counted(act)

    def _hook(self, who: str, note: Path, line: str) -> None:
        """What a harness does after a write. A note that was stamped is in history; one that needed none is only a
        file, which its owner may overwrite before anybody has seen it."""
        before = note.read_bytes()
        self.stamped.wrote(note, env={"PATH": "/usr/bin:/bin", "PEER_PERSONALITY": who})
        if note.read_bytes() != before:
            self.ledger.acknowledged(line)

    def _shell(self, who: str, chance: random.Random) -> None:
        """Lines at the end of shared notes, by redirection; with a hook now and then, as Codex' own tool has it."""
        while self._rest(chance, 0.15):
            note = self.vault / self.shared.one(chance)
            line = self.ledger.line(who, chance)
            with note.open("a") as file:
                file.write(f"{line}\n")
            self.ledger.acknowledged(line)
            if chance.random() < 0.5:
                command = {"command": f"echo '{line}' >> '{note}'"}
                self.stamped.call(event("Bash", command), env={"PATH": "/usr/bin:/bin", "PEER_PERSONALITY": who})
            else:
                self.stamped.wrote(note, env={"PATH": "/usr/bin:/bin", "PEER_PERSONALITY": who})

    def _caller(self, who: str, chance: random.Random) -> None:
        """New notes and longer ones, over MCP."""
        while self._rest(chance, 0.1):
            line = self.ledger.line(who, chance)
            if chance.random() < 0.3:
                given = {"title": line.split()[0], "text": line, "folder": "knowledge", "tags": ["boats"]}
            else:
                given = {"mode": "append", "path": self.shared.one(chance), "text": line}
            told = self._ask("memory_write", given, who)
            if told is not None and not told.get("isError"):
                self.ledger.acknowledged(line)
                self.ledger.counted("written over MCP")
            elif told is not None:
                assert "there is no note" in str(told), told
                self.ledger.counted("refused")

    def _mover(self, who: str, chance: random.Random) -> None:
        """Other names for shared notes."""
        number = 0
        while self._rest(chance, 0.6):
            number += 1
            old = self.shared.one(chance)
            new = f"{chance.choice(FOLDERS)}/Shared by then {number}.md"
            (self.vault / new).parent.mkdir(exist_ok=True)
            (self.vault / old).rename(self.vault / new)
            self.shared.renamed(old, new)
            self.ledger.counted("shared renamed")

    def _seeker(self, who: str, chance: random.Random) -> None:
        """Questions, each of which has an answer."""
        while self._rest(chance, 0.05):
            words = " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))
            ask: tuple[str, dict[str, Any]] = ("memory_search", {"query": words})
            if chance.random() < 0.1:
                ask = chance.choice((("memory_map", {}), ("memory_related", {"path": self.shared.one(chance)})))
            told = self._ask(*ask, who)
            if told is not None:
                assert not told.get("isError"), told
                self.ledger.counted("answered")

    def _ask(self, tool: str, given: dict[str, Any], who: str) -> dict[str, Any] | None:
        """The result of a call; None where the daemon is down, or ends over it."""
        if self._running is None:
            return None
        call = {"name": tool, "arguments": given}
        try:
            status, answer = self._running.rpc("tools/call", call, **{"X-IAPeer-Identity": who})
        except (OSError, http.client.HTTPException):
            return None
        assert status == 200 or (status == 503 and "is ending" in str(answer)), (status, answer)
        return dict(answer["result"]) if status == 200 else None

    # What must be true afterwards.

    def _settle(self) -> None:
        """Leave the host alone until the index is the vault; then look at everything."""
        self.sweep()
        with self._daemon(ready=True) as daemon:
            daemon.until(lambda: self.differences().line() == "" and daemon.health()["pending"] == 0)
            assert daemon.health()["held"] == 0
            self._each_is_found(daemon)
            assert daemon.stop() == 0
        self.sweep()
        assert self.differences().line() == "", self.differences()
        for wrong in (self.lost, self.torn, self.left_over, self.bad_log_lines):
            found = wrong()
            assert found == [], (wrong.__name__, len(found), found[:20])

    def _each_is_found(self, daemon: Running) -> None:
        """A line of each of some notes, asked for by its own name."""
        chance = self._chance("auditor")
        notes = sorted(self.vault.rglob("*.md"))
        for note in chance.sample(notes, min(12, len(notes))):
            lines = [line for line in note.read_text().splitlines() if LINE.match(line)]
            if not lines:
                continue
            path = note.relative_to(self.vault).as_posix()
            name = chance.choice(lines).split()[0]
            found = [item["path"] for item in daemon.search(f'"{name}"')["results"]]
            assert path in found, (path, name, found)

    def sweep(self) -> None:
        """Take in what was displaced and what killed writers have left, however young. Nobody may be writing."""
        history = History(BareFiles(), self.stamped.host.paths.history, time.time)
        root = VaultRoot(str(self.vault))
        try:
            writer, later = NoteWriter(root, history), time.time() + FAR
            take_in(self._door.files, history, writer, now=later)
            sweep_all(root, self._door.files, history, writer, now=later)
        finally:
            root.close()

    def differences(self) -> Differences:
        """The index beside the vault, every row and every text, as `verify --deep` has it."""
        engine = SqliteEngine(self._door.files, self.stamped.host.paths.index_db, uid=os.getuid())
        with closing(engine.onlooker()) as reader:
            rules = Rules.configured("", "99_System")
            now = time.time() + FAR  # so that nothing counts as too young to be compared
            return compare(self._door.files, str(self.vault), rules, reader, now=now, whole=True)

    def lost(self) -> list[str]:
        """Acknowledged lines that are neither in the vault nor in history."""
        blobs = Path(self.stamped.host.paths.history).glob("blobs/*/[0-9a-f]*")
        everything = [note.read_bytes() for note in self.vault.rglob("*.md")]
        everything += [zlib.decompress(blob.read_bytes()) for blob in blobs]
        said = {line for data in everything for line in data.decode("utf-8", "replace").splitlines()}
        return [line for line in self.ledger.lines if line not in said]

    def torn(self) -> list[str]:
        """Notes of the vault with a line that nobody wrote so, or with frontmatter that is not one whole block."""
        return [str(note) for note in self.vault.rglob("*.md") if "99_System" not in str(note) and not whole(note)]

    def left_over(self) -> list[str]:
        """What lies in the vault or in the spool and is only there while a note is written."""
        spool = Path(self.stamped.host.paths.history, "spool")
        places = [*self.vault.rglob(".fm-*"), *(spool.iterdir() if spool.exists() else ())]
        return [str(place) for place in places]

    def bad_log_lines(self) -> list[str]:
        """Lines of any log that speak of what must never happen."""
        logs = [file.read_text(errors="replace") for file in Path(self.stamped.host.paths.logs_dir).rglob("*.log")]
        lines = [*self.said, *(line for text in logs for line in text.splitlines())]
        bad = ("Traceback", "Error", "is damaged", "a pass failed", "a part of memoryd ended", "could not be kept")
        return sorted({line for line in lines if any(word in line for word in bad)})

    def _chance(self, who: str) -> random.Random:
        return random.Random(f"{self._seed}-{who}")


def whole(note: Path) -> bool:
    """Whether every line of a note is as its writer wrote it, below one block of frontmatter."""
    text = note.read_text()
    if text.startswith("---\n"):
        _, block, text = re.split(r"^---\n", text, maxsplit=2, flags=re.MULTILINE)
        if not all(re.match(r"[\w]+:|\s+- |- ", line) for line in block.splitlines()):
            return False
    lines = [line for line in text.splitlines() if line.strip()]
    matches = [LINE.match(line) for line in lines]
    return all(found and f"{zlib.crc32(found['said'].encode()):08x}" == found["sum"] for found in matches)
