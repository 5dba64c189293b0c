"""A vault, its history and its writer in a folder of a test, and what can be asked of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.egress.notefile import VaultRoot
from iapeer_memory.egress.real import real_door
from iapeer_memory.notes.history import History
from iapeer_memory.notes.late import Late, sweep, take_in
from iapeer_memory.notes.log import read_version, records
from iapeer_memory.notes.record import Record
from iapeer_memory.notes.write import NoteWriter

FAR = 10 * 365 * 86400.0
"""Long after any grace."""


@dataclass
class Noted:
    """`vault` and `state` exist; `step` strikes within a change."""

    vault: Path
    state: Path
    door: Door
    root: VaultRoot
    history: History
    writer: NoteWriter

    def put(self, path: str, data: bytes) -> Path:
        """Write a note as somebody else would."""
        note = self.vault / path
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_bytes(data)
        return note

    def records(self) -> list[Record]:
        """The log."""
        return list(records(self.door.files, self.history.folder))

    def kept(self) -> list[bytes]:
        """Every version that the log names, oldest first."""
        digests = dict.fromkeys(record.digest for record in self.records() if record.digest)
        return [read_version(self.door.files, self.history.folder, digest) for digest in digests]

    def take_in(self) -> tuple[Late, ...]:
        """The spool, however young."""
        return take_in(self.door.files, self.history, self.writer, now=time.time() + FAR)

    def sweep(self, folder: str = "") -> tuple[Late, ...]:
        """What dead writers left in a folder, however young."""
        return sweep(self.root, folder, self.door.files, self.history, self.writer, now=time.time() + FAR)

    def names(self) -> list[str]:
        """Every path in the vault, folders left out."""
        return sorted(path.relative_to(self.vault).as_posix() for path in self.vault.rglob("*") if not path.is_dir())

    def spooled(self) -> list[str]:
        """What lies in the spool."""
        spool = self.state / "history/spool"
        return sorted(path.name for path in spool.iterdir()) if spool.exists() else []


def noted_in(
    folder: Path, *, step: Callable[[str], None] | None = None, uid: int | None = None, patience: float = 0.2
) -> Noted:  # fmt: skip
    """Vault and state in one folder. `step`: called with the name of each step of a change."""
    vault, state = folder / "vault", folder / "state"
    vault.mkdir(parents=True, exist_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    root = VaultRoot(str(vault), step=step, uid=uid)
    history = History(BareFiles(), str(state / "history"), time.time)
    return Noted(vault, state, real_door(), root, history, NoteWriter(root, history, patience=patience))
