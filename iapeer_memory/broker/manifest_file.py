"""One cache manifest: its file in either generation, and whether its bytes are what was sealed. Never deletes anything.

Generation 1 carries a SHA-256 over itself: flipped bits and torn files are found. Generation 2 carries none, and of a
root only its kind and path. Both lie beside the cache they describe and in the central registry.

Source: the running-process broker, cache manifest files v1 and v2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from iapeer_memory.broker import validate
from iapeer_memory.broker.file_errors import ManifestRefused
from iapeer_memory.broker.private_folder import write_private
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.protobuf.read import DEEPEST, pass_over, varint
from iapeer_memory.broker.service_file import Generation
from iapeer_memory.broker.wire_v1.manifest import (
    MEDIA_TYPE,
    SCHEMA_VERSION,
    CacheManifest,
    CacheRoot,
    CacheRootKind,
    StorageDisposition,
)
from iapeer_memory.broker.wire_v2.manifest import ENVELOPE_VERSION
from iapeer_memory.broker.wire_v2.manifest import CacheManifest as SecondManifest
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import UnsafePath

SUFFIXES: dict[Generation, str] = {1: ".pb", 2: ".v2.pb"}
BESIDE: dict[Generation, str] = {1: ".running-process-manifest.pb", 2: ".running-process-manifest.v2.pb"}
"""The manifest's name in the cache that it describes."""
SIZE_CAP = 16 << 20
HASH_FIELD = 102
HASH_BYTES = 32
DISPOSABLE = frozenset(
    (CacheRootKind.LOGS, CacheRootKind.LOCKS, CacheRootKind.RUNTIME, CacheRootKind.TMP, CacheRootKind.INDEX)
)
"""Kinds that can be made again. All others, those that we do not know included, are somebody's only copy."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where a manifest was written, and whether its bytes changed."""

    path: str
    changed: bool


def central_path(registry: str, service: str, version: str, generation: Generation) -> str:
    """The manifest's place in the registry. Raises ManifestRefused for a name or version that no file may have."""
    reason = validate.service_name(service) or validate.version(version)
    path = f"{registry}/{service}-{version}{SUFFIXES[generation]}"
    if reason is not None:
        raise ManifestRefused("name", path, reason)
    return path


def beside_path(cache_root: str, generation: Generation) -> str:
    """The manifest's place beside the cache."""
    return f"{cache_root}/{BESIDE[generation]}"


def sealed(manifest: CacheManifest) -> CacheManifest:
    """The manifest with its schema, media type and hash as a file has them."""
    bare = replace(
        manifest,
        manifest_schema_version=SCHEMA_VERSION,
        media_type=manifest.media_type or MEDIA_TYPE,
        self_sha256=b"",
    )
    return replace(bare, self_sha256=sha256(encode(bare)).digest())


def parsed(data: bytes, path: str, generation: Generation) -> CacheManifest:
    """The manifest in a file's bytes; generation 2 in generation 1's words. Raises ManifestRefused."""
    try:
        manifest = in_first_words(decode(SecondManifest, data)) if generation == 2 else decode(CacheManifest, data)
    except DecodeFailed as error:
        raise ManifestRefused("decode", path, f"is not a cache manifest ({error})") from None
    if generation == 1:
        _require_intact(manifest, data, path)
    reason = validate.service_name(manifest.service_name) or validate.version(manifest.service_version)
    if reason is not None:
        raise ManifestRefused("name", path, reason)
    return manifest


def read(files: Files, path: str, generation: Generation) -> CacheManifest | None:
    """The manifest at that path; None when absent. Raises ManifestRefused, Unreadable."""
    data = files.read_optional(path, limit=SIZE_CAP)
    return None if data is None else parsed(data, path, generation)


def write_central(
    files: Files, registry: str, manifest: CacheManifest, generation: Generation = 1, *, uid: int
) -> Written:
    """Put it into the registry, which is made private. Raises ManifestRefused, OSError with the old file as it was."""
    path = central_path(registry, manifest.service_name, manifest.service_version, generation)
    return _write(files, path, manifest, generation, uid)


def write_beside(
    files: Files, cache_root: str, manifest: CacheManifest, generation: Generation = 1, *, uid: int
) -> Written:
    """Put it into its cache, which is made private. Raises ManifestRefused, OSError with the old file as it was."""
    path = beside_path(cache_root, generation)
    reason = validate.service_name(manifest.service_name) or validate.version(manifest.service_version)
    if reason is not None:
        raise ManifestRefused("name", path, reason)
    return _write(files, path, manifest, generation, uid)


def as_bytes(manifest: CacheManifest, generation: Generation) -> bytes:
    """The file's bytes; generation 2 keeps names, times and each root's kind and path."""
    return encode(sealed(manifest) if generation == 1 else in_second_words(manifest))


def in_second_words(manifest: CacheManifest) -> SecondManifest:
    """What generation 2 can say of it."""
    from iapeer_memory.broker.wire_v2.manifest import CacheRoot as SecondRoot

    return SecondManifest(
        service_name=manifest.service_name,
        service_version=manifest.service_version,
        broker_envelope_version=ENVELOPE_VERSION,
        created_at_unix_ms=manifest.created_at_unix_ms,
        last_active_unix_ms=manifest.last_active_unix_ms,
        roots=tuple(SecondRoot(kind=root.kind, path=root.path) for root in manifest.roots),
        broker_instance=manifest.broker_instance,
        bundle_id=manifest.bundle_id,
    )


def in_first_words(manifest: SecondManifest) -> CacheManifest:
    """The same in generation 1's message. A root's disposition is not told: what cannot be made again is preserved."""
    roots = tuple(
        CacheRoot(
            path=root.path,
            kind=root.kind,
            disposition=StorageDisposition.PRUNE_ON_UNINSTALL
            if root.kind in DISPOSABLE
            else StorageDisposition.PRESERVE_ACROSS_UNINSTALL,
        )
        for root in manifest.roots
    )
    return CacheManifest(
        service_name=manifest.service_name,
        service_version=manifest.service_version,
        broker_envelope_version=manifest.broker_envelope_version,
        created_at_unix_ms=manifest.created_at_unix_ms,
        last_active_unix_ms=manifest.last_active_unix_ms,
        roots=roots,
        broker_instance=manifest.broker_instance,
        bundle_id=manifest.bundle_id,
    )


def without_field(data: bytes, number: int) -> bytes:
    """The encoding with one top-level field taken out, all else as it came. The bytes have been decoded before."""
    kept: list[bytes] = []
    for found, start, end in _fields(data):
        if found != number:
            kept.append(data[start:end])
    return b"".join(kept)


def _fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    at = 0
    while at < len(data):
        start = at
        tag, at = varint(data, at)
        at = pass_over(data, tag, at, DEEPEST)
        yield tag >> 3, start, at


def _require_intact(manifest: CacheManifest, data: bytes, path: str) -> None:
    """The hash is of what the writer encoded: of the bytes as they are, without the field of the hash.

    Nothing is encoded anew for it, so the order of a map's entries and fields of a newer writer do no harm.
    """
    if manifest.manifest_schema_version > SCHEMA_VERSION:
        raise ManifestRefused(
            "schema-too-new",
            path,
            f"has manifest schema {manifest.manifest_schema_version}, newer than the supported {SCHEMA_VERSION}",
            remedy="update iapeer-memory",
        )
    if len(manifest.self_sha256) != HASH_BYTES:
        raise ManifestRefused("corrupt", path, "manifest self_sha256 has the wrong length")
    if sha256(without_field(data, HASH_FIELD)).digest() != manifest.self_sha256:
        raise ManifestRefused("corrupt", path, "manifest self_sha256 mismatch")


def _write(files: Files, path: str, manifest: CacheManifest, generation: Generation, uid: int) -> Written:
    data = as_bytes(manifest, generation)
    if len(data) > SIZE_CAP:
        raise ManifestRefused("decode", path, f"is larger than {SIZE_CAP} bytes")
    try:
        return Written(path, write_private(files, path, data, uid))
    except UnsafePath as error:
        raise ManifestRefused("insecure-folder", error.path, error.reason, remedy=error.remedy) from None
