"""Bodies of channel 0 as bytes, in the wire's field order, and the plain reader for what comes back to a client.

Compact JSON in UTF-8. Imports neither json nor dataclasses: hooks use it, and json alone doubles their start.
Source: subc-protocol 0.1.0.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _quoter() -> Callable[[str], str]:
    try:
        from _json import encode_basestring
    except ImportError:
        from json.encoder import encode_basestring
    quoting: Callable[[str], str] = encode_basestring
    return quoting


quoted = _quoter()
"""A text as JSON."""


class Tier:
    """One settings file as it was read. `tier`: "user" or "project", by where it lay; `source`: its absolute path;
    `doc`: its text, verbatim."""

    __slots__ = ("doc", "source", "tier")

    def __init__(self, tier: str, source: str, doc: str) -> None:
        self.tier = tier
        self.source = source
        self.doc = doc

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tier) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Tier{self._all()!r}"

    def _all(self) -> tuple[str, str, str]:
        return self.tier, self.source, self.doc


HOOK = "hook"
"""The harness of a session that asks once and is gone."""
KEY = "idempotency_key"
"""The member of a request's JSON object, beside `method`, whose text says that it is to be done once."""
LONGEST_KEY = 200
"""Characters of that text; a longer one, or none, is no key."""


class Identity:
    """Who a session says it is: context, never authority. `root`: the project's folder."""

    __slots__ = ("harness", "root", "session")

    def __init__(self, root: str, harness: str, session: str) -> None:
        self.root = root
        self.harness = harness
        self.session = session

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Identity{self._all()!r}"

    def _all(self) -> tuple[str, str, str]:
        return self.root, self.harness, self.session


def attach_request(identity: Identity, tiers: Sequence[Tier]) -> bytes:
    """Client to router. Raises ValueError for text that is not UTF-8 (a path with stray bytes)."""
    try:
        return ("{" + _bound(identity, tiers)).encode()
    except UnicodeEncodeError:
        named = ascii([identity.root, identity.harness, identity.session])
        raise ValueError(f"project root, harness and session must be UTF-8: {named}") from None


def attach_relay(channel: int, identity: Identity, tiers: Sequence[Tier]) -> bytes:
    """Router to module: the same, with the channel that is reserved for it."""
    return (f'{{"route_channel":{channel},' + _bound(identity, tiers)).encode()


def route_named(channel: int) -> bytes:
    """An AttachAck, and a DetachRelay."""
    return b'{"route_channel":%d}' % channel


def relay_answer(accept: bool) -> bytes:
    """Module to router."""
    return b'{"accept":true}' if accept else b'{"accept":false}'


def poll(op: str, channel: int) -> bytes:
    """Client to router; `op`: "status" or "liveness"."""
    return f'{{"op":{quoted(op)},"route_channel":{channel}}}'.encode()


def status_update(channel: int, status: str) -> bytes:
    """Module to router."""
    return f'{{"route_channel":{channel},"status":{quoted(status)}}}'.encode()


def status_reply(status: str) -> bytes:
    """Router to client."""
    return f'{{"status":{quoted(status)}}}'.encode()


def liveness_reply(live: bool) -> bytes:
    """Router to client."""
    return b'{"live":true}' if live else b'{"live":false}'


def error_body(code: str, message: str) -> bytes:
    """The body of an ERROR frame. What is not UTF-8 in the message is spelled out."""
    return f'{{"code":{quoted(code)},"message":{quoted(message)}}}'.encode("utf-8", "backslashreplace")


def _bound(identity: Identity, tiers: Sequence[Tier]) -> str:
    config = ",".join(
        f'{{"tier":{quoted(tier.tier)},"source":{quoted(tier.source)},"doc":{quoted(tier.doc)}}}' for tier in tiers
    )
    who = f'"harness":{quoted(identity.harness)},"session":{quoted(identity.session)}'
    return f'"project_root":{quoted(identity.root)},{who},"config":[{config}]}}'


class _Grammar:
    """What the C scanner of the json package asks its decoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def plain(body: bytes) -> object:
    """The JSON value of a body from the router, None where it is no JSON. For answers alone: what a stranger sends is
    read by `strict`."""
    try:
        text = body.decode("utf-8").strip(" \t\r\n")
        try:
            from _json import make_scanner

            scan = make_scanner(_Grammar)  # type: ignore[arg-type]
        except (ImportError, AttributeError, TypeError):
            from json import loads

            value: object = loads(text)
            return value
        value, end = scan(text, 0)
        return value if end == len(text) else None
    except (ValueError, StopIteration, RecursionError, SystemError):
        # SystemError: the scanner looks for its error class among the loaded modules, and finds none.
        return None


def member(value: object, name: str) -> object:
    """A member of a JSON object; None where there is none, or no object."""
    return value.get(name) if isinstance(value, dict) else None
