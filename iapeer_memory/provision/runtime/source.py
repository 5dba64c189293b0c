"""Installing another version than the running one: from a wheel, a checkout or an index; and going back.

    update --from FILE.whl#sha256=HEX        or FILE.whl with FILE.whl.sha256 beside it
    update --from DIRECTORY                  a checkout
    update --from index:URL[==VERSION][#sha256=HEX]

Only the last one uses the network. A wheel without a hash is refused. Dependencies are taken from the running
program where the new lock asks for nothing else; else from wheels that lie beside the named one, or from the index.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from os.path import abspath, basename, dirname, join
from typing import Literal

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import InstallFailed, UsageError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime.install import (
    LOCK_WAIT,
    Installed,
    one_at_a_time,
    plan_for,
    put_in_place,
    refuse_downgrade,
)
from iapeer_memory.provision.runtime.layout import version_of
from iapeer_memory.provision.runtime.package import LIMIT, Package, package_from
from iapeer_memory.provision.runtime.pip import Scratch
from iapeer_memory.provision.runtime.plan import Plan
from iapeer_memory.provision.runtime.program import Program, running_program
from iapeer_memory.provision.runtime.shelf import Shelf
from iapeer_memory.provision.runtime.wheel import open_wheel

HASH = re.compile(r"#sha256=([0-9a-fA-F]{64})\Z")
HEX = re.compile(r"[0-9a-fA-F]{64}")
INDEX = re.compile(r"(https?)://(\[[^\]]+\]|[^/:@\s]+)(?::\d+)?(?:/[^\s@]*)?\Z")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SCRATCH = ".install-"


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed `--from`. `place`: a path or the index's URL; `version` only with an index."""

    kind: Literal["wheel", "checkout", "index"]
    place: str
    sha256: str | None = None
    version: str | None = None


def parse_source(text: str, *, cwd: str) -> Source:
    """Read `--from`. `cwd`: where relative paths start. Raises UsageError."""
    match = HASH.search(text)
    sha256 = match[1].lower() if match else None
    if not match and "#" in text:
        raise UsageError(f"--from {text}: after # there must be sha256= and 64 hex digits")
    rest = text[: match.start()] if match else text
    if rest.startswith("index:"):
        url, _, version = rest.removeprefix("index:").partition("==")
        found = INDEX.match(url)
        if not found or (found[1] == "http" and found[2] not in LOOPBACK):
            raise UsageError(f"--from {text}: an index is index:https://HOST/PATH (http only on this machine)")
        return Source("index", url, sha256, version or None)
    if "://" in rest:
        raise UsageError(f"--from {text}: write index:{rest} for an index, or the path of a wheel or a checkout")
    place = abspath(join(cwd, rest))
    if rest.endswith(".whl"):
        return Source("wheel", place, sha256)
    if sha256:
        raise UsageError(f"--from {text}: a hash goes with a wheel or an index")
    return Source("checkout", place)


def install_from(
    door: Door, paths: Paths, source: str, sha256: str | None = None, *, cwd: str = "/", program: Program | None = None
) -> Installed:
    """Install what `source` names and make it current.

    `sha256`: the hash of the wheel, where it was given apart. Raises UsageError, InstallFailed, LockBusy, Unreadable.
    """
    parsed = parse_source(source, cwd=cwd)
    program = program or running_program(door)
    hashed = sha256 or parsed.sha256
    with door.locks.hold(paths.state("install.lock"), wait=LOCK_WAIT, what="installing another version"):
        sweep(door, paths)
        scratch = Scratch(door, join(paths.cache_dir, SCRATCH + door.random.token()), program.interpreter)
        try:
            return put_in_place(door, paths, plan_from(door, paths, parsed, hashed, program=program, scratch=scratch))
        finally:
            door.files.remove_tree(scratch.folder)


def plan_from(
    door: Door, paths: Paths, source: Source, sha256: str | None, *, program: Program, scratch: Scratch
) -> Plan:
    """The runtime that a source makes."""
    where: tuple[str, ...]
    if source.kind == "checkout":
        package, where = read_checkout(door, source.place), ()
    elif source.kind == "wheel":
        package = read_wheel(door, source.place, sha256 or sidecar(door, source.place))
        where = ("--no-index", "--find-links", dirname(source.place))
    else:
        where = ("--index-url", source.place)
        scratch.make()
        requirement = "iapeer-memory" + (f"=={source.version}" if source.version else "")
        package = read_wheel(door, scratch.download(requirement, where), sha256)
    refuse_downgrade(Shelf(door, paths), package.version)
    try:
        return plan_for(door, package, program, program.site)
    except InstallFailed as lacking:
        if not where:
            raise InstallFailed(
                f"{source.place} needs other dependencies than are installed: {lacking.reason}",
                remedy="./install.sh in that checkout",
            ) from None
        if source.kind == "wheel":
            scratch.make()
        scratch.install(package.lock, where)
        return plan_for(door, package, program, (scratch.site,))


def read_checkout(door: Door, folder: str) -> Package:
    """The package of a checkout."""
    seen = door.files.stat(folder)
    if seen is None or seen.kind != "dir":
        raise InstallFailed(f"{folder} is not a folder", remedy="name a wheel, a checkout or an index")
    return package_from(
        door.files,
        join(folder, "iapeer_memory"),
        join(folder, "templates"),
        join(folder, "requirements.lock"),
        source=f"the checkout {folder}",
    )


def read_wheel(door: Door, path: str, sha256: str | None) -> Package:
    """The package of a wheel file. `sha256` None: the index vouched for it."""
    try:
        data = door.files.read(path, limit=LIMIT)
    except FileNotFoundError:
        raise InstallFailed(f"{path} does not exist", remedy="name a wheel, a checkout or an index") from None
    return open_wheel(data, basename(path), sha256 or hashlib.sha256(data).hexdigest())


def sidecar(door: Door, wheel: str) -> str:
    """The hash in `FILE.sha256`, as `sha256sum` writes it. Raises InstallFailed when there is none."""
    if door.files.stat(wheel) is None:
        raise InstallFailed(f"{wheel} does not exist", remedy="name a wheel, a checkout or an index")
    data = door.files.read_optional(f"{wheel}.sha256", limit=1 << 16)
    match = HEX.match(data.decode("utf-8", "replace").strip()) if data is not None else None
    if match is None:
        raise InstallFailed(
            f"{wheel} has no hash to check it by",
            remedy=f"give --from '{basename(wheel)}#sha256=…' with the published hash, "
            f"or write it to a file: sha256sum {basename(wheel)} > {basename(wheel)}.sha256",
        )
    return match[0].lower()


def sweep(door: Door, paths: Paths) -> None:
    """Remove scratch environments of interrupted runs; called under the lock."""
    for name in door.files.list(paths.cache_dir):
        if name.startswith(SCRATCH):
            door.files.remove_tree(join(paths.cache_dir, name))


def rollback(door: Door, paths: Paths) -> Installed:
    """Make the runtime before this one current again. Raises InstallFailed when there is none that works."""
    shelf = Shelf(door, paths)
    with one_at_a_time(door, paths):
        current, name = shelf.current(), shelf.previous()
        if name is None:
            raise InstallFailed("there is no version before this one", remedy="iapeer-memory update --from SOURCE")
        bad = shelf.damage(name)
        if bad:
            raise InstallFailed(
                f"{shelf.place(name)} is damaged ({bad[0]}), so it cannot be gone back to",
                remedy="iapeer-memory update --from SOURCE",
            )
        shelf.swap(name)
        return Installed(name, version_of(name) or "", shelf.place(name), "switched", current)
