"""The shape of a locale: names of folders, types and statuses of a vault, as data. Pure.

The words themselves stand in `locales/`, one file a locale; nothing here knows a language. Slotted by hand and free
of dataclasses and typing, so that a hook can afford to import it.

Source: the reference core's taxonomy (folder names, tokens, life-cycle groups).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    Folder: TypeAlias = Literal[
        "knowledge", "decisions", "projects", "ideas", "lists", "agent_memory", "archive", "system"
    ]
    Group: TypeAlias = Literal["active", "pending", "stale"]
else:  # other files import these names
    Folder = Group = str

CANON: tuple[Folder, ...] = ("knowledge", "decisions", "projects", "ideas", "lists")
"""The shared folders, in order; everybody edits them."""

MONITORED: tuple[Folder, ...] = (*CANON, "agent_memory")
"""The folders whose notes have a genre."""


class Genre:
    """What a folder declares about its notes: their type and the status a new one starts with."""

    __slots__ = ("status", "type")

    def __init__(self, type: str, status: str) -> None:
        self.type = type
        self.status = status


class Locale:
    """One language of a vault. Treat as frozen.

    `folders`: names of the eight top-level folders. `genres`: only for the monitored ones. `subtypes`: of agent
    memory, in the order of an index. `statuses`: the tokens of each life-cycle group. `sections`: what a reader
    calls each monitored folder. `seeds`: files that `init` puts into the system folder, by path relative to it.
    """

    __slots__ = (
        "_folder_by_name",
        "_group_by_token",
        "folders",
        "genres",
        "id",
        "links_heading",
        "sections",
        "seeds",
        "statuses",
        "subtypes",
        "tags_file",
    )

    def __init__(
        self,
        *,
        id: str,
        folders: Mapping[Folder, str],
        genres: Mapping[Folder, Genre],
        sections: Mapping[Folder, str],
        subtypes: tuple[str, ...],
        statuses: Mapping[Group, tuple[str, ...]],
        links_heading: str,
        tags_file: str,
        seeds: Mapping[str, str],
    ) -> None:
        self.id = id
        self.folders = folders
        self.genres = genres
        self.sections = sections
        self.subtypes = subtypes
        self.statuses = statuses
        self.links_heading = links_heading
        self.tags_file = tags_file
        self.seeds = seeds
        self._folder_by_name = {name: key for key, name in folders.items()}
        self._group_by_token = {token: group for group, tokens in statuses.items() for token in tokens}

    def group(self, status: str | None) -> Group | None:
        """The life-cycle group of a status; None when it is missing or unknown.

        The one rule for every mechanism: letter case, blanks around it and a pair of quotes do not count.
        """
        groups = self._group_by_token
        return (groups.get(status) or groups.get(bare_token(status))) if status else None

    def folder_of(self, path: str) -> Folder | None:
        """Which of the eight folders a vault-relative path lies in; None for the root and for other folders."""
        head, slash, _ = path.partition("/")
        return self._folder_by_name.get(head) if slash else None

    def owner_of(self, path: str) -> str | None:
        """Whose agent memory a vault-relative path lies in: the name of the subfolder."""
        parts = path.split("/", 2)
        return parts[1] if len(parts) > 2 and parts[0] == self.folders["agent_memory"] else None


def bare_token(text: str) -> str:
    """A token as it is compared: lower case, without blanks around it and without one pair of quotes."""
    word = text.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        word = word[1:-1].strip()
    return word.lower()
