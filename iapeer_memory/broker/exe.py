"""An interpreter of a daemon's own, so that the file it runs names the daemon and not "some Python".

The copy lies in an environment's `bin` folder, where the interpreter finds `pyvenv.cfg` and so its modules. A mark
behind the program's end gives every build another hash, for readers that compare nothing else. Never changes the
interpreter that it is made from; whether a copy works is found out by running it, because some interpreters look for
their library beside themselves.

The branches for macOS are not yet run there: its programs are signed, so a copy carries no mark.
"""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.executables import TRIAL

ELF = b"\x7fELF"
MARK = b"\0iapeer-memory build "
MODE = 0o755
PROGRAM_BYTES = 1 << 30
TRY_SECONDS = 20.0


def private_copy(interpreter: bytes, mark: str) -> bytes:
    """The program with a mark behind it where its format allows that, else as it is. The same input, the same bytes."""
    return interpreter + MARK + mark.encode() + b"\n" if interpreter.startswith(ELF) else interpreter


def entry_line(program: str, words: Sequence[str]) -> bytes:
    """A `.pth` file that makes the copy, started without arguments, become itself with these.

    A launcher that passes no arguments can so start a daemon; the process, its file and what it inherited stay.
    `program`: the copy's file name; `words`: what follows the interpreter, `("-I", "-m", "package")`.
    """
    test = f"len(sys.orig_argv) == 1 and os.path.basename(sys.executable) == {program!r}"
    return f"import os, sys; {test} and os.execv(sys.executable, [sys.executable, *{list(words)!r}])\n".encode()


def place_copy(door: Door, *, interpreter: str, program: str, mark: str) -> bool:
    """Put the copy at the absolute path `program`; False when it is there already.

    Raises FileNotFoundError, Unreadable, OSError.
    """
    wanted = private_copy(door.files.read(interpreter, limit=PROGRAM_BYTES), mark)
    found = door.files.lstat(program)
    if found is not None and found.kind == "file" and found.mode & 0o777 == MODE and found.size == len(wanted):
        if door.files.read(program, limit=PROGRAM_BYTES) == wanted:
            return False
    elif found is not None and found.kind == "link":
        door.files.remove(program)  # writing would follow it to the interpreter
    door.files.write(program, wanted, mode=MODE)
    return True


def why_unfit(door: Door, program: str, *, prefix: str) -> str | None:
    """Why the copy cannot take the interpreter's place, found by running it; None when it can."""
    result = door.processes.run([program, *TRIAL], timeout=TRY_SECONDS, cwd="/")
    if not result.ok:
        return f"{program} does not run ({(result.spawn_error or result.stderr or f'exit {result.code}').strip():.200})"
    told = result.stdout.splitlines()
    if told != [program, prefix]:
        return f"{program} takes itself for another interpreter ({', '.join(told):.200})"
    return None
