"""What a runtime will hold, decided before a byte is written: its name and every file with its content. Pure but for
reading what it is made of.

The name is decided from records and from our own package alone, so asking "is it there already" reads a few hundred
small files and not thousands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import join

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.provision.runtime import anchor
from iapeer_memory.provision.runtime.bytecode import compiled, pyc_path, taken_over
from iapeer_memory.provision.runtime.distributions import Distribution
from iapeer_memory.provision.runtime.layout import pyvenv, runtime_name, site_packages
from iapeer_memory.provision.runtime.package import LIMIT, Content, Package
from iapeer_memory.provision.runtime.program import Interpreter

FORMAT = "2"
"""Part of every digest: a change in how runtimes are made gives them new names."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A runtime to be: `build` is its name."""

    build: str
    package: Package
    distributions: tuple[Distribution, ...]
    interpreter: Interpreter


def plan_runtime(package: Package, distributions: tuple[Distribution, ...], interpreter: Interpreter) -> Plan:
    """Give the content its name."""
    digest = hashlib.sha256()
    for part in (FORMAT, interpreter.python, interpreter.cache_tag, interpreter.tag):
        digest.update(f"{part}\0".encode())
    for content in package.files:
        digest.update(f"{content.path}\0{hashlib.sha256(content.data).hexdigest()}\0".encode())
    for distribution in sorted(distributions, key=lambda d: d.name):
        record = hashlib.sha256(distribution.record()).hexdigest()
        digest.update(f"{distribution.name}\0{distribution.version}\0{record}\0".encode())
    return Plan(runtime_name(package.version, digest.hexdigest()), package, distributions, interpreter)


def contents(files: Files, plan: Plan) -> Iterator[Content]:
    """Every file, path below the runtime. Raises InstallFailed when a distribution is not what its record says."""
    site, cache_tag = site_packages(plan.interpreter.tag), plan.interpreter.cache_tag
    yield Content("pyvenv.cfg", pyvenv(plan.interpreter.python, plan.interpreter.full))
    for content in (*(Content(path, data) for path, data in anchor.FILES), *plan.package.files):
        yield Content(join(site, content.path), content.data)
        if content.path.endswith(".py"):
            yield from compiled_form(content.path, content.data, site, cache_tag)
    for distribution in plan.distributions:
        yield Content(join(site, distribution.info, "RECORD"), distribution.record())
        for recorded in distribution.files:
            source = join(distribution.site, recorded.path)
            data = read_recorded(files, source, recorded.sha256)
            yield Content(join(site, recorded.path), data)
            if source.endswith(".py"):
                yield from module(files, source, recorded.path, data, site=site, cache_tag=cache_tag)


def read_recorded(files: Files, path: str, sha256: str) -> bytes:
    """A file of a distribution, proved by its record."""
    try:
        data = files.read(path, limit=LIMIT)
    except FileNotFoundError:
        raise InstallFailed(f"{path} is recorded and missing", remedy="run ./install.sh from a checkout") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InstallFailed(f"{path} was changed after it was installed", remedy="run ./install.sh from a checkout")
    return data


def module(files: Files, source: str, path: str, data: bytes, *, site: str, cache_tag: str) -> Iterator[Content]:
    """The compiled form of a module: the installer's where it belongs to the source, else a fresh one."""
    seen = files.stat(source)
    there = files.read_optional(pyc_path(source, cache_tag), limit=LIMIT) if seen else None
    ready = taken_over(there, data, seen.mtime_ns // 10**9) if seen else None
    if ready is None:
        yield from compiled_form(path, data, site, cache_tag)
    else:
        yield Content(join(site, pyc_path(path, cache_tag)), ready)


def compiled_form(path: str, data: bytes, site: str, cache_tag: str) -> Iterator[Content]:
    """A fresh compiled form, where the module compiles."""
    ready = compiled(data, join(site, path))
    if ready is not None:
        yield Content(join(site, pyc_path(path, cache_tag)), ready)
