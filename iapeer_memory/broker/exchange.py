"""One request to a backend and its response, as bytes: ids that tell them apart, checks in their order. No I/O.

Source: the running-process broker's frame client.
"""

from __future__ import annotations

from iapeer_memory.broker.client_errors import ExchangeFailed, said
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.wire_v1.frame import ENVELOPE_VERSION, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v1.framing import FramingError, framed

LAST_ID = 2**64 - 1


class Exchange:
    """The requests of one connection, one after the other. Their ids count from 1; after the last comes 1 again.

    `partner`: who is at the other end, in the words of an error.
    """

    def __init__(self, *, last_id: int = 0, partner: str = "the backend") -> None:
        self.partner = partner
        self.last_id = last_id
        self.protocol = 0
        self.over: str | None = None

    def request(self, protocol: int, payload: bytes, *, kind: int = FrameKind.REQUEST) -> bytes:
        """The framed request. Raises ExchangeFailed once the connection is of no further use."""
        if self.over is not None:
            raise ExchangeFailed("closed", self.over)
        self.last_id = 1 if self.last_id == LAST_ID else self.last_id + 1
        self.protocol = protocol
        frame = Frame(
            envelope_version=ENVELOPE_VERSION,
            kind=kind,
            payload_protocol=protocol,
            payload=payload,
            request_id=self.last_id,
        )
        return framed(encode(frame))

    def response(self, body: bytes) -> Frame:
        """The response, from the body of the frame that came back. Raises ExchangeFailed."""
        try:
            frame = decode(Frame, body)
        except DecodeFailed as error:
            raise ExchangeFailed("decode", f"the response is no frame: {error}") from None
        if frame.envelope_version != ENVELOPE_VERSION:
            raise ExchangeFailed("envelope", f"the response has envelope version {frame.envelope_version}")
        if frame.kind != FrameKind.RESPONSE:
            raise ExchangeFailed("not-a-response", f"a frame of kind {frame.kind} came instead of a response")
        if frame.payload_protocol != self.protocol:
            text = f"the response has payload protocol 0x{frame.payload_protocol:04X}, not 0x{self.protocol:04X}"
            raise ExchangeFailed("payload-protocol", text)
        if frame.payload_encoding != PayloadEncoding.NONE:
            raise ExchangeFailed("envelope", f"the response has payload encoding {frame.payload_encoding}")
        if frame.request_id != self.last_id:
            raise ExchangeFailed("request-id", f"the response is to request {frame.request_id}, not {self.last_id}")
        return frame

    def broke(self, error: BaseException) -> BaseException:
        """The connection is of no further use, since a late response may come on it; what the error is called."""
        failed: BaseException = error
        if isinstance(error, FramingError):
            failed = ExchangeFailed("framing", f"the response of {self.partner} cannot be read: {error}")
        elif isinstance(error, TimeoutError):
            failed = ExchangeFailed("timeout", f"{self.partner} did not answer in time")
        elif isinstance(error, OSError):
            failed = ExchangeFailed("io", f"the connection to {self.partner} broke: {said(error)}")
        self.over = f"the connection was given up before: {failed or 'cancelled'}"
        return failed
