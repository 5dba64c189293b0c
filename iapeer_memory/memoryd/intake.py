"""What a pass takes in: a note's bytes, and records on their way to the writer, a batch at a time.

A note that cannot be read, or that trips the code up, is named in the report and keeps its last indexed copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.index.port import IndexBroken, IndexFailed, Writer
from iapeer_memory.index.records import NoteRecord
from iapeer_memory.memoryd.record import record
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import NOTE_LIMIT, parse

BATCH_NOTES = 500
BATCH_BYTES = 4 << 20
"""What is written in one transaction: a reader sees the pass progress, a crash loses little."""


@dataclass(slots=True)
class Report:
    """What a pass did, in notes. `paths`: those that say something else than the index knew, and those that are gone.
    `away`: the vault was not there, nothing was done. `held`: deletions that the fuse
    held back. `stopped`: it was told to end early. `bad`: a line for each note that could not be read."""

    seen: int = 0
    written: int = 0
    removed: int = 0
    held: int = 0
    paths: set[str] = field(default_factory=set)
    away: bool = False
    stopped: bool = False
    bad: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the index is another one now."""
        return bool(self.written or self.removed)


def content(files: Files, root: str, path: str, report: Report) -> bytes | None:
    """The bytes of a note; None when it cannot be read, which is reported, or has just gone."""
    try:
        return files.read(f"{root}/{path}", limit=NOTE_LIMIT)
    except FileNotFoundError:
        return None
    except (ProductError, OSError) as error:
        reason = error.reason if isinstance(error, ProductError) else (error.strerror or type(error).__name__)
        report.bad.append(f"{printable(path)}: {reason}")
        return None


class Batch:
    """Records on their way to the writer."""

    __slots__ = ("_records", "_report", "_size", "_writer")

    def __init__(self, writer: Writer, report: Report) -> None:
        self._writer = writer
        self._report = report
        self._records: list[NoteRecord] = []
        self._size = 0

    def add(self, path: str, data: bytes, locale: Locale) -> None:
        """Take a note; one that trips the code up is reported and keeps its last indexed copy."""
        try:
            self._records.append(record(parse(path, data), locale))
        except Exception as error:
            self._bad(path, error)
            return
        self._size += len(data)
        if len(self._records) >= BATCH_NOTES or self._size >= BATCH_BYTES:
            self.write()

    def write(self) -> None:
        """Put what was taken, one by one where the whole is refused."""
        records, self._records, self._size = self._records, [], 0
        if not records:
            return
        try:
            self._writer.put(records)
            self._report.written += len(records)
        except (IndexBroken, IndexFailed):
            raise
        except Exception as error:
            if len(records) == 1:
                self._bad(records[0].summary.path, error)
                return
            for one in records:
                self._records = [one]
                self.write()

    def _bad(self, path: str, error: Exception) -> None:
        self._report.bad.append(f"{printable(path)}: cannot be taken in ({type(error).__name__}: {error})")
