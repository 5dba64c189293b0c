"""The look at notes that changed: who edited them, told from what was last seen of them, and stamped where nobody did.

Order for each note: silent, human, clear; the first that acts is the last. What is seen for the first time is not
judged; what came in bulk, a conflict copy, and everything while this host may not stamp only moves the baselines. A
vault that is away changes nothing. Writes through the writer alone, and only over the bytes that were judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from sys import intern
from typing import Protocol

from iapeer_memory.curation.clear import clear
from iapeer_memory.curation.human import human
from iapeer_memory.curation.moment import day_text, stamp_text, younger
from iapeer_memory.curation.rules import Rules
from iapeer_memory.curation.sight import Seen, Sight, Verdict, sight_of
from iapeer_memory.curation.silent import silent
from iapeer_memory.curation.state import State
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.vault.note import NOTE_LIMIT
from iapeer_memory.vault.service import UNSTAMPED, clear_review, mark_unstamped
from iapeer_memory.vault.smart import smart_hash
from iapeer_memory.vault.stamp import stamp
from iapeer_memory.vault.walk import is_note_name
from iapeer_memory.vault.zone import zone_of

REFUSED = ("link", "hardlink", "foreign", "special", "unreadable")
"""What another try would not mend."""
BULK_SECONDS = 60.0
"""Notes that arrive within this time are counted together."""


class Outcome(Protocol):
    """What came of a write; `status` is written, same, or why not, `reason` the same in words, `after` the bytes."""

    status: str
    reason: str
    after: bytes


class Writer(Protocol):
    """What this room needs of whoever writes notes (`notes.write.NoteWriter`)."""

    def change(
        self, path: str, edit: Callable[[bytes], bytes], *, writer: str = "", expect: bytes | None = None
    ) -> Outcome: ...


@dataclass(slots=True)
class Report:
    """What a look did. `acted`: (path, verdict) of each note that was written. `passed`: likewise of those that were
    left alone, without the unchanged. `again`: paths to look at again in a second or two.
    `bulk`: many notes came at once. `away`: the vault was not there."""

    acted: list[tuple[str, Verdict]] = field(default_factory=list)
    passed: list[tuple[str, Verdict]] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    bulk: bool = False
    away: bool = False


class Detector:
    """Judges changed notes of one vault against `state`, which it keeps up to date. One caller at a time."""

    def __init__(self, files: Files, root: str, writer: Writer, state: State, rules: Rules) -> None:
        self._files = files
        self._root = root
        self._writer = writer
        self._state = state
        self._rules = rules
        self._arrivals: dict[str, float] = {}
        self._own: dict[str, bytes] = {}

    def wrote(self, path: str, data: bytes) -> None:
        """memoryd wrote this note for a caller: that it is stamped need not be told by its stamp, which has seconds
        only. Any thread."""
        self._own[path] = bytes.fromhex(smart_hash(data))

    def look(self, paths: Iterable[str], now: float, *, stamping: bool = True, pulled: bool = False) -> Report:
        """Judge what changed. `paths`: vault-relative; those that are gone are forgotten, those of other folders and
        unchanged ones cost nothing. `now`: seconds since the epoch. `stamping` False: this host may not write notes
        (another holds the lease, or the owner has not allowed it). `pulled`: git has just moved the files.
        """
        report = Report()
        held: list[tuple[Seen | None, Sight]] = []
        gone: list[str] = []
        for path in sorted(set(paths)):
            if not self._is_ours(path):
                continue
            note = self._see(path, gone)
            before = self._state.notes.get(path)
            if note is None or before == self._seen(note, before):
                continue
            if not stamping or self._rules.conflict(path, note.data):
                self._settle(note)
                continue
            if self._is_brought(before, note, now):
                self._arrived(path, now)
                report.bulk = report.bulk or pulled or self._is_bulk(now)
                if report.bulk:
                    self._settle(note, arrived=True)
                    continue
            held.append((before, note))
        for before, note in held:
            if report.bulk and self._is_brought(before, note, now):
                self._settle(note, arrived=True)
            else:
                self._judge(before, note, now, report)
        self._forget(gone, report)
        return report

    def _judge(self, before: Seen | None, note: Sight, now: float, report: Report) -> None:
        """Decide about one note, do it, and remember it."""
        verdict = self._verdict(before, note, now)
        if verdict.act is None:
            report.passed.append((note.path, verdict))
            self._settle(note)
            return
        if verdict.act != "clear" and 0 <= now - note.mtime < self._rules.quiet:
            report.again.append(note.path)
            return
        edit, writer = self._edit(verdict, note, now)
        wanted = edit(note.data)
        if wanted == note.data:
            report.passed.append((note.path, Verdict(None, "there is nothing new to write")))
            self._settle(note)
            return
        # A rival's text is not what was judged: it stays as it is, and the next look judges it.
        done = self._writer.change(
            note.path, lambda data: wanted if data == note.data else data, writer=writer, expect=note.data
        )
        if done.status == "written" and done.after == wanted:
            self._settle(sight_of(note.path, wanted, now))
            report.acted.append((note.path, verdict))
        elif done.status in REFUSED:
            report.passed.append((note.path, Verdict(None, done.reason)))
            self._settle(note)
        else:
            report.again.append(note.path)

    def _verdict(self, before: Seen | None, note: Sight, now: float) -> Verdict:
        rules = self._rules
        zone = zone_of(note.path, rules.locale)
        name = rules.human if zone is not None and zone.canon else None
        if self._own.get(note.path) == note.smart:
            verdict = Verdict(None, "written by memoryd")
        else:
            verdict = silent(before, note, now, window=rules.window, typist=name, review=rules.review)
        if verdict.act is None and name is not None:
            verdict = human(before, note, now, name=name, window=rules.window)
        if verdict.act is None:
            cleared = clear(before, note, index_agent=rules.index_agent)
            verdict = cleared if cleared.act else verdict
        return verdict

    def _edit(self, verdict: Verdict, note: Sight, now: float) -> tuple[Callable[[bytes], bytes], str]:
        """What to do to the bytes, and in whose name."""
        rules, moment = self._rules, stamp_text(now)
        if verdict.act == "mark":
            return lambda data: mark_unstamped(data, now=moment, review=rules.review), UNSTAMPED
        if verdict.act == "clear":
            return clear_review, rules.index_agent
        name = rules.human or ""

        def fill(data: bytes) -> bytes:
            return stamp(
                data, note.path, locale=rules.locale, writer=name, curator=name in rules.curators,
                review=rules.review, now=moment, created=day_text(note.mtime),
            )  # fmt: skip

        return fill, name

    def _is_ours(self, path: str) -> bool:
        parts = path.split("/")
        hidden = any(part.startswith(".") for part in parts)
        return not hidden and is_note_name(parts[-1]) and zone_of(path, self._rules.locale) is not None

    def _see(self, path: str, gone: list[str]) -> Sight | None:
        """The note now; None when it cannot be read or is none, and noted in `gone` when it is not there."""
        place = f"{self._root}/{path}"
        try:
            stat = self._files.lstat(place)
            if stat is None:
                folder, _, name = place.rpartition("/")
                if self._files.lstat(f"{folder}/.{name}.icloud") is None:
                    gone.append(path)
                return None
            if stat.kind != "file":
                return None
            return sight_of(path, self._files.read(place, limit=NOTE_LIMIT), stat.mtime_ns / 1e9)
        except FileNotFoundError:
            gone.append(path)
        except (ProductError, OSError):
            pass
        return None

    def _seen(self, note: Sight, before: Seen | None) -> Seen:
        """The baseline of a note; its full hash only where edits by the human are detected, or were."""
        zone = zone_of(note.path, self._rules.locale)
        watched = self._rules.human is not None and zone is not None and zone.canon
        full = note.full if watched or (before is not None and before.full is not None) else None
        editor = note.service.last_edited_by
        return Seen(note.smart, note.service.updated, None if editor is None else intern(editor), full)

    def _settle(self, note: Sight, *, arrived: bool = False) -> None:
        """Remember a note as it is."""
        state = self._state
        state.put(note.path, self._seen(note, state.notes.get(note.path)))
        if arrived:
            state.arrived[note.path] = note.smart
            state.changed = True
        elif state.arrived.get(note.path, note.smart) != note.smart:
            del state.arrived[note.path]
            state.changed = True

    def _is_brought(self, before: Seen | None, note: Sight, now: float) -> bool:
        """Whether a text is new here without a hook of this host having stamped it just now."""
        if before is not None and before.smart == note.smart:
            return False
        stamped = (before is None or note.moved(before)) and bool(note.editor)
        return not (stamped and younger(note.service.updated, now, self._rules.window))

    def _arrived(self, path: str, now: float) -> None:
        """Count a note, once however often it changes; no more of them than it takes."""
        self._arrivals.pop(path, None)
        self._arrivals[path] = now
        if len(self._arrivals) > self._rules.bulk + 1:
            del self._arrivals[next(iter(self._arrivals))]

    def _is_bulk(self, now: float) -> bool:
        recent = [moment for moment in self._arrivals.values() if now - BULK_SECONDS <= moment <= now]
        return len(recent) > self._rules.bulk

    def _forget(self, gone: list[str], report: Report) -> None:
        """Forget what is not there, unless it is the vault that is not there."""
        try:
            root = self._files.stat(self._root)
        except (ProductError, OSError):
            root = None
        report.away = root is None or root.kind != "dir"
        if not report.away:
            for path in gone:
                self._state.forget(path)
