"""A harness's lines over a session: which get a key, which are asked again, and what is told when nothing helps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.attach.bodies import Identity
from iapeer_memory.attach.client import Client
from iapeer_memory.attach.stdio import ASKED, Stdio
from iapeer_memory.attach.tier_files import TierFiles
from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.local_sockets import local_connect
from tests.support.attached import socket_folder
from tests.support.between import Between

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def between() -> Iterator[Between]:
    """Before a router and a module that says what it is asked, in a process of its own."""
    with socket_folder() as folder:
        words = [sys.executable, "-m", "tests.support.attached", "serve", f"{folder}/r"]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout and child.stdout.readline() == "ready\n"
                made = Between(f"{folder}/s", f"{folder}/r")
                yield made
                made.close()
            finally:
                child.kill()


@pytest.fixture
def stdio(between: Between, tmp_path: Path) -> Iterator[Stdio]:
    path = between.path
    settings = TierFiles(BareFiles(), str(tmp_path / "memory.jsonc"), str(tmp_path))
    client = Client(
        lambda end: local_connect(path, deadline=end), RealClock(), Identity(str(tmp_path), "x", "s"),
        lambda: settings.tiers, attempts=1,
    )  # fmt: skip
    yield Stdio(client, RealClock(), settings, "token", print)
    client.close()


def message(method: str, **more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, **more}).encode()


WRITE = message("tools/call", params={"name": "memory_write", "arguments": {"text": "é"}})
READ = message("tools/call", params={"name": "memory_search", "arguments": {"query": "memory_write"}})


def test_a_write_gets_a_key_and_every_other_byte_stays(stdio: Stdio) -> None:
    assert stdio.answered(WRITE) == b'{"idempotency_key":"token-1",' + WRITE[1:]
    assert stdio.answered(WRITE) == b'{"idempotency_key":"token-2",' + WRITE[1:]
    hidden = WRITE.replace(b"memory_write", b"memory_\\u0077rite").replace(b"name", b"n\\u0061me")
    assert json.loads(stdio.answered(hidden)) == {"idempotency_key": "token-3", **json.loads(WRITE)}
    spaced = b"{ \t" + WRITE[1:]
    assert stdio.answered(spaced) == b'{"idempotency_key":"token-4", \t' + WRITE[1:]


@pytest.mark.parametrize(
    "line",
    [
        READ,
        message("ping"),
        message("tools/call"),
        message("tools/call", params=[]),
        message("tools/call", params={"name": ["memory_write"]}),
        b"[" + WRITE + b"]",
        b"not JSON",
        b"\xff",
        b"7",
        b"{}",
        b"[" * 10_000,
        b'{"idempotency_key":"mine",' + WRITE[1:],
        b'{"idempotency_key":7,' + WRITE[1:],
        b'{"idempotency_key":null,' + WRITE[1:],
    ],
)
def test_everything_else_goes_as_it_is(line: bytes, stdio: Stdio) -> None:
    assert stdio.answered(line) == line


@pytest.mark.parametrize("line", [WRITE, READ, message("ping"), b'{"idempotency_key":"mine",' + WRITE[1:]])
@pytest.mark.parametrize("lost", range(1, ASKED))
def test_an_answer_that_is_lost_is_asked_for_again_in_the_same_words(
    line: bytes, lost: int, stdio: Stdio, between: Between
) -> None:
    between.keeps = lost
    answer = stdio.answered(line)
    assert json.loads(answer)["method"] == json.loads(line)["method"]
    assert between.requests == [answer] * (lost + 1)


@pytest.mark.parametrize(
    ("line", "times"),
    [
        (WRITE, ASKED),
        (READ, ASKED),
        (b"[" + WRITE + b"]", 1),
        *((b'{"idempotency_key":%b,' % key + WRITE[1:], 1) for key in (b"7", b"null", b'""', b'"%b"' % (b"k" * 201))),
        (b'{"idempotency_key":"%b",' % (b"k" * 200) + WRITE[1:], ASKED),
    ],
)
def test_an_answer_that_stays_lost_is_told(line: bytes, times: int, stdio: Stdio, between: Between) -> None:
    between.keeps = 100
    told = json.loads(stdio.answered(line))
    [error] = [one["error"] for one in (told if isinstance(told, list) else [told])]
    assert "nothing is known of what became of it" in error["message"]
    assert len(between.requests) == times


def test_what_goes_wrong_later_does_not_hide_a_write_that_may_be_done(stdio: Stdio, between: Between) -> None:
    assert stdio.answered(message("ping"))
    between.keeps = 1
    between.vanish()
    written = json.loads(stdio.answered(WRITE))
    assert "nothing is known of what became of it" in written["error"]["message"]
    assert "nobody answers" in json.loads(stdio.answered(WRITE))["error"]["message"]


def test_what_wants_no_answer_gets_none_even_where_nobody_listens(stdio: Stdio, between: Between) -> None:
    between.vanish()
    assert stdio.answered(b"") == b""
    assert stdio.answered(b'{"jsonrpc":"2.0","method":"notifications/initialized"}') == b""
    assert json.loads(stdio.answered(b"not JSON"))["id"] is None
    both = json.loads(stdio.answered(b"[" + READ + b'{"id":7}'.join([b",", b"]"])))
    assert [one["id"] for one in both] == [1, 7]


def test_the_bridge_brings_nothing_heavy() -> None:
    script = "import sys, iapeer_memory.cli.bridge; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    heavy = {"json", "re", "enum", "typing", "dataclasses", "socket", "collections", "subprocess", "pathlib", "asyncio"}
    assert heavy & set(loaded.stdout.split()) == set()
