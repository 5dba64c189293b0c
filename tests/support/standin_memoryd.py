"""A stand-in for memoryd: answers the identity probe and leaves the same traces, in forty milliseconds.

Not a test. Standard library only, so that it can be the whole `iapeer_memory` of a runtime that a test makes up; what
it is not, a broker or a backend of one, it becomes by importing the real package, found by way of `sys_path.json`.
`<state>/standin.json` says where it listens and how it misbehaves:

    {"port": n, "ignore_term": bool, "deaf": bool, "unlocked": bool, "watch": bool, "die": "last words",
     "state_dir": "…", "uid": n, "no_probe": bool, "slow": seconds}
"""

from __future__ import annotations

import fcntl
import http.server
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).parent


def become_real() -> None:
    """From here on `iapeer_memory` is the product's."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "iapeer_memory"]:
        del sys.modules[name]
    sys.path[:0] = json.loads((HERE / "sys_path.json").read_text())


if sys.argv[1:2] == ["broker"]:
    become_real()
    from iapeer_memory.__main__ import main as real

    sys.exit(real())

STATE = Path(os.environ["IAPEER_MEMORY_STATE_DIR"])
PLAN = json.loads((STATE / "standin.json").read_text())


def started() -> str:
    """As `ProcessInfo.started`."""
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:{ticks}"


def build() -> str:
    """As `running_build`, of the folder that this runtime really is."""
    record = Path(sys.prefix).resolve() / "runtime.json"
    return str(json.loads(record.read_text())["build"]) if record.exists() else "dev-0"


BUILD = build()
"""Asked once: the link `current` may lead elsewhere later."""


class Probe(http.server.BaseHTTPRequestHandler):
    """`GET /health`."""

    def do_GET(self) -> None:
        if PLAN.get("no_probe"):
            self.send_error(404)
            return
        nonce = parse_qs(urlsplit(self.path).query).get("nonce", [""])[0]
        body = json.dumps(
            {
                "name": "iapeer-memory",
                "nonce": nonce,
                "version": "0",
                "build": BUILD,
                "pid": os.getpid(),
                "uid": PLAN.get("uid", os.getuid()),
                "started": started(),
                "state_dir": PLAN.get("state_dir", str(STATE)),
                "watch": PLAN.get("watch", True),
                "ready": True,
                "notes": 0,
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def lock() -> int:
    """memoryd's own lock, signed as the lock channel signs; ends the process when somebody else has it."""
    path = os.environ["IAPEER_MEMORY_DB_PATH"].replace("index.db", "memoryd.lock")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("another memoryd holds the lock")
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\nmemoryd\n".encode(), 0)
    return fd


def serve_as_backend() -> None:
    """Answer who we are on the socket that the broker gave us, until SIGTERM."""
    become_real()
    from iapeer_memory.broker.backend import bound, launched, service
    from iapeer_memory.broker.names import place_of
    from iapeer_memory.egress.real import real_door

    place = place_of(os.environ, platform=sys.platform, uid=os.getuid(), home=os.environ["HOME"])
    planned = service(os.environ["RUNNING_PROCESS_BROKER_V1_SERVICE_NAME"], place, version="0.0.0", build=BUILD)
    with bound(real_door(), launched(os.environ, planned)) as backend:
        backend.run({})


def main() -> int:
    """Serve until SIGTERM."""
    if PLAN.get("die"):
        sys.exit(PLAN["die"])
    done = threading.Event()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if PLAN.get("ignore_term") else lambda *_: done.set())
    if not PLAN.get("unlocked"):
        lock()
    time.sleep(PLAN.get("slow", 0))
    server = None
    if not PLAN.get("deaf"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", PLAN["port"]), Probe)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    (STATE / "memoryd.pid").write_text(f"{os.getpid()}\n")
    (STATE / "memoryd.heartbeat").write_text("now host watch=on\n")
    if "RUNNING_PROCESS_BROKER_V1_BACKEND_PIPE" in os.environ and not PLAN.get("ignore_term"):
        serve_as_backend()
    else:
        done.wait()
    if server is not None:
        server.shutdown()
    pid_file = STATE / "memoryd.pid"
    if pid_file.exists() and pid_file.read_text() == f"{os.getpid()}\n":
        pid_file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
