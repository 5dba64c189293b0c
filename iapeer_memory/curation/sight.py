"""One note as it is seen now, what was seen of it before, and what to do about the difference. Pure values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.vault.service import Service, service
from iapeer_memory.vault.smart import smart_hash

Act = Literal["mark", "attribute", "clear"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A baseline. `smart`: the smart hash, None where only the human detector has seen the note. `updated`, `editor`:
    the stamp as it reads. `full`: the hash of the whole text, None where that detector has not. Hashes are 32 bytes."""

    smart: bytes | None
    updated: str | None = None
    editor: str | None = None
    full: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """A note now. `path`: vault-relative, as on disk. `mtime`: seconds since the epoch."""

    path: str
    data: bytes
    mtime: float
    smart: bytes
    full: bytes
    service: Service

    @property
    def editor(self) -> str:
        """Who edited it last, "" where it does not say."""
        return self.service.last_edited_by or ""

    @property
    def author(self) -> str:
        """Who wrote it, "" where it does not say."""
        return self.service.author or ""

    @property
    def in_review(self) -> bool:
        """Whether it waits for a curator."""
        return self.service.asks_for_review

    def moved(self, before: Seen) -> bool:
        """Whether somebody has stamped it since."""
        return (self.service.updated, self.service.last_edited_by) != (before.updated, before.editor)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a note and why; `act` None: leave it alone."""

    act: Act | None
    why: str


def sight_of(path: str, data: bytes, mtime: float) -> Sight:
    """Look at a note. No bytes are refused."""
    smart = bytes.fromhex(smart_hash(data))
    return Sight(path, data, mtime, smart, text_hash(data), service(data))


def text_hash(data: bytes) -> bytes:
    """The hash of the text, as one reads it who reads what is not UTF-8 as U+FFFD."""
    return hashlib.sha256(data.decode("utf-8", "replace").encode()).digest()
