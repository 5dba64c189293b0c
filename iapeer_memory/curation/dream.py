"""What the weekly maintenance has to look at: folders of agent memory with something new, as tasks of bounded size.

Reads notes and the names of transcripts; wakes no model and writes nothing. Source: the reference package's
`dream-collect` (its JSON, gate, grouping and flags).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.curation.references import broken
from iapeer_memory.curation.transcripts import Transcripts
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer
from iapeer_memory.domain.settings import Settings
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import NOTE_LIMIT, parse
from iapeer_memory.vault.walk import is_note_name, nameable

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """`window_days`: how far back something is new. `longest`: characters of a description before it is flagged.
    `batch`: a folder with more new notes than this is a task of its own; the rest share tasks of up to `group`.
    `transcripts`: newest files told for a folder; 0: all."""

    window_days: int
    longest: int
    batch: int
    group: int
    transcripts: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the settings say; what is no number counts as the default."""
        names = ("WINDOW_DAYS", "DESC_MAXLEN", "BATCH_THRESHOLD", "GROUP_CAP", "TRANSCRIPT_CAP")
        return cls(*(settings.number(f"DREAM_{name}") for name in names))


@dataclass(frozen=True, slots=True)
class NewNote:
    """A note written within the window: its absolute path and what is the matter with it (long-desc, broken-ref)."""

    path: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """An agent's memory with something new. `transcripts`: paths by harness, newest first."""

    agent: str
    path: str
    notes: tuple[NewNote, ...]
    transcripts: Mapping[str, tuple[str, ...]]

    @property
    def weight(self) -> int:
        """What it counts in a shared task."""
        return max(len(self.notes), 1)

    def row(self) -> dict[str, object]:
        """As the JSON has it."""
        return {
            "agent": self.agent,
            "path": self.path,
            "newNotes": [{"path": note.path, "flags": list(note.flags)} for note in self.notes],
            "newNotesCount": len(self.notes),
            "candidateCount": sum(bool(note.flags) for note in self.notes),
            "transcripts": [{"runtime": name, "files": list(files)} for name, files in self.transcripts.items()],
        }


class Memory:
    """The agent memory of one vault. `root`: its absolute path; `since`: what was written from then on is new."""

    def __init__(self, files: Files, root: str, locale: Locale, since: float) -> None:
        self._files = files
        self._home = f"{root}/{locale.folders['agent_memory']}"
        self._since = since

    def agents(self) -> tuple[str, ...]:
        """The names of the owners' folders."""
        names = [name for name in self._list(self._home) if not name.startswith(".") and nameable(name)]
        return tuple(name for name in names if self._kind(f"{self._home}/{name}") == "dir")

    def new(self, agent: str) -> Iterator[str]:
        """Absolute paths of an agent's new notes, top level only, by name."""
        folder = self.folder(agent)
        for name in self._list(folder):
            if is_note_name(name) and nameable(name) and self._is_new(f"{folder}/{name}"):
                yield f"{folder}/{name}"

    def active(self) -> bool:
        """The gate: whether there is any new note at all."""
        return any(True for agent in self.agents() for _ in self.new(agent))

    def folder(self, agent: str) -> str:
        """The absolute path of an agent's memory."""
        return f"{self._home}/{agent}"

    def read(self, path: str) -> bytes | None:
        """A note's bytes; None when it cannot be read."""
        try:
            return self._files.read(path, limit=NOTE_LIMIT)
        except (ProductError, OSError):
            return None

    def _is_new(self, path: str) -> bool:
        try:
            stat = self._files.lstat(path)
        except (ProductError, OSError):
            return False
        return stat is not None and stat.kind == "file" and stat.mtime_ns / 1e9 >= self._since

    def _kind(self, path: str) -> str:
        try:
            stat = self._files.lstat(path)
        except (ProductError, OSError):
            return ""
        return stat.kind if stat else ""

    def _list(self, folder: str) -> tuple[str, ...]:
        try:
            return self._files.list(folder)
        except (ProductError, OSError):
            return ()


@dataclass(frozen=True, slots=True)
class Judge:
    """What makes a note worth a look. `exists`: whether a path is there; `home`, `env`: what `~` and `$NAME` are."""

    longest: int
    home: str
    env: Mapping[str, str]
    exists: Callable[[str], bool]

    def flags(self, path: str, data: bytes | None) -> tuple[str, ...]:
        """The flags of a note."""
        if data is None:
            return ()
        long = len(parse(path, data).description or "") > self.longest
        text = data.decode("utf-8", "replace")
        stale = broken(text, home=self.home, env=self.env, exists=self.exists)
        return tuple(flag for flag, on in (("long-desc", long), ("broken-ref", stale)) if on)


def collect(
    memory: Memory, peers: Sequence[Peer], transcripts: Transcripts, judge: Judge, limits: Limits
) -> tuple[tuple[Folder, ...], tuple[str, ...]]:
    """(folders with something new, agents without). The peers' first, in their order, then those of nobody we know."""
    known = [peer.personality for peer in peers]
    places = {peer.personality: peer.cwd for peer in peers}
    active: list[Folder] = []
    idle: list[str] = []
    for agent in [*known, *(name for name in memory.agents() if name not in places)]:
        notes = tuple(NewNote(path, judge.flags(path, memory.read(path))) for path in memory.new(agent))
        said = transcripts.of(places[agent])[: limits.transcripts or None] if agent in places else ()
        if not notes and not said:
            idle.append(agent)
            continue
        by_harness = {name: tuple(t.path for t in said if t.harness == name) for name in SESSION_RUNTIMES}
        told = {name: files for name, files in by_harness.items() if files}
        active.append(Folder(agent, memory.folder(agent), notes, told))
    return tuple(active), tuple(idle)


def tasks(folders: Sequence[Folder], limits: Limits) -> tuple[tuple[str, tuple[Folder, ...]], ...]:
    """(kind, folders) of each task: `folder` for a big one alone, `grouped` for several, in order, up to the cap."""
    alone = [folder for folder in folders if len(folder.notes) > limits.batch]
    groups: list[list[Folder]] = []
    room = 0
    for folder in folders:
        if len(folder.notes) > limits.batch:
            continue
        if not groups or folder.weight > room:
            groups.append([])
            room = limits.group
        groups[-1].append(folder)
        room -= folder.weight
    return (*(("folder", (folder,)) for folder in alone), *(("grouped", tuple(group)) for group in groups))


def document(root: str, folders: Sequence[Folder], idle: Sequence[str], limits: Limits) -> dict[str, object]:
    """The answer, in the reference's shape and order."""
    return {
        "vault": root,
        "windowDays": limits.window_days,
        "batchThreshold": limits.batch,
        "groupCap": limits.group,
        "tasks": [{"kind": kind, "folders": [f.row() for f in group]} for kind, group in tasks(folders, limits)],
        "skipped": [f"{agent} (no activity in window)" for agent in idle],
    }
