"""Writes that are asked twice are done once: an idempotency key, and the answer that was given for it.

The wire loses an answer rather than doubling a request. Who may have lost one asks again with the same key and the
same bytes. A key counts for its own session alone. Kept in memory: it does not outlive the daemon.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256

from iapeer_memory.attach.bodies import KEY, LONGEST_KEY, Identity
from iapeer_memory.attach.errors import Refused

MOST_KEPT = 4096
MOST_BYTES = 8 << 20
KEY_REUSED = "idempotency_key_reused"
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def key_of(body: bytes) -> tuple[str, str]:
    """(method, key) of a request's JSON object, "" for each that it does not name."""
    try:
        value, _ = _scan(body.decode().lstrip(" \t\r\n"), 0)
    except (ValueError, RecursionError, StopIteration):
        return "", ""
    if not isinstance(value, dict):
        return "", ""
    method, key = value.get("method"), value.get(KEY)
    if not isinstance(key, str) or len(key) > LONGEST_KEY:
        key = ""
    return method if isinstance(method, str) else "", key


class Once:
    """The answers that were given, newest last."""

    __slots__ = ("_bytes", "_kept")

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Identity, str], tuple[bytes, asyncio.Future[bytes]]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def answer(self, who: tuple[Identity, str], body: bytes, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer of `work`, which is done once for all that ask. Raises Refused for a key that came with other
        bytes, and whatever `work` raises; what has failed may be tried again."""
        digest = sha256(body).digest()
        known = self._kept.get(who)
        if known is not None:
            if known[0] != digest:
                raise Refused(KEY_REUSED, "this idempotency key was used for another request")
            return await asyncio.shield(known[1])
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._kept[who] = digest, answer
        try:
            done = await work()
        except BaseException as error:
            self._kept.pop(who, None)
            answer.set_exception(Refused("cancelled", "it was given up") if _is_end(error) else error)
            answer.exception()
            raise
        answer.set_result(done)
        self._bytes += len(done)
        self._trim()
        return done

    def _trim(self) -> None:
        for who, (_, answer) in list(self._kept.items()):
            if len(self._kept) <= MOST_KEPT and self._bytes <= MOST_BYTES:
                return
            if answer.done():
                del self._kept[who]
                self._bytes -= len(answer.result())


def _is_end(error: BaseException) -> bool:
    return not isinstance(error, Exception)
