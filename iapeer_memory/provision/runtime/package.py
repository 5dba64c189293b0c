"""Our own package as files of a runtime: modules, texts and the lock, from a folder. Follows no link.

Layout in a runtime: `iapeer_memory/…`, `iapeer_memory/_templates/…`, `iapeer_memory/_requirements.lock`, the same as
in a wheel. The version is read from the text of `__init__.py`: nothing of it is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import join

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import InstallFailed

NAME = "iapeer_memory"
TEMPLATES = f"{NAME}/_templates"
LOCK = f"{NAME}/_requirements.lock"
VERSION_LINE = re.compile(rb"^__version__\s*=\s*[\"']([0-9][0-9A-Za-z.+!_]*)[\"']\s*$", re.MULTILINE)
LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """A file to be: path below site-packages and its bytes."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """Our package: its version, every file of it, and where it came from in words."""

    version: str
    files: tuple[Content, ...]
    source: str

    @property
    def lock(self) -> str:
        """The text of its lock of dependencies."""
        return next(f.data for f in self.files if f.path == LOCK).decode("utf-8", "replace")


def package_from(files: Files, package: str, templates: str, lock: str, *, source: str) -> Package:
    """Read the package from its folder, its templates folder and its lock. Raises InstallFailed, Unreadable."""
    contents = [
        Content(f"{NAME}/{path}", data)
        for path, data in walk(files, package)
        if not path.startswith("_templates/") and path != "_requirements.lock"
    ]
    contents += [Content(f"{TEMPLATES}/{path}", data) for path, data in walk(files, templates)]
    text = files.read_optional(lock, limit=LIMIT)
    if text is None:
        raise InstallFailed(f"{lock} is missing: the dependencies are not known", remedy="take a complete checkout")
    contents.append(Content(LOCK, text))
    return of_contents(contents, source=source)


def of_contents(contents: list[Content], *, source: str) -> Package:
    """Put the files together and read the version. Raises InstallFailed when it is not our package."""
    paths = {c.path: c.data for c in contents}
    match = VERSION_LINE.search(paths.get(f"{NAME}/__init__.py", b""))
    if not match or f"{NAME}/__main__.py" not in paths or LOCK not in paths:
        raise InstallFailed(f"{source} does not hold iapeer-memory", remedy="name a wheel or a checkout of it")
    return Package(match[1].decode(), tuple(sorted(contents, key=lambda c: c.path)), source)


def walk(files: Files, root: str, below: str = "") -> Iterator[tuple[str, bytes]]:
    """(path below root, bytes) of every regular file that is not compiled or hidden."""
    for name in files.list(join(root, below) if below else root):
        if name == "__pycache__" or name.startswith(".") or name.endswith(".pyc"):
            continue
        path = join(below, name) if below else name
        seen = files.lstat(join(root, path))
        if seen is None:
            continue
        if seen.kind == "dir":
            yield from walk(files, root, path)
        elif seen.kind == "file" and path.isprintable():
            yield path, files.read(join(root, path), limit=LIMIT)
        else:
            raise InstallFailed(
                f"{join(root, path)} is a {seen.kind}, not a plain file", remedy="take a clean checkout"
            )
