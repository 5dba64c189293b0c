"""The few request headers that matter to MCP, and what they allow. Pure.

Source: the streamable HTTP transport of MCP 2025-06-18 and 2025-11-25 (`MCP-Protocol-Version`), 2026-07-28
(`Mcp-Method`, `Mcp-Name`, doubled headers); RFC 9110 for `Accept` and `Content-Type`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

JSON_RANGES = ("application/json", "application/*", "*/*")
CODED, CODED_END = "=?base64?", "?="


@dataclass(frozen=True, slots=True)
class Head:
    """Every value of each header, in order. `identity`: who says to ask."""

    content_types: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> Head:
        """From raw headers, their names in lower case."""
        found: dict[bytes, tuple[str, ...]] = {}
        for name, value in headers:
            if name in _WANTED:
                found[name] = (*found.get(name, ()), value.decode("latin-1").strip())
        return cls(*(found.get(name, ()) for name in _WANTED))

    @property
    def json_body(self) -> bool:
        """Whether the body says to be JSON. A form or plain text is what a web page could send unasked."""
        return len(self.content_types) == 1 and _media_type(self.content_types[0]) == JSON_RANGES[0]

    @property
    def json_answer(self) -> bool:
        """Whether an answer in JSON is welcome; with no word about it, it is."""
        if not self.accepts:
            return True
        ranges = ",".join(self.accepts).split(",")
        return any(_media_type(one) in JSON_RANGES and not _refused(one) for one in ranges)

    @property
    def doubled(self) -> str | None:
        """A header that decides what is asked and stands here more than once: two readers would disagree."""
        routing = (("MCP-Protocol-Version", self.versions), ("Mcp-Method", self.methods), ("Mcp-Name", self.names))
        return next((name for name, values in routing if len(values) > 1), None)


_WANTED = (b"content-type", b"accept", b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"x-iapeer-identity")


def decoded(value: str) -> str | None:
    """The text of a header that may be wrapped as `=?base64?…?=`; None where the wrapping is broken."""
    if not (value.startswith(CODED) and value.endswith(CODED_END) and len(value) >= len(CODED) + len(CODED_END)):
        return value
    coded = value[len(CODED) : -len(CODED_END)]
    try:
        data = base64.b64decode(coded, validate=True)
        return data.decode("utf-8") if base64.b64encode(data).decode("ascii") == coded else None
    except (binascii.Error, ValueError):
        return None


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _refused(text: str) -> bool:
    """Whether a media range carries a weight of nought."""
    parameters = (part.replace(" ", "").lower() for part in text.split(";")[1:])
    return any(part.startswith("q=0") and not part[3:].strip(".0") for part in parameters)
