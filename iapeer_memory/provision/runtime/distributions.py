"""Installed distributions, read from their own records: which files belong to each, and what those must hash to.

Reads `*.dist-info/RECORD` only; what is not recorded (scripts outside, compiled files, an installer's notes) is not
taken over. Source: the database of installed distributions (PEP 376, PEP 627).
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from posixpath import join

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.provision.runtime.requirements import Pin, normal

NOT_TAKEN = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "RECORD.jws", "RECORD.p7s")
SUFFIX = ".dist-info"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file of a distribution: path below site-packages and hex SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution. `site`: the folder it lies in; `info`: name of its dist-info folder."""

    name: str
    version: str
    site: str
    info: str
    files: tuple[Recorded, ...]

    def record(self) -> bytes:
        """The canonical RECORD of what is taken over: equal for equal content, whoever installed it."""
        rows = [f"{csv_field(f.path)},sha256={urlsafe(f.sha256)}," for f in self.files]
        return ("\n".join([*rows, f"{csv_field(join(self.info, 'RECORD'))},,"]) + "\n").encode()


def find_distributions(files: Files, site: Sequence[str], pins: Iterable[Pin]) -> tuple[Distribution, ...]:
    """The pinned distributions as they are installed, in the order of the pins.

    Raises InstallFailed naming every one that is missing or has another version.
    """
    there: dict[str, tuple[str, str, str]] = {}
    for folder in site:
        for entry in files.list(folder):
            if entry.endswith(SUFFIX):
                name, _, version = entry[: -len(SUFFIX)].rpartition("-")
                there.setdefault(normal(name), (version, folder, entry))
    found, wrong = [], []
    for pin in pins:
        version, folder, info = there.get(pin.name, ("", "", ""))
        if version != pin.version:
            wrong.append(f"{pin.name} {pin.version}" + (f" (here: {version})" if version else ""))
            continue
        found.append(Distribution(pin.name, version, folder, info, read_record(files, join(folder, info, "RECORD"))))
    if wrong:
        raise InstallFailed(
            f"not installed as locked: {', '.join(wrong[:6])}" + (f" and {len(wrong) - 6} more" if wrong[6:] else ""),
            remedy="run ./install.sh from a checkout",
        )
    return tuple(found)


def read_record(files: Files, path: str) -> tuple[Recorded, ...]:
    """The files that a RECORD names and that are worth taking over, sorted. Raises InstallFailed."""
    data = files.read_optional(path, limit=8 << 20)
    if data is None:
        raise InstallFailed(f"{path} is missing, so its files are not known", remedy="run ./install.sh from a checkout")
    recorded = []
    for row in csv.reader(io.StringIO(data.decode("utf-8", "replace"))):
        if not row:
            continue
        name = row[0]
        leaf = name.rpartition("/")[2]
        leaves = name.startswith("/") or ".." in name.split("/")
        of_installer = leaf in NOT_TAKEN and name.rpartition("/")[0].endswith(SUFFIX)
        if leaves or leaf.endswith(".pyc") or of_installer or "\n" in name:
            continue
        kind, _, digest = (row[1] if len(row) > 1 else "").partition("=")
        if kind != "sha256":
            raise InstallFailed(f"{path} gives no SHA-256 for {name}", remedy="run ./install.sh from a checkout")
        recorded.append(Recorded(name, base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()))
    return tuple(sorted(recorded, key=lambda r: r.path))


def urlsafe(sha256: str) -> str:
    """Hex → the unpadded base64 that RECORD uses."""
    return base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()


def csv_field(text: str) -> str:
    """A field as RECORD writes it: quoted only where it must be."""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r') else text
