"""Where the harnesses keep what was said in a peer's sessions: the newest files of each, by the peer's folder.

Reads names and times, and of Codex's files their beginning; never changes one. Sources: Claude Code's
`projects/<folder, every other character than a letter or digit as "-">/*.jsonl`; Codex's
`sessions/**/rollout-*.jsonl`, whose first line holds the session's folder as `payload.cwd`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.paths import Paths

NO_LETTER = re.compile(r"[^A-Za-z0-9]", re.ASCII)
DEEPEST = 8
"""Folders below `sessions`; it has three, by year, month and day."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A file of a session: its harness, its path, its last write in seconds since the epoch."""

    harness: str
    path: str
    mtime: float


class Transcripts:
    """Finds the transcripts of peers. `head`: the first line of a file (or more), b"" where it cannot be read. Codex's
    files are looked through once, however many peers are asked for."""

    def __init__(self, files: Files, paths: Paths, since: float, head: Callable[[str], bytes]) -> None:
        self._files = files
        self._paths = paths
        self._since = since
        self._head = head
        self._codex: dict[str, list[Transcript]] | None = None

    def of(self, cwd: str) -> tuple[Transcript, ...]:
        """Those of the peer in that folder that were written since, newest first."""
        folder = f"{self._paths.claude_home}/projects/{NO_LETTER.sub('-', cwd)}"
        names = [name for name in self._list(folder) if name.endswith(".jsonl")]
        found = list(self._written("claude", [f"{folder}/{name}" for name in names]))
        if self._codex is None:
            self._codex = self._codex_by_folder()
        found += self._codex.get(self._files.realpath(cwd), [])
        return tuple(sorted(found, key=lambda file: (-file.mtime, file.path)))

    def _codex_by_folder(self) -> dict[str, list[Transcript]]:
        found: dict[str, list[Transcript]] = {}
        root = f"{self._paths.codex_home}/sessions"
        for file in self._written("codex", self._rollouts(root, DEEPEST)):
            cwd = cwd_of(self._head(file.path))
            if cwd is not None:
                found.setdefault(cwd, []).append(file)
        return found

    def _rollouts(self, folder: str, depth: int) -> Iterator[str]:
        for name in self._list(folder):
            path = f"{folder}/{name}"
            if name.startswith("rollout-") and name.endswith(".jsonl"):
                yield path
            elif depth > 0 and "." not in name:
                yield from self._rollouts(path, depth - 1)

    def _written(self, harness: str, paths: Iterator[str] | list[str]) -> Iterator[Transcript]:
        for path in paths:
            try:
                stat = self._files.lstat(path)
            except (ProductError, OSError):
                continue
            if stat is not None and stat.kind == "file" and stat.mtime_ns / 1e9 >= self._since:
                yield Transcript(harness, path, stat.mtime_ns / 1e9)

    def _list(self, folder: str) -> tuple[str, ...]:
        try:
            return self._files.list(folder)
        except (ProductError, OSError):
            return ()


def cwd_of(head: bytes) -> str | None:
    """The folder that a rollout's first line names."""
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return None
    payload = first.get("payload") if isinstance(first, dict) else None
    cwd = payload.get("cwd") if isinstance(payload, dict) else None
    return cwd if isinstance(cwd, str) else None
