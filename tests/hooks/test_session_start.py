"""SessionStart: silent when well, one line and exactly one detached repair when not, whatever the environment says."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from iapeer_memory.domain.paths import Paths
from iapeer_memory.hooks import session_start
from tests.support.hooks import BASE_PYTHON, SHELLS, HookHost, make_hook_host
from tests.support.ports import free_port

DEGRADED = b"[iapeer-memory] degraded: "


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("age", [0, 100, -600])
def test_silent_with_the_core_and_without_an_interpreter(shell: str, age: float, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path, with_core=True)
    host.context(host.peer, "never printed here")
    host.beat(age)
    done = host.run("session-start", shell=shell)
    assert (done.returncode, done.stdout, done.stderr, host.starts_seen()) == (0, b"", b"", 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_the_core_the_prepared_context_is_printed(shell: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.beat()
    host.context(host.peer, "what alpha knows\nёлка\n")
    below = host.peer / "src" / "deep er"
    below.mkdir(parents=True)
    for folder in (host.peer, below):
        done = host.run("session-start", cwd=folder, shell=shell)
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "what alpha knows\nёлка\n", b"")
    host.context(below.parent, "nearer\n")
    assert host.run("session-start", cwd=below, shell=shell).stdout == b"nearer\n"
    assert host.run("session-start", cwd=host.vault, shell=shell).stdout == b""
    assert host.starts_seen() == 0


def test_context_is_found_through_a_link_to_the_folder(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.beat()
    host.context(host.peer, "known\n")
    (tmp_path / "link").symlink_to(host.peer)
    env = {"PWD": str(tmp_path / "link")}
    assert host.run("session-start", cwd=tmp_path / "link", env=env).stdout == b"known\n"


PROJECTS = {
    "the folder": ("{peer}", True),
    "below it": ("{peer}/src", True),
    "slash at the end": ("{peer}/", True),
    "relative": ("peers/alpha", False),
    "dots": ("{peer}/../../peers/alpha", False),
    "dots out of the folder": ("/../../../../../..{bait}", False),
    "dots at the end": ("{peer}/..", False),
    "another folder": ("/tmp", False),
    "empty": ("", False),
    "text": ("$(touch {bait}/pwned)`touch {bait}/pwned`", False),
}


@pytest.mark.parametrize("case", PROJECTS.values(), ids=PROJECTS)
@pytest.mark.parametrize("shell", SHELLS)
def test_the_harness_word_for_the_project(case: tuple[str, bool], shell: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.beat()
    host.context(host.peer, "known\n")
    bait = tmp_path / "bait"
    bait.mkdir()
    (bait / "context.txt").write_text("bait\n")
    project, found = case
    env = {"CLAUDE_PROJECT_DIR": project.format(peer=host.peer, bait=bait)}
    done = host.run("session-start", cwd=host.vault, env=env, shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"known\n" if found else b"", b"")
    assert os.listdir(bait) == ["context.txt"]


@pytest.mark.parametrize("with_core", [True, False])
def test_a_paused_peer_is_left_alone_even_when_memory_is_unwell(with_core: bool, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path, with_core=with_core)
    host.context(host.peer, "never printed")
    host.pause(host.peer)
    below = host.peer / "src"
    below.mkdir()
    for folder, env in ((host.peer, {}), (below, {}), (host.vault, {"CLAUDE_PROJECT_DIR": str(host.peer)})):
        done = host.run("session-start", cwd=folder, env=env)
        assert (done.returncode, done.stdout, done.stderr, host.starts_seen()) == (0, b"", b"", 0)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("age", [None, 125, 100_000])
def test_unwell_says_so_and_starts_one_repair(shell: str, age: float | None, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.context(host.peer, "last known\n")
    if age is not None:
        host.beat(age)
    done = host.run("session-start", shell=shell)
    line, rest = done.stdout.split(b"\n", 1)
    assert done.returncode == 0
    assert line.startswith(DEGRADED)
    assert rest == b"last known\n"
    assert host.kicks_seen(1) == 1
    again = host.run("session-start", shell=shell)
    assert again.stdout.startswith(DEGRADED)
    assert b"already" in again.stdout
    assert host.kicks_seen(2, within=0.3) == 1


def test_a_repair_may_start_again_after_five_minutes(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.run("session-start")
    assert host.kicks_seen(1) == 1
    for age, kicks in ((290, 1), (310, 2), (-290, 2), (-4000, 3)):
        then = time.time() - age
        os.utime(host.paths.kick_stamp, (then, then))
        host.run("session-start")
        assert host.kicks_seen(kicks + 1, within=0.3) == kicks


def test_of_many_starts_at_once_one_repairs(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.beat(1000)
    runs = [
        subprocess.Popen([host.shim("session-start")], cwd=host.peer, env={}, stdout=subprocess.PIPE) for _ in range(12)
    ]
    said = [run.communicate(timeout=30)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 12
    assert host.kicks_seen(2, within=0.5) == 1
    assert sum(b"has been started" in line for line in said) <= 1


HOSTILE = {
    "PATH": "{bait}",
    "HOME": "{bait}",
    "ENV": "{bait}/env",
    "BASH_ENV": "{bait}/env",
    "IFS": "/",
    "CDPATH": "{bait}",
    "LANG": "xx_XX.broken",
    "PYTHONPATH": "{bait}",
    "PYTHONHOME": "{bait}",
    "PYTHONSTARTUP": "{bait}/env",
    "PYTHONINSPECT": "1",
    "IAPEER_ROOT": "{bait}",
    "IAPEER_MEMORY_STATE_DIR": "{bait}",
    "IAPEER_MEMORY_CONFIG_FILE": "{bait}/c",
    "IAPEER_MEMORY_VAULT_PATH": "{bait}",
    "IAPEER_MEMORY_BINARY_PATH": "{bait}/x",
    "CLAUDE_CONFIG_DIR": "{bait}",
    "CODEX_HOME": "{bait}",
    "XDG_CONFIG_HOME": "{bait}",
    "https_proxy": "http://127.0.0.1:1",
    "SECRET_TOKEN": "hunter2",
    "BASH_FUNC_find%%": "() {{ touch {bait}/pwned; }}",
    "BASH_FUNC_cat%%": "() {{ touch {bait}/pwned; }}",
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("home", ["home", 'ho me\'s "$x" ё`;'])
def test_the_environment_of_a_session_redirects_nothing(shell: str, home: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path, home=home)
    bait = tmp_path / "bait"
    bait.mkdir()
    for name in ("find", "cat", "timeout", "python", "env"):
        (bait / name).write_text(f"#!/bin/sh\ntouch '{bait}/pwned'\n")
        (bait / name).chmod(0o755)
    before = sorted(os.listdir(bait))
    env = {name: value.format(bait=bait) for name, value in HOSTILE.items()}
    host.context(host.peer, "known\n")
    done = host.run("session-start", env=env, shell=shell)
    assert done.returncode == 0
    assert done.stdout.startswith(DEGRADED)
    assert done.stdout.endswith(b"\nknown\n")
    assert host.kicks_seen(1) == 1
    note = host.vault / "n.md"
    note.write_text("x")
    body = {"tool_name": "Write", "tool_input": {"file_path": str(note)}}
    written = host.run("post-write", json.dumps(body).encode(), env=env, shell=shell)
    assert (written.returncode, written.stdout, written.stderr) == (0, b"", b"")
    assert sorted(os.listdir(bait)) == before
    check_scrubbed(host, tmp_path)


def kick_environment(host: HookHost) -> dict[str, str]:
    return dict(line.split("=", 1) for line in host.kick_env.read_text().splitlines() if "=" in line)


def check_scrubbed(host: HookHost, tmp_path: Path) -> None:
    env = kick_environment(host)
    assert "hunter2" not in env.values()
    assert not [name for name, value in env.items() if str(tmp_path / "bait") in value and name not in ("_", "OLDPWD")]
    again = Paths.from_env(env, os_home="/elsewhere")
    assert {name: getattr(again, name) for name in Paths.__slots__} == {
        name: getattr(host.paths, name) for name in Paths.__slots__
    }


@pytest.mark.parametrize("name", ["IAPEER_MEMORY_SUPPRESS_IAP_SEND", "IAPEER_TEST_SANDBOX"])
def test_a_sandboxed_session_repairs_in_its_sandbox(name: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.run("session-start", env={name: "1"})
    assert host.kicks_seen(1) == 1
    assert kick_environment(host)[name] == "1"


def test_the_repair_is_nobody_s_child_and_holds_nothing_open(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    script = Path(host.python).read_text().replace("exit 0 ;;", "echo out; echo err >&2; sleep 30 ;;", 1)
    Path(host.python).write_text(script)
    start = time.monotonic()
    done = host.run("session-start")  # would wait for its output's end if the repair held it
    assert time.monotonic() - start < 20
    assert done.stdout.startswith(DEGRADED)
    assert host.kicks_seen(1) == 1
    pid = int(host.kicks.read_text().split()[0])
    try:
        assert os.getsid(pid) not in (os.getsid(0), pid)
        assert os.getpgid(pid) != os.getpgid(0)
        log = Path(host.paths.repair_log)
        end = time.monotonic() + 5
        while log.read_text() != "out\nerr\n" and time.monotonic() < end:
            time.sleep(0.01)
        assert log.read_text() == "out\nerr\n"
        assert log.stat().st_mode & 0o777 == 0o600
    finally:
        os.killpg(os.getpgid(pid), 9)


def test_not_set_up_is_one_hint_and_no_repair(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    for text in ("", "IAPEER_MEMORY_VAULT_PATH=\n", "# IAPEER_MEMORY_VAULT_PATH=/v\n"):
        host.configure(text)
        done = host.run("session-start", env={"IAPEER_MEMORY_VAULT_PATH": "/from/the/session"})
        assert done.stdout.count(b"\n") == 1
        assert b"iapeer-memory init" in done.stdout
    os.remove(host.paths.config_file)
    assert b"iapeer-memory init" in host.run("session-start").stdout
    assert host.kicks_seen(1, within=0.2) == 0
    assert not os.path.exists(host.paths.kick_stamp)


@pytest.mark.parametrize("event", ["session-start", "post-write"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_vanished_interpreter_is_one_line_with_the_fix(event: str, shell: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.context(host.peer, "known\n")
    os.rename(host.python, host.python + ".gone")
    Path(host.python).symlink_to(tmp_path / "nowhere")
    done = host.run(event, b"{}", shell=shell)
    said = done.stdout + done.stderr
    assert done.returncode == 0
    assert said.replace(b"known\n", b"").count(b"\n") == 1
    assert b"install.sh" in said


@pytest.mark.parametrize("event", ["session-start", "post-write"])
def test_a_vanished_script_is_one_line_with_the_fix(event: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path, scripts=str(tmp_path / "gone"))
    done = host.run(event, b"{}")
    said = done.stdout + done.stderr
    assert (done.returncode, said.count(b"\n")) == (0, 1)
    assert b"iapeer-memory update" in said


@contextmanager
def daemon(host: HookHost | None, port: int = 0, delay: float = 0.0, **lies: object) -> Iterator[int]:
    """A loopback server that answers the identity probe; `lies` replace or remove (None) what it says."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay)
            nonce = parse_qs(urlsplit(self.path).query)["nonce"][0]
            assert host is not None
            said: dict[str, object] = {"name": "iapeer-memory", "nonce": nonce, "uid": os.getuid(), "ready": True}
            said |= {"state_dir": host.paths.state_dir} | lies
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", port), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_laptop_that_woke_up_is_well(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path, port=(port := free_port()))
    host.context(host.peer, "known\n")
    host.beat(4000)
    with daemon(host, port):
        done = host.run("session-start")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"known\n", b"")
    assert host.kicks_seen(1, within=0.2) == 0


LIES = {
    "another name": {"name": "other"},
    "another nonce": {"nonce": "00"},
    "another user": {"uid": 12345},
    "another state": {"state_dir": "/elsewhere"},
    "slow": {"delay": 0.5},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_whoever_else_answers_is_not_our_daemon(lie: dict[str, object], tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    with daemon(host, **lie) as port:  # type: ignore[arg-type]
        assert session_start.answers(port, host.paths.state_dir) is False


def test_nobody_answers(tmp_path: Path) -> None:
    assert session_start.answers(free_port(), str(tmp_path)) is False


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:223E 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  {uid}        0 2 1 0 100 0 0 10 0
   2: 0100007F:9999 0100007F:223E 01 00000000:00000000 00:00000000 00000000     7        0 3 1 0 100 0 0 10 0
"""


@pytest.mark.parametrize(
    ("state", "uid", "ours"), [("0A", os.getuid(), True), ("0A", os.getuid() + 1, False), ("01", os.getuid(), False)]
)
def test_the_kernel_tells_who_listens(state: str, uid: int, ours: bool, tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(TABLE.format(state=state, uid=uid))
    assert session_start.listener_is_ours(0x223E, str(table)) is ours
    assert session_start.listener_is_ours(0x223F, str(table)) is False


def test_a_broken_state_folder_is_an_entry_in_the_log(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    Path(host.paths.state_dir).parent.mkdir(parents=True, exist_ok=True)
    Path(host.paths.state_dir).write_text("a file")
    done = host.run("session-start")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(DEGRADED)
    assert b"no repair could be started (Not a directory)" in done.stdout
    assert "session-start: NotADirectoryError" in Path(host.paths.hook_log).read_text()


def test_the_repair_log_keeps_one_old_generation(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    log = Path(host.paths.repair_log)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (300 * 1024))
    host.run("session-start")
    assert host.kicks_seen(1) == 1
    assert (log.stat().st_size, Path(f"{log}.1").stat().st_size) == (0, 300 * 1024)


def test_the_script_can_be_run_by_hand(tmp_path: Path) -> None:
    script = os.path.join(os.path.dirname(session_start.__file__), "session_start.py")
    done = subprocess.run([BASE_PYTHON, "-I", "-S", script], capture_output=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, b"")
