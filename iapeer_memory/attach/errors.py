"""What can go wrong between a session and memory, as its user meets it. Never holds more than text.

AttachFailed
├── NotSent            nothing was asked: trying again is safe
├── OutcomeUnknown     the question went out and no answer came: it may have been carried out
└── Refused            an ERROR frame came back; `code` says which
"""

from __future__ import annotations

from iapeer_memory.domain.errors import ProductError


class AttachFailed(ProductError):
    """A session could not ask, or got no answer."""


class NotSent(AttachFailed):
    """The question never left: the router is not there, or did not take the session on."""


class OutcomeUnknown(AttachFailed):
    """The question left and its answer was lost. Never asked again by itself.

    `key`: the idempotency key that it carried, "" where it had none; with the same key it may be asked again.
    """

    def __init__(self, reason: str, *, key: str = "", remedy: str | None = None) -> None:
        super().__init__(reason, remedy=remedy)
        self.key = key


class Refused(AttachFailed):
    """The router or the module said no. `detail`: whatever JSON came with it."""

    def __init__(self, code: str, message: str, detail: object = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.detail = detail


class BadEnvelope(ValueError):
    """Bytes that are no frame, or a frame that may not be made; the connection is over, and nothing is answered.

    `kind` is one of the words below, `detail` its numbers:
    too_short_for_prefix (have), unsupported_version (ver), too_short_for_header (have, need), unknown_frame_type
    (byte), reserved_flag_bits (flags), reserved_priority_bits (flags), pure_header_frame_with_body (type, len),
    body_too_large (len, max), unexpected_eof (stage, expected, actual), body_length_mismatch (header, body).
    """

    def __init__(self, kind: str, **detail: int | str) -> None:
        super().__init__(f"{kind} {detail}")
        self.kind = kind
        self.detail = detail
