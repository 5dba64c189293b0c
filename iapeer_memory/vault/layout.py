"""The shape of a locale: names of folders, types and statuses of a vault, as data. Pure.

The words themselves stand in `locales/`, one file a locale; nothing here knows a language.

Source: the reference core's taxonomy (folder names, tokens, life-cycle groups).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Folder = Literal["knowledge", "decisions", "projects", "ideas", "lists", "agent_memory", "archive", "system"]
Group = Literal["active", "pending", "stale"]

CANON: tuple[Folder, ...] = ("knowledge", "decisions", "projects", "ideas", "lists")
"""The shared folders, in order; everybody edits them."""

MONITORED: tuple[Folder, ...] = (*CANON, "agent_memory")
"""The folders whose notes have a genre."""


@dataclass(frozen=True, slots=True)
class Genre:
    """What a folder declares about its notes: their type and the status a new one starts with."""

    type: str
    status: str


@dataclass(frozen=True, slots=True)
class Locale:
    """One language of a vault.

    `folders`: names of the eight top-level folders. `genres`: only for the monitored ones. `subtypes`: of agent
    memory, in the order of an index. `statuses`: the tokens of each life-cycle group. `sections`: what a reader
    calls each monitored folder. `seeds`: files that `init` puts into the system folder, by path relative to it.
    """

    id: str
    folders: Mapping[Folder, str]
    genres: Mapping[Folder, Genre]
    sections: Mapping[Folder, str]
    subtypes: tuple[str, ...]
    statuses: Mapping[Group, tuple[str, ...]]
    links_heading: str
    tags_file: str
    seeds: Mapping[str, str]

    def group(self, status: str | None) -> Group | None:
        """The life-cycle group of a status, letter case aside; None when it is missing or unknown."""
        word = (status or "").strip().lower()
        return next((group for group, tokens in self.statuses.items() if word in tokens), None)

    def folder_of(self, path: str) -> Folder | None:
        """Which of the eight folders a vault-relative path lies in; None for the root and for other folders."""
        head, slash, _ = path.partition("/")
        return next((key for key, name in self.folders.items() if slash and name == head), None)

    def owner_of(self, path: str) -> str | None:
        """Whose agent memory a vault-relative path lies in: the name of the subfolder."""
        parts = path.split("/")
        return parts[1] if len(parts) > 2 and parts[0] == self.folders["agent_memory"] else None
