"""memoryd's own executable in a runtime: `bin/memoryd`, a copy of the interpreter that carries the runtime's name.

So the file that memoryd runs tells it from every other Python program, and one build from another. Where such a copy
does not work, memoryd runs from `bin/python`, and `runtime.json` says so. Never changes the interpreter.
"""

from __future__ import annotations

from posixpath import join

from iapeer_memory.broker.exe import MODE, PROGRAM_BYTES, place_copy, private_copy, why_unfit
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.provision.runtime.layout import OWN_PROGRAM, PYTHON, RuntimeInfo


def give_program(door: Door, place: str, info: RuntimeInfo) -> str:
    """Put the copy into the runtime at `place`; what memoryd is to run there: OWN_PROGRAM, or PYTHON.

    The rest of the runtime is there already, since the copy is tried.
    """
    files, program = door.files, join(place, OWN_PROGRAM)
    try:
        place_copy(door, interpreter=files.realpath(info.python), program=program, mark=info.build)
    except (FileRefused, FileNotFoundError):  # one that may be run and not read
        return PYTHON
    if why_unfit(door, program, prefix=files.realpath(place)) is None:
        return OWN_PROGRAM
    files.remove(program)
    return PYTHON


def program_damaged(files: Files, place: str, info: RuntimeInfo) -> bool:
    """Whether the copy is not as we made it, or not of the interpreter as it is now: the system may have renewed it."""
    if info.program != OWN_PROGRAM:
        return False
    program = join(place, OWN_PROGRAM)
    seen = files.lstat(program)
    if seen is None or seen.kind != "file" or seen.mode & 0o777 != MODE:
        return True
    wanted = private_copy(files.read(files.realpath(info.python), limit=PROGRAM_BYTES), info.build)
    return seen.size != len(wanted) or files.read(program, limit=PROGRAM_BYTES) != wanted
