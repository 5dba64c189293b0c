"""What memoryd itself does to notes: who edited them is told, stale ones go to the archive, their versions are kept.

Runs in one thread, a call at a time. Writes notes through the one writer only; a vault that is away is left alone, and
one that another host stamps is only looked at. Knows no index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from iapeer_memory.curation import detect, pull, queue, stored, tick
from iapeer_memory.curation.rules import Rules
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.memoryd import scopes
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.passes import Vault, present
from iapeer_memory.memoryd.vaulted import Vaulted
from iapeer_memory.notes.archive import Candidate, Move, folded, is_stale, plan_archive
from iapeer_memory.notes.leasing import Leasing
from iapeer_memory.vault.layout import MONITORED
from iapeer_memory.vault.note import NOTE_LIMIT
from iapeer_memory.vault.service import service

NAMED = 5
"""Notes of one kind that a log line names."""
REFLOG_TAIL = 64 << 10


@dataclass(frozen=True, slots=True)
class Looked:
    """`paths`: what the index must look at besides. `again`: what could not be written now. `stale`: notes that the
    archive waits for. `away`: the vault was not there, nothing was looked at."""

    paths: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    away: bool = False


@dataclass(frozen=True, slots=True)
class Archived:
    """`paths`: old and new places of what was moved. `settled`: notes that need not be looked at again. `wait`: seconds
    until the next one is due; None: none waits. `barred`: nothing may be moved at present."""

    paths: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    wait: float | None = None
    barred: bool = False


@dataclass(slots=True)
class Facts:
    """What the health page says of it."""

    queue: int = 0
    stamping: bool = True
    lease: str | None = None
    archived: int = 0
    last_tick: int | None = None
    findings: list[str] = field(default_factory=list)


class Tending:
    """`stamps`: whether the owner lets notes be stamped; `state_dir`: where it is remembered what was seen."""

    def __init__(
        self,
        door: Door,
        vault: Vault,
        rules: Rules,
        writer: Vaulted,
        leasing: Leasing,
        *,
        stamps: bool,
        state_dir: str,
        log: Log,
    ) -> None:
        self._door = door
        self._files = door.files
        self._vault = vault
        self._rules = rules
        self._writer = writer
        self._leasing = leasing
        self._stamps = stamps
        self._folder = state_dir
        self._log = log
        self.facts = Facts(stamping=stamps)
        self.state = stored.load_state(door.files, state_dir, vault.root)
        self.facts.last_tick = self.state.last_tick
        self._detector = detect.Detector(door.files, vault.root, writer, self.state, rules)
        # Whoever holds the lease is known before the first caller of a tool can write.
        self.may_stamp()

    def look(self, paths: Iterable[str] | None) -> Looked:
        """Judge what changed, before the index sees it. None: every note."""
        vault = self._vault
        if not present(self._files, vault.root):
            return Looked(away=True)
        whole = paths is None
        if paths is None:
            paths = {*queue.monitored(self._files, vault.root, vault.locale, vault.rules), *self.state.notes}
        paths = frozenset(paths) | self._below(paths)
        now = self._door.clock.now()
        if not self.state.baseline:
            # What was never seen is not judged: the first look only remembers.
            self._detector.look(paths, now, stamping=False)
            self.state.baseline = whole
            if whole:
                self.persist()
            return Looked()
        may = self.may_stamp()
        report = self._detector.look(paths, now, stamping=may, pulled=self._pulled(now))
        self._tell(report)
        acted = frozenset(path for path, _ in report.acted)
        # A whole pass asks the index which notes are stale instead of reading all of them once more.
        return Looked(acted, frozenset(report.again), frozenset() if whole else self._stale(paths))

    def wrote(self, path: str, data: bytes) -> None:
        """A note was written for a caller of the tools. Any thread."""
        self._detector.wrote(path, data)

    def _below(self, paths: Iterable[str]) -> frozenset[str]:
        """The notes in those of these paths that are folders: what came with a new folder has no event of its own."""
        folders = sorted(path for path in paths if not path.endswith(".md"))
        every = scopes.found(self._files, self._vault.root, self._vault.rules, folders)
        return frozenset(found.path for found in every if found.kind == "note")

    def may_stamp(self) -> bool:
        """Whether this host writes into notes by itself now."""
        if not self._stamps:
            return False
        self.facts.stamping = self._leasing.stamps()
        self.facts.lease = None if self.facts.stamping else self._leasing.holder()
        return self.facts.stamping

    def stamps_now(self) -> bool:
        """The same as the last look found, for other threads."""
        return self._stamps and self.facts.stamping

    def archive(self, paths: Iterable[str]) -> Archived:
        """Move those of these notes that are stale and have been left alone for a while."""
        wanted = frozenset(paths)
        if not self.may_stamp() or not present(self._files, self._vault.root):
            return Archived(barred=True)
        candidates = [one for one in map(self._candidate, wanted) if one is not None]
        plan = plan_archive(
            candidates,
            archive=self._vault.locale.folders["archive"],
            stale=self._vault.locale.statuses["stale"],
            taken=self._taken,
            now=self._door.clock.now(),
        )
        touched = frozenset(path for move in plan.moves for path in self._move(move))
        later = frozenset(path for path, _ in plan.waiting)
        wait = min((seconds for _, seconds in plan.waiting), default=None)
        return Archived(touched, wanted - later, wait)

    def tick(self) -> bytes:
        """A curator tick: the line to write, b"" when nobody waits or the vault is away."""
        vault = self._vault
        if not present(self._files, vault.root):
            return b""
        waiting = queue.read(self._files, vault.root, vault.locale, vault.rules)
        now = int(self._door.clock.now() * 1000)
        told = tick.tick(waiting, self.state.offered, now, vault.root)
        self.state.ticked(now, told.offered)
        self.facts.queue, self.facts.last_tick = len(waiting), now
        self.persist()
        return told.line

    def next_tick(self, period: int) -> float:
        """Seconds until the next tick; the first one of a vault is anchored now. `period`: milliseconds."""
        now = int(self._door.clock.now() * 1000)
        if self.state.last_tick is None:
            self.state.ticked(now)
            self.persist()
        return tick.delay(self.state.last_tick, now, period) / 1000

    def persist(self) -> None:
        """Write the state where it differs. A full disk costs the state, not the daemon."""
        try:
            stored.save_state(self._files, self._folder, self._vault.root, self.state)
        except (ProductError, OSError) as error:
            self._log.warn(f"what was seen of the notes is not remembered: {error}")

    def close(self) -> None:
        """Remember everything, and let another host stamp."""
        self.persist()
        if self._stamps:
            self._leasing.give_up()

    def _stale(self, paths: Iterable[str]) -> frozenset[str]:
        """Which of these the archive waits for."""
        tokens = self._vault.locale.statuses["stale"]
        found = (self._candidate(path) for path in paths if self._vault.locale.folder_of(path) in MONITORED)
        return frozenset(one.path for one in found if one is not None and is_stale(one.status, tokens))

    def _candidate(self, path: str) -> Candidate | None:
        """The note as the archive judges it; None for what came from elsewhere and what is no note now."""
        place = f"{self._vault.root}/{path}"
        if path in self.state.arrived or not path.endswith(".md"):
            return None
        try:
            stat = self._files.lstat(place)
            if stat is None or stat.kind != "file":
                return None
            data = self._files.read(place, limit=NOTE_LIMIT)
        except (ProductError, OSError):
            return None
        if self._rules.conflict(path, data):
            return None
        return Candidate(path, service(data).status, stat.mtime_ns / 1e9)

    def _move(self, move: Move) -> tuple[str, ...]:
        """Archive one note; its old and new place."""
        try:
            data = self._files.read(f"{self._vault.root}/{move.path}", limit=NOTE_LIMIT)
        except (ProductError, OSError):
            return ()
        if not is_stale(service(data).status, self._vault.locale.statuses["stale"]):
            return ()
        done, place = self._writer.archive(move, data)
        if not done.done:
            self._log.warn(f"not archived: {move.path}: {done.reason}")
            return ()
        self.state.forget(move.path)
        self.facts.archived += 1
        self._log.info(f"archived: {move.path} → {place}")
        return move.path, place

    def _taken(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        wanted = folded(name)
        return any(folded(other) == wanted for other in self._files.list(f"{self._vault.root}/{folder}"))

    def _pulled(self, now: float) -> bool:
        """Whether git has just moved the vault's files."""
        try:
            log = self._files.read_optional(f"{self._vault.root}/{pull.REFLOG}", limit=NOTE_LIMIT)
        except (ProductError, OSError):
            return False
        return log is not None and pull.pulled(log[-REFLOG_TAIL:], now, detect.BULK_SECONDS)

    def _tell(self, report: detect.Report) -> None:
        """Log what was done, a line a kind."""
        by_act: dict[str, list[str]] = {}
        for path, verdict in report.acted:
            by_act.setdefault(verdict.why, []).append(path)
        for why, paths in by_act.items():
            self._log.info(f"{why}: {named(paths)}")
        if report.bulk:
            self._log.info("many notes came at once (a pull, a restore): they are indexed and not stamped")


def named(paths: Sequence[str]) -> str:
    """A few of them, and how many more."""
    more = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "")
