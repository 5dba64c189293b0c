"""The smart hash: what a note says, its service keys aside. Two equal hashes mean that only stamps differ. Pure.

Source: the reference core's smart hash; an existing host's baselines stay valid, so no bit of it may move.
"""

from __future__ import annotations

from iapeer_memory.vault.fences import cut
from iapeer_memory.vault.sha256 import sha256_hex

SERVICE = (b"last_edited_by", b"updated", b"needs_review")


def smart_hash(data: bytes) -> str:
    """sha256, hex, of the block without its service lines, `---` on a line of its own, and the body.

    A note without frontmatter, or that is not UTF-8, is hashed as it is. A byte order mark counts only there.
    """
    found = cut(data)
    if found is None or found.empty or not _is_utf8(data):
        return sha256_hex(data)
    kept = b"\n".join(line for line in data[found.block : found.closing].split(b"\n") if not _is_service(line))
    return sha256_hex(kept + b"\n---\n" + data[found.body :])


def _is_service(line: bytes) -> bool:
    return line.startswith(SERVICE) and line.partition(b":")[0].rstrip(b" \t") in SERVICE and b":" in line


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
