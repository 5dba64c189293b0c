"""A small protobuf codec: messages are declared as frozen dataclasses, tables are compiled once a class.

It speaks the proto3 wire format of what our wires need: uint32, uint64, int32, bool, enum, string and bytes, optional
scalars, sub-messages, repeated strings, bytes and messages, maps of text to text, and oneofs. It never does I/O and
knows no schema files: the declaration is the schema.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Endpoint(Message):
        namespace_id: str = proto(1, "string")
        path: str = proto(2, "string")

    decode(Endpoint, encode(Endpoint(path="/run/a.sock")))

Source: the protobuf encoding, proto3.
"""

from iapeer_memory.broker.protobuf.declare import (
    Message,
    Spec,
    mapping,
    message,
    optional,
    proto,
    repeated,
    specs,
)
from iapeer_memory.broker.protobuf.read import DecodeFailed, decode
from iapeer_memory.broker.protobuf.write import encode

__all__ = [
    "DecodeFailed",
    "Message",
    "Spec",
    "decode",
    "encode",
    "mapping",
    "message",
    "optional",
    "proto",
    "repeated",
    "specs",
]
