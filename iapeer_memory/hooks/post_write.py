"""PostToolUse: which notes of the vault has this tool call just written? Then on to `after_write`, which stamps them.

Run by file path, the event's JSON on stdin: `python -I -S post_write.py CONFIG_FILE ERROR_LOG MILLISECONDS STATE_DIR
TAG_MIRROR PORT WITH_CORE FOLDER STARTED`. FOLDER: the session's, as its shell spells it. STARTED: seconds of uptime at
which the shim began; MILLISECONDS count from there, and from now where it is empty. An older shim hands over the first
three words: then only the gates stand.

Never blocks or fails a tool call: exit 0 whatever comes in, nothing on stderr, a hard deadline. Never imports
anything of ours, nor os, json, re or enum before a note of the vault is really at hand: a bare interpreter's start is
all that this may cost. Functions that it shares with session_start.py are held equal by a test.

Source of the event's shape: the harnesses' PostToolUse payloads (tool_name, tool_input, tool_response, cwd).
"""

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum
import posix
import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FILE_TOOLS = ("Write", "Edit", "MultiEdit")
PATCH_TOOL = "apply_patch"
SHELL_TOOL = "Bash"
PATCH_MARKS = ("*** Update File: ", "*** Add File: ", "*** Move to: ")
LOG_LIMIT = 256 * 1024
LOG_KEEP = 128 * 1024
SHORTEST_MS = 90
"""What is left for us at the least: on a busy host, or where nobody can tell how long ago the shim began."""


class Grammar:
    """What the C scanner of the json package asks its decoder for."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def parse_json(text: str) -> object:
    """The value; raises ValueError or StopIteration on anything else.

    The json package brings re and enum, which double the start. Its C scanner alone brings nothing.
    """
    try:
        from _json import make_scanner

        scan = make_scanner(Grammar)  # type: ignore[arg-type]
    except (ImportError, AttributeError, TypeError):
        import json

        fallback: object = json.loads(text, strict=False)
        return fallback
    try:
        value: object = scan(text.strip(), 0)[0]
    except SystemError:  # it looks for its error class among the loaded modules, and finds none
        raise ValueError("not JSON") from None
    return value


def read_file(path: str) -> bytes:
    """The whole file; raises OSError. Does not hang on a FIFO."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    try:
        chunks = []
        while chunk := posix.read(fd, 1 << 16):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        posix.close(fd)


def make_folder(path: str) -> None:
    """Make a private folder and what is missing above it; raises OSError."""
    if path and not posix.access(path, posix.F_OK):
        make_folder(path.rpartition("/")[0])
        posix.mkdir(path, 0o700)


def setting(text: str, key: str) -> str:
    """The last value of a key in the text of config.env, "" when absent; the syntax of `domain.settings`."""
    found = ""
    for raw in text.lstrip("\ufeff").split("\n"):
        line = raw.strip()
        if line[:6] == "export" and line[6:7].isspace():
            line = line[6:].lstrip()
        name, equals, value = line.partition("=")
        if name != key or not equals or "\0" in line:
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            found = value[1:-1]
        else:
            found = value.split(" #", 1)[0].rstrip()
    return found


def log_error(path: str, who: str, error: object) -> None:
    """Append `<ISO time> <who>: <error>` to the log, cut to its last half when it has grown; never raises."""
    try:
        import time

        what = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {who}: {' '.join(what.split())[:400]}\n"
        data = line.encode("utf-8", "backslashreplace")
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
        try:
            fd = posix.open(path, flags | posix.O_APPEND, 0o600)
        except FileNotFoundError:
            make_folder(path.rpartition("/")[0])
            fd = posix.open(path, flags | posix.O_APPEND, 0o600)
        if posix.fstat(fd).st_size <= LOG_LIMIT:
            posix.write(fd, data)
        else:
            kept = read_file(path)[-LOG_KEEP:].partition(b"\n")[2]
            fresh = f"{path}.{posix.getpid()}.tmp"
            new = posix.open(fresh, flags | posix.O_TRUNC, 0o600)
            posix.write(new, kept + data)
            posix.close(new)
            posix.rename(fresh, path)
        posix.close(fd)
    except (OSError, ValueError):
        return


def set_deadline(milliseconds: int) -> None:
    """End this process with exit code 0 when the time is up, wherever it is."""
    _signal.signal(_signal.SIGALRM, lambda *_: posix._exit(0))
    _signal.setitimer(_signal.ITIMER_REAL, milliseconds / 1000)


def milliseconds_left(whole: int, started: str) -> int:
    """How much of the whole is left for us."""
    if not started:
        return min(whole, SHORTEST_MS)
    try:
        now = float(read_file("/proc/uptime").split()[0])
        return max(SHORTEST_MS, whole - int((now - float(started)) * 1000))
    except (OSError, ValueError, IndexError):
        return SHORTEST_MS


def candidates(event: object) -> list[str]:
    """Absolute `.md` paths that the tool call names as written, in order, each once; [] for any other event."""
    if not isinstance(event, dict) or not isinstance(given := event.get("tool_input"), dict):
        return []
    tool, cwd = event.get("tool_name"), event.get("cwd")
    named: list[object] = []
    if tool in FILE_TOOLS:
        named = [given.get("file_path", "")]
    elif tool == PATCH_TOOL:
        for text in given.values():
            for line in text.split("\n") if isinstance(text, str) else ():
                named += [line[len(mark) :].strip() for mark in PATCH_MARKS if line.startswith(mark)]
        answer = event.get("tool_response")
        for line in answer.split("\n") if isinstance(answer, str) else ():
            if line[:2] in ("A ", "M ", "D "):
                named.append(line[2:].strip())
    return absolute(named, cwd)


def absolute(named: list[object], cwd: object) -> list[str]:
    """Those that are paths of `.md` files, absolute, in order, each once; [] of relative ones where cwd is no path."""
    found: list[str] = []
    for name in named:
        if not isinstance(name, str) or not name.endswith(".md") or "\0" in name:
            continue
        if not name.startswith("/"):
            if not isinstance(cwd, str) or not cwd.startswith("/"):
                continue
            name = f"{cwd.rstrip('/')}/{name}"  # noqa: PLW2901
        if name not in found:
            found.append(name)
    return found


def is_file(path: str) -> bool:
    """Whether a regular file is there; follows links."""
    try:
        return posix.stat(path).st_mode & 0o170000 == 0o100000
    except (OSError, ValueError):
        return False


def place_in(vault: str, path: str) -> str | None:
    """Where in the vault a file really lies, `folder/note.md`, however either is spelled: links, case, composed
    letters. None for what lies elsewhere, and for a note that is itself a link."""
    from os.path import basename, dirname, realpath, samestat

    try:
        root = posix.stat(vault)
        if posix.lstat(path).st_mode & 0o170000 == 0o120000:
            return None
        above, name = dirname(path), basename(path)
        above = realpath(above)
        parts = [name]
        while not samestat(posix.stat(above), root):
            if above == "/":
                return None
            parts.append(basename(above))
            above = dirname(above)
    except (OSError, ValueError):
        return None
    return "/".join(reversed(parts))


class Written:
    """What a tool call wrote into the vault. `config`: the text of config.env. `notes`: path as named → its place in
    the vault."""

    __slots__ = ("config", "event", "notes", "vault")

    def __init__(self, event: dict[str, object], config: str, vault: str, notes: dict[str, str]) -> None:
        self.event = event
        self.config = config
        self.vault = vault
        self.notes = notes

    @property
    def by_shell(self) -> bool:
        """Whether a shell command wrote them: then nobody knows what it wrote."""
        return self.event.get("tool_name") == SHELL_TOOL


def written(payload: bytes, config_file: str, load: "Callable[[str], None]") -> Written | None:
    """The vault's notes that this event has written; None where there are none. Raises OSError when the config cannot
    be read. `load`: called before a module of ours is imported."""
    if b".md" not in payload:
        return None
    try:
        event = parse_json(payload.decode("utf-8", "replace"))
    except (ValueError, StopIteration, RecursionError):
        return None
    named = candidates(event)
    if not named and isinstance(event, dict) and event.get("tool_name") == SHELL_TOOL:
        named = shell_candidates(event, load)
    found = [path for path in named if is_file(path)]
    if not found or not isinstance(event, dict):
        return None
    try:
        config = read_file(config_file).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    vault = setting(config, "IAPEER_MEMORY_VAULT_PATH")
    if not vault.startswith("/"):
        return None
    places = {path: place for path in found if (place := place_in(vault, path))}
    return Written(event, config, vault, places) if places else None


def shell_candidates(event: dict[str, object], load: "Callable[[str], None]") -> list[str]:
    """Absolute `.md` paths that a shell command writes, as far as its words tell."""
    given = event.get("tool_input")
    command = given.get("command") if isinstance(given, dict) else None
    if not isinstance(command, str) or ".md" not in command:
        return []
    load(__file__)
    from iapeer_memory.hooks.shell_writes import files_written

    home = posix.environ.get(b"HOME", b"").decode("utf-8", "surrogateescape")
    return absolute(list(files_written(command, home)), event.get("cwd"))


def load_package(script: str) -> None:
    """Make the package that this script is a part of importable, and nothing else beside it; once.

    The script is `…/iapeer_memory/hooks/post_write.py` or its compiled form in `__pycache__` there.
    """
    if "iapeer_memory" in sys.modules:
        return
    from os.path import basename, dirname, realpath

    hooks = dirname(realpath(script))
    if basename(hooks) == "__pycache__":
        hooks = dirname(hooks)
    sys.dont_write_bytecode = True
    package = type(sys)("iapeer_memory")
    package.__path__ = [dirname(hooks)]
    sys.modules["iapeer_memory"] = package
    sys.modules["iapeer_memory.hooks.post_write"] = sys.modules[__name__]


def main(words: list[str]) -> int:
    """The words of the module's text; always 0."""
    config_file, log, milliseconds = words[:3]
    state, mirror, port, core, folder, started = words[3:9] if len(words) >= 9 else ("", "", "0", "no", "", "")
    left = milliseconds_left(int(milliseconds), started) if state else int(milliseconds)
    end = monotonic() + left / 1000
    set_deadline(left)
    try:
        payload = []
        while chunk := posix.read(0, 1 << 20):
            payload.append(chunk)
        found = written(b"".join(payload), config_file, load_package)
        if found is not None and state:

            def fail(error: object) -> None:
                log_error(log, "post-write", error)

            def late(*_: object) -> None:
                fail(f"out of time while it looked after {', '.join(found.notes.values())}")
                posix._exit(0)

            _signal.signal(_signal.SIGALRM, late)
            load_package(__file__)
            from iapeer_memory.hooks.after_write import Host, follow

            if answer := follow(found, Host(state, mirror, int(port), core == "yes", folder, fail), end):
                posix.write(1, answer)
    except BaseException as error:
        log_error(log, "post-write", error)
    return 0


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        posix._exit(0)  # no teardown: there is nothing to flush, and it costs as much as the work
