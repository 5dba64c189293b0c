"""PostToolUse: which notes of the vault has this tool call just written?

Run by file path: `python -I -S post_write.py CONFIG_FILE ERROR_LOG MILLISECONDS`, the event's JSON on stdin.
Only the gates stand here: the tool, the vault, an existing file. What passes them is the list of notes to stamp.

Never blocks or fails a tool call: exit 0 whatever comes in, nothing on stdout or stderr, a hard deadline.
Never imports anything of ours, nor os, json, re or enum before a note of the vault is really at hand: a bare
interpreter's start is all that this may cost. Functions that it shares with session_start.py are held equal by a test.

Source of the event's shape: the harnesses' PostToolUse payloads (tool_name, tool_input, tool_response, cwd).
"""

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum
import posix
import sys

FILE_TOOLS = ("Write", "Edit", "MultiEdit")
PATCH_TOOL = "apply_patch"
PATCH_MARKS = ("*** Update File: ", "*** Add File: ", "*** Move to: ")
LOG_LIMIT = 256 * 1024
LOG_KEEP = 128 * 1024


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


def candidates(event: object) -> list[str]:
    """Absolute `.md` paths that the tool call names as written, in order, each once; [] for any other event."""
    if not isinstance(event, dict) or not isinstance(given := event.get("tool_input"), dict):
        return []
    tool, cwd = event.get("tool_name"), event.get("cwd")
    named: list[str] = []
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


def in_vault(path: str, vault: str) -> bool:
    """Whether the file really lies under the vault, however either is spelled: links, case, composed letters."""
    from os.path import dirname, realpath, samestat

    try:
        root = posix.stat(vault)
        above = dirname(realpath(path))
        while not samestat(posix.stat(above), root):
            if above == "/":
                return False
            above = dirname(above)
    except (OSError, ValueError):
        return False
    return True


def notes_written(payload: bytes, config_file: str) -> list[str]:
    """The vault's notes that this event has written; [] otherwise. Raises OSError when the config cannot be read."""
    if b".md" not in payload:
        return []
    try:
        event = parse_json(payload.decode("utf-8", "replace"))
    except (ValueError, StopIteration, RecursionError):
        return []
    found = [path for path in candidates(event) if is_file(path)]
    if not found:
        return []
    try:
        vault = setting(read_file(config_file).decode("utf-8", "replace"), "IAPEER_MEMORY_VAULT_PATH")
    except FileNotFoundError:
        return []
    return [path for path in found if in_vault(path, vault)] if vault.startswith("/") else []


def main(words: list[str]) -> int:
    """CONFIG_FILE ERROR_LOG MILLISECONDS; always 0."""
    config_file, log, milliseconds = words
    set_deadline(int(milliseconds))
    try:
        payload = []
        while chunk := posix.read(0, 1 << 20):
            payload.append(chunk)
        notes_written(b"".join(payload), config_file)
    except BaseException as error:
        log_error(log, "post-write", error)
    return 0


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        posix._exit(0)  # no teardown: there is nothing to flush, and it costs as much as the work
