"""SessionStart, when memory does not look well: say so in one line, and start a repair that nobody waits for.

Run by file path: `python -I -S session_start.py PYTHON PORT NAME=VALUE…`. The shim has found the heartbeat stale or
missing. PYTHON is the interpreter of the repair, PORT is memoryd's, and the NAME=VALUE words are the whole
environment of the repair: all of them literals of the shim, so that a session's environment redirects nothing.

Before it blames anyone it asks memoryd: a laptop that wakes has a stale heartbeat and a healthy daemon. Of several
sessions that start at once exactly one starts a repair, and then none for five minutes.

Never reads stdin, never waits for the repair, never leaves a zombie, never prints more than one line; exit 0 always,
within a hard deadline. Never imports anything of ours. Functions that it shares with post_write.py are held equal by
a test.
"""

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum
import posix
import sys

FRESH_SECONDS = 120
DEBOUNCE_SECONDS = 300
DEADLINE_MS = 250
ASK_SECONDS = 0.1
ANSWER_LIMIT = 16 * 1024
LOG_LIMIT = 256 * 1024
LOG_KEEP = 128 * 1024
LISTENING = "0A"
INHERITED = ("IAPEER_MEMORY_SUPPRESS_IAP_SEND", "IAPEER_TEST_SANDBOX", "XDG_RUNTIME_DIR")
"""A sandboxed session repairs in its sandbox; and whoever starts memoryd has to find the same sockets."""


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


def heartbeat_age(path: str) -> float | None:
    """Seconds since the daemon's last sign of life, None when it never gave one."""
    import time

    try:
        return time.time() - posix.stat(path).st_mtime
    except OSError:
        return None


def listener_is_ours(port: int, table: str = "/proc/net/tcp") -> bool:
    """Whether 127.0.0.1:port is listened on by this user; True where the kernel does not tell (not Linux)."""
    try:
        rows = read_file(table).decode("ascii", "replace").split("\n")
    except OSError:
        return sys.platform != "linux"
    local = f"0100007F:{port:04X}" if sys.byteorder == "little" else f"7F000001:{port:04X}"
    split = (row.split() for row in rows)
    owners = {cells[7] for cells in split if len(cells) > 7 and cells[1] == local and cells[3] == LISTENING}
    return owners == {str(posix.getuid())}


def answers(port: int, state_dir: str) -> bool:
    """Whether our memoryd of this state directory answers its identity probe within a tenth of a second."""
    import time
    from _socket import AF_INET, SOCK_STREAM, socket

    nonce = posix.urandom(8).hex()
    end = time.monotonic() + ASK_SECONDS
    ask = f"GET /health?nonce={nonce} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    line = socket(AF_INET, SOCK_STREAM)
    answer = b""
    try:
        line.settimeout(ASK_SECONDS)
        line.connect(("127.0.0.1", port))
        line.sendall(ask.encode())
        while len(answer) < ANSWER_LIMIT and (left := end - time.monotonic()) > 0:
            line.settimeout(left)
            if not (chunk := line.recv(ANSWER_LIMIT)):
                break
            answer += chunk
    except OSError:
        pass  # a timeout included: what has come so far may be whole
    finally:
        line.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    start, end_of_body = body.find(b"{"), body.rfind(b"}")  # a chunked body has sizes around it
    if head[:7] != b"HTTP/1." or head[8:12] != b" 200" or start < 0:
        return False
    try:
        said = parse_json(body[start : end_of_body + 1].decode("utf-8", "replace"))
    except (ValueError, StopIteration, RecursionError):
        return False
    want = {"name": "iapeer-memory", "nonce": nonce, "uid": posix.getuid(), "state_dir": state_dir}
    return isinstance(said, dict) and all(said.get(key) == value for key, value in want.items())


def claim(stamp: str) -> bool:
    """Whether this process is the one that may start a repair now; then the stamp says so for five minutes."""
    import time
    from fcntl import LOCK_EX, LOCK_NB, flock

    fd = posix.open(stamp, posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o600)
    try:
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        found = posix.fstat(fd)
        if found.st_size and abs(time.time() - found.st_mtime) < DEBOUNCE_SECONDS:
            return False
        posix.ftruncate(fd, 0)
        posix.write(fd, time.strftime("%Y-%m-%dT%H:%M:%SZ\n", time.gmtime()).encode())
        return True
    finally:
        posix.close(fd)


def start_detached(argv: list[str], env: dict[str, str], log: str) -> None:
    """Start a program in a session of its own, output appended to the log; raises OSError when it cannot fork.

    Two forks: the middle process ends at once and is reaped here, so the program is never our zombie, and no
    descriptor of the harness stays open in it.
    """
    middle = posix.fork()
    if middle:
        posix.waitpid(middle, 0)
        return
    try:
        posix.setsid()
        if posix.fork():
            posix._exit(0)
            _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # the interpreter ignores it, and exec would hand that on
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW
        null = posix.open("/dev/null", posix.O_RDWR)
        for target in (0, 1, 2):
            posix.dup2(null, target)
        try:
            out = posix.open(log, flags, 0o600)
        except OSError:
            out = null  # a log that cannot be written must not stop the repair
        posix.dup2(out, 1)
        posix.dup2(out, 2)
        posix.closerange(3, 1 << 16)
        posix.chdir("/")
        posix.execve(argv[0], argv, env)
    except BaseException as error:
        posix.write(2, f"{argv[0]}: {error}\n".encode("utf-8", "backslashreplace"))
    finally:
        posix._exit(127)


def repair_environment(given: dict[str, str]) -> dict[str, str]:
    """The literals, plus the sandbox's switches, plus the way to this user's own systemd where there is one."""
    env = dict(given)
    for name in INHERITED:
        if value := posix.environ.get(name.encode()):
            env[name] = value.decode("utf-8", "surrogateescape")
    run = f"/run/user/{posix.getuid()}"
    try:
        if posix.stat(run).st_uid == posix.getuid():
            env.setdefault("XDG_RUNTIME_DIR", run)
    except OSError:
        pass
    return env


def trim(log: str) -> None:
    """Keep the repair log from growing: one old generation beside it."""
    try:
        if posix.stat(log).st_size > LOG_LIMIT:
            posix.rename(log, f"{log}.1")
    except FileNotFoundError:
        pass


def duration(seconds: float) -> str:
    """Whole seconds, minutes, hours or days, in words."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def check(python: str, port: int, given: dict[str, str]) -> str:
    """What there is to say, "" when memory is well; starts the repair when it is due.

    Raises OSError when the config cannot be read.
    """
    state, logs = given["IAPEER_MEMORY_STATE_DIR"], given["IAPEER_MEMORY_LOGS_DIR"]
    age = heartbeat_age(f"{state}/memoryd.heartbeat")
    if age is not None and age <= FRESH_SECONDS:
        return ""
    try:
        config = read_file(given["IAPEER_MEMORY_CONFIG_FILE"]).decode("utf-8", "replace")
    except FileNotFoundError:
        config = ""
    if not setting(config, "IAPEER_MEMORY_VAULT_PATH"):
        return "[iapeer-memory] not set up: no vault is configured; fix: run iapeer-memory init"
    if listener_is_ours(port) and answers(port, state):
        return ""
    signs = "has given no sign of life" if age is None else f"gave its last sign of life {duration(age)} ago"
    try:
        make_folder(state)
        make_folder(logs)
        if not claim(f"{state}/verify-kick.stamp"):
            done = "a repair was started already, to look: iapeer-memory status"
        else:
            log = f"{logs}/repair.log"
            trim(log)
            argv = [python, "-I", "-m", "iapeer_memory", "verify", "--repair"]
            start_detached(argv, repair_environment(given), log)
            done = "a repair has been started, to follow it: iapeer-memory logs"
    except OSError as error:
        log_error(f"{logs}/hook-errors.log", "session-start", error)
        done = f"no repair could be started ({error.strerror}), to look: iapeer-memory verify"
    return f"[iapeer-memory] degraded: memoryd {signs}; {done}"


def main(words: list[str]) -> int:
    """PYTHON PORT NAME=VALUE…; always 0."""
    set_deadline(DEADLINE_MS)
    python, port, *pairs = words
    given = dict(pair.split("=", 1) for pair in pairs)
    try:
        if line := check(python, int(port), given):
            posix.write(1, f"{line}\n".encode())
    except BaseException as error:
        log_error(f"{given.get('IAPEER_MEMORY_LOGS_DIR', '')}/hook-errors.log", "session-start", error)
    return 0


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        posix._exit(0)  # no teardown: there is nothing to flush, and it costs as much as the work
