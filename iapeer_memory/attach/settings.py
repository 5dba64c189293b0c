"""What a session may set for itself, as one table: the keys of `memory.jsonc`, and who may set which. Pure.

Keys that choose where memory listens, what it runs, which files it reads or whom it pays are memoryd's own: they come
from files that it reads itself, never over the wire, whatever label a tier wears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from iapeer_memory.domain.settings import SETTINGS

LANGUAGES = ("en", "ru")
MOST_FOLDERS = 20
LONGEST_FOLDER = 200


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What holds for one session. None and () mean: as memoryd does by itself."""

    results: int | None = None
    folders: tuple[str, ...] = ()
    language: str | None = None
    context_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `check`: why a value is refused, or None. `joined`: a project's list is added to the user's."""

    name: str
    about: str
    check: Callable[[Any], str | None]
    joined: bool = False


def _whole(lowest: int, highest: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        fits = type(value) is int and lowest <= value <= highest
        return None if fits else f"it must be a whole number from {lowest} to {highest}"

    return check


def _language(value: Any) -> str | None:
    return None if value in LANGUAGES else f"it must be one of {', '.join(LANGUAGES)}"


def _folders(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > MOST_FOLDERS:
        return f"it must be a list of at most {MOST_FOLDERS} folders"
    for folder in value:
        if not isinstance(folder, str) or not folder.strip() or len(folder) > LONGEST_FOLDER:
            return f"each folder must be a text of 1 to {LONGEST_FOLDER} characters"
        if folder.startswith(("/", "~")) or ".." in folder.split("/") or not folder.isprintable():
            return "each folder must be named as it lies in the vault, without .. and without a slash before it"
    return None


KEYS: tuple[Key, ...] = (
    Key("results", "notes that one search gives, 1 to 50", _whole(1, 50)),
    Key(
        "folders", "folders of the vault whose notes come first; a project's are added to yours", _folders, joined=True
    ),
    Key("language", "language of what memory says: en or ru", _language),
    Key("context_budget", "characters of context at a session's start, 500 to 200000", _whole(500, 200_000)),
)
BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}

PRIVILEGED = frozenset(setting.name.lower() for setting in SETTINGS)
"""Keys of memoryd's own settings: endpoints, keys, paths, executables, modes."""
