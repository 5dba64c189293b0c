"""Folders that may become peers, from what the harnesses themselves remember. Reads two files; never writes, and
never decides: the result is a list to choose from.

Sources: the projects in Claude Code's `.claude.json` (a JSON object whose `projects` keys are absolute folders) and
the `[projects."DIR"]` tables of Codex's `config.toml`. A file that is broken or unreadable is reported and the other
one still counts.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os.path import basename, isabs, normpath
from typing import Any

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused, UsageError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer, is_personality
from iapeer_memory.fleet.registry import NAME_RULE, RUNTIME_RULE, folder_fault

SIZE_LIMIT = 64 << 20
TEMPORARY = ("/tmp", "/private/tmp", "/var/tmp", "/var/folders", "/private/var/folders", "/dev")  # noqa: S108
HARNESS_FOLDERS = (".claude", ".codex", ".iapeer", ".git")
RUNTIMES_TAIL = re.compile(r"[a-z][a-z0-9]*(,[a-z][a-z0-9]*)*\Z")
CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e e zh z i y k l m n o p r s t u f h ts ch sh sch - y - e yu ya".replace("-", "").split(" "),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folder that exists, a free name for it, and the harnesses that have been used in it."""

    name: str
    dir: str
    seen_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """Candidates by folder, and one line for each file that could not be read."""

    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...]


def discover(files: Files, paths: Paths, *, known: Sequence[Peer] = ()) -> Discovery:
    """What could be proposed. Folders of `known` peers are left out and their names are taken.

    Left out too: the home folder and the root, folders that are gone, temporary folders (unless the home itself is in
    one), and folders that belong to a harness, to the core or to git. Two spellings of one real folder are one.
    """
    problems: list[str] = []
    seen: dict[str, set[str]] = {}
    for harness, path, read in (
        ("claude", paths.claude_json, _claude_projects),
        ("codex", f"{paths.codex_home}/config.toml", _codex_projects),
    ):
        try:
            data = files.read_optional(path, limit=SIZE_LIMIT)
            for folder in read(data) if data is not None else ():
                seen.setdefault(folder, set()).add(harness)
        except FileRefused as refused:
            problems.append(refused.line())
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:120]
            problems.append(f"{printable(path)}: cannot be read for projects ({printable(reason)})")
    home = files.realpath(paths.home)
    taken_folders = {files.realpath(peer.cwd) for peer in known} | {home, "/"}
    by_real: dict[str, set[str]] = {}
    for folder, harnesses in seen.items():
        if not isabs(folder) or folder_fault(folder):
            continue
        real = files.realpath(folder)
        if real in taken_folders or not _proposable(real, home) or not _is_folder(files, real):
            continue
        by_real.setdefault(real, set()).update(harnesses)
    names = {peer.personality for peer in known}
    candidates = []
    for real in sorted(by_real):
        name = propose_name(basename(real), names)
        names.add(name)
        candidates.append(Candidate(name, real, tuple(r for r in SESSION_RUNTIMES if r in by_real[real])))
    return Discovery(tuple(candidates), tuple(problems))


def propose_name(text: str, taken: Collection[str]) -> str:
    """A free peer name like the text: Latin letters, digits and dashes, at most 32 characters."""
    folded = "".join(CYRILLIC.get(c, c) for c in unicodedata.normalize("NFC", text).lower())
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not base:
        base = "peer"
    elif not base[0].isalpha():
        base = f"peer-{base}"
    base = base[:32].rstrip("-")
    name, number = base, 2
    while name in taken:
        tail = f"-{number}"
        name, number = base[: 32 - len(tail)].rstrip("-") + tail, number + 1
    return name


def parse_peer_flag(text: str, *, cwd: str, home: str) -> Peer:
    """`NAME=DIR[:claude,codex]` as a peer; without runtimes, both. Raises UsageError.

    DIR may be relative to `cwd` or start with `~/`. It may hold a colon: what follows the last colon is taken for
    runtimes only if it is a list of lower-case words.
    """
    name, equals, folder = text.partition("=")
    if not equals or not is_personality(name):
        reason = f"--peer {printable(text)}: " + ("that name cannot be used" if equals else "there is no '='")
        raise UsageError(reason, remedy=f"write --peer NAME=DIR[:claude,codex]; {NAME_RULE}")
    runtimes: tuple[str, ...] = SESSION_RUNTIMES
    head, colon, tail = folder.rpartition(":")
    if colon and RUNTIMES_TAIL.match(tail):
        unknown = [word for word in tail.split(",") if word not in SESSION_RUNTIMES]
        if unknown:
            both = ",".join(SESSION_RUNTIMES)
            hint = f"{RUNTIME_RULE}; if the folder's own name holds the colon, add :{both} after it"
            raise UsageError(f"--peer {printable(text)}: unknown runtime {', '.join(unknown)}", remedy=hint)
        folder, runtimes = head, tuple(dict.fromkeys(tail.split(",")))
    if not folder:
        raise UsageError(f"--peer {printable(text)}: there is no folder", remedy="write --peer NAME=DIR")
    if folder == "~" or folder.startswith("~/"):
        folder = home + folder[1:]
    folder = normpath(folder if isabs(folder) else f"{cwd}/{folder}")
    fault = folder_fault(folder)
    if fault:
        raise UsageError(f"--peer {printable(name)}: {fault}")
    return Peer(name, folder, runtimes)


def _claude_projects(data: bytes) -> tuple[str, ...]:
    return _project_keys(json.loads(data.decode("utf-8-sig")))


def _codex_projects(data: bytes) -> tuple[str, ...]:
    return _project_keys(tomllib.loads(data.decode("utf-8-sig")))


def _project_keys(document: Any) -> tuple[str, ...]:
    if not isinstance(document, dict):
        raise ValueError("it holds no object")
    projects = document.get("projects", {})
    if not isinstance(projects, Mapping):
        raise ValueError("its projects are no object")
    return tuple(projects)


def _proposable(real: str, home: str) -> bool:
    if any(part in HARNESS_FOLDERS for part in real.split("/")):
        return False
    if _under(real, home):
        return True
    return not _under(home, real) and not any(_under(real, root) for root in TEMPORARY)


def _is_folder(files: Files, path: str) -> bool:
    try:
        stat = files.stat(path)
    except FileRefused:
        return False
    return stat is not None and stat.kind == "dir"


def _under(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
