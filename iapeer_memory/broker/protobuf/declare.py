"""How a message is declared: the base class, the kinds of fields, and a class's fields as data. Never reads or writes.

Kinds of scalars: uint32, uint64, int32, bool, enum, string, bytes. An enum is a plain int, since a number that we do
not know must survive; its names are ints in a class of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeVar

Kind = Literal["uint32", "uint64", "int32", "bool", "enum", "string", "bytes"]
Shape = Literal["implicit", "optional", "message", "repeated", "map"]

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)
"""Wire types: the low three bits of a tag."""

ZERO: Mapping[Kind, object] = {
    "uint32": 0, "uint64": 0, "int32": 0, "bool": False, "enum": 0, "string": "", "bytes": b"",
}  # fmt: skip
EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What every message is. `unknown`: the encoded fields that its class does not declare, in the order they came."""

    unknown: bytes = field(default=b"", repr=False)


T = TypeVar("T")


class PerClass(dict[type[Message], T]):
    """What is compiled from the declaration of a class, once a class and when it is first asked for."""

    def __init__(self, compiled: Callable[[type[Message]], T]) -> None:
        super().__init__()
        self.compiled = compiled

    def __missing__(self, type_: type[Message]) -> T:
        made = self[type_] = self.compiled(type_)
        return made


@dataclass(frozen=True, slots=True)
class Spec:
    """One declared field. `type`: the class of a sub-message. `oneof`: of those with one name, at most one is set."""

    number: int
    shape: Shape
    kind: Kind | None = None
    type: type[Message] | None = None
    oneof: str | None = None

    @property
    def wire_type(self) -> int:
        """VARINT for numbers, LENGTH for the rest."""
        return LENGTH if self.kind in (None, "string", "bytes") else VARINT


def proto(number: int, kind: Kind) -> Any:
    """A scalar without presence: zero, False, "" or b"" when absent."""
    return field(default=ZERO[kind], metadata={"proto": Spec(number, "implicit", kind)})


def optional(number: int, kind: Kind, *, oneof: str | None = None) -> Any:
    """A scalar with presence: None when absent, and a zero that is set is written."""
    return field(default=None, metadata={"proto": Spec(number, "optional", kind, oneof=oneof)})


def message(number: int, type_: type[Message], *, oneof: str | None = None) -> Any:
    """A sub-message: None when absent."""
    return field(default=None, metadata={"proto": Spec(number, "message", type=type_, oneof=oneof)})


def repeated(number: int, of: Literal["string", "bytes"] | type[Message]) -> Any:
    """A tuple of texts, bytes or messages: () when absent."""
    spec = Spec(number, "repeated", of) if isinstance(of, str) else Spec(number, "repeated", type=of)
    return field(default=(), metadata={"proto": spec})


def mapping(number: int) -> Any:
    """A mapping of text to text: empty when absent; read-only when it was decoded."""
    return field(default_factory=lambda: EMPTY, metadata={"proto": Spec(number, "map")})


def specs(type_: type[Message]) -> tuple[tuple[str, Spec], ...]:
    """(attribute, declaration) of each field of the class, by ascending number."""
    found = [(one.name, one.metadata["proto"]) for one in fields(type_) if "proto" in one.metadata]
    return tuple(sorted(found, key=lambda pair: pair[1].number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Message):
    """One entry of a map, as it is on the wire."""

    key: str = proto(1, "string")
    value: str = proto(2, "string")
