"""The identity sidecar: a JSON file beside a daemon in which it tells who it is. A claim; only `verify` makes it proof.

    {"pid", "exe_path", "exe_hash_algorithm": "blake3", "exe_hash": [32 numbers], "legacy_exe_sha256": [32 numbers],
     "boot_id", "ipc_endpoint": {"namespace_id", "path"}, "started_at_unix_ms", "idle_timeout_secs": number or null,
     "process_started", "build"}

The last two are ours and optional; other readers pass over them. The older dialect has `exe_sha256` in place of the two
keys of the hash. Written at one stroke, so that a reader sees the old one or the new one.

Source: the running-process broker's identity file, both dialects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iapeer_memory.broker.wire_v1.probe import legacy_hash, with_legacy_hash
from iapeer_memory.broker.wire_v1.process import BLAKE3, HASH_BYTES, DaemonProcess, Endpoint
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused, Malformed

FILE_BYTES = 64 * 1024
MODE = 0o600
U32, U64 = 1 << 32, 1 << 64


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a daemon claims. `started` and `build`: see `birth.Birth`; "" where a daemon tells neither."""

    process: DaemonProcess
    started: str = ""
    build: str = ""


class _Wrong(ValueError):
    """Why a document is no identity."""


def dump_sidecar(sidecar: Sidecar) -> bytes:
    """The file's bytes, in today's dialect."""
    process = sidecar.process
    endpoint = process.ipc_endpoint or Endpoint()
    document: dict[str, object] = {
        "pid": process.pid,
        "exe_path": process.exe_path,
        "exe_hash_algorithm": process.exe_hash_algorithm,
        "exe_hash": list(process.exe_hash),
        "legacy_exe_sha256": list(legacy_hash(process) or bytes(HASH_BYTES)),
        "boot_id": process.boot_id,
        "ipc_endpoint": {"namespace_id": endpoint.namespace_id, "path": endpoint.path},
        "started_at_unix_ms": process.started_at_unix_ms,
        "idle_timeout_secs": process.idle_timeout_secs,
    }
    if sidecar.started:
        document["process_started"] = sidecar.started
    if sidecar.build:
        document["build"] = sidecar.build
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def load_sidecar(data: bytes, path: str) -> Sidecar:
    """The file read back, in either dialect; keys that we do not know are passed over. Raises Malformed."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed(path, "is not JSON") from None
    try:
        return _sidecar(raw)
    except _Wrong as wrong:
        raise Malformed(path, str(wrong)) from None


def try_read_sidecar(files: Files, path: str) -> Sidecar | None:
    """The sidecar; None when there is none. Raises Malformed, Unreadable."""
    data = files.read_optional(path, limit=FILE_BYTES)
    return None if data is None else load_sidecar(data, path)


def read_sidecar(files: Files, path: str) -> Sidecar | None:
    """The sidecar; None when there is none that can be used."""
    try:
        return try_read_sidecar(files, path)
    except FileRefused:
        return None


def write_sidecar(files: Files, path: str, sidecar: Sidecar) -> None:
    """Put the claim in place, whole or not at all. Raises OSError."""
    files.write(path, dump_sidecar(sidecar), mode=MODE)


def remove_sidecar(files: Files, path: str, sidecar: Sidecar) -> bool:
    """Take the claim away, unless another daemon has put its own there by now. Raises OSError."""
    there = read_sidecar(files, path)
    if there is None or there.process.pid != sidecar.process.pid or there.started != sidecar.started:
        return False
    return files.remove(path)


def _sidecar(raw: object) -> Sidecar:
    document = _object(raw, "the file")
    endpoint = _object(document.get("ipc_endpoint"), "ipc_endpoint")
    idle = document.get("idle_timeout_secs")
    legacy = "exe_hash" not in document and "exe_sha256" in document
    if not legacy and _text(document, "exe_hash_algorithm") != BLAKE3:
        algorithm = json.dumps(document.get("exe_hash_algorithm"), ensure_ascii=False)
        raise _Wrong(f"unsupported daemon executable hash algorithm {algorithm}; expected blake3")
    process = DaemonProcess(
        pid=_number(document, "pid", U32),
        exe_path=_text(document, "exe_path"),
        ipc_endpoint=Endpoint(namespace_id=_text(endpoint, "namespace_id"), path=_text(endpoint, "path")),
        started_at_unix_ms=_number(document, "started_at_unix_ms", U64),
        boot_id=_text(document, "boot_id"),
        idle_timeout_secs=None if idle is None else _number(document, "idle_timeout_secs", U32),
        exe_hash_algorithm="" if legacy else BLAKE3,
        exe_hash=b"" if legacy else _hash(document, "exe_hash"),
    )
    old = _hash(document, "exe_sha256") if legacy else _hash(document, "legacy_exe_sha256", absent=bytes(HASH_BYTES))
    started, build = (_text(document, key, absent="") for key in ("process_started", "build"))
    return Sidecar(with_legacy_hash(process, old), started, build)


def _object(raw: object, what: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _Wrong(f"{what} is not an object")
    return raw


def _text(document: Mapping[str, Any], key: str, *, absent: str | None = None) -> str:
    value = document.get(key, absent)
    if not isinstance(value, str):
        raise _Wrong(f"{key} is not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _Wrong(f"{key} is not Unicode") from None
    return value


def _number(document: Mapping[str, Any], key: str, end: int) -> int:
    value = document.get(key)
    if type(value) is not int or not 0 <= value < end:
        raise _Wrong(f"{key} is not a number below {end}")
    return value


def _hash(document: Mapping[str, Any], key: str, *, absent: bytes | None = None) -> bytes:
    value = document.get(key)
    if value is None and absent is not None:
        return absent
    if not isinstance(value, list) or len(value) != HASH_BYTES:
        raise _Wrong(f"{key} is not a list of {HASH_BYTES} numbers")
    if not all(type(byte) is int and 0 <= byte < 256 for byte in value):
        raise _Wrong(f"{key} holds something that is no byte")
    return bytes(value)
