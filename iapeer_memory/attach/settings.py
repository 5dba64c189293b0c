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
REQUIRABLE = ("locale", "vault")
"""What a session may insist on: it shapes the index that all sessions share, so no session can set it for itself."""
LONGEST_REQUIRED = 4096
REQUIRES = "requires"


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What holds for one session. None and () mean: as memoryd does by itself. `folders`: as the user names them.
    `context_budget`: bytes. `requires`: pairs of a name and what memoryd must have there."""

    results: int | None = None
    folders: tuple[str, ...] = ()
    language: str | None = None
    context_budget: int | None = None
    requires: tuple[tuple[str, str], ...] = ()


def chosen(settings: SessionSettings) -> dict[str, Any]:
    """What is not as memoryd does it by itself, by key, as JSON-able data."""
    found = {key.name: getattr(settings, key.name) for key in KEYS}
    found[REQUIRES] = dict(settings.requires)
    return {name: value for name, value in found.items() if value not in (None, (), {})}


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `check`: why a value is refused, or None. `join`: what comes of an earlier tier's value and a later
    one's; without it the later one wins."""

    name: str
    about: str
    check: Callable[[Any], str | None]
    join: Callable[[Any, Any], Any] | None = None


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


def _requires(value: Any) -> str | None:
    known = f"it must be an object of {', '.join(REQUIRABLE)}"
    if not isinstance(value, dict) or not set(value) <= set(REQUIRABLE):
        return known
    fits = all(isinstance(one, str) and len(one) <= LONGEST_REQUIRED for one in value.values())
    return None if fits else f"{known}, each a text"


KEYS: tuple[Key, ...] = (
    Key("results", "notes that a search gives where the call does not say, 1 to 50", _whole(1, 50)),
    Key(
        "folders",
        "list of folders of the vault, by path or word (`decisions`): their notes count for 1.15 times as much in a "
        "search; a project's are added to yours",
        _folders,
        join=lambda first, second: list(dict.fromkeys([*first, *second])),
    ),
    Key(
        "language",
        "`en` or `ru`: what memory says of itself when a session begins, and its hints for a note that was written",
        _language,
    ),
    Key(
        "context_budget",
        "bytes that one answer may put into the context, a tool's or the one that a session starts with, 500 to "
        "200000; a longer one loses what is missed least",
        _whole(500, 200_000),
    ),
    Key(
        REQUIRES,
        "object of `locale` and `vault`: what memory must have; where it has something else, the session is refused, "
        "and told the difference",
        _requires,
        join=lambda first, second: {**first, **second},
    ),
)
BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}

PRIVILEGED = frozenset(setting.name.lower() for setting in SETTINGS)
"""Keys of memoryd's own settings: endpoints, keys, paths, executables, modes."""
