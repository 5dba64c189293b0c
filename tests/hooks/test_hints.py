"""How the post-write hook comes to its hints: over a session, else over HTTP, else not at all; always in time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from iapeer_memory.attach.bodies import HOOK, error_body
from iapeer_memory.attach.envelope import ERROR, GOODBYE, PUSH, REQUEST, RESPONSE, encoded
from iapeer_memory.hooks.over_session import connected
from tests.memoryd.test_remote import TOPICS, embeddings
from tests.support.answering import LONG, answering, strangers_socket
from tests.support.attached import socket_folder
from tests.support.daemon import Running, start, until, write
from tests.support.models import Models, models
from tests.support.stamped import ALPHA, TAGGED, Dedup, Stamped, dedup, event, keys, make_stamped

EMBEDDED = "IAPEER_MEMORY_EMBEDDING_ENDPOINT=http://127.0.0.1:1/embed"
BUDGET = 1_500
"""Milliseconds of the hook, where a test is about time: enough for the busiest host to come as far as the hints."""

ROUTE = encoded(RESPONSE, 0, 1, b'{"route_channel":7}')
TOLD = b'{"enabled":true,"matches":[{"path":"a/Session.md","title":"Session","similarity":0.9}]}'
ANSWER = encoded(RESPONSE, 7, 2, b'{"jsonrpc":"2.0","id":1,"result":%b}' % TOLD)
NO_METHOD = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"this server has no such method"}}'


@contextmanager
def asking(milliseconds: int = 60_000) -> Iterator[tuple[Stamped, Dedup]]:
    """A host whose hook asks for hints and may take so long, and memoryd's HTTP side, which knows one note."""
    with TemporaryDirectory(prefix="iam-") as short, dedup() as http:
        http.finds(http.match("a/HTTP.md", 0.9))
        stamped = make_stamped(Path(short), in_time=True, port=http.port)
        stamped.host.take_time(milliseconds)
        stamped.configure(EMBEDDED)
        Path(stamped.host.paths.state_dir).mkdir(parents=True)
        yield stamped, http


def hint(stamped: Stamped) -> str:
    """Whose hint the author of a new note is given, "" for none. The note is stamped, whatever becomes of the hint."""
    note = stamped.put("01_Knowledge/n.md", TAGGED + "\nbody\n")
    told = stamped.wrote(note)
    assert keys(note)["last_edited_by"] == "alpha"
    assert len(told) <= 1
    return told[0].partition("[[")[2].partition("]]")[0] if told else ""


def test_a_session_is_asked_once_and_left_with_goodbye() -> None:
    with asking() as (stamped, http), answering(stamped.host.paths.attach_socket, ROUTE, ANSWER) as session:
        assert hint(stamped) == "Session"
        assert session.left.wait(LONG)
        attach, asked, goodbye = session.heard
        assert (attach.kind, attach.channel, asked.kind, asked.channel) == (REQUEST, 0, REQUEST, 7)
        who = f'{{"project_root":"{stamped.host.peer}","harness":"{HOOK}","session":"dedup","config":[]}}'
        assert attach.body.decode() == who
        assert b'"method":"dedup","params":{"content":"' in asked.body
        assert (goodbye.kind, goodbye.channel) == (GOODBYE, 7)
        assert http.asked == []
        assert stamped.log() == []


ENOUGH = {
    "in single bytes": ((ROUTE, ANSWER), 1),
    "after what was not asked for": ((encoded(PUSH, 9, 0, b"x") + ROUTE, encoded(PUSH, 7, 0, b"x") + ANSWER), 1 << 20),
}


@pytest.mark.parametrize(("answers", "piece"), ENOUGH.values(), ids=ENOUGH)
def test_however_the_answer_comes_it_is_the_answer(answers: tuple[bytes, ...], piece: int) -> None:
    with asking() as (stamped, http), answering(stamped.host.paths.attach_socket, *answers, piece=piece):
        assert hint(stamped) == "Session"
        assert http.asked == []


UNFIT: dict[str, tuple[tuple[bytes, ...], str]] = {
    "hangs up": ((), ""),
    "hangs up once it has attached": ((ROUTE,), ""),
    "hangs up when asked": ((ROUTE, b""), "hung up"),
    "is cut off in its answer": ((ROUTE, ANSWER[:-9]), "hung up"),
    "speaks HTTP": ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), ""),
    "speaks garbage when asked": ((ROUTE, b"\0" * 99), "broke"),
    "refuses the session": ((encoded(ERROR, 0, 1, error_body("config_divergence", "not you")),), "not you"),
    "has no module": ((encoded(ERROR, 0, 1, error_body("module_unavailable", "nobody")),), "nobody"),
    "gives no channel": ((encoded(RESPONSE, 0, 1, b'{"route_channel":0}'),), "cannot be read"),
    "refuses the request": ((ROUTE, encoded(ERROR, 7, 2, error_body("odd", "not this"))), "not this"),
    "loses its module": ((ROUTE, encoded(ERROR, 7, 2, error_body("backend_error", "gone"))), "gone"),
    "refuses unreadably": ((ROUTE, encoded(ERROR, 7, 2, b"[")), "cannot be read"),
    "knows no hints": ((ROUTE, encoded(RESPONSE, 7, 2, NO_METHOD)), "no such method"),
    "answers no JSON": ((ROUTE, encoded(RESPONSE, 7, 2, b"{")), "JSON"),
    "answers nothing": ((ROUTE, encoded(RESPONSE, 7, 2)), "JSON"),
}


@pytest.mark.parametrize(("answers", "logged"), UNFIT.values(), ids=UNFIT)
def test_who_is_not_answered_asks_over_http(answers: tuple[bytes, ...], logged: str) -> None:
    with asking() as (stamped, http), answering(stamped.host.paths.attach_socket, *answers, stays=False):
        assert hint(stamped) == "HTTP"
        assert len(http.asked) == 1
        assert logged in "".join(stamped.log())


@pytest.mark.parametrize("what", ["nothing", "a dead socket", "a file", "a folder", "a full queue"])
def test_where_nobody_listens_http_is_asked_without_a_word(what: str) -> None:
    with asking() as (stamped, http), socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
        path = stamped.host.paths.attach_socket
        if what in ("a dead socket", "a full queue"):
            listener.bind(path)
        if what == "a full queue":
            listener.listen(0)
            other.connect(path)
        elif what == "a file":
            Path(path).touch()
        elif what == "a folder":
            Path(path).mkdir()
        assert hint(stamped) == "HTTP"
        assert len(http.asked) == 1
        assert stamped.log() == []


SLOW: dict[str, tuple[tuple[bytes, ...], int, float]] = {
    "never lets it attach": ((), 1, 0.0),
    "never answers": ((ROUTE,), 1 << 20, 0.0),
    "attaches it byte by byte": ((ROUTE, ANSWER), 1, LONG / len(ROUTE)),
    "answers byte by byte": ((ROUTE, ROUTE[:1] + ANSWER), 25, LONG / 8),
    "talks without end of something else": ((ROUTE, encoded(PUSH, 7, 0, b"x") * 20_000), 18, LONG / 20_000),
}


@pytest.mark.parametrize(("answers", "piece", "pause"), SLOW.values(), ids=SLOW)
def test_who_is_kept_waiting_is_silent_in_time(answers: tuple[bytes, ...], piece: int, pause: float) -> None:
    with asking(BUDGET) as (stamped, http):
        with answering(stamped.host.paths.attach_socket, *answers, piece=piece, pause=pause):
            began = time.monotonic()
            assert hint(stamped) == ""
            assert time.monotonic() - began < LONG / 2
        assert http.asked == [], "no time was left"
        (line,) = stamped.log()
        assert "in time" in line


def test_the_socket_of_another_user_is_told_nothing() -> None:
    with socket_folder() as folder, answering(f"{folder}/s", ROUTE) as session:
        with pytest.raises(ValueError, match="another user"):
            connected(f"{folder}/s", time.monotonic() + LONG, uid=os.getuid() + 1)
        assert session.left.wait(LONG)
        assert session.heard == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_stranger_on_the_socket_is_told_nothing() -> None:
    with asking() as (stamped, http), strangers_socket(stamped.host.paths.attach_socket) as stranger:
        assert hint(stamped) == "HTTP"
        assert len(http.asked) == 1
        assert "another user listens" in stamped.log()[0]
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "0\n"


# a real memoryd


@contextmanager
def remembering(**how: Any) -> Iterator[tuple[Stamped, Running, Models, Dedup]]:
    """A host whose memoryd has notes and a model. What the hook asks over HTTP is heard by a stand-in instead."""
    with asking() as (stamped, http), models(embeddings) as served:
        for topic in TOPICS:
            write(stamped.host.vault, f"01_Knowledge/{topic.title()}.md", f"{TAGGED}\nAll about the {topic}.\n")
        settings = {"EMBEDDING_ENDPOINT": served.url, "EMBEDDING_MODEL": "m", "EMBEDDING_DIMENSIONS": str(len(TOPICS))}
        home = Path(stamped.host.paths.home)
        with start(home, stamped.host.vault, settings=settings, **how) as daemon:
            daemon.until(lambda: sum(len(asked["input"]) for asked in served.requests) == len(TOPICS))
            daemon.wait(lambda health: health["unembedded"] == 0)
            yield stamped, daemon, served, http


def descriptors(daemon: Running) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def test_memoryd_is_asked_over_its_socket_and_keeps_nothing_of_it() -> None:
    with remembering() as (stamped, daemon, _, http):
        note = stamped.put("01_Knowledge/n.md", f"{TAGGED}\nOf ships, and the ship's boat.\n")
        open_before = 0
        for turn in range(6):
            (line,) = [line for line in stamped.wrote(note) if "may repeat" in line]
            assert "[[Boat]]" in line
            if turn == 0:
                open_before = descriptors(daemon)
        assert http.asked == []
        assert stamped.log() == []
        daemon.until(lambda: descriptors(daemon) <= open_before)
        assert daemon.request("GET", "/sessions")[2] == {"sessions": []}


def begin(stamped: Stamped, served: Models) -> subprocess.Popen[bytes]:
    """A hook that waits for memoryd, which waits for its model."""
    note = stamped.put("01_Knowledge/n.md", TAGGED + "\nbody of a new note\n")
    served.reply = lambda _: None
    child = subprocess.Popen(
        [stamped.host.shim("post-write")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ALPHA,
        cwd=stamped.host.peer, start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write(event("Write", {"file_path": str(note), "content": "x"}))
    child.stdin.close()
    until(lambda: any("last_edited_by" in str(asked) for asked in served.requests))  # passages hold no frontmatter
    return child


def test_a_hook_under_way_is_no_session_and_leaves_nothing_when_it_is_killed() -> None:
    with remembering() as (stamped, daemon, served, http):
        open_before = descriptors(daemon)
        with begin(stamped, served) as hook:
            assert descriptors(daemon) > open_before
            assert daemon.request("GET", "/sessions")[2] == {"sessions": []}
            os.killpg(hook.pid, signal.SIGKILL)
        served.gate.set()
        daemon.until(lambda: descriptors(daemon) <= open_before)
        assert http.asked == []


def test_memoryd_that_dies_in_its_answer_costs_the_hint_alone() -> None:
    with remembering() as (stamped, daemon, served, http), begin(stamped, served) as hook:
        daemon.process.kill()
        assert hook.stdout is not None
        assert b"HTTP" in hook.stdout.read()
        assert hook.wait(LONG) == 0
        assert len(http.asked) == 1, "there was time left for it"
        assert keys(stamped.host.vault / "01_Knowledge" / "n.md")["last_edited_by"] == "alpha"
