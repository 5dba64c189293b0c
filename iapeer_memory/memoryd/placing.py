"""Puts memoryd's files in their places: private, and only where they differ. Follows no link out of a folder."""

from __future__ import annotations

from collections.abc import Collection
from os.path import dirname

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.foreign import Policy, edit_foreign, resolve

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
CONTEXT = "context.txt"


class Placing:
    """`state_dir`: below which our own files lie. `uid`: whose files we may write."""

    def __init__(self, door: Door, state_dir: str, uid: int) -> None:
        self._door = door
        self._files = door.files
        self._state_dir = state_dir
        self._uid = uid

    def private(self, path: str, text: str) -> None:
        """Write a file of ours below the state folder if it differs. Raises OSError, UnsafePath."""
        self.kept(resolve(self._files, path, Policy(inside=self._state_dir, uid=self._uid)), text)

    def kept(self, path: str, text: str) -> None:
        """Write a file if it differs. Raises OSError."""
        data = text.encode("utf-8", "replace")
        found = self._files.lstat(path)
        if found is None or found.size != len(data) or self._files.read_optional(path) != data:
            self._folders(dirname(path))
            self._files.write(path, data, mode=PRIVATE_FILE)

    def foreign(self, inside: str, path: str, text: str) -> None:
        """Write a file into somebody else's folder `inside`. Raises UnsafePath, OSError."""
        data = text.encode("utf-8", "replace")
        policy = Policy(inside=inside, uid=self._uid)
        self._folders(dirname(resolve(self._files, path, policy)))
        edit_foreign(self._door, path, lambda _: data, policy=policy, backups=None, mode=PRIVATE_FILE)

    def prune(self, folder: str, wanted: Collection[str]) -> None:
        """Remove contexts that nobody is meant to read any more, and the folders that they leave empty."""
        for name in self._files.list(folder):
            place = f"{folder}/{name}"
            found = self._files.lstat(place)
            if found is not None and found.kind == "dir":
                self.prune(place, wanted)
                self._files.rmdir(place)
            elif name == CONTEXT and place not in wanted:
                self._files.remove(place)

    def _folders(self, folder: str) -> None:
        """Make a folder and its parents, each one private."""
        missing: list[str] = []
        while self._files.lstat(folder) is None:
            missing.append(folder)
            folder = dirname(folder)
        for place in reversed(missing):
            self._files.mkdir(place, mode=PRIVATE_FOLDER)
