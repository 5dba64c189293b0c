"""No module but those of the egress room touches the host. Reports file:line of each that does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "iapeer_memory"
EXEMPT = ("egress", "hooks")
"""The door itself, and scripts that run alone on the standard library."""
FEWEST_FILES = 40

PURE_OS = {
    "PathLike", "fsencode", "fsdecode", "fspath", "sep", "pathsep", "linesep", "getpid", "strerror", "name",
    "environ", "getuid",
}  # fmt: skip
"""`environ` and `getuid` are for composition roots: see ROOTS."""
ROOT_ONLY = {"environ", "getuid", "getenv", "getcwd"}
ROOTS = ("cli", "__main__.py", "memoryd/app.py", "brokerd/app.py")
PURE_OS_PATH = {
    "abspath", "basename", "commonpath", "commonprefix", "dirname", "isabs", "join", "normpath", "relpath", "split",
    "splitext", "sep", "expanduser",
}  # fmt: skip
FORBIDDEN_MODULES = {
    "subprocess", "socket", "shutil", "tempfile", "fcntl", "ctypes", "multiprocessing", "pty", "mmap", "pathlib",
    "glob", "urllib.request", "http.client", "http.server", "socketserver", "selectors", "select", "filelock",
    "watchfiles", "secrets", "random", "fileinput", "requests", "httpx", "httpx2", "importlib.resources", "posix",
    "apsw", "sqlite_vec", "dbm", "shelve", "resource",
}  # fmt: skip
PURE_OF_FORBIDDEN = {("pathlib", "PurePath"), ("pathlib", "PurePosixPath"), ("signal", "Signals")}
FORBIDDEN_CALLS = {
    "open", "io.open", "io.FileIO", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "zipfile.ZipFile",
    "tarfile.open", "sqlite3.connect", "sqlite3.dbapi2.connect", "uvicorn.run", "os.open",
    "time.sleep", "time.time", "time.monotonic", "time.time_ns", "uuid.uuid4", "uuid.uuid1",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
    "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "asyncio.open_connection",
    "asyncio.start_server", "asyncio.open_unix_connection", "asyncio.start_unix_server",
    "logging.FileHandler", "logging.handlers.RotatingFileHandler", "faulthandler.enable",
}  # fmt: skip
IMPORTERS = ("__import__", "importlib.import_module")
FORBIDDEN_METHODS = {
    "add_signal_handler", "create_server", "create_connection", "create_unix_server", "create_unix_connection",
    "subprocess_exec", "subprocess_shell", "read_text", "write_text", "read_bytes", "write_bytes",
}  # fmt: skip


def effects(tree: ast.AST, where: str) -> Iterator[tuple[int, str]]:
    """(line, what) of each use of the host in a module; `where`: its path in the package."""
    root = where.startswith(ROOTS)
    names = imported_names(tree)
    for node in run_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_forbidden_module(alias.name):
                    yield node.lineno, f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from forbidden_from(node, root)
        elif isinstance(node, ast.Attribute):
            name = dotted(node, names)
            if name is not None and (what := forbidden_attribute(name, root)):
                yield node.lineno, what
        if isinstance(node, ast.Call):
            name = dotted(node.func, names)
            if name in FORBIDDEN_CALLS and not reads_memory(name, node, names):
                yield node.lineno, f"{name}()"
            elif isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_METHODS:
                yield node.lineno, f".{node.func.attr}()"
            elif name in IMPORTERS and node.args and not is_our_module(node.args[0]):
                yield node.lineno, f"{name}() of what is not ours"


def run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))


def reads_memory(name: str, call: ast.Call, names: dict[str, str]) -> bool:
    """An archive over bytes is no file."""
    if name != "zipfile.ZipFile" or not call.args or not isinstance(call.args[0], ast.Call):
        return False
    return dotted(call.args[0].func, names) == "io.BytesIO"


def is_our_module(argument: ast.expr) -> bool:
    """A module name that starts with the package's own, whatever follows."""
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0] if isinstance(argument.values[0], ast.Constant) else argument
    return isinstance(argument, ast.Constant) and str(argument.value).startswith("iapeer_memory.")


def imported_names(tree: ast.AST) -> dict[str, str]:
    """What each imported name of the module stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """`a.b.c` with the first part as imported; builtins by their name; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    if node.id not in names and (parts or node.id not in ("open", "__import__")):
        return None
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def is_forbidden_module(name: str) -> bool:
    return any(name == module or name.startswith(module + ".") for module in FORBIDDEN_MODULES)


def forbidden_from(node: ast.ImportFrom, root: bool) -> Iterator[tuple[int, str]]:
    assert node.module is not None
    for alias in node.names:
        full = f"{node.module}.{alias.name}"
        if (node.module, alias.name) in PURE_OF_FORBIDDEN:
            continue
        if is_forbidden_module(node.module) or is_forbidden_module(full) or forbidden_attribute(full, root):
            yield node.lineno, f"from {node.module} import {alias.name}"


def forbidden_attribute(name: str, root: bool) -> str | None:
    """Why a dotted name may not be used, or None."""
    head, _, tail = name.partition(".")
    first = tail.split(".")[0]
    if head == "os" and first == "path":
        leaf = tail.partition(".")[2].split(".")[0]
        return name if leaf and leaf not in PURE_OS_PATH else None
    if head == "os" and first:
        if first in ROOT_ONLY:
            return None if root else f"{name} (only a composition root looks at the process)"
        return None if first in PURE_OS else name
    if head == "signal" and first:
        return None if first.startswith("SIG") or first == "Signals" else name
    if head == "pwd":
        return None if root else name
    return None


def modules() -> list[tuple[str, ast.Module]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        if where.split("/")[0] not in EXEMPT and not where.startswith("_"):
            found.append((where, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))))
    main = PACKAGE / "__main__.py"
    return [*found, ("__main__.py", ast.parse(main.read_text(encoding="utf-8")))]


def test_only_the_door_touches_the_host() -> None:
    scanned = modules()
    found = [
        f"iapeer_memory/{where}:{line}: {what}"
        for where, tree in scanned
        for line, what in sorted(set(effects(tree, where)))
    ]
    assert not found, "effects outside the egress room:\n" + "\n".join(found)
    assert len(scanned) >= FEWEST_FILES


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "import os\nos.kill(1, 9)",
        "import os as o\no.unlink('x')",
        "from os import unlink",
        "from os import path\npath.exists('x')",
        "import os.path\nos.path.realpath('x')",
        "from os.path import exists",
        "open('x')",
        "import io\nio.open('x')",
        "import socket",
        "import urllib.request",
        "from urllib import request",
        "from http import client",
        "import http.client as h",
        "import sqlite3\nsqlite3.connect('x')",
        "from sqlite3 import connect\nconnect('x')",
        "import signal\nsignal.signal(2, f)",
        "from pathlib import Path",
        "import time\ntime.sleep(1)",
        "from time import time\ntime()",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "loop.add_signal_handler(15, f)",
        "import importlib\nimportlib.import_module('sub' + 'process')",
        "__import__('subprocess')",
        "import os\nos.environ['X']",
        "import uvicorn\nuvicorn.run(app)",
        "def f():\n    import shutil",
        "import zipfile\nzipfile.ZipFile('x')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import abc\nelse:\n    import socket",
    ],
)
def test_an_effect_is_seen(source: str) -> None:
    assert list(effects(ast.parse(source), "fleet/x.py"))


@pytest.mark.parametrize(
    "source",
    [
        "# os.kill(1, 9)\nx = 'subprocess.run()'",
        '"""import subprocess"""',
        "import os\nos.path.join('a', 'b'); os.fsencode('x'); os.getpid()",
        "from os.path import join, dirname",
        "import signal\nsignal.SIGTERM",
        "import sqlite3\ndef f(c: sqlite3.Connection) -> None: c.execute('')",
        "from urllib.parse import quote",
        "files.open('x'); door.files.read('x')",
        "from pathlib import PurePosixPath",
        "import asyncio\nasyncio.sleep(1)",
        "from iapeer_memory.egress.database import open_database",
        "import io, zipfile\nzipfile.ZipFile(io.BytesIO(b''))",
        "from importlib import import_module\nimport_module(f'iapeer_memory.cli.{name}')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import socket",
    ],
)
def test_what_has_no_effect_is_left_alone(source: str) -> None:
    assert not list(effects(ast.parse(source), "fleet/x.py"))


def test_only_a_root_looks_at_the_process() -> None:
    tree = ast.parse("import os\nos.environ")
    assert list(effects(tree, "fleet/map.py"))
    assert not list(effects(tree, "cli/session.py"))
