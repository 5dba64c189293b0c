"""The folder of all runtimes: what is there, what is damaged, staging a new one, switching, and clearing out.

Nothing is ever written into a finished runtime but what its own list says is missing. A runtime in use, the current
one and the one before it are never removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from posixpath import basename, dirname, join

from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime.executable import give_program, program_damaged
from iapeer_memory.provision.runtime.layout import (
    OWN_PROGRAM,
    PYTHON,
    RUNTIME_FILES,
    RUNTIME_JSON,
    STAGING,
    TRASH,
    Listed,
    RuntimeInfo,
    dump_listing,
    interpreter,
    load_info,
    load_listing,
    to_keep,
    used_names,
    version_of,
)
from iapeer_memory.provision.runtime.package import Content
from iapeer_memory.provision.runtime.program import executable


@dataclass(frozen=True, slots=True)
class Shelf:
    """The runtimes of one state directory."""

    door: Door
    paths: Paths

    @property
    def root(self) -> str:
        """The folder of all of them."""
        return self.paths.runtimes

    def place(self, name: str) -> str:
        """A runtime's folder."""
        return join(self.root, name)

    def names(self) -> tuple[str, ...]:
        """Finished runtimes, damaged ones included."""
        return tuple(name for name in self.door.files.list(self.root) if version_of(name))

    def info(self, name: str) -> RuntimeInfo | None:
        """What `runtime.json` says; None when there is none that can be used."""
        return load_info(self.door.files.read_optional(join(self.place(name), RUNTIME_JSON), limit=1 << 16), name)

    def current(self) -> str | None:
        """The name that `current` points to, whether or not it is there."""
        return link_name(self.door.files, self.paths.current_runtime)

    def previous(self) -> str | None:
        """What a rollback goes back to: the recorded one, else the newest other one that is whole."""
        current = self.current()
        recorded = link_name(self.door.files, join(self.root, "previous"))
        if recorded and recorded != current and self.info(recorded):
            return recorded
        others = [info for name in self.names() if name != current and (info := self.info(name))]
        return max(others, key=lambda info: info.created).build if others else None

    def damage(self, name: str, *, deep: bool = False) -> tuple[str, ...]:
        """Paths that are missing or have another size (`deep`: other content); () when the runtime is whole.

        A base interpreter that vanished is damage of `bin/python`; one that was renewed, of `bin/memoryd`.
        """
        files, place = self.door.files, self.place(name)
        data = files.read_optional(join(place, RUNTIME_FILES), limit=8 << 20)
        listed = load_listing(data) if data is not None else None
        info = self.info(name)
        if listed is None or info is None:
            return (RUNTIME_FILES,)
        bad = []
        if not executable(files, interpreter(place)):
            bad.append(PYTHON)
        elif program_damaged(files, place, info):
            bad.append(OWN_PROGRAM)
        for entry in listed:
            path = join(place, entry.path)
            seen = files.lstat(path)
            wrong = seen is None or seen.kind != "file" or seen.size != entry.size
            if wrong or (deep and hashlib.sha256(files.read(path)).hexdigest() != entry.sha256):
                bad.append(entry.path)
        return tuple(bad)

    def build(self, info: RuntimeInfo, contents: Iterable[Content]) -> None:
        """Make a runtime beside the others and put it in place in one rename; what is there damaged is replaced."""
        files = self.door.files
        staging = join(self.root, STAGING + self.door.random.token())
        try:
            self.fill(staging, info, contents)
            if files.lstat(self.place(info.build)) is not None:
                files.rename(self.place(info.build), join(self.root, TRASH + self.door.random.token()))
            files.rename(staging, self.place(info.build))
        except BaseException:
            files.remove_tree(staging)
            raise

    def fill(self, place: str, info: RuntimeInfo, contents: Iterable[Content]) -> None:
        """Write every file of a runtime, its list and, last, who it is; on return all of it outlives a loss of power.

        Thousands of files: the disk is waited for once, not for each.
        """
        files = self.door.files
        listed = []
        for content in contents:
            files.create(join(place, content.path), content.data, mode=0o644, durable=False)
            listed.append(Listed(len(content.data), hashlib.sha256(content.data).hexdigest(), content.path))
        files.mkdir(join(place, "bin"))
        files.symlink(info.python, interpreter(place))
        info = replace(info, program=give_program(self.door, place, info))
        files.create(join(place, RUNTIME_FILES), dump_listing(tuple(listed)), mode=0o644, durable=False)
        files.create(join(place, RUNTIME_JSON), info.dump(), mode=0o644, durable=False)
        files.sync(place)

    def heal(self, info: RuntimeInfo, bad: tuple[str, ...], contents: Iterable[Content]) -> None:
        """Put back single files of a runtime that a live process may be using."""
        files, place = self.door.files, self.place(info.build)
        wanted = set(bad)
        if PYTHON in wanted:
            files.symlink(info.python, interpreter(place))
        for content in contents:
            if content.path in wanted:
                files.write(join(place, content.path), content.data, mode=0o644)
        if wanted & {PYTHON, OWN_PROGRAM}:
            self.renew_program(info.build)

    def renew_program(self, name: str) -> None:
        """Give a runtime that is otherwise whole memoryd's executable anew; one that runs goes on with the old file."""
        info, place = self.info(name), self.place(name)
        if info is None:
            return
        program = give_program(self.door, place, info)
        if program != info.program:
            self.door.files.write(join(place, RUNTIME_JSON), replace(info, program=program).dump(), mode=0o644)

    def switch(self, name: str) -> str | None:
        """Make a runtime the current one; returns the one before. Nothing is written when it already is."""
        before = self.current()
        if before == name:
            return before
        if before is not None and self.info(before) is not None:
            self.door.files.symlink(before, join(self.root, "previous"))
        self.door.files.symlink(name, self.paths.current_runtime)
        return before

    def swap(self, name: str) -> None:
        """Make the previous runtime the current one and the other way round."""
        before = self.current()
        self.door.files.symlink(name, self.paths.current_runtime)
        if before is not None:
            self.door.files.symlink(before, join(self.root, "previous"))

    def in_use(self) -> frozenset[str]:
        """Runtimes that a live process was started from or has mapped."""
        texts = tuple(process_texts(self.door))
        found = used_names(self.root, texts) | used_names(self.door.files.realpath(self.root), texts)
        return found | self.unclear(texts)

    def unclear(self, texts: tuple[str, ...]) -> frozenset[str]:
        """Where a process was started by way of `current` and its maps cannot be seen, it may run from any of them."""
        by_link = join(self.root, "current") + "/"
        if any(text.startswith(by_link) and "\n" not in text for text in texts):
            return frozenset(self.names())
        return frozenset()

    def prune(self) -> tuple[str, ...]:
        """Remove what nobody uses and leftovers of interrupted runs; the names of removed runtimes."""
        files = self.door.files
        keep = to_keep(self.current(), self.previous(), self.in_use())
        removed = tuple(name for name in self.names() if name not in keep)
        for name in removed:
            files.rename(self.place(name), join(self.root, TRASH + self.door.random.token()))
        for name in files.list(self.root):
            if name.startswith((STAGING, TRASH)):
                files.remove_tree(join(self.root, name))
        return removed


def link_name(files: Files, path: str) -> str | None:
    """The runtime's name that a link of ours points to; None when it is no such link."""
    seen = files.lstat(path)
    if seen is None or seen.kind != "link":
        return None
    target = files.readlink(path)
    name = basename(target)
    return name if version_of(name) and dirname(target) in ("", dirname(path)) else None


def process_texts(door: Door) -> Iterator[str]:
    """One text a process of ours: its command line and, where the system shows them, lines of its mapped files."""
    for process in door.processes.all():
        text = "\0".join(process.argv)
        if process.argv and ("python" in (name := basename(process.argv[0])) or name == basename(OWN_PROGRAM)):
            try:
                maps = door.files.read_optional(f"/proc/{process.pid}/maps", limit=16 << 20)
            except (ProductError, OSError):
                maps = None
            text += "\n" + maps.decode("utf-8", "replace") if maps else ""
        yield text
