"""The lock: pins, markers, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.provision.runtime.program import marker_environment, running_interpreter
from iapeer_memory.provision.runtime.requirements import Pin, applies, read_lock

LINUX = {
    "sys_platform": "linux",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
TEXT = """\
# a comment
Annotated_Doc==0.0.7 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via typer
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
uvicorn[standard]==0.54.0 ; python_full_version >= '3.9' and sys_platform != 'emscripten'
--index-url https://host/simple
"""


def test_a_lock() -> None:
    assert read_lock(TEXT, LINUX) == (Pin("annotated-doc", "0.0.7"), Pin("uvicorn", "0.54.0"))


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("sys_platform == 'linux'", True),
        ("sys_platform != 'linux'", False),
        ("'lin' in sys_platform", True),
        ("sys_platform not in 'win32 darwin'", True),
        ("python_full_version >= '3.9'", True),
        ("python_full_version < '3.9'", False),
        ("python_version < '3.9'", False),
        ("python_full_version == '3.11.7.0'", True),
        ("sys_platform == 'win32' or python_version > '3' and sys_platform == \"linux\"", True),
        ("(sys_platform == 'win32' or python_version > '3') and sys_platform == 'win32'", False),
        ("implementation_name != 'PyPy' and platform_python_implementation != 'PyPy'", True),
    ],
)
def test_markers(marker: str, holds: bool) -> None:
    assert applies(marker, LINUX) is holds


@pytest.mark.parametrize(
    "marker", ["", "sys_platform", "unknown == 'x'", "sys_platform ~= 'x'", "(sys_platform == 'x'", "a == 'b' c == 'd'"]
)
def test_markers_that_are_refused(marker: str) -> None:
    with pytest.raises(InstallFailed):
        applies(marker, LINUX)


@pytest.mark.parametrize("line", ["mcp", "mcp>=2", "mcp @ https://host/x.whl", "./local"])
def test_what_is_no_pin_is_refused(line: str) -> None:
    with pytest.raises(InstallFailed, match="line 2"):
        read_lock(f"a==1\n{line}\n", LINUX)


def test_the_lock_of_this_checkout_can_be_read(door: Door) -> None:
    text = (Path(__file__).parents[3] / "requirements.lock").read_text()
    names = {pin.name for pin in read_lock(text, marker_environment(running_interpreter(door)))}
    assert {"typer", "uvicorn", "watchfiles", "snowballstemmer"} <= names
    assert "pywin32" not in names
