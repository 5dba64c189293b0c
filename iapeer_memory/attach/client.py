"""A session's client that waits: attaches when first asked, and again when it must. One thread at a time.

At most once: a question that has left is never asked again by itself, but for answers that say that it was not seen.
Brings neither asyncio nor json: hooks use it, and add little to a bare interpreter's start.
"""

from __future__ import annotations

from iapeer_memory.attach import codes
from iapeer_memory.attach.bodies import Identity, member, plain
from iapeer_memory.attach.client_wire import ATTEMPTS, NOT_PERFORMED, ClientWire, channel_of, pause_before, raised_by
from iapeer_memory.attach.envelope import ERROR, GOODBYE, PUSH, RESPONSE, STREAM_DATA, TERMINAL, Frame
from iapeer_memory.attach.errors import AttachFailed, NotSent, OutcomeUnknown, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Protocol

    from iapeer_memory.attach.bodies import Tier
    from iapeer_memory.domain.door import Clock

    class Stream(Protocol):
        """A connected socket."""

        def settimeout(self, seconds: float | None) -> None: ...
        def send(self, data: bytes) -> int: ...
        def recv(self, size: int) -> bytes: ...
        def close(self) -> None: ...


PIECE = 1 << 16
MOST_PUSHES = 256


class Client:
    """One session. `connect`: gives a stream to the router by a deadline of the clock, or raises OSError. `tiers`:
    asked for at every attach, so that settings are read anew. `attempts`: of an attach that may work later.

    `pushes`: what came unasked, oldest first, the newest 256.
    """

    __slots__ = ("_attempts", "_channel", "_clock", "_connect", "_identity", "_stream", "_tiers", "_wire", "pushes")

    def __init__(
        self,
        connect: Callable[[float], Stream],
        clock: Clock,
        identity: Identity,
        tiers: Callable[[], Sequence[Tier]] = lambda: (),
        *,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._identity = identity
        self._tiers = tiers
        self._attempts = attempts
        self._stream: Stream | None = None
        self._wire = ClientWire()
        self._channel = 0
        self.pushes: list[bytes] = []

    @property
    def channel(self) -> int:
        """The route's number; 0 while there is none."""
        return self._channel

    def request(self, body: bytes, *, within: float, key: str = "", binary: bool = False) -> bytes:
        """The answer's body; of a stream all its pieces, joined. `within`: seconds. `key`: the idempotency key that the
        body carries, for OutcomeUnknown to name.

        Raises NotSent, OutcomeUnknown, Refused.
        """
        return b"".join(self.stream(body, within=within, key=key, binary=binary))

    def stream(self, body: bytes, *, within: float, key: str = "", binary: bool = False) -> Iterator[bytes]:
        """As `request`, piece by piece."""
        end = self._clock.monotonic() + within
        again = True
        while True:
            self.attach(end)
            corr, frame = self._wire.request(self._channel, body, binary=binary)
            if not self._send(frame, end):
                continue
            for answer in self._answers(self._channel, corr, end, key):
                if answer.kind in (RESPONSE, STREAM_DATA):
                    yield answer.body
                elif answer.kind == ERROR:
                    failed = raised_by(answer, key)
                    if again and isinstance(failed, Refused) and failed.code in codes.BEFORE_SENDING:
                        again = False
                        self._channel = 0
                        break
                    raise failed
            else:
                return

    def attach(self, end: float) -> None:
        """See to it that there is a route. `end`: of the clock. Raises NotSent, and Refused where trying is no use."""
        attempt = 0
        while not self._channel:
            pause = pause_before(attempt)
            try:
                if pause and self._clock.monotonic() + pause > end:
                    raise NotSent("there is no time left to attach")
                self._clock.sleep(pause)
                self._attach(end)
            except Refused as error:
                attempt += 1
                if error.code not in codes.TRY_AGAIN or attempt >= self._attempts:
                    raise
            except NotSent:
                attempt += 1
                if attempt >= self._attempts or self._clock.monotonic() >= end:
                    raise

    def poll(self, op: str, *, within: float) -> str | bool:
        """What the router knows of the route: `op` "status" gives a text, "liveness" true or false.

        Raises NotSent where there is no route, OutcomeUnknown, and Refused (status_unavailable)."""
        if self._stream is None or not self._channel:
            raise NotSent("there is no route to ask after")
        end = self._clock.monotonic() + within
        corr, frame = self._wire.poll(op, self._channel)
        self._send(frame, end)
        for answer in self._answers(0, corr, end, ""):
            if answer.kind == ERROR:
                raise raised_by(answer, "")
            told = member(plain(answer.body), "status" if op == "status" else "live")
            if isinstance(told, str | bool):
                return told
        raise AttachFailed("the router's answer to a poll cannot be read")

    def close(self) -> None:
        """Say GOODBYE and hang up; never waits."""
        if self._stream is not None and self._channel:
            try:
                self._stream.settimeout(0)
                self._stream.send(self._wire.goodbye(self._channel))
            except OSError:
                pass
        self._hang_up()

    def _attach(self, end: float) -> None:
        """One attempt."""
        if self._stream is None:
            try:
                self._stream = self._connect(end)
            except OSError as error:
                raise NotSent(f"nobody answers on the memory socket ({error})") from None
            self._wire = ClientWire()
        try:
            corr, frame = self._wire.attach(self._identity, self._tiers())
        except ValueError as error:
            raise Refused(codes.INVALID_ATTACH_REQUEST, str(error)) from None
        try:
            if not self._send(frame, end):
                raise NotSent("the router hung up")
            for answer in self._answers(0, corr, end, ""):
                self._channel = channel_of(answer)
        except OutcomeUnknown as error:
            raise NotSent(f"the session was not taken on: {error.reason}") from None

    def _send(self, frame: bytes, end: float) -> bool:
        """False where nothing of it has left. Raises OutcomeUnknown where some of it has, and not all."""
        assert self._stream is not None
        sent = 0
        view = memoryview(frame)
        try:
            while sent < len(frame):
                self._stream.settimeout(self._left(end))
                sent += self._stream.send(view[sent:])  # type: ignore[arg-type]
        except OSError as error:
            self._hang_up()
            if not sent:
                return False
            raise OutcomeUnknown(f"the connection broke while asking ({error}); {NOT_PERFORMED}") from None
        return True

    def _answers(self, channel: int, corr: int, end: float, key: str) -> Iterator[Frame]:
        """The frames of one answer, the last one included. Raises OutcomeUnknown."""
        while True:
            ours: list[Frame] = []
            for frame in self._received(end, key):
                if frame.channel == channel and frame.corr == corr and frame.kind not in (PUSH, GOODBYE):
                    ours.append(frame)
                else:
                    self._aside(frame)
            yield from ours
            if ours and ours[-1].kind in TERMINAL:
                return

    def _received(self, end: float, key: str) -> list[Frame]:
        if self._stream is None:
            raise OutcomeUnknown(f"the connection broke; {NOT_PERFORMED}", key=key)
        try:
            self._stream.settimeout(self._left(end))
            data = self._stream.recv(PIECE)
        except TimeoutError:
            # The answer may still come: a connection with one on its way is of no use to the next question.
            self._hang_up()
            raise OutcomeUnknown(f"no answer came in time; {NOT_PERFORMED}", key=key) from None
        except OSError as error:
            self._hang_up()
            raise OutcomeUnknown(f"the connection broke ({error}); {NOT_PERFORMED}", key=key) from None
        frames = self._wire.reader.feed(data)
        if not data or self._wire.reader.error is not None:
            self._hang_up()
        if not data:
            raise OutcomeUnknown(f"the router hung up; {NOT_PERFORMED}", key=key)
        return frames

    def _aside(self, frame: Frame) -> None:
        """A frame that answers nothing."""
        if frame.channel != self._channel or not frame.channel:
            return
        if frame.kind == GOODBYE:
            self._channel = 0
        elif frame.kind == PUSH:
            self.pushes.append(frame.body)
            del self.pushes[:-MOST_PUSHES]

    def _left(self, end: float) -> float:
        left = end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("out of time")
        return left

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._channel = 0
