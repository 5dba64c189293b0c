"""SHA-256 without the crypto library, whose import alone costs a quarter of a bare interpreter's start. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256


def sha256_hex(data: bytes) -> str:
    """64 hex digits."""
    return sha256(data).hexdigest()
