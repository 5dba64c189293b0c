"""A refusal is told its line from the bytes and the path of keys."""

from __future__ import annotations

import pytest

from iapeer_memory.domain.errors import FileRefused, Malformed
from iapeer_memory.edits.where import locate

CASES = (
    pytest.param("a.json", b'{\n "x": 1,\n "hooks": {\n  "PostToolUse": 3}\n}', ("hooks", "PostToolUse"), 4, id="deep"),
    pytest.param("a.json", b"\n\n[]", (), 3, id="the whole document"),
    pytest.param("a.json", b'\xef\xbb\xbf{\r\n\r\n"mcpServers": []}', ("mcpServers",), 3, id="CRLF and a mark"),
    pytest.param("a.toml", b"a = 1\nmcp_servers = 3\n", ("mcp_servers",), 2, id="a TOML pair"),
    pytest.param("a.json", b"{}", None, None, id="a refusal that names no keys"),
)


@pytest.mark.parametrize(("path", "data", "keys", "line"), CASES)
def test_the_line_of_the_keys(path: str, data: bytes, keys: tuple[str, ...] | None, line: int | None) -> None:
    error = Malformed(path, "is wrong", keys=keys)
    locate(error, data)
    assert error.line_number == line


def test_other_refusals_stay_as_they_are() -> None:
    error = FileRefused("a.json", "is somebody else's")
    locate(error, b"{}")
    assert error.line() == "a.json: is somebody else's"
