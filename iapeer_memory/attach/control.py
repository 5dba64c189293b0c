"""Bodies of channel 0, read strictly: bytes in, a value or the reason why not. Never reads a tier's `doc`.

There is no tag that says which body it is: the shape decides. A poll has exactly its two fields, everything else is
taken for an attach; unknown fields are ignored where that is not said. Positional arrays are refused, though the
wire's first implementation took them. Source: subc-protocol 0.1.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iapeer_memory.attach import codes
from iapeer_memory.attach.bodies import Identity, Tier, quoted
from iapeer_memory.attach.envelope import HIGHEST_CHANNEL, V1, Frame, Oversized
from iapeer_memory.attach.identity import name_refused
from iapeer_memory.attach.manifest import Manifest, manifest_of
from iapeer_memory.attach.reader import CONTROL_CAP
from iapeer_memory.attach.strict import NotJson, integer, parsed
from iapeer_memory.attach.tier_files import LARGEST_DOC

CAPABILITIES = ("manifest_registration_v1", "channel_lifecycle_v1", "ping_pong_v1", "session_attach_v1")
LOWEST_VERSION = V1.version
HIGHEST_VERSION = V1.version
MOST_TIERS = 8


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a body is refused, as an ERROR says it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Hello:
    """A module that wants to register. `version`: the one that is spoken from now on."""

    manifest: Manifest
    version: int


@dataclass(frozen=True, slots=True)
class HelloAck:
    """The module is registered."""

    version: int
    channels: tuple[int, ...]
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Poll:
    """A question that the router answers itself. `op`: "status" or "liveness"."""

    op: str
    channel: int


@dataclass(frozen=True, slots=True)
class Attach:
    """A session that wants a route. From a client the root is as it wrote it, from the router it is canonical.

    `channel`: 0 from a client."""

    identity: Identity
    tiers: tuple[Tier, ...]
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Detach:
    """A route is gone."""

    channel: int


def oversized(frame: Frame, code: str) -> Fault | None:
    """Why a frame whose body was dropped is refused; None where it was kept."""
    if isinstance(frame, Oversized):
        return Fault(code, f"the body is {frame.length} bytes; {CONTROL_CAP} is the most on channel 0")
    return None


def hello(body: bytes) -> Hello | Fault:
    """A module's HELLO, checked in the wire's order."""
    try:
        value = parsed(body)
        if not isinstance(value, dict) or not integer(value.get("protocol_ver"), 255) or "manifest" not in value:
            return Fault(codes.INVALID_HELLO, "a HELLO holds manifest and protocol_ver")
        offered = value["protocol_ver"]
        manifest = manifest_of(value["manifest"])
    except NotJson as error:
        return Fault(codes.INVALID_HELLO, str(error))
    if isinstance(manifest, str):
        return Fault(codes.INVALID_HELLO, manifest)
    if offered != manifest.protocol_ver:
        told = f"protocol_ver is {offered}, the manifest's is {manifest.protocol_ver}"
        return Fault(codes.INVALID_MANIFEST, told)
    if not manifest.module_id.strip():
        return Fault(codes.INVALID_MANIFEST, "module_id is empty")
    if offered < LOWEST_VERSION:
        return Fault(codes.VERSION_UNSUPPORTED, f"version {offered} is older than {LOWEST_VERSION}")
    return Hello(manifest, min(offered, HIGHEST_VERSION))


def hello_body(manifest: str, version: int) -> bytes:
    """`manifest`: its JSON."""
    return f'{{"manifest":{manifest},"protocol_ver":{version}}}'.encode()


def hello_ack_body(version: int, channel: int) -> bytes:
    """The router's answer to a HELLO."""
    able = ",".join(quoted(one) for one in CAPABILITIES)
    return f'{{"negotiated_ver":{version},"channels":[{channel}],"subc_capabilities":[{able}]}}'.encode()


def hello_ack(body: bytes) -> HelloAck | None:
    """None where it is none."""
    value = _object(body)
    channels, able = value.get("channels", []), value.get("subc_capabilities")
    if not isinstance(channels, list) or not all(integer(one, HIGHEST_CHANNEL) for one in channels):
        return None
    if not isinstance(able, list) or not all(_is_text(one) for one in able):
        return None
    if not integer(value.get("negotiated_ver"), 255):
        return None
    return HelloAck(value["negotiated_ver"], tuple(channels), tuple(able))


def asked(body: bytes) -> Poll | Attach | Fault:
    """What a client's REQUEST on channel 0 is."""
    try:
        value = parsed(body)
    except NotJson as error:
        return Fault(codes.INVALID_ATTACH_REQUEST, str(error))
    poll = _poll(value)
    return poll if poll is not None else _attach(value)


def relayed(body: bytes) -> Attach | Detach | None:
    """What the router's REQUEST to a module is; None where it is neither."""
    value = _object(body)
    channel = value.get("route_channel")
    if not integer(channel, HIGHEST_CHANNEL) or not channel:
        return None
    if "project_root" not in value:
        return Detach(channel)
    attach = _attach(value)
    return Attach(attach.identity, attach.tiers, channel) if isinstance(attach, Attach) else None


def accepted(body: bytes) -> bool | None:
    """A module's answer to an attach; None where it is malformed."""
    accept = _object(body).get("accept")
    return accept if isinstance(accept, bool) else None


def error_of(body: bytes) -> tuple[str, str, Any] | None:
    """(code, message, detail) of an ERROR body; None where it is malformed."""
    value = _object(body)
    code, message = value.get("code"), value.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    return code, message, value.get("detail")


def status_told(body: bytes) -> tuple[int, str] | None:
    """(channel, text) of a module's StatusUpdate, which has exactly its two fields; None where it is malformed."""
    value = _object(body)
    if set(value) != {"route_channel", "status"} or not _is_text(value["status"]):
        return None
    return (value["route_channel"], value["status"]) if integer(value["route_channel"], HIGHEST_CHANNEL) else None


def _poll(value: Any) -> Poll | None:
    if not isinstance(value, dict) or set(value) != {"op", "route_channel"}:
        return None
    if value["op"] not in ("status", "liveness") or not integer(value["route_channel"], HIGHEST_CHANNEL):
        return None
    return Poll(value["op"], value["route_channel"])


def _attach(value: Any) -> Attach | Fault:
    if not isinstance(value, dict):
        return _bad("it is no object")
    for name in ("project_root", "harness", "session"):
        if not _is_text(value.get(name)):
            return _bad(f"{name} is missing or no text")
    refused = name_refused("harness", value["harness"]) or name_refused("session", value["session"])
    if refused:
        return _bad(refused)
    config = value.get("config")
    if not isinstance(config, list):
        return _bad("config is missing or no list")
    if len(config) > MOST_TIERS:
        return _bad(f"config holds {len(config)} tiers, at most {MOST_TIERS} are taken")
    tiers = []
    for number, one in enumerate(config):
        if not isinstance(one, dict) or not all(_is_text(one.get(name)) for name in ("tier", "source", "doc")):
            return _bad(f"config[{number}] does not hold the texts tier, source and doc")
        if len(one["doc"]) > LARGEST_DOC or len(one["doc"].encode()) > LARGEST_DOC:
            return _bad(f"config[{number}].doc is larger than {LARGEST_DOC} bytes")
        tiers.append(Tier(one["tier"], one["source"], one["doc"]))
    return Attach(Identity(value["project_root"], value["harness"], value["session"]), tuple(tiers))


def _bad(message: str) -> Fault:
    return Fault(codes.INVALID_ATTACH_REQUEST, message)


def _object(body: bytes) -> dict[str, Any]:
    """The object; an empty one where it is none."""
    try:
        value = parsed(body)
    except NotJson:
        return {}
    return value if isinstance(value, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
