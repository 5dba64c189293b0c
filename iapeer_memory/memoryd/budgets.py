"""How long a context the sessions in a folder want, by the settings files that lie there and with the user.

Contexts are rendered before a session begins, so memoryd reads these two itself. Never writes; a file that cannot be
used counts for nothing here, and is told when a session attaches.
"""

from __future__ import annotations

from iapeer_memory.attach.tier_files import TierFiles
from iapeer_memory.attach.tiers import settled
from iapeer_memory.domain.door import Files


class Budgets:
    """`user_file`: the user's own settings of a session."""

    __slots__ = ("_files", "_found", "_user_file")

    def __init__(self, files: Files, user_file: str) -> None:
        self._files = files
        self._user_file = user_file
        self._found: dict[str, int | None] = {}

    def found(self, folder: str) -> int | None:
        """Bytes, as the files say now, which is remembered; None where nobody wants less than there is."""
        self._found[folder] = self._look(folder)
        return self._found[folder]

    def forget(self) -> None:
        """Of every folder."""
        self._found.clear()

    def changed(self) -> bool:
        """Whether a file says something else than what is remembered."""
        return any(self._look(folder) != budget for folder, budget in self._found.items())

    def _look(self, folder: str) -> int | None:
        tiers = TierFiles(self._files, self._user_file, folder)
        tiers.read()
        return settled(tiers.tiers).settings.context_budget
