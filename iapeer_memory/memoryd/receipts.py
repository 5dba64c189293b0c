"""Receipts of writes that may be asked for twice: kept on the disk before the note is touched, so that whoever comes
after a memoryd that died in between can tell whether it was done.

A file a key. Says which note, and the digests of what it said before and was to say after; never a word of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError

MOST_KEPT = 500
"""Who lost an answer asks again within a minute."""
PRUNED_EVERY = 64
LARGEST = 1 << 16
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
NOTHING = ""
"""The digest of a note that is not there."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A write that was begun. `request`: a digest of what was asked. `texts`: (before, after) digests of the note, one
    for each time that it was about to be written."""

    request: str
    path: str
    texts: tuple[tuple[str, str], ...] = ()

    def about_to(self, before: str, after: str) -> Receipt:
        """The same, with the note about to be written once more."""
        return replace(self, texts=(*self.texts, (before, after)))


class Receipts:
    """One thread at a time. `folder`: their own."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder
        self._since_pruned = PRUNED_EVERY

    def of(self, key: str) -> Receipt | None:
        """What was begun under that key. Raises Unreadable."""
        data = self._files.read_optional(self._place(key), limit=LARGEST)
        try:
            told = json.loads(data or b"")
            texts = tuple((str(before), str(after)) for before, after in told["texts"])
            return Receipt(str(told["request"]), str(told["path"]), texts)
        except (ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, receipt: Receipt) -> None:
        """On the disk before we return. Raises OSError."""
        self._files.mkdir(self._folder, mode=PRIVATE_FOLDER)
        told = {"request": receipt.request, "path": receipt.path, "texts": receipt.texts}
        self._files.write(self._place(key), json.dumps(told).encode(), mode=PRIVATE)
        self._since_pruned += 1
        if self._since_pruned > PRUNED_EVERY:
            self._since_pruned = 0
            self._prune()

    def _place(self, key: str) -> str:
        digest = sha256(key.encode("utf-8", "surrogatepass"))
        return f"{self._folder}/{digest.hexdigest()}"

    def _prune(self) -> None:
        """Let go of the oldest."""
        try:
            names = self._files.list(self._folder)
            if len(names) <= MOST_KEPT:
                return
            seen = ((name, self._files.lstat(f"{self._folder}/{name}")) for name in names)
            oldest_first = sorted((found.mtime_ns, name) for name, found in seen if found is not None)
            for _, name in oldest_first[:-MOST_KEPT]:
                self._files.remove(f"{self._folder}/{name}")
        except (OSError, ProductError):
            return
