"""Whose part of the vault a path lies in, and what a note there starts with. Pure.

canon: the five shared folders, everybody edits. memory: one folder a peer, its owner edits. Anywhere else nobody
stamps. Source: the reference core's zones.
"""

from __future__ import annotations

from iapeer_memory.vault.layout import CANON, Folder, Genre, Locale


class Zone:
    """`owner`: the peer whose memory it is; None in canon. `genre`: what the folder declares about its notes."""

    __slots__ = ("folder", "genre", "owner")

    def __init__(self, folder: Folder, genre: Genre, owner: str | None) -> None:
        self.folder = folder
        self.genre = genre
        self.owner = owner

    @property
    def canon(self) -> bool:
        """Whether everybody edits here."""
        return self.owner is None


def zone_of(path: str, locale: Locale) -> Zone | None:
    """The zone of a vault-relative path with `/`; None where nobody stamps (also directly below agent memory)."""
    folder = locale.folder_of(path)
    if folder in CANON:
        return Zone(folder, locale.genres[folder], None)
    owner = locale.owner_of(path)
    if folder != "agent_memory" or not owner:
        return None
    return Zone(folder, locale.genres[folder], owner)
