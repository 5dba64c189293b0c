"""memoryd's service definition: how a broker starts the memoryd of this installation. Both generations, the same words.

It names the executable of one runtime, so it is written anew with every update. A runtime without an executable of its
own has no definition: started without arguments, its interpreter would be just an interpreter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import dirname, join

from iapeer_memory.broker.definition_builder import explicit_instance
from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.service_file import Generation, file_path, install, load, uninstall
from iapeer_memory.broker.validate import TAIL_SIGNS
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import Paths
from iapeer_memory.supervise.outside import remove_empty

NUMBERS = re.compile(r"\d+(\.\d+){0,2}", re.ASCII)
GENERATIONS: tuple[Generation, ...] = (1, 2)


def broker_version(version: str) -> str:
    """Our version in a broker's words: three numbers, and what follows them behind a dash."""
    found = NUMBERS.match(version)
    numbers = found[0].split(".") if found else []
    tail = "".join(sign for sign in version[len(found[0]) if found else 0 :].lower() if sign in TAIL_SIGNS)
    core = ".".join([*numbers, "0", "0", "0"][:3])
    return f"{core}-{tail}" if tail else core


def executable(files: Files, paths: Paths) -> str | None:
    """The real path of memoryd's own executable in the current runtime; None where that has none."""
    program = join(files.realpath(paths.current_runtime), "bin", "memoryd")
    found = files.stat(program)
    return program if found is not None and found.kind == "file" and found.mode & 0o111 else None


def definition(paths: Paths, program: str) -> ServiceDefinition:
    """The definition for that executable. Raises DefinitionRefused for a path that no definition can hold."""
    try:
        program.encode()
    except UnicodeEncodeError:
        raise DefinitionRefused("path", program, "is not UTF-8, so no broker can be told of it") from None
    return explicit_instance(paths.service, program, paths.service).per_version_binary_dir(dirname(program)).build()


@dataclass(frozen=True, slots=True)
class Declaration:
    """The definitions of one installation. `folder`: where the user's brokers look."""

    files: Files
    folder: str
    paths: Paths
    uid: int

    def problem(self, program: str) -> str | None:
        """What is wrong with what lies there, or None. Raises DefinitionRefused where no definition can be written."""
        wanted = definition(self.paths, program)
        for generation in GENERATIONS:
            path = file_path(self.folder, self.paths.service, generation)
            try:
                found = load(self.files, self.folder, self.paths.service, generation, uid=self.uid)
            except FileRefused as refused:
                return refused.line().removesuffix(f"; fix: {refused.remedy}")
            if found is None:
                return f"{path} is missing"
            if found.definition != wanted:
                return f"{path} is not as we write it"
        return None

    def write(self, program: str) -> bool:
        """Put in place what is not; whether that was anything. Raises DefinitionRefused, OSError."""
        wanted = definition(self.paths, program)
        written = [install(self.files, self.folder, wanted, one, uid=self.uid) for one in GENERATIONS]
        return any(changed for _, changed in written)

    def remove(self) -> int:
        """Take both away; how many there were. Raises OSError."""
        removed = len(uninstall(self.files, self.folder, self.paths.service))
        remove_empty(self.files, self.folder)
        return removed
