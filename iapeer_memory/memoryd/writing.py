"""What `memory_write` does: makes a note or lengthens one, stamped like any agent's write. Never overwrites, and does
nothing twice for one key, whatever became of the memoryd that did it first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.memoryd.receipts import NOTHING, Receipt, Receipts
from iapeer_memory.memoryd.tools.draft import appended
from iapeer_memory.memoryd.tools.memory import Append, WriteArguments, Written
from iapeer_memory.memoryd.vaulted import Vaulted
from iapeer_memory.notes.write import Changed
from iapeer_memory.vault import frontmatter, note, privacy, tags
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.sha256 import sha256_hex
from iapeer_memory.vault.stamp import stamp
from iapeer_memory.vault.zone import zone_of

UNKNOWN = "unknown"
"""The author of a note that nobody puts a name to."""
NAMED_SECRETS = 5
SECRET: Mapping[str, str] = {
    "en": "line {line} looks like a credential ({kind}); it is kept out of search",
    "ru": "строка {line} похожа на секрет ({kind}); в поиск она не попадёт",
}
UNCLOSED: Mapping[str, str] = {
    "en": "line {line}: <private> is never closed, so nothing after it is found",
    "ru": "строка {line}: <private> не закрыт, и всё после него в поиск не попадёт",
}


class NotWritten(ProductError):
    """The note was not written, and why."""


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes for callers of the tools. `receipts`: of writes that may be asked for again. `may_stamp`: asked at each
    write; `wrote`: told of each; `review`: whether a write asks for a curator; `nameless`: who writes where the caller
    is not known."""

    files: Files
    clock: Clock
    root: str
    locale: Locale
    notes: Vaulted
    receipts: Receipts
    may_stamp: Callable[[], bool]
    wrote: Callable[[str, bytes], None]
    curators: Collection[str]
    review: bool
    nameless: str | None = None

    def write(self, arguments: WriteArguments, caller: str | None, *, key: str = "", language: str = "en") -> Written:
        """Raises NotWritten, Unreadable. `key`: what was written under it is answered as it was."""
        writer = caller or self.nameless or UNKNOWN
        begun = Receipt(sha256(repr(arguments).encode("utf-8", "replace")).hexdigest(), arguments.path)
        known = self.receipts.of(key) if key else None
        if known is not None:
            if known.request != begun.request:
                raise NotWritten("this idempotency key was used for another write")
            begun = known
            if self._was_done(known):
                return Written(known.path, self._hints(known.path, self._now(known.path) or b"", language))
        done = self._done(arguments, writer, key, begun)
        if not done.done:
            raise NotWritten(f"{arguments.path}: {done.reason}")
        return Written(arguments.path, self._hints(arguments.path, done.after, language))

    def _done(self, arguments: WriteArguments, writer: str, key: str, begun: Receipt) -> Changed:
        """Write; a receipt comes first, each time that the note is about to change. Raises NotWritten."""
        path = arguments.path

        def promised(before: bytes | None, after: bytes) -> bytes:
            nonlocal begun
            after = self._stamped(after, path, writer)
            if key:
                begun = begun.about_to(_digest(before), _digest(after))
                self.receipts.keep(key, begun)
            return after

        if isinstance(arguments, Append):
            text = arguments.text
            done = self.notes.change(path, lambda data: promised(data, appended(data, text)), writer=writer)
            if done.status == "written":
                self.wrote(path, done.after)
                self.notes.keep(path, done.after, writer=writer)
            if done.status == "gone":
                raise NotWritten(f"there is no note {path}", remedy="mode create makes one")
            return done
        try:
            data = promised(self._now(path) if key else None, arguments.data)
        except OSError as error:
            raise NotWritten(f"{path}: cannot be written ({error.strerror})") from None
        done = self.notes.create(path, data, writer=writer)
        if done.status == "created":
            self.wrote(path, done.after)
        if done.status == "exists":
            raise NotWritten(f"{path}: {done.reason}", remedy="append to it, or choose another title")
        return done

    def _was_done(self, known: Receipt) -> bool:
        """Whether a write that was begun was carried out. Raises NotWritten where that cannot be told."""
        now = _digest(self._now(known.path))
        if any(after == now or self.notes.knows(after) for _, after in known.texts):
            return True
        if any(before == now for before, _ in known.texts):
            return False
        raise NotWritten(
            f"{known.path} was being written when memoryd ended, and says something else by now: nothing is known of "
            "what became of it",
            remedy="read the note before you write again",
        )

    def _now(self, path: str) -> bytes | None:
        """What a note says; None where it is not there. Raises Unreadable."""
        return self.files.read_optional(f"{self.root}/{path}")

    def _stamped(self, data: bytes, path: str, writer: str) -> bytes:
        if not self.may_stamp():
            return data
        return stamp(
            data, path, locale=self.locale, writer=writer, curator=writer in self.curators, review=self.review,
            now=stamp_text(self.clock.now()),
        )  # fmt: skip

    def _hints(self, path: str, data: bytes, language: str) -> tuple[str, ...]:
        """What its author should mend."""
        text = data.decode("utf-8", "replace")
        secrets = privacy.findings(text)[:NAMED_SECRETS]
        told = [SECRET[language].format(line=one.line, kind=one.kind) for one in secrets]
        if (line := privacy.unclosed(text)) is not None:
            told.append(UNCLOSED[language].format(line=line))
        zone = zone_of(path, self.locale)
        place = f"{self.locale.folders['system']}/{self.locale.tags_file}"
        if zone is not None and zone.canon and (known := self._dictionary(place)):
            read = note.parse(path, data) if frontmatter.split(text).block is not None else None
            told += tags.problems(read.tags if read else (), known, path=place, language=language)
        return tuple(told)

    def _dictionary(self, place: str) -> dict[str, str]:
        try:
            data = self.files.read_optional(f"{self.root}/{place}", limit=1 << 20)
        except (ProductError, OSError):
            return {}
        return tags.dictionary((data or b"").decode("utf-8", "replace"))


def _digest(data: bytes | None) -> str:
    return NOTHING if data is None else sha256_hex(data)
