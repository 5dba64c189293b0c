"""The one way in which a note is changed, created or moved; what it said before is in history first.

A change is a function of the note's bytes. It runs once more for each rival that wrote meanwhile, on the rival's bytes:
what was written last is what the change is made to. Expected outcomes are values. Imports nothing heavy: the hook comes
this way. Never overwrites what it has not read; never loses what it has displaced.
"""

from __future__ import annotations

from iapeer_memory.egress.notefile import FULL, Place, VaultRoot, temp_name
from iapeer_memory.egress.noteseen import Seen
from iapeer_memory.notes.history import History
from iapeer_memory.vault.sha256 import sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Edit = Callable[[bytes], bytes]

STARTS, TURNS, MOST_SWAPS = 4, 8, 32
"""How often a change begins anew for a rival that is still writing; how often it runs again for one that has."""
PATIENCE = 0.2
"""Seconds to wait for somebody who has the note open for writing."""


class Changed:
    """What came of it.

    `status`: written; same (the edit changed nothing); created; moved; exists (something has that name); changed (it is
    not what was expected any more); gone; link, hardlink, foreign, special (refused); unreadable; open (somebody keeps
    it open for writing, or kept winning the race); full (no space); failed. Nothing has changed in the vault but for
    written, created and moved. `before`, `after`: bytes, where there are any. `raced`: rivals met on the way.
    """

    __slots__ = ("after", "before", "raced", "reason", "status")

    def __init__(
        self, status: str, reason: str = "", *, before: bytes = b"", after: bytes = b"", raced: int = 0
    ) -> None:  # fmt: skip
        self.status = status
        self.reason = reason
        self.before = before
        self.after = after
        self.raced = raced

    @property
    def done(self) -> bool:
        """Whether the vault is as the caller wished."""
        return self.status in ("written", "same", "created", "moved")


class Draft:
    """A new text that stands beside the note: its token, its temp's name, and the file that it is."""

    __slots__ = ("ours", "temp", "token")

    def __init__(self, token: str, temp: str, ours: Seen) -> None:
        self.token = token
        self.temp = temp
        self.ours = ours


class NoteWriter:
    """Writes the notes of one vault. `patience`: seconds to wait for whoever is writing a note."""

    __slots__ = ("_history", "_patience", "_root")

    def __init__(self, root: VaultRoot, history: History, *, patience: float = PATIENCE) -> None:
        self._root = root
        self._history = history
        self._patience = patience

    def change(
        self, path: str, edit: Edit, *,
        writer: str = "", event: str = "stamped", expect: bytes | None = None, keep_times: bool = False,
    ) -> Changed:  # fmt: skip
        """Change a note by a function of its bytes. `writer`, `event`: for the record of what it said before.

        `expect`: only if these are its bytes. `keep_times`: the new text keeps the note's mtime. Raises what `edit`
        raises, the note then being as its last writer left it, and PermissionError where the guard refuses.
        """
        place = self._root.place(path, "write")
        if isinstance(place, Seen):
            return Changed(place.status, place.reason)
        with place:
            job = Job(place, self._history, self._patience, edit, writer, event, keep_times)
            try:
                return job.run(expect)
            except OSError as error:
                return failed(error, raced=job.raced)

    def create(self, path: str, data: bytes, *, writer: str = "") -> Changed:
        """Make a note where there is none, its folders too. Never overwrites, not even a twin in letter case."""
        place = self._root.place(path, "create", make=True)
        if isinstance(place, Seen):
            return Changed(place.status, place.reason)
        with place:
            try:
                twin = twin_of(place)
                if twin is not None:
                    return Changed("exists", f"there is a note {twin}")
                token = place.token()
                place.write_temp(temp_name(token), data, None)
                if not place.put_new(temp_name(token)):
                    return Changed("exists", f"there is a note {place.name}")
                place.sync()
                self._history.keep(path, data, event="created", writer=writer, token=token)
            except OSError as error:
                return failed(error)
        return Changed("created", after=data)

    def move(
        self, path: str, target: str, *, writer: str = "", event: str = "renamed", expect: bytes | None = None
    ) -> Changed:
        """Rename a note, making the folders of the target; never replaces. `expect`: only if these are its bytes."""
        place = self._root.place(path, "move")
        if isinstance(place, Seen):
            return Changed(place.status, place.reason)
        with place:
            there = self._root.place(target, "create", make=True)
            if isinstance(there, Seen):
                return Changed(there.status, f"{target}: {there.reason}")
            with there:
                try:
                    return self._move(place, there, writer, event, expect)
                except OSError as error:
                    return failed(error)

    def _move(self, place: Place, there: Place, writer: str, event: str, expect: bytes | None) -> Changed:
        seen = place.see(patience=self._patience)
        if seen.status != "note":
            return Changed(seen.status, seen.reason)
        if expect is not None and seen.data != expect:
            return Changed("changed", "says something else by now")
        twin = twin_of(there)
        here = place.path.rpartition("/")[0] == there.path.rpartition("/")[0]
        if twin is not None and not (here and twin == place.name):
            return Changed("exists", f"there is a note {twin}")
        self._history.keep(place.path, seen.data, event=event, writer=writer, other=there.path)
        if not place.move_to(there):
            return Changed("exists", f"there is a note {there.name}")
        moved = there.see()
        if expect is not None and moved.status == "note" and moved.data != expect and there.move_to(place):
            return Changed("changed", "somebody wrote it while it was moved")
        place.sync()
        there.sync()
        return Changed("moved", before=seen.data, after=moved.data)


class Job:
    """One change of one note."""

    __slots__ = ("_edit", "_event", "_history", "_keep_times", "_patience", "_place", "_writer", "raced")

    def __init__(
        self, place: Place, history: History, patience: float, edit: Edit, writer: str, event: str, keep_times: bool
    ) -> None:
        self._place = place
        self._history = history
        self._patience = patience
        self._edit = edit
        self._writer = writer
        self._event = event
        self._keep_times = keep_times
        self.raced = 0

    def run(self, expect: bytes | None) -> Changed:
        """From the first look to the last. Raises OSError, and what the edit raises."""
        for _ in range(STARTS):
            seen = self._place.see(patience=self._patience)
            if seen.status != "note":
                return Changed(seen.status, seen.reason, raced=self.raced)
            if expect is not None and seen.data != expect:
                return Changed("changed", "says something else by now", raced=self.raced)
            after = self._edit(seen.data)
            if after == seen.data:
                return Changed("same", before=seen.data, after=after, raced=self.raced)
            draft = self._draft(seen, after, seen, self._event)
            if not self._place.is_still(seen):
                self._place.drop(draft.temp)
            else:
                done = self._exchange(seen, draft)
                if done is not None:
                    return done
            self.raced += 1
        return Changed("open", "somebody keeps writing it", raced=self.raced)

    def _exchange(self, seen: Seen, draft: Draft) -> Changed | None:
        """Put the draft in the note's place, and again for each rival; None when all has to begin anew."""
        expected = seen
        turn = 0
        while True:
            turn += 1
            self._place.reach("looked")
            try:
                visible = self._place.swap(draft.temp)
            except OSError as error:
                self._place.drop(draft.temp)
                if isinstance(error, FileNotFoundError):
                    return Changed("gone", "was removed while it was changed", before=seen.data, raced=self.raced)
                raise
            if not visible:
                break
            out = self._place.see(draft.temp, patience=self._patience)
            if out.status != "note":
                self._put_back(draft, expected)
                return None if out.status == "open" else Changed(out.status, out.reason, raced=self.raced)
            if out.is_same(expected):
                self._let_go(draft, expected, out)
                break
            self.raced += 1
            try:
                following = self._draft(out, self._edit(out.data), draft.ours, "displaced") if turn < TURNS else None
            except BaseException:
                self._put_back(draft, expected)
                raise
            if following is None:
                self._history.keep(self._place.path, out.data, event="displaced", token=draft.token, durable=True)
                self._put_back(draft, expected)
                return Changed("open", "somebody keeps writing it", before=seen.data, raced=self.raced)
            self._let_go(draft, expected, out)
            draft, expected = following, draft.ours
        return Changed("written", before=seen.data, after=draft.ours.data, raced=self.raced)

    def _draft(self, base: Seen, after: bytes, like: Seen, event: str) -> Draft:
        """The new text beside the note; what it will take the place of is in history. Raises OSError."""
        token = self._place.token()
        self._history.keep(
            self._place.path, base.data, event=event, writer=self._writer, after=sha256_hex(after), token=token,
            durable=event == "displaced",
        )  # fmt: skip
        self._place.reach("kept")
        temp = temp_name(token)
        return Draft(token, temp, self._place.write_temp(temp, after, like, keep_times=self._keep_times))

    def _put_back(self, draft: Draft, expected: Seen) -> None:
        """Give the note's name back to what the draft displaced: it was written last, or is nothing for us."""
        before, back = draft.ours, self._place.see(draft.temp)
        for _ in range(MOST_SWAPS):
            try:
                self._place.swap(draft.temp)
            except FileNotFoundError:
                break
            out = self._place.see(draft.temp)
            if out.is_same(before):
                break
            # Somebody has put a newer file there in between: it is what goes back now.
            if out.status == "note":
                self._history.keep(self._place.path, out.data, event="displaced", token=draft.token)
            before, back = back, out
        left = self._place.see(draft.temp)
        if left.is_same(draft.ours):
            self._place.drop(draft.temp)
        else:
            self._let_go(draft, expected, left)

    def _let_go(self, draft: Draft, expected: Seen, out: Seen) -> None:
        """Part with a displaced file, which somebody may still be about to write to: the spool keeps it a while."""
        name = spool_name(draft.token, out.data if out.status == "note" else expected.data)
        if self._place.spool(draft.temp, self._history.spool(), name):
            return
        again = self._place.see(draft.temp, patience=self._patience)
        if again.status == "note" and again.data != out.data:
            self._history.keep(self._place.path, again.data, event="late", token=draft.token, durable=True)
        if again.status == "note":
            self._place.drop(draft.temp)


def spool_name(token: str, data: bytes) -> str:
    """The name in the spool of a displaced file that is known to hold these bytes."""
    return f"{token}.{sha256_hex(data)}"


def twin_of(place: Place) -> str | None:
    """The name in the folder that some filesystem takes for the same: other letter case, other composition."""
    from unicodedata import normalize

    wanted = normalize("NFC", place.name).casefold()
    return next((name for name in place.names() if normalize("NFC", name).casefold() == wanted), None)


def failed(error: OSError, *, raced: int = 0) -> Changed:
    """An error of the system as an outcome."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in FULL:
        return Changed("full", f"cannot be written ({reason})", raced=raced)
    return Changed("failed", f"cannot be written ({reason})", raced=raced)
