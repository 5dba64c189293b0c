"""What one provision run may use: the door, the eyes, the ledger, and what was said about asking and insisting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.surfaces.ahead import Intent
from iapeer_memory.surfaces.ledger import Ledger, Share
from iapeer_memory.surfaces.view import View


@dataclass(slots=True)
class Job:
    """What one provision run may use.

    trust_hooks: the core's verb, None without a core. claude: absolute path of Claude's command, for entries that
    only it may write. asked: somebody is there who asked for this, so a harness's own command may be run. insist:
    surfaces that their owner took out are put back. shares: values for the user's Codex file, written at the end.
    leaving: peers (`name:harness`) whose values are taken out of it then. noted: which of them the ledger holds
    already, with each user. ahead: where an intent is noted before it is carried out; None: nowhere, the caller saves
    the ledger in time.
    """

    door: Door
    view: View
    backups: BackupStore | None = None
    trust_hooks: Callable[[str], RunResult] | None = None
    claude: str | None = None
    asked: bool = False
    insist: bool = False
    shares: list[Share] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)
    noted: frozenset[tuple[object, str]] | None = None
    ahead: Callable[[Intent], None] | None = None

    @property
    def ledger(self) -> Ledger:
        """The working copy of the ledger."""
        return self.view.ledger

    def intend(self, intent: Intent) -> None:
        """Note a change before it is made. Raises OSError; then it must not be made."""
        if self.ahead is not None:
            self.ahead(intent)
