"""What a request that stands alone must say about itself, in its `_meta` and again in its headers. Pure.

Source: the MCP specification, revision 2026-07-28: per-request protocol fields, required headers, error codes.
"""

from __future__ import annotations

from iapeer_memory.memoryd.mcp.head import Head, decoded
from iapeer_memory.memoryd.mcp.jsonrpc import INVALID_PARAMS, Fault, Id, Request
from iapeer_memory.memoryd.mcp.listing import ENVELOPE, HANDSHAKE

HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods whose subject stands in `Mcp-Name` too, and the parameter that holds it."""


def fault(head: Head, said: Request) -> Fault | None:
    """What is wrong with it; None when it may be answered.

    A client that contradicts itself is told so before it is told that we do not know its revision.
    """
    if head.doubled is not None:
        return _doubled(head.doubled, said.id)
    meta = said.params.get("_meta")
    if not isinstance(meta, dict):
        if head.versions[0] != ENVELOPE:
            return unknown_version(head.versions[0], said.id)
        return Fault(INVALID_PARAMS, f"params._meta must hold {VERSION} and {CAPABILITIES}", said.id)
    missing = [key for key in (VERSION, CAPABILITIES) if key not in meta]
    if missing:
        return Fault(INVALID_PARAMS, f"params._meta lacks {', '.join(missing)}", said.id)
    if head.versions[0] != meta[VERSION]:
        return _differs("MCP-Protocol-Version", f"_meta's {VERSION}", said.id)
    if head.methods != (said.method,):
        return _differs("Mcp-Method", "method", said.id)
    key = NAMED.get(said.method)
    subject = said.params.get(key) if key else None
    if subject is not None and (not head.names or decoded(head.names[0]) != subject):
        return _differs("Mcp-Name", f"params.{key}", said.id)
    return None if meta[VERSION] == ENVELOPE else unknown_version(meta[VERSION], said.id)


def unserved(head: Head) -> Fault | None:
    """Why a notification is not taken: its body says nothing of itself, so only its headers count."""
    if head.doubled is not None:
        return _doubled(head.doubled, None)
    return None if head.versions[0] == ENVELOPE else unknown_version(head.versions[0], None)


def unknown_version(asked: str, own: Id) -> Fault:
    """The answer to a revision that we do not speak. It names the others, so that a client can choose one."""
    known = {"supported": [*HANDSHAKE, ENVELOPE], "requested": asked}
    return Fault(UNSUPPORTED_VERSION, "this protocol version is not supported", own, known)


def _doubled(header: str, own: Id) -> Fault:
    return Fault(HEADER_MISMATCH, f"{header} stands in the request more than once", own)


def _differs(header: str, what: str, own: Id) -> Fault:
    return Fault(HEADER_MISMATCH, f"the header {header} is not the body's {what}", own)
