"""Which host stamps a vault that is synced between several: the one that holds the lease. The others only index.

    <system folder>/memoryd.lease
        host=<id>
        name=<host name, for people>
        until=<epoch seconds; 0: given up>

Clocks of other hosts may be wrong, so a foreign lease is taken over only when it has not changed before our own eyes
for longer than its holder would leave it alone. Never looks at conflict copies of the lease. Imports nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LEASE_NAME = "memoryd.lease"
TTL, RENEW, MARGIN = 3600.0, 1200.0, 600.0
"""Seconds: how long a lease lasts, how often it is renewed, and what clocks and sync tools may be late."""
SYNC_MARKS = (".git", ".stfolder", ".stversions", ".stignore")
CLOUD_PATHS = ("/Library/Mobile Documents/", "/Library/CloudStorage/", "/Dropbox/", "/OneDrive/", "/Nextcloud/")
LONGEST = 4096


class Lease:
    """Who stamps, and until when (epoch seconds by the holder's clock; 0: given up)."""

    __slots__ = ("host", "name", "until")

    def __init__(self, host: str, name: str, until: float) -> None:
        self.host = host
        self.name = name
        self.until = until

    def text(self) -> bytes:
        """The file."""
        return f"host={one_line(self.host)}\nname={one_line(self.name)}\nuntil={int(self.until)}\n".encode()


def read_lease(data: bytes) -> Lease | None:
    """The lease of a file; None for anything that is none."""
    found: dict[str, str] = {}
    for line in data[:LONGEST].decode("utf-8", "replace").split("\n"):
        key, equals, value = line.partition("=")
        if equals:
            found.setdefault(key.strip(), value.strip())
    until = found.get("until", "")
    if not found.get("host") or not until.isdecimal() or len(until) > 12:
        return None
    return Lease(found["host"], found.get("name", ""), float(until))


def looks_synced(vault: str, names: Iterable[str], *, host: str, lease: Lease | None) -> bool:
    """Whether other hosts may write this vault: by marks among the names in its root, by its path, by their lease."""
    if lease is not None and lease.host != host:
        return True
    return any(name in SYNC_MARKS for name in names) or any(place in vault + "/" for place in CLOUD_PATHS)


def may_stamp(lease: Lease | None, *, host: str, now: float) -> bool:
    """Whether a short-lived process stamps: nobody else holds the vault, as far as one look can tell."""
    if lease is None or lease.host == host or lease.until == 0:
        return True
    return now > lease.until + TTL + MARGIN


def decide(lease: Lease | None, *, host: str, now: float, unchanged_for: float) -> str:
    """What memoryd does in a synced vault: take (write our lease, then stamp), hold (stamp), or wait (only index).

    `now`: our clock. `unchanged_for`: seconds for which we have seen this very lease, by a clock that nobody sets.
    """
    if lease is None or lease.until == 0:
        return "take"
    if lease.host == host:
        left = lease.until - now
        return "hold" if TTL - RENEW < left <= TTL + MARGIN else "take"
    silent = unchanged_for > RENEW + MARGIN
    lapsed = now > lease.until + MARGIN
    if (silent and lapsed) or unchanged_for > TTL + MARGIN:
        return "take"
    return "wait"


def one_line(text: str) -> str:
    """The text without line ends."""
    return " ".join(text.split())
