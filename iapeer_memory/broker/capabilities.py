"""What a client and a broker can do, as bits that each tells the other. Never refuses a bit that it does not know.

Source: the running-process broker's capability registry.
"""

from __future__ import annotations

HANDLE_PASSING = 1 << 0
"""A connection may be handed from the broker to the backend."""
NAMES = {HANDLE_PASSING: "HANDLE_PASSING"}


def describe(bits: int) -> str:
    """The bits in words: `none`, `0x1 [HANDLE_PASSING]`, `0x3 [HANDLE_PASSING, unknown:0x2]`."""
    if not bits:
        return "none"
    names = [name for bit, name in NAMES.items() if bits & bit]
    unknown = bits & ~sum(NAMES)
    if unknown:
        names.append(f"unknown:{unknown:#x}")
    return f"{bits:#x} [{', '.join(names)}]"
