"""The randomness channel: the kernel's generator. Never seeded, never repeatable."""

from __future__ import annotations

import os


class RealRandom:
    """Implements `domain.door.Random`."""

    __slots__ = ()

    def token(self, nbytes: int = 8) -> str:
        """Hex text of that many random bytes."""
        return os.urandom(nbytes).hex()
