"""What a private runtime looks like on disk: names, places, `runtime.json` and the list of its files. Pure.

    <state>/runtimes/
    ├── current  -> 0.6.0-0123456789ab       the one in use; switching it is the whole switch
    ├── previous -> 0.5.0-ba9876543210       what a rollback goes back to
    └── 0.6.0-0123456789ab/
        ├── runtime.json                     who it is (written last)
        ├── runtime.files                    `size sha256 path` of every file, to tell damage
        ├── pyvenv.cfg
        ├── bin/python -> base interpreter
        ├── bin/memoryd                      a copy of it that memoryd runs, where one works
        └── lib/python3.11/site-packages/    our package and the locked distributions, nothing else

The twelve digits are a digest of the content, so the same content always has the same name.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from posixpath import dirname, join

SCHEMA = 1
NAME = re.compile(r"(?P<version>[0-9][0-9A-Za-z.+!_]*)-(?P<digest>[0-9a-f]{12})\Z", re.ASCII)
FIELDS = ("version", "build", "python", "created", "source")
RUNTIME_JSON = "runtime.json"
RUNTIME_FILES = "runtime.files"
PYTHON, OWN_PROGRAM = "bin/python", "bin/memoryd"
STAGING = ".staging-"
TRASH = ".trash-"
VERSION = re.compile(
    r"(?:(\d+)!)?(\d+(?:\.\d+)*)(?:(a|b|rc)(\d+))?(?:\.post(\d+))?(?:\.dev(\d+))?(?:\+[\w.]+)?\Z", re.ASCII
)
PRE = {"a": 0, "b": 1, "rc": 2}


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """`runtime.json`: `build` is the folder's name, `python` the base interpreter, `created` ISO time, `program` what
    memoryd runs: OWN_PROGRAM, or PYTHON."""

    version: str
    build: str
    python: str
    created: str
    source: str
    program: str = PYTHON

    def dump(self) -> bytes:
        """The file's bytes."""
        return (json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False) + "\n").encode()


def load_info(data: bytes | None, name: str) -> RuntimeInfo | None:
    """The file read back; None when it is absent, not ours, or not of this folder."""
    try:
        raw = json.loads(data) if data is not None else None
    except ValueError:
        return None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA or raw.get("build") != name:
        return None
    fields = [value for key in FIELDS if isinstance(value := raw.get(key), str)]
    if len(fields) < len(FIELDS):
        return None
    program = OWN_PROGRAM if raw.get("program") == OWN_PROGRAM else PYTHON
    return replace(RuntimeInfo(*fields), program=program)


def runtime_name(version: str, digest: str) -> str:
    """The folder's name; `digest` is hex text of at least twelve digits."""
    return f"{version}-{digest[:12]}"


def version_of(name: str) -> str | None:
    """The version in a folder's name; None when it is not a runtime's name."""
    match = NAME.match(name)
    return match["version"] if match else None


def site_packages(tag: str) -> str:
    """Where modules live inside a runtime. `tag`: `3.11`."""
    return f"lib/python{tag}/site-packages"


def interpreter(runtime: str) -> str:
    """The runtime's own interpreter."""
    return join(runtime, PYTHON)


def pyvenv(python: str, full_version: str) -> bytes:
    """`pyvenv.cfg`: makes the interpreter take this folder as its own and look at no other site-packages."""
    return f"home = {dirname(python)}\ninclude-system-site-packages = false\nversion = {full_version}\n".encode()


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of `runtime.files`: bytes, hex SHA-256, path inside the runtime."""

    size: int
    sha256: str
    path: str


def dump_listing(listed: tuple[Listed, ...]) -> bytes:
    """The file's bytes, sorted by path."""
    return "".join(f"{f.size} {f.sha256} {f.path}\n" for f in sorted(listed, key=lambda f: f.path)).encode()


def load_listing(data: bytes) -> tuple[Listed, ...] | None:
    """The file read back; None when a line is not as written."""
    listed = []
    for line in data.decode("utf-8", "replace").splitlines():
        size, _, rest = line.partition(" ")
        sha256, _, path = rest.partition(" ")
        if not size.isdecimal() or len(sha256) != 64 or not path or path.startswith("/"):
            return None
        listed.append(Listed(int(size), sha256, path))
    return tuple(listed) or None


def version_key(version: str) -> tuple[object, ...] | None:
    """A key that orders versions; None for text that is no version.

    Source: the ordering of PEP 440 for epoch, release, pre, post and dev parts; a local part does not count.
    """
    match = VERSION.match(version)
    if not match:
        return None
    epoch, release, kind, number, post, dev = match.groups()
    parts = [int(p) for p in release.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    before_release = (-1, 0) if dev and not post else (9, 0)
    pre = (PRE[kind], int(number)) if kind else before_release
    return (
        int(epoch or 0),
        tuple(parts),
        pre,
        -1 if post is None else int(post),
        (1, 0) if dev is None else (0, int(dev)),
    )


def is_older(candidate: str, than: str) -> bool:
    """Whether installing `candidate` over `than` would be a downgrade. Versions that cannot be read do not count."""
    left, right = version_key(candidate), version_key(than)
    return left is not None and right is not None and left < right


def to_keep(current: str | None, previous: str | None, in_use: frozenset[str]) -> frozenset[str]:
    """Names of runtimes that a prune must not touch."""
    return frozenset({n for n in (current, previous) if n} | in_use)


def used_names(runtimes: str, texts: tuple[str, ...]) -> frozenset[str]:
    """Names of runtimes that appear in command lines or memory maps. `runtimes`: the folder of all of them."""
    found = set()
    for text in texts:
        for match in re.finditer(re.escape(runtimes.rstrip("/")) + r"/([^/\s\0]+)", text):
            if version_of(match[1]):
                found.add(match[1])
    return frozenset(found)
