"""Generation 2 of the wire: the numbers that it keeps, the ones that it swaps, and its private lane."""

from __future__ import annotations

import pytest

from iapeer_memory.broker.protobuf import Message, decode, encode, specs
from iapeer_memory.broker.wire_v1 import manifest as manifest_v1
from iapeer_memory.broker.wire_v1 import service as service_v1
from iapeer_memory.broker.wire_v2 import manifest, service
from iapeer_memory.broker.wire_v2.control import (
    BackendHttpReady,
    GetBrokerHttpEndpointRequest,
    GetBrokerHttpEndpointResponse,
    GetSessionTokenResponse,
)
from iapeer_memory.broker.wire_v2.session import SessionExit, SessionFrame, SessionStart


def numbers(type_: type[Message]) -> dict[str, tuple[int, str]]:
    return {name: (spec.number, spec.shape) for name, spec in specs(type_)}


def test_what_was_ported_kept_its_number() -> None:
    old, new = numbers(service_v1.ServiceDefinition), numbers(service.ServiceDefinition)
    assert new.items() - old.items() == {("http_server", (10, "message"))}
    assert old.items() <= new.items()
    old, new = numbers(manifest_v1.CacheManifest), numbers(manifest.CacheManifest)
    assert new.items() <= old.items()
    assert sorted(number for number, _ in new.values()) == [1, 2, 3, 4, 5, 10, 40, 70]


def test_a_cache_root_has_kind_and_path_swapped() -> None:
    assert encode(manifest.CacheRoot(kind=1, path="/p")).hex() == "080112022f70"
    assert encode(manifest_v1.CacheRoot(kind=1, path="/p")).hex() == "0a022f701001"


def test_a_definition_of_the_first_generation_is_one_of_the_second() -> None:
    old = service_v1.ServiceDefinition(service_name="memoryd", binary_path="/b", labels={"a": "b"}, isolation=1)
    new = decode(service.ServiceDefinition, encode(old))
    assert (new.service_name, dict(new.labels), new.http_server) == ("memoryd", {"a": "b"}, None)
    with_http = service.ServiceDefinition(service_name="memoryd", http_server=service.HttpServer())
    assert encode(with_http).hex() == "0a076d656d6f7279645200"
    assert decode(service_v1.ServiceDefinition, encode(with_http)).unknown == b"\x52\x00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (BackendHttpReady(port=8080), "08903f"),
        (GetBrokerHttpEndpointRequest(), ""),
        (GetBrokerHttpEndpointResponse(port=1, pid=300), "080110ac02"),
        (GetSessionTokenResponse(found=True, session_token=b"\x01"), "0801120101"),
        (SessionFrame(stdin=b""), "0a00"),
        (SessionFrame(stdin_eof=False), "1000"),
        (SessionFrame(exit=SessionExit(code=-1, signal=9)), "2a0d08ffffffffffffffffff011009"),
        (SessionFrame(start=SessionStart(program="/p", args=("a", ""))), "32090a022f70120161" + "1200"),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Message) else "",
)
def test_bytes(value: Message, text: str) -> None:
    assert encode(value).hex() == text
    assert decode(type(value), bytes.fromhex(text)) == value


def test_a_session_frame_is_one_thing() -> None:
    read = decode(SessionFrame, encode(SessionFrame(stdout=b"a")) + encode(SessionFrame(stdin_eof=True)))
    assert read == SessionFrame(stdin_eof=True)
