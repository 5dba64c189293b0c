"""The file in which a broker tells where its page is: `address:port` and a line end. The bound address, never a wish.

Written whole or not at all; removed on a clean end. Source: the running-process broker v2, `.http_port` files.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from posixpath import dirname

from iapeer_memory.broker.private_folder import make_private
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import Malformed

MODE = 0o600
LONGEST = 256


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port that a page is served at."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """As in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def publish(files: Files, path: str, address: Address, uid: int) -> None:
    """Write the file into a private folder. Raises ProductError, OSError."""
    make_private(files, dirname(path), uid)
    files.write(path, f"{address.authority}\n".encode(), mode=MODE)


def withdraw(files: Files, path: str) -> None:
    """Remove the file; nothing happens where there is none."""
    files.remove(path)


def read(files: Files, path: str) -> Address | None:
    """What it says; None where no broker has a page. Raises Malformed, Unreadable."""
    data = files.read_optional(path, limit=LONGEST)
    return None if data is None else parse(data, path)


def parse(data: bytes, path: str) -> Address:
    """The address in the file's bytes; an IPv6 one may have its brackets or not. Raises Malformed."""
    host, colon, port = data.decode("ascii", "replace").strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        if not colon or not port.isdecimal() or not 0 < int(port) <= 65_535:
            raise ValueError(port)
        return Address(str(ip_address(host)), int(port))
    except ValueError:
        raise Malformed(path, "is no address and port", remedy="start the broker again") from None
