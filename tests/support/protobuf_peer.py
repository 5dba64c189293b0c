"""The other implementation of protobuf, with classes made of our declarations, and strategies that fill messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import strategies as st

from iapeer_memory.broker.protobuf import Message, Spec, specs

F = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "uint32": F.TYPE_UINT32, "uint64": F.TYPE_UINT64, "int32": F.TYPE_INT32, "bool": F.TYPE_BOOL,
    "enum": F.TYPE_ENUM, "string": F.TYPE_STRING, "bytes": F.TYPE_BYTES,
}  # fmt: skip
VALUES: Mapping[str, Callable[[], st.SearchStrategy[Any]]] = {
    "uint32": lambda: st.integers(0, 2**32 - 1),
    "uint64": lambda: st.integers(0, 2**64 - 1),
    "int32": lambda: st.integers(-(2**31), 2**31 - 1),
    "enum": lambda: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 25),
    "bool": st.booleans,
    "string": lambda: st.text(max_size=12),
    "bytes": lambda: st.binary(max_size=12),
}


class Peer:
    """Message classes of google.protobuf for ours."""

    def __init__(self, types: Iterable[type[Message]]) -> None:
        file = descriptor_pb2.FileDescriptorProto(name="ours.proto", package="ours", syntax="proto3")
        file.enum_type.add(name="Open").value.add(name="NOTHING", number=0)
        for type_ in closed(types):
            describe(file.message_type.add(), type_)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self.pool = pool

    def of(self, type_: type[Message]) -> Any:
        """The peer's class for ours."""
        found = self.pool.FindMessageTypeByName(f"ours.{path(type_)}")
        return message_factory.GetMessageClass(found)

    def encoded(self, value: Message) -> bytes:
        """What the peer writes for a message of ours."""
        return bytes(filled(self.of(type(value))(), value).SerializeToString(deterministic=True))


def path(type_: type[Message]) -> str:
    return f"{type_.__module__.replace('.', '_')}_{type_.__name__}"


def closed(types: Iterable[type[Message]]) -> list[type[Message]]:
    """The classes, and those of their fields."""
    found: dict[type[Message], None] = {}
    pending = list(types)
    while pending:
        type_ = pending.pop()
        if type_ not in found:
            found[type_] = None
            pending += [spec.type for _, spec in specs(type_) if spec.type]
    return list(found)


def describe(made: Any, type_: type[Message]) -> None:
    """Fill the peer's description of a class."""
    made.name = path(type_)
    synthetic = []
    for name, spec in specs(type_):
        one = made.field.add(name=name, number=spec.number, label=F.LABEL_OPTIONAL)
        if spec.shape in ("repeated", "map"):
            one.label = F.LABEL_REPEATED
        if spec.shape == "map":
            one.type, one.type_name = F.TYPE_MESSAGE, f".ours.{made.name}.{entry(made, name)}"
        elif spec.type:
            one.type, one.type_name = F.TYPE_MESSAGE, f".ours.{path(spec.type)}"
        elif spec.kind:
            one.type = TYPES[spec.kind]
            if spec.kind == "enum":
                one.type_name = ".ours.Open"
        if spec.oneof:
            names = [oneof.name for oneof in made.oneof_decl]
            if spec.oneof not in names:
                made.oneof_decl.add(name=spec.oneof)
                names.append(spec.oneof)
            one.oneof_index = names.index(spec.oneof)
        elif spec.shape == "optional":
            one.proto3_optional = True
            synthetic.append(one)
    for one in synthetic:
        made.oneof_decl.add(name=f"_{one.name}")
        one.oneof_index = len(made.oneof_decl) - 1


def entry(made: Any, name: str) -> str:
    """The nested type of a map's entries."""
    nested = made.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
    nested.options.map_entry = True
    for number, half in enumerate(("key", "value"), start=1):
        nested.field.add(name=half, number=number, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    return str(nested.name)


def filled(target: Any, value: Message) -> Any:
    """The peer's message with the values of ours."""
    for name, spec in specs(type(value)):
        its = getattr(value, name)
        if its is None:
            continue
        if spec.shape == "map":
            getattr(target, name).update(its)
        elif spec.shape == "repeated" and spec.type:
            for one in its:
                filled(getattr(target, name).add(), one)
        elif spec.shape == "repeated":
            getattr(target, name).extend(its)
        elif spec.type:
            getattr(target, name).SetInParent()
            filled(getattr(target, name), its)
        elif spec.shape == "optional" or its:
            setattr(target, name, its)
    return target


def messages(type_: type[Message]) -> st.SearchStrategy[Any]:
    """Messages of the class with any fields set, of a oneof one at most."""
    declared = specs(type_)
    oneofs: dict[str, list[str]] = {}
    for name, spec in declared:
        if spec.oneof:
            oneofs.setdefault(spec.oneof, []).append(name)
    chosen = st.fixed_dictionaries({oneof: st.sampled_from(names) for oneof, names in oneofs.items()})
    values = st.fixed_dictionaries({}, optional={name: value_of(spec) for name, spec in declared})

    def made(pair: tuple[dict[str, str], dict[str, Any]]) -> Message:
        dropped = {name for oneof, names in oneofs.items() for name in names if name != pair[0][oneof]}
        return type_(**{name: value for name, value in pair[1].items() if name not in dropped})

    return st.tuples(chosen, values).map(made)


def value_of(spec: Spec) -> st.SearchStrategy[Any]:
    """Values of one field. No key of a map begins another: the two writers would order them differently."""
    if spec.shape == "map":
        return st.dictionaries(st.text(min_size=2, max_size=2), VALUES["string"](), max_size=3)
    one = messages(spec.type) if spec.type else VALUES[str(spec.kind)]()
    return st.lists(one, max_size=3).map(tuple) if spec.shape == "repeated" else one


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def wire() -> st.SearchStrategy[bytes]:
    """Bytes that look like fields, declared ones and others, well formed or nearly."""
    number = st.integers(1, 12) | st.sampled_from([0, 20, 30, 40, 50, 51, 60, 70, 100, 103, 2**29 - 1, 2**29])
    body = st.binary(max_size=20)
    leaf = st.one_of(
        st.tuples(number, st.integers(0, 2**64 - 1)).map(lambda it: varint(it[0] << 3) + varint(it[1])),
        st.tuples(number, st.integers(0, 300)).map(lambda it: varint(it[0] << 3) + varint(it[1])),
        st.tuples(number, st.sampled_from([1, 5]), st.binary(min_size=8, max_size=8)).map(
            lambda it: varint(it[0] << 3 | it[1]) + it[2][: 8 if it[1] == 1 else 4]
        ),
        st.tuples(number, body).map(lambda it: varint(it[0] << 3 | 2) + varint(len(it[1])) + it[1]),
        st.tuples(number, st.integers(3, 7)).map(lambda it: varint(it[0] << 3 | it[1])),
        body,
    )

    def within(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
        several = st.lists(inner, max_size=5).map(b"".join)
        nested = st.tuples(number, several).map(lambda it: varint(it[0] << 3 | 2) + varint(len(it[1])) + it[1])
        group = st.tuples(number, several).map(lambda it: varint(it[0] << 3 | 3) + it[1] + varint(it[0] << 3 | 4))
        return several | nested | group

    return st.recursive(leaf, within, max_leaves=8)
