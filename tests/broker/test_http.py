"""The page without a network: where it is to be, the file that says where it is, requests, the document, its policy."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker.http import page as pages
from iapeer_memory.broker.http import port_file
from iapeer_memory.broker.http.endpoints import Endpoints
from iapeer_memory.broker.http.exchange import HEAD_CAP, Exchange, own_hosts
from iapeer_memory.broker.http.page import Page, digest, page
from iapeer_memory.broker.http.port import BIND, PORT, HttpPort, Wanted, parsed, resolve
from iapeer_memory.broker.http.port_file import Address
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import Malformed

FALLBACK = HttpPort("static-or-fallback", 8080)


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, Wanted("127.0.0.1", FALLBACK)),
        ({PORT: " 9000 "}, Wanted("127.0.0.1", HttpPort("static", 9000), f"env:{PORT}")),
        ({PORT: "0"}, Wanted("127.0.0.1", HttpPort("static", 0), f"env:{PORT}")),
        ({PORT: ""}, Wanted("127.0.0.1", FALLBACK)),
        ({PORT: "65536"}, Wanted("127.0.0.1", FALLBACK)),
        ({PORT: "-1"}, Wanted("127.0.0.1", FALLBACK)),
        ({PORT: "http"}, Wanted("127.0.0.1", FALLBACK)),
        ({BIND: " ::1 "}, Wanted("::1", FALLBACK)),
        ({BIND: "localhost"}, Wanted("127.0.0.1", FALLBACK)),
        ({BIND: ""}, Wanted("127.0.0.1", FALLBACK)),
    ],
)
def test_the_environment_wins(env: dict[str, str], wanted: Wanted) -> None:
    assert resolve(FALLBACK, env) == wanted


@pytest.mark.parametrize(
    ("text", "port"), [("8080", FALLBACK), ("0", HttpPort("dynamic")), ("dynamic", HttpPort("dynamic")), ("x", None)]
)
def test_what_a_flag_names(text: str, port: HttpPort | None) -> None:
    assert parsed(text) == port


def test_the_port_file_comes_and_goes(door: Door, tmp_path: Path) -> None:
    path = str(tmp_path / "state" / "broker-v2-memoryd.http_port")
    assert port_file.read(door.files, path) is None
    for address in (Address("127.0.0.1", 4711), Address("::1", 80)):
        port_file.publish(door.files, path, address, os.getuid())
        assert port_file.read(door.files, path) == address
    assert Path(path).read_text() == "[::1]:80\n"
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    port_file.withdraw(door.files, path)
    port_file.withdraw(door.files, path)
    assert port_file.read(door.files, path) is None


@pytest.mark.parametrize(
    ("data", "address"),
    [
        (b"127.0.0.1:80", Address("127.0.0.1", 80)),
        (b"::1:80\n", Address("::1", 80)),
        (b"[::1]:80\n", Address("::1", 80)),
    ],
)
def test_the_port_file_is_read_leniently(data: bytes, address: Address) -> None:
    assert port_file.parse(data, "f") == address


@pytest.mark.parametrize(
    "data", [b"", b"80", b"127.0.0.1:", b"127.0.0.1:0", b"127.0.0.1:65536", b"host:80", b"\xff:80"]
)
def test_what_is_no_address_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        port_file.parse(data, "f")


def test_the_registry() -> None:
    endpoints = Endpoints()
    assert endpoints.state("b") == "untracked"
    endpoints.track("b")
    assert (endpoints.state("b"), endpoints.lookup("b")) == ("tracked", None)
    assert endpoints.register("b", 4711)
    endpoints.track("b")
    assert (endpoints.state("b"), endpoints.lookup("b")) == ("bound", 4711)
    assert not endpoints.register("b", 0)
    assert not endpoints.register("b", 65_536)
    assert endpoints.register("a", 1)
    assert endpoints.snapshot() == (("a", 1), ("b", 4711))
    endpoints.forget_port("b")
    endpoints.forget_port("unknown")
    assert endpoints.snapshot() == (("a", 1), ("b", None))
    endpoints.keep({"b"})
    assert endpoints.snapshot() == (("b", None),)


class Elements(HTMLParser):
    """What a document is made of."""

    def __init__(self, document: Page) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_a_tab_and_a_sandboxed_frame_for_each_backend() -> None:
    document = page([("a@1", 4711), ("b@1", None), ("c@1", 4712)])
    elements = Elements(document)
    assert [button.get("aria-controls") for button in elements.all("button")] == ["frame-0", None, "frame-2"]
    assert "disabled" in elements.all("button")[1]
    assert "b@1 (starting…)" in elements.text
    frames = elements.all("iframe")
    assert [frame["src"] for frame in frames] == ["http://127.0.0.1:4711/", "http://127.0.0.1:4712/"]
    assert ["hidden" in frame for frame in frames] == [False, True]
    assert {frame["sandbox"] for frame in frames} == {pages.SANDBOX}
    assert "allow-top-navigation" not in pages.SANDBOX and "allow-popups" not in pages.SANDBOX
    assert "running-process broker-v2 aggregator" in elements.text
    assert elements.all("nav")[0]["id"] == "bar"


def test_the_policy_lets_in_what_the_page_needs_and_nothing_else() -> None:
    document = page([("a@1", 4711), ("b@1", 4711), ("c@1", None)])
    policy = dict(part.strip().split(" ", 1) for part in document.policy.split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": digest(pages.STYLE),
        "script-src": digest(pages.SCRIPT),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "frame-src": "http://127.0.0.1:4711",
    }
    text = document.body.decode()
    assert f"<style>{pages.STYLE}</style>" in text and f"<script>{pages.SCRIPT}</script>" in text
    assert not re.search(r"\son[a-z]+=|\sstyle=", text)


def test_nobody_yet() -> None:
    document = page([])
    assert "no backends registered yet" in document.body.decode()
    assert document.policy.endswith("frame-src 'none'")
    assert Elements(document).all("button") == []


def test_one_tab_is_in_the_way_of_the_keyboard() -> None:
    elements = Elements(page([("a@1", None), ("b@1", 4711), ("c@1", 4712)]))
    tabs = [tab for tab in elements.all("button") if "disabled" not in tab]
    assert [(tab["aria-selected"], tab["tabindex"]) for tab in tabs] == [("true", "0"), ("false", "-1")]
    assert [frame["aria-labelledby"] for frame in elements.all("iframe")] == [tab["id"] for tab in tabs]


@pytest.mark.parametrize("other", [[], [("a", None)], [("a", 2)], [("b", 1)], [("a", 1), ("b", None)]])
def test_a_page_is_loaded_again_only_for_another_one(other: list[tuple[str, int | None]]) -> None:
    """What its script compares every two seconds."""
    state = re.compile(rb'<body data-state="[0-9a-f]{16}">')
    shown = [state.findall(page(backends).body) for backends in ([("a", 1)], [("a", 1)], other)]
    assert shown[0] == shown[1] != shown[2] and [len(one) for one in shown] == [1, 1, 1]


@given(st.text(max_size=40))
def test_no_name_gets_out_of_its_place(name: str) -> None:
    elements = Elements(page([(name, 4711), (name, None)]))
    tags = [tag for tag, _ in elements.found]
    assert tags.count("button") == 2 and tags.count("iframe") == 1 and tags.count("script") == 1
    assert len(tags) == len(Elements(page([("a", 4711), ("a", None)])).found)


HOSTS = own_hosts(Address("127.0.0.1", 4711))


def ask(data: bytes, *, pieces: int = 0) -> bytes | None:
    exchange = Exchange(HOSTS, lambda: page([]))
    if not pieces:
        return exchange.feed(data)
    answers = [exchange.feed(data[at : at + pieces]) for at in range(0, len(data), pieces)]
    return next((answer for answer in answers if answer is not None), None)


def status(response: bytes | None) -> int | None:
    return None if response is None else int(response.split(b" ", 2)[1])


OK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4711\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OK, 200),
        (b"GET /?x=1 HTTP/1.1\r\nhOsT:localhost:4711\r\n\r\n", 200),
        (b"GET / HTTP/1.0\nHost: [::1]:4711\n\n", 200),
        (b"HEAD / HTTP/1.1\r\nHost: localhost:4711\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost:4711\r\nHost: localhost:4711\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : localhost:4711\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: evil.example:4711\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4712\r\n\r\n", 421),
        (b"POST / HTTP/1.1\r\nHost: localhost:4711\r\n\r\n", 405),
        (b"GET /favicon.ico HTTP/1.1\r\nHost: localhost:4711\r\n\r\n", 404),
        (b"GET http://localhost:4711/ HTTP/1.1\r\nHost: localhost:4711\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: localhost:4711\r\n", None),
        (b"x" * (HEAD_CAP + 1), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_CAP + b"\r\n\r\n", 431),
    ],
)
def test_requests(data: bytes, expected: int | None) -> None:
    assert status(ask(data)) == expected
    assert status(ask(data, pieces=7)) == expected


def test_a_response_is_whole_and_guarded() -> None:
    head, _, body = (ask(OK) or b"").partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert int(fields["Content-Length"]) == len(body)
    assert fields["Content-Type"] == "text/html; charset=utf-8"
    assert fields["Content-Security-Policy"] == page([]).policy
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Connection"] == "close"
    bodiless = ask(OK.replace(b"GET", b"HEAD")) or b""
    assert bodiless.partition(b"\r\n\r\n")[2] == b""
    not_found = ask(b"GET /x HTTP/1.1\r\nHost: localhost:4711\r\n\r\n") or b""
    assert not_found.endswith(b"\r\n\r\nnot found\n")


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    assert status(ask(data + b"\r\n\r\n")) in (200, 400, 404, 405, 421)


def test_who_does_not_ask_in_time() -> None:
    assert status(Exchange(HOSTS, lambda: page([])).timeout()) == 408
