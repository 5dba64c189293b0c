"""Writing notes for memoryd: the same writer as everybody's, on a vault that may come and go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.vaultdoor import open_vault
from iapeer_memory.notes.archive import Move, archive_note
from iapeer_memory.notes.history import History
from iapeer_memory.notes.log import has_version
from iapeer_memory.notes.write import Changed, NoteWriter


class Vaulted:
    """The writer of a vault whose folder may go and come back: it is opened anew for each change."""

    def __init__(self, door: Door, root: str, history: History) -> None:
        self._door = door
        self._root = root
        self._history = history

    def change(
        self, path: str, edit: Callable[[bytes], bytes], *, writer: str = "", expect: bytes | None = None
    ) -> Changed:
        """As `NoteWriter.change`."""
        return self._with(lambda notes: notes.change(path, edit, writer=writer, expect=expect))

    def create(self, path: str, data: bytes, *, writer: str = "") -> Changed:
        """As `NoteWriter.create`."""
        return self._with(lambda notes: notes.create(path, data, writer=writer))

    def keep(self, path: str, data: bytes, *, writer: str) -> None:
        """Keep a version before a pass comes upon it, as far as there is room."""
        with contextlib.suppress(OSError):
            self._history.keep(path, data, writer=writer)

    def knows(self, digest: str) -> bool:
        """Whether a version with that digest was kept."""
        return has_version(self._door.files, self._history.folder, digest)

    def archive(self, move: Move, expect: bytes) -> tuple[Changed, str]:
        """As `notes.archive.archive_note`."""
        target = [move.target]

        def go(notes: NoteWriter) -> Changed:
            done, target[0] = archive_note(notes, move, expect=expect, by="memoryd")
            return done

        return self._with(go), target[0]

    def _with(self, act: Callable[[NoteWriter], Changed]) -> Changed:
        try:
            root = open_vault(self._door, self._root)
        except OSError as error:
            return Changed("failed", f"the vault cannot be opened ({error.strerror or error})")
        try:
            return act(NoteWriter(root, self._history))
        finally:
            root.close()
