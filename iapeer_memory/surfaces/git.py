"""Which git work tree a folder belongs to, what of it is tracked, and what we add to its exclude file.

Reads `.git` by hand: no git is run, so no repository's configuration can make anything run. A folder that merely
looks like a git directory is not believed.
Source: git's "repository layout" and "gitignore" documentation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from os.path import basename, dirname, isabs, join, normpath, relpath

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.surfaces.gitindex import NotAnIndexError, shared_index, tracked

INDEX_LIMIT = 1 << 30
SHA256 = re.compile(rb"^\s*objectformat\s*=\s*sha256\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A checked-out tree: its top folder, its own git directory (index), and the common one (config, exclude)."""

    top: str
    git_dir: str
    common_dir: str

    @property
    def exclude_file(self) -> str:
        """Where untracked files can be hidden without telling the team."""
        return join(self.common_dir, "info", "exclude")

    @property
    def linked(self) -> bool:
        """Whether it was made by `git worktree add`, beside a main checkout."""
        return self.git_dir != self.common_dir

    @property
    def main_top(self) -> str:
        """What the harnesses ask about in place of this tree: the top of the main checkout, or of a bare
        repository. Source: measured on Claude Code and on codex-cli."""
        if not self.linked:
            return self.top
        return dirname(self.common_dir) if basename(self.common_dir) == ".git" else self.common_dir


Known = dict[str, "WorkTree | None"]
"""Answers that one command already has, by folder."""


def find_work_tree(files: Files, folder: str, uid: int, known: Known | None = None) -> WorkTree | None:
    """The work tree that holds the folder, walking up; None when there is none that we believe.

    `folder`: an absolute path without links. `known`: filled, and believed: many folders have one parent.
    """
    known = {} if known is None else known
    passed: list[str] = []
    here = normpath(folder)
    while here not in known:
        passed.append(here)
        tree = work_tree_at(files, here, uid)
        up = dirname(here)
        if tree is not None or up == here:
            known[here] = tree
            break
        here = up
    found = known[here]
    known.update(dict.fromkeys(passed, found))
    return found


def work_tree_at(files: Files, top: str, uid: int) -> WorkTree | None:
    """The work tree whose top the folder is."""
    dot_git = join(top, ".git")
    try:
        stat = files.stat(dot_git)
        if stat is None:
            return None
        git_dir = dot_git
        if stat.kind == "file":
            text = files.read(dot_git, limit=1 << 16).decode("utf-8", "surrogateescape")
            if not text.startswith("gitdir:"):
                return None
            git_dir = normpath(join(top, text.removeprefix("gitdir:").strip()))
        common = common_dir(files, git_dir)
        looks_real = (
            files.stat(join(git_dir, "HEAD")) is not None
            and is_folder(files, join(common, "objects"), uid)
            and is_folder(files, join(common, "refs"), uid)
        )
        points_back = git_dir == dot_git or names_back(files, git_dir, top)
    except (OSError, FileRefused):
        return None
    return WorkTree(top, git_dir, common) if looks_real and points_back else None


def common_dir(files: Files, git_dir: str) -> str:
    """The directory that all work trees of a repository share."""
    data = files.read_optional(join(git_dir, "commondir"), limit=1 << 16)
    if data is None:
        return git_dir
    text = data.decode("utf-8", "surrogateescape").strip()
    return text if isabs(text) else normpath(join(git_dir, text))


def names_back(files: Files, git_dir: str, top: str) -> bool:
    """Whether a git directory elsewhere says itself that this is its work tree: a `.git` file is only a claim."""
    back = files.read_optional(join(git_dir, "gitdir"), limit=1 << 16)
    if back is not None:
        said = join(git_dir, back.decode("utf-8", "surrogateescape").strip())
        return files.realpath(said) == files.realpath(join(top, ".git"))
    config = files.read_optional(join(git_dir, "config"), limit=1 << 20) or b""
    match = re.search(rb'^\s*worktree\s*=\s*"?(.*?)"?\s*$', config, re.IGNORECASE | re.MULTILINE)
    if match is not None:
        said = join(git_dir, match[1].decode("utf-8", "surrogateescape"))
        return files.realpath(said) == files.realpath(top)
    return False


def is_folder(files: Files, path: str, uid: int) -> bool:
    """A folder of our user."""
    stat = files.stat(path)
    return stat is not None and stat.kind == "dir" and stat.uid == uid


def is_tracked(files: Files, tree: WorkTree, path: str) -> bool:
    """Whether the team's index holds the file. `path`: absolute. An index that cannot be read says yes: then we
    keep our hands off."""
    name = relpath(path, tree.top).encode("utf-8", "surrogateescape")
    try:
        data = files.read_optional(join(tree.git_dir, "index"), limit=INDEX_LIMIT)
        if data is None:
            return False
        config = files.read_optional(join(tree.common_dir, "config"), limit=1 << 20) or b""
        size = 32 if SHA256.search(config) else 20
        if tracked(data, (name,), hash_size=size):
            return True
        shared = shared_index(data, hash_size=size)
        if shared is None:
            return False
        base = files.read_optional(join(tree.git_dir, f"sharedindex.{shared}"), limit=INDEX_LIMIT)
        return base is not None and bool(tracked(base, (name,), hash_size=size))
    except (NotAnIndexError, FileRefused, OSError):
        return True


def exclude_line(tree: WorkTree, path: str) -> str:
    """The pattern that matches this one file, from the top of the tree (a line break can only be matched by `?`)."""
    name = relpath(path, tree.top)
    escaped = "".join("\\" + c if c in "\\*?[" else "?" if c == "\n" else c for c in name)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return "/" + escaped


def with_lines(data: bytes | None, lines: tuple[str, ...]) -> bytes:
    """The exclude file with the lines added at its end; those already there are not repeated."""
    old = data or b""
    there = {line.rstrip(b"\r") for line in old.split(b"\n")}
    new = [raw for line in lines if (raw := line.encode("utf-8", "surrogateescape")) not in there]
    if not new:
        return old
    gap = b"\n" if old and not old.endswith(b"\n") else b""
    return old + gap + b"".join(line + b"\n" for line in new)


def without_lines(data: bytes, lines: tuple[str, ...]) -> bytes:
    """The exclude file without our lines (each once, the last of them)."""
    parts = data.split(b"\n")
    for line in lines:
        raw = line.encode("utf-8", "surrogateescape")
        for i in range(len(parts) - 1, -1, -1):
            if parts[i] == raw:
                del parts[i]
                break
    return b"\n".join(parts)
