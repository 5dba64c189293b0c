"""What `memory_write` does: makes a note or lengthens one, stamped like any agent's write. Never overwrites."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.memoryd.tools.draft import appended
from iapeer_memory.memoryd.tools.memory import Append, WriteArguments, Written
from iapeer_memory.memoryd.vaulted import Vaulted
from iapeer_memory.vault import frontmatter, note, privacy, tags
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.stamp import stamp
from iapeer_memory.vault.zone import zone_of

UNKNOWN = "unknown"
"""The author of a note that nobody puts a name to."""
NAMED_SECRETS = 5


class NotWritten(ProductError):
    """The note was not written, and why."""


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes for callers of the tools. `may_stamp`: asked at each write; `review`: whether a write asks for a curator;
    `nameless`: who writes where the caller is not known."""

    files: Files
    clock: Clock
    root: str
    locale: Locale
    notes: Vaulted
    may_stamp: Callable[[], bool]
    curators: Collection[str]
    review: bool
    nameless: str | None = None

    def write(self, arguments: WriteArguments, caller: str | None) -> Written:
        """Raises NotWritten."""
        writer = caller or self.nameless or UNKNOWN
        if isinstance(arguments, Append):
            done = self.notes.change(
                arguments.path,
                lambda data: self._stamped(appended(data, arguments.text), arguments.path, writer),
                writer=writer,
            )
            if done.status == "written":
                self.notes.keep(arguments.path, done.after, writer=writer)
            if done.status == "gone":
                raise NotWritten(f"there is no note {arguments.path}", remedy="mode create makes one")
        else:
            data = self._stamped(arguments.data, arguments.path, writer)
            done = self.notes.create(arguments.path, data, writer=writer)
            if done.status == "exists":
                raise NotWritten(f"{arguments.path}: {done.reason}", remedy="append to it, or choose another title")
        if not done.done:
            raise NotWritten(f"{arguments.path}: {done.reason}")
        return Written(arguments.path, self._hints(arguments.path, done.after))

    def _stamped(self, data: bytes, path: str, writer: str) -> bytes:
        if not self.may_stamp():
            return data
        return stamp(
            data, path, locale=self.locale, writer=writer, curator=writer in self.curators, review=self.review,
            now=stamp_text(self.clock.now()),
        )  # fmt: skip

    def _hints(self, path: str, data: bytes) -> tuple[str, ...]:
        """What its author should mend."""
        text = data.decode("utf-8", "replace")
        secrets = privacy.findings(text)[:NAMED_SECRETS]
        told = [f"line {one.line} looks like a credential ({one.kind}); it is kept out of search" for one in secrets]
        zone = zone_of(path, self.locale)
        place = f"{self.locale.folders['system']}/{self.locale.tags_file}"
        if zone is not None and zone.canon and (known := self._dictionary(place)):
            read = note.parse(path, data) if frontmatter.split(text).block is not None else None
            told += tags.problems(read.tags if read else (), known, path=place)
        return tuple(told)

    def _dictionary(self, place: str) -> dict[str, str]:
        try:
            data = self.files.read_optional(f"{self.root}/{place}", limit=1 << 20)
        except (ProductError, OSError):
            return {}
        return tags.dictionary((data or b"").decode("utf-8", "replace"))
