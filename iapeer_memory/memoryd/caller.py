"""Which peer asks: the request header of the ecosystem. Pure. A claim, not a proof; nothing is refused by it.

Source: the reference core's identity rule.
"""

from __future__ import annotations

from iapeer_memory.domain.peer import SESSION_RUNTIMES

HEADER = "x-iapeer-identity"


def personality_in(value: str | None) -> str | None:
    """The personality that a header value claims: trimmed, less a leading `claude-` or `codex-` if something is left.

    None without a header, and for a variable that the harness has left as it is (`${PEER_IDENTITY:-claude-alpha}`).
    """
    text = (value or "").strip()
    if "$" in text:
        return None
    for runtime in SESSION_RUNTIMES:
        rest = text.removeprefix(f"{runtime}-")
        if rest and rest != text:
            return rest
    return text or None
