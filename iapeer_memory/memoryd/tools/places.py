"""Folders and paths as agents name them, and where an agent may write. Pure.

Whatever comes back is vault-relative, without empty, hidden or climbing parts.
"""

from __future__ import annotations

import unicodedata

from iapeer_memory.domain.peer import is_personality
from iapeer_memory.vault.layout import CANON, Folder, Locale
from iapeer_memory.vault.zone import zone_of

LONGEST_NAME = 200
"""Bytes of one part of a path that we make."""
FORBIDDEN = frozenset('/\\:*?"<>|#^[]')
"""What a file's name or a link to it cannot hold everywhere."""


def relative(path: str, vault: str) -> str:
    """A path below the vault, given whole or from the vault's root; any other text as it is."""
    inside = path.removeprefix(vault.rstrip("/") + "/")
    return inside.removeprefix("./").strip("/") if inside != path else path.removeprefix("./")


def folder_named(text: str, locale: Locale) -> str:
    """A folder by its key (`decisions`, `projects/Harbour`) or by its path: vault-relative."""
    head, slash, rest = text.strip("/").partition("/")
    key = _key(head, locale)
    return (locale.folders[key] if key else head) + slash + rest


def folders_named(text: str, locale: Locale, vault: str) -> tuple[str, ...]:
    """The folders that one who looks for notes may mean: the one of that key, and the one that is really called so,
    as `Projects` in a vault that somebody had before. The path may be given whole."""
    path = relative(text, vault).strip("/")
    return tuple(dict.fromkeys((folder_named(path, locale), path)))


def home_of(folder: str | None, caller: str | None, locale: Locale) -> str | None:
    """Where a new note goes; None where that may not be: outside canon and the caller's own memory, or a path that
    is no clean one. Without a folder: the caller's own memory."""
    path = folder_named(folder or "agent_memory", locale)
    if path == locale.folders["agent_memory"] and caller is not None:
        path += f"/{caller}"
    return path if may_write(f"{path}/x.md", caller, locale) else None


def may_write(path: str, caller: str | None, locale: Locale) -> bool:
    """Whether this is a note's path in canon or in the caller's own memory."""
    if not path.endswith(".md") or not all(map(_clean, path.split("/"))):
        return False
    zone = zone_of(path, locale)
    return zone is not None and (zone.canon or (zone.owner == caller and is_personality(zone.owner or "")))


def file_name(title: str) -> str | None:
    """The name of the file of a note with that title; None where nothing is left of it."""
    name = "".join(" " if one in FORBIDDEN or not one.isprintable() else one for one in title)
    name = " ".join(unicodedata.normalize("NFC", name).split())
    name = name.encode()[: LONGEST_NAME - len(".md")].decode("utf-8", "ignore").strip(" .")
    return f"{name}.md" if name else None


def folders_for_words(locale: Locale) -> str:
    """The folders that anybody may write into, for a message."""
    return ", ".join(f"{key} ({locale.folders[key]})" for key in CANON)


def _key(head: str, locale: Locale) -> Folder | None:
    """Which of the eight folders is meant, by key or name, letter case and composition aside."""
    word = unicodedata.normalize("NFC", head).casefold()
    return next((key for key, name in locale.folders.items() if word in (key, name.casefold())), None)


def _clean(part: str) -> bool:
    """Whether this may be a part of a path that we write to."""
    return (
        bool(part)
        and not part.startswith(".")
        and part == part.strip()
        and "\\" not in part
        and not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in part)
        and len(part.encode("utf-8", "replace")) <= LONGEST_NAME
    )
