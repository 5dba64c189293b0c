"""What a cleanup is asked to do, and what it says that it did or would do. Pure.

Source of the action's fields and words: the running-process broker, cleanup command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.domain.errors import FileRefused, UsageError, printable

Verb = Literal["prune", "uninstall"]
Target = Literal["root", "manifest"]
AGE = re.compile(r"([0-9]{1,9})([dhms])\Z", re.ASCII)
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class Request:
    """One cleanup.

    prune: manifests that were not active for `dormant_after` seconds, but not the newest `keep_last` versions of a
    service. What is None is as the manifest's own policy says. uninstall: every manifest of `service`.
    `named`: roots, by their path, that hold what cannot be made again and may go all the same when their manifest
    says so. `keep_config`: leave roots of configuration.
    """

    verb: Verb
    service: str | None = None
    version: str | None = None
    dormant_after: int | None = None
    keep_current: bool | None = None
    keep_last: int | None = None
    keep_config: bool = False
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Action:
    """One path. `skip_reason` says why it stays; without one it is deleted, or would be."""

    service_name: str
    service_version: str
    path: str
    target: Target = "root"
    deleted: bool = False
    skip_reason: str | None = None
    bytes: int = 0

    def line(self) -> str:
        """The action in words."""
        if self.skip_reason is not None:
            return f"stays         {printable(self.path)}: {printable(self.skip_reason)}"
        size = f" ({self.bytes} bytes)" if self.bytes else ""
        return f"{'deleted' if self.deleted else 'would delete':<12}  {printable(self.path)}{size}"

    def as_json(self, reason: str) -> dict[str, object]:
        """The action as JSON-able data. `reason`: `prune-dry-run`, `uninstall-confirmed` and so on."""
        return {
            "service_name": self.service_name,
            "service_version": self.service_version,
            "path": self.path,
            "reason": reason,
            "deleted": self.deleted,
            "skipped": self.skip_reason is not None,
            "skip_reason": self.skip_reason,
            "target": self.target,
            "bytes": self.bytes,
        }


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleanup came to. `refused`: manifests that could not be believed; what they name is left alone."""

    request: Request
    confirmed: bool
    actions: tuple[Action, ...]
    refused: tuple[FileRefused, ...] = ()

    @property
    def reason(self) -> str:
        """The word for all its actions."""
        return f"{self.request.verb}-{'confirmed' if self.confirmed else 'dry-run'}"

    def text(self) -> str:
        """A line an action, and one for each manifest that is not believed; ends with a line break."""
        lines = [action.line() for action in self.actions] + [f"not believed  {one.line()}" for one in self.refused]
        if not lines:
            lines = ["nothing to do"]
        elif not self.confirmed:
            lines.append("a dry run: nothing was changed; --confirm carries it out")
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, object]:
        """The whole as JSON-able data, schema 1."""
        return {
            "schema_version": 1,
            "actions": [action.as_json(self.reason) for action in self.actions],
            "refused": [error.line() for error in self.refused],
        }


def parse_age(text: str) -> int:
    """Seconds in `30d`, `12h`, `90m` or `45s`. Raises UsageError."""
    found = AGE.match(text)
    if found is None:
        raise UsageError(f"{text!r} is no age", remedy="write a number and d, h, m or s, as in 30d")
    return int(found[1]) * SECONDS[found[2]]
