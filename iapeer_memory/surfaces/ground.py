"""Reading what stands in a peer's folder or in the user's own, fast and without trust.

A peer's folder is hostile ground: a file there is read directly only when every folder below the peer's is a real
folder and the file is a plain one of our user with a single name; anything else goes through the careful reader,
which follows what the policy allows and refuses the rest. Never writes.
"""

from __future__ import annotations

from iapeer_memory.domain.door import Files
from iapeer_memory.egress.foreign import LIMIT, Policy, read_foreign


class Ground:
    """One sweep's reading eyes. Remembers which folders are real ones, and what a file held until `forget`."""

    __slots__ = ("_folders", "_held", "_real", "files", "follow", "uid")

    def __init__(self, files: Files, *, uid: int, follow: tuple[str, ...] = ()) -> None:
        self.files = files
        self.uid = uid
        self.follow = follow
        self._folders: set[str] = set()
        self._real: dict[str, str] = {}
        self._held: dict[str, bytes | None] = {}

    def policy(self, inside: str | None) -> Policy:
        """For a file of a peer (`inside` its folder), or of the user's own configuration (None)."""
        return Policy(inside=inside, follow=self.follow if inside is not None else (), uid=self.uid)

    def read(self, path: str, inside: str | None) -> bytes | None:
        """The file, None when absent. Raises Unreadable or UnsafePath."""
        if path in self._held:
            return self._held[path]
        data = self._held[path] = self._read(path, inside)
        return data

    def forget(self) -> None:
        """Look again from now on: the next peer, or something was written."""
        self._held.clear()

    def _read(self, path: str, inside: str | None) -> bytes | None:
        if inside is not None:
            folder = path.rpartition("/")[0]
            if folder in self._folders or self._plain(folder, inside):
                stat = self.files.lstat(path)
                if stat is None:
                    return None
                if stat.kind == "file" and stat.links == 1 and stat.uid in (self.uid, 0):
                    return self.files.read_optional(path, limit=LIMIT)
        return read_foreign(self.files, path, self.policy(inside))

    def is_folder(self, path: str) -> bool:
        """Whether a folder stands there, through links."""
        if path in self._folders:
            return True
        stat = self.files.lstat(path)
        if stat is None:
            return False
        if stat.kind == "dir":
            self._real[path] = self._join(path)
        elif stat.kind == "link":
            stat = self.files.stat(path)
        if stat is None or stat.kind != "dir":
            return False
        self._folders.add(path)
        return True

    def real(self, folder: str) -> str:
        """The folder's path without links."""
        found = self._real.get(folder)
        if found is None:
            found = self._real[folder] = self.files.realpath(folder)
        return found

    def _join(self, folder: str) -> str:
        """The real path of a folder that is no link itself."""
        parent, _, name = folder.rpartition("/")
        if not parent or name in ("", ".", ".."):
            return self.files.realpath(folder)
        return f"{self.real(parent)}/{name}"

    def _plain(self, folder: str, inside: str) -> bool:
        """Whether the folder is `inside` itself or reached from it over real folders only.

        Only a yes is remembered: what is missing may be made in a moment.
        """
        if folder == inside:
            return self.is_folder(folder)
        if len(folder) <= len(inside):
            return False
        parent = folder.rpartition("/")[0]
        if parent not in self._folders and not self._plain(parent, inside):
            return False
        stat = self.files.lstat(folder)
        if stat is None or stat.kind != "dir" or stat.uid not in (self.uid, 0):
            return False
        self._folders.add(folder)
        return True
