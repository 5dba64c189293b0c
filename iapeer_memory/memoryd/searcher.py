"""A process that answers searches for memoryd, one after the other, and ends when memoryd is gone.

Only reads the index; knows no model server, no vault and no settings. Descriptor 0 is the channel: a frame is the
question and the edition of the store as JSON, the answer is the payload, or `{}` where memoryd has to answer itself.
"""

from __future__ import annotations

import json
from typing import Any

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.channel import Channel
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.egress.host import uid
from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import Filter
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.search.engine import Finder, Question
from iapeer_memory.search.query import MOST_CHARACTERS
from iapeer_memory.vault.locales import locale

READY = b"{}"


def run(index: str, locale_id: str) -> int:
    """Answer until the other end is closed. `index`: the index's file."""
    channel = Channel(0)
    engine, finder = SqliteEngine(RealFiles(), index, uid=uid()), Finder(locale(locale_id))
    reader: Reader | None = None
    known = None
    try:
        channel.send(READY)
        while (frame := channel.receive()) is not None:
            question, edition = unpacked(frame)
            payload: dict[str, Any] = {}
            try:
                if reader is None or edition != known:
                    if reader is not None:
                        reader.close()
                    reader, known = None, edition
                    reader = engine.reader()
                payload = finder.answer(reader, question)
            except ProductError:
                known = None
            channel.send(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except OSError:
        pass  # nobody waits for the answer any more
    return 0


def packed(question: Question, edition: int) -> bytes:
    """A question as it is sent: no more of it than is understood, so that it never fills the channel."""
    only = question.only
    words = {name: getattr(question, name) for name in Question.__dataclass_fields__}
    words["text"] = question.text[:MOST_CHARACTERS]
    words["only"] = only and {name: getattr(only, name) for name in Filter.__dataclass_fields__}
    return json.dumps({"edition": edition, "question": words}).encode()


def unpacked(frame: bytes) -> tuple[Question, int]:
    """What was sent."""
    told = json.loads(frame)
    words = told["question"]
    if words["only"] is not None:
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in words["only"].items()
        }
        words["only"] = Filter(**lists)
    words["preferred"] = tuple(words["preferred"])
    return Question(**words), told["edition"]
