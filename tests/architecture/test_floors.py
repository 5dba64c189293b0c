"""A file imports only from its own room or from a floor below. No exceptions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "iapeer_memory"
FLOORS: tuple[tuple[str, ...], ...] = (
    ("domain",),
    ("egress",),
    ("edits",),
    ("ecosystem", "fleet", "vault", "index", "broker"),
    ("surfaces", "supervise", "notes", "search", "context", "curation", "attach"),
    ("provision", "hooks", "memoryd", "brokerd"),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOTS = ("__init__.py", "__main__.py")
STANDALONE = ("hooks/session_start.py",)
"""Run by file path on a bare interpreter: imports nothing of ours at all."""


def imports(tree: ast.AST) -> list[tuple[int, str]]:
    """(line, dotted module) of everything that is imported, anywhere in the file."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is meant"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def breaches(file: Path, root: Path = PACKAGE) -> list[str]:
    """Imports of a file that go sideways or up."""
    room = file.relative_to(root).parts[0]
    alone = file.relative_to(root).as_posix() in STANDALONE
    bad = []
    for line, module in imports(ast.parse(file.read_text(encoding="utf-8"))):
        parts = module.split(".")
        if parts[0] != "iapeer_memory" or len(parts) < 2 or parts[1] == "__version__":
            continue
        target = parts[1]
        allowed = not alone and (target == room or FLOOR[target] < FLOOR[room])
        if not allowed:
            bad.append(f"{file.relative_to(root)}:{line} imports {module}")
    return bad


def test_every_import_stays_in_its_room_or_goes_down() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.name not in ROOTS or path.parent != PACKAGE]
    assert len(files) > 100
    assert [line for file in sorted(files) for line in breaches(file)] == []


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert rooms <= set(FLOOR), rooms - set(FLOOR)


@pytest.mark.parametrize(
    ("place", "line", "caught"),
    [
        ("edits/a.py", "from iapeer_memory.provision.order import ORDER", True),
        ("search/a.py", "from iapeer_memory.context.render import render", True),
        ("hooks/session_start.py", "from iapeer_memory.domain.paths import Paths", True),
        ("hooks/a.py", "from iapeer_memory.domain.paths import Paths", False),
        ("search/a.py", "from iapeer_memory.index.port import Reader", False),
        ("cli/a.py", "import iapeer_memory.provision.order", False),
    ],
)
def test_the_rule_catches_what_it_should(tmp_path: Path, place: str, line: str, caught: bool) -> None:
    file = tmp_path / place
    file.parent.mkdir()
    file.write_text(line + "\n")
    assert bool(breaches(file, tmp_path)) is caught
