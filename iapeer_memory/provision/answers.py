"""What `init` needs to know before it changes anything. Pure: values in, values or one clear error out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os.path import abspath

from iapeer_memory.domain.errors import UsageError
from iapeer_memory.domain.peer import Peer
from iapeer_memory.domain.settings import Settings

LOCALES = ("en", "ru")
MODES = ("lean", "curated")
DEFAULT_VAULT = "iapeer-memory-vault"


@dataclass(frozen=True, slots=True)
class Answers:
    """The operator's answers. `vault` is absolute; `peers` only on a host without the core. `adopt`: the vault is
    somebody's already, and nothing in it is made or changed."""

    vault: str
    locale: str
    mode: str
    human: str | None = None
    embedding_endpoint: str | None = None
    reranker_endpoint: str | None = None
    runtime: str | None = None
    peers: tuple[Peer, ...] = ()
    skip_guide: bool = False
    skip_ecosystem: bool = False
    skip_deps: bool = False
    adopt: bool = False


def check_vault(
    flag: str | None, settings: Settings, env: Mapping[str, str], realpath: Callable[[str], str]
) -> str | None:
    """The vault by flag or setting, absolute, or None where it must be asked.

    Raises UsageError where a flag would move the notes of a host that already has a vault elsewhere: readers and
    writers would part ways without a word.
    """
    current = settings.vault
    if flag is None:
        return None if current is None else absolute(current, env)
    chosen = absolute(flag, env)
    if "\n" in chosen or "\0" in chosen:
        raise UsageError("a vault path cannot hold a line break")
    if current is not None and realpath(absolute(current, env)) != realpath(chosen):
        raise UsageError(
            f"this host's notes are in {current} (set in {settings.source('VAULT_PATH')}), not in {chosen}",
            remedy="leave --vault out, or move the notes and run: iapeer-memory config set VAULT_PATH NEW_PATH",
        )
    return chosen


def check_choice(word: str | None, allowed: tuple[str, ...], what: str, default: str) -> str:
    """A word of a short list. Raises UsageError."""
    if word is None:
        return default
    if word not in allowed:
        raise UsageError(f"{what} must be one of {', '.join(allowed)}, not {word!r}")
    return word


def absolute(path: str, env: Mapping[str, str]) -> str:
    """The path made absolute, a leading `~` being this HOME."""
    if path == "~" or path.startswith("~/"):
        path = env.get("HOME", "~") + path[1:]
    return abspath(path)
