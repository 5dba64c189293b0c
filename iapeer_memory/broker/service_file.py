"""One service definition: its file in either generation, and what makes it valid. Never writes what it would not load.

`<service>.servicedef` (generation 1) and `<service>.servicedef.v2` (generation 2) hold a message without a header, in
one private folder; both pass the same checks. The two messages share numbers 1 to 8, so generation 2's class stands for
both here; a file of generation 1 simply has no HTTP server.

Source: the running-process broker, service definition files v1 and v2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from iapeer_memory.broker import validate
from iapeer_memory.broker.file_errors import DefinitionFault, DefinitionRefused
from iapeer_memory.broker.private_folder import why_not_private, write_private
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.wire_v1.service import Isolation
from iapeer_memory.broker.wire_v1.service import ServiceDefinition as FirstDefinition
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import UnsafePath

Generation = Literal[1, 2]
SUFFIXES: dict[Generation, str] = {1: ".servicedef", 2: ".servicedef.v2"}
SIZE_CAP = 1 << 20
"""Bytes; no definition is near it, and none that is larger is read."""
NOT_EXPLICIT = "explicit_instance must be empty unless isolation is EXPLICIT_INSTANCE"


@dataclass(frozen=True, slots=True)
class Installed:
    """A definition that was loaded, and where from."""

    definition: ServiceDefinition
    generation: Generation
    path: str


def file_path(folder: str, name: str, generation: Generation) -> str:
    """Where the definition of that service lies."""
    return f"{folder}/{name}{SUFFIXES[generation]}"


def problem(definition: ServiceDefinition, name: str) -> tuple[DefinitionFault, str] | None:
    """What is wrong with a definition that is to go by that name, first thing first; None when it is valid."""
    return next(_problems(definition, name), None)


def load(files: Files, folder: str, name: str, generation: Generation, *, uid: int) -> Installed | None:
    """The definition of that service; None when there is no such file. Raises DefinitionRefused, Unreadable."""
    path = file_path(folder, name, generation)
    if files.lstat(folder) is None:
        return None
    require_private(files, folder, uid)
    reason = validate.service_name(name)
    if reason is not None:
        raise DefinitionRefused("name", path, reason)
    data = files.read_optional(path, limit=SIZE_CAP)
    return None if data is None else Installed(decoded(data, path, name), generation, path)


def install(
    files: Files, folder: str, definition: ServiceDefinition, generation: Generation, *, uid: int
) -> tuple[str, bool]:
    """Write it under its name, atomically, into a folder that is made private; (its path, whether it changed).

    Raises DefinitionRefused before anything is touched, and OSError with the old file as it was.
    """
    path = file_path(folder, definition.service_name, generation)
    wrong = problem(definition, definition.service_name)
    if wrong is not None:
        raise DefinitionRefused(wrong[0], path, wrong[1])
    data = encoded(definition, generation)
    if len(data) > SIZE_CAP:
        raise DefinitionRefused("decode", path, f"is larger than {SIZE_CAP} bytes")
    try:
        return path, write_private(files, path, data, uid)
    except UnsafePath as error:
        raise DefinitionRefused("insecure-folder", error.path, error.reason, remedy=error.remedy) from None


def uninstall(files: Files, folder: str, name: str) -> tuple[str, ...]:
    """Remove the service's files of both generations; the paths that were there. Raises DefinitionRefused, OSError."""
    reason = validate.service_name(name)
    if reason is not None:
        raise DefinitionRefused("name", f"{folder}/{name}", reason)
    return tuple(path for path in (file_path(folder, name, 2), file_path(folder, name, 1)) if files.remove(path))


def decoded(data: bytes, path: str, name: str) -> ServiceDefinition:
    """The valid definition in a file's bytes. Raises DefinitionRefused."""
    away = f"mv {quote(path)} {quote(path + '.away')}"
    try:
        definition = decode(ServiceDefinition, data)
    except DecodeFailed as error:
        raise DefinitionRefused("decode", path, f"is not a service definition ({error})", remedy=away) from None
    wrong = problem(definition, name)
    if wrong is not None:
        raise DefinitionRefused(wrong[0], path, wrong[1], remedy=away)
    return definition


def encoded(definition: ServiceDefinition, generation: Generation) -> bytes:
    """The file's bytes. Generation 1 has no place for an HTTP server: that part is left out."""
    if generation == 2:
        return encode(definition)
    first = FirstDefinition(
        service_name=definition.service_name,
        binary_path=definition.binary_path,
        isolation=definition.isolation,
        explicit_instance=definition.explicit_instance,
        per_version_binary_dir=definition.per_version_binary_dir,
        min_version=definition.min_version,
        version_allow_list=definition.version_allow_list,
        labels=definition.labels,
        unknown=definition.unknown,
    )
    return encode(first)


def require_private(files: Files, folder: str, uid: int) -> None:
    """Raises DefinitionRefused when others could have put a definition there."""
    why = why_not_private(files, folder, uid)
    if why is not None:
        raise DefinitionRefused("insecure-folder", folder, f"folder {why.reason}", remedy=why.remedy)


def _problems(definition: ServiceDefinition, name: str) -> Iterator[tuple[DefinitionFault, str]]:
    for text in (name, definition.service_name):
        reason = validate.service_name(text)
        if reason is not None:
            yield "name", reason
    if definition.service_name != name:
        yield "mismatch", f"file is named for {name!r} but defines {definition.service_name!r}"
    if not definition.binary_path:
        yield "path", "binary_path must not be empty"
    for field, path in (
        ("binary_path", definition.binary_path),
        ("per_version_binary_dir", definition.per_version_binary_dir),
    ):
        if path and not path.startswith("/"):
            yield "path", f"{field} must be absolute"
        if any(sign < " " or sign == "\x7f" for sign in path):
            yield "path", f"{field} must not hold control characters"
    for field, texts in (
        ("min_version", (definition.min_version,) if definition.min_version else ()),
        ("version_allow_list", definition.version_allow_list),
    ):
        for text in texts:
            reason = validate.version(text)
            if reason is not None:
                yield "version", f"{field} {text!r}: {reason}"
    reason = isolation_problem(definition.isolation, definition.explicit_instance)
    if reason is not None:
        yield "isolation", reason


def isolation_problem(isolation: int, instance: str) -> str | None:
    """Why the two do not go together, or None."""
    if isolation in (Isolation.PRIVATE_BROKER, Isolation.SHARED_BROKER):
        return NOT_EXPLICIT if instance else None
    if isolation != Isolation.EXPLICIT_INSTANCE:
        return f"unknown BrokerIsolation value {isolation}"
    if not instance:
        return "EXPLICIT_INSTANCE requires explicit_instance"
    reason = validate.service_name(instance)
    return None if reason is None else f"explicit_instance {instance!r}: {reason}"
