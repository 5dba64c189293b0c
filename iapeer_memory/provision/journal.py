"""The journal: which command was changing the host and how far it came, so that an interrupted one can say so.

Written before a step begins and after it ends; removed when the command has come to its end. Every step can be run
again, so the plain same command finishes what was interrupted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import Unreadable, printable

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What a journal on disk tells: the command, its version, the steps that ended and the one that had begun."""

    command: str
    version: str
    done: tuple[str, ...]
    begun: str | None

    def sentence(self, command: str) -> str:
        """One line for the operator. `command`: the one that runs now."""
        where = f"while it was in step {self.begun}" if self.begun else "between two steps"
        done = ", ".join(self.done) if self.done else "nothing"
        last = printable(f"{self.command} ({self.version})")
        now = (
            "finishing it now" if command == self.command else f"to finish it: iapeer-memory {printable(self.command)}"
        )
        return f"the last {last} was interrupted {printable(where)}; done before: {printable(done)}; {now}"


@dataclass(slots=True)
class Journal:
    """The running command's journal."""

    door: Door
    path: str
    command: str
    version: str
    done: list[str] = field(default_factory=list)

    def begin(self, step: str) -> None:
        """Say that a step begins."""
        self._write(step)

    def end(self, step: str) -> None:
        """Say that it ended, well or not."""
        self.done.append(step)
        self._write(None)

    def close(self) -> None:
        """The command came to its end."""
        self.door.files.remove(self.path)

    def _write(self, begun: str | None) -> None:
        record = {
            "schema": SCHEMA,
            "command": self.command,
            "version": self.version,
            "done": self.done,
            "begun": begun,
        }
        self.door.files.write(self.path, (json.dumps(record, indent=2) + "\n").encode(), mode=0o600)


def interrupted(door: Door, path: str) -> Interrupted | None:
    """What an earlier command left behind, or None. A journal that cannot be read is no journal."""
    try:
        data = door.files.read_optional(path, limit=1 << 20)
        raw = json.loads(data) if data is not None else None
    except (ValueError, Unreadable):
        return None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        return None
    done = raw.get("done")
    begun = raw.get("begun")
    return Interrupted(
        str(raw.get("command", "command")),
        str(raw.get("version", "")),
        tuple(str(name) for name in done) if isinstance(done, list) else (),
        begun if isinstance(begun, str) else None,
    )
