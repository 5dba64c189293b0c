"""TOML edits case by case: in, edit, out."""

# ruff: noqa: E501  a case reads best in its lines as they are
from __future__ import annotations

import tomllib

import pytest

from iapeer_memory.domain.errors import FileRefused, Malformed
from iapeer_memory.edits.ops import Append, Delete, Op, Set
from iapeer_memory.edits.toml_edit import edit_toml, load_toml, undo_toml

OURS = ("mcp_servers", "iapeer-memory")
TABLE = {
    "url": "http://127.0.0.1:8766/mcp",
    "default_tools_approval_mode": "approve",
    "bearer_token_env_var": "IAPEER_BEARER",
    "env_http_headers": {"X-IAPeer-Identity": "PEER_IDENTITY"},
}
BLOCK = b"""[mcp_servers.iapeer-memory]
url = "http://127.0.0.1:8766/mcp"
default_tools_approval_mode = "approve"
bearer_token_env_var = "IAPEER_BEARER"

[mcp_servers.iapeer-memory.env_http_headers]
"X-IAPeer-Identity" = "PEER_IDENTITY"
"""
STATE = ("hooks", "state", "/a/.codex/hooks.json:post_tool_use:0:0")
ADD = [Set(OURS, TABLE)]
SMALL = [Set(OURS, {"url": "u"})]
DROP = [Delete(OURS, prune=True)]
ROOT = [Append(("sandbox_workspace_write", "writable_roots"), "/vault")]
HASH = [Set(STATE, {"trusted_hash": "sha256:1"})]
FEATURE = b"[features]\nmemories = false\n"

CASES: dict[str, tuple[bytes | None, list[Op], bytes | None]] = {
    "no file": (None, [*ADD], BLOCK),
    "no file, nothing to do": (None, [*DROP], None),
    "an empty file": (b"", [*ADD], BLOCK),
    "a blank file": (b"\n \n", [*ADD], BLOCK),
    "the core's lever": (FEATURE, [*ADD], FEATURE + b"\n" + BLOCK),
    "no final newline": (FEATURE[:-1], [*ADD], FEATURE + b"\n" + BLOCK),
    "blank lines at the end": (FEATURE + b"\n\n\n", [*ADD], FEATURE + b"\n" + BLOCK),
    "blanks after the last word stay": (b"a = 1  \n\n", [*ADD], b"a = 1  \n\n" + BLOCK),
    "only a comment": (b"# mine", [*ADD], b"# mine\n\n" + BLOCK),
    "CRLF": (b"a = 1\r\n", [*ADD], b"a = 1\r\n\r\n" + BLOCK.replace(b"\n", b"\r\n")),
    "a BOM": (b"\xef\xbb\xbfa = 1\n", [*SMALL], b'\xef\xbb\xbfa = 1\n\n[mcp_servers.iapeer-memory]\nurl = "u"\n'),
    "an odd header is ours": (
        b'[ mcp_servers . "iapeer-memory" ] # c\nurl = "old" # keep\n\n[z]\n',
        [*SMALL],
        b'[ mcp_servers . "iapeer-memory" ] # c\nurl = "u" # keep\n\n[z]\n',
    ),
    "a literal header is ours": (b"[mcp_servers.'iapeer-memory']\nurl = 'u'\n", [*SMALL], b"[mcp_servers.'iapeer-memory']\nurl = 'u'\n"),
    "an extra key of ours goes": (
        b'[mcp_servers.iapeer-memory]\nold = [\n 1, # x\n]\nurl = "u"\n[z]\n',
        [*SMALL],
        b'[mcp_servers.iapeer-memory]\nurl = "u"\n[z]\n',
    ),
    "a table of ours that is too much goes": (
        b'[mcp_servers.iapeer-memory]\nurl = "u"\n\n[mcp_servers.iapeer-memory.tools.x]\na = 1\n\n# next\n[z]\n',
        [*SMALL],
        b'[mcp_servers.iapeer-memory]\nurl = "u"\n\n# next\n[z]\n',
    ),
    "our sub-table is put back beside our table": (
        BLOCK[: BLOCK.index(b"\n[mcp_servers.iapeer-memory.env")] + b"\n# next\n[z]\na = 1\n",
        [*ADD],
        BLOCK + b"\n# next\n[z]\na = 1\n",
    ),
    "our keys in several places": (
        b'[mcp_servers.iapeer-memory.h]\na = 1\n[z]\n[mcp_servers.iapeer-memory]\nurl = "old"\n[mcp_servers]\n',
        [Set(OURS, {"url": "u", "h": {"a": 2}})],
        b'[mcp_servers.iapeer-memory.h]\na = 2\n[z]\n[mcp_servers.iapeer-memory]\nurl = "u"\n[mcp_servers]\n',
    ),
    "dotted keys at the root": (
        b'mcp_servers.iapeer-memory.url = "old"\nmcp_servers.o.url = "x"\n',
        [Set(OURS, {"url": "u", "h": {"X-A": "b"}})],
        b'mcp_servers.iapeer-memory.url = "u"\nmcp_servers.iapeer-memory.h = { "X-A" = "b" }\nmcp_servers.o.url = "x"\n',
    ),
    "dotted keys under the parent": (
        b'[mcp_servers]\n  "iapeer-memory" . url = "old"\n  o.url = 1\n',
        [Set(OURS, {"url": "u", "b": True})],
        b'[mcp_servers]\n  "iapeer-memory" . url = "u"\n  "iapeer-memory".b = true\n  o.url = 1\n',
    ),
    "dotted keys of others": (
        b"mcp_servers.o.url = 1\n",
        [*SMALL],
        b'mcp_servers.o.url = 1\n\n[mcp_servers.iapeer-memory]\nurl = "u"\n',
    ),
    "an inline table under the parent": (
        b'[mcp_servers]\niapeer-memory = { url = "old", a.b = 1 } # c\n',
        [*SMALL],
        b'[mcp_servers]\niapeer-memory = { url = "u" } # c\n',
    ),
    "the parent is an inline table": (
        b'mcp_servers = { o = { a = 1 } } # c\n',
        [*SMALL],
        b'mcp_servers = { o = { a = 1 }, "iapeer-memory" = { url = "u" } } # c\n',
    ),
    "the parent is an empty inline table": (b"mcp_servers = {}\n", [*SMALL], b'mcp_servers = { "iapeer-memory" = { url = "u" } }\n'),
    "a dotted key inside an inline table": (
        b'mcp_servers = {iapeer-memory.url="old",o.a=1}\n',
        [Set(OURS, {"url": "u", "b": 1})],
        b'mcp_servers = {iapeer-memory.url="u",o.a=1, "iapeer-memory".b = 1}\n',
    ),
    "a header in a text is no header": (
        b'a = """\n[mcp_servers.iapeer-memory]\nurl = 1\n"""\nb = \'\'\'\n[x]\'\'\'\n',
        [*SMALL],
        b'a = """\n[mcp_servers.iapeer-memory]\nurl = 1\n"""\nb = \'\'\'\n[x]\'\'\'\n\n[mcp_servers.iapeer-memory]\nurl = "u"\n',
    ),
    "arrays of tables around us": (
        b"[[hooks.Stop]]\na = [\n[1],\n]\n[[hooks.Stop.hooks]]\nb = 1\n",
        [*HASH],
        b"[[hooks.Stop]]\na = [\n[1],\n]\n[[hooks.Stop.hooks]]\nb = 1\n\n"
        b'[hooks.state."/a/.codex/hooks.json:post_tool_use:0:0"]\ntrusted_hash = "sha256:1"\n',
    ),
    "a trust record is renewed": (
        b'[hooks.state."/a/.codex/hooks.json:post_tool_use:0:0"]\nenabled = true\ntrusted_hash = "sha256:0"\n',
        [Set((*STATE, "trusted_hash"), "sha256:1")],
        b'[hooks.state."/a/.codex/hooks.json:post_tool_use:0:0"]\nenabled = true\ntrusted_hash = "sha256:1"\n',
    ),
    "a parent that comes later": (b"[mcp_servers.iapeer-memory]\n[mcp_servers]\nz = 1\n", [*DROP], b"[mcp_servers]\nz = 1\n"),
    "a root, no table": (b"", [*ROOT], b'[sandbox_workspace_write]\nwritable_roots = ["/vault"]\n'),
    "a root, no array": (
        b"[sandbox_workspace_write]\n\tnetwork_access = true # n\n\n[z]\n",
        [*ROOT],
        b'[sandbox_workspace_write]\n\tnetwork_access = true # n\n\twritable_roots = ["/vault"]\n\n[z]\n',
    ),
    "a root, an empty table": (b"[sandbox_workspace_write] # s\n[z]\n", [*ROOT], b'[sandbox_workspace_write] # s\nwritable_roots = ["/vault"]\n[z]\n'),
    "a root, an empty array": (b"sandbox_workspace_write.writable_roots = [ ]\n", [*ROOT], b'sandbox_workspace_write.writable_roots = ["/vault"]\n'),
    "a root, one line": (
        b'[sandbox_workspace_write]\nwritable_roots = ["/a", \'/b\'] # c\n',
        [*ROOT],
        b'[sandbox_workspace_write]\nwritable_roots = ["/a", \'/b\', "/vault"] # c\n',
    ),
    "a root, one line, a comma at the end": (
        b'[sandbox_workspace_write]\nwritable_roots = ["/a",]\n',
        [*ROOT],
        b'[sandbox_workspace_write]\nwritable_roots = ["/a", "/vault",]\n',
    ),
    "a root, many lines": (
        b'[sandbox_workspace_write]\nwritable_roots = [\n  "/a", # first\n  # "/no",\n  "/b" # last\n  # end\n]\n',
        [*ROOT],
        b'[sandbox_workspace_write]\nwritable_roots = [\n  "/a", # first\n  # "/no",\n  "/b", # last\n  "/vault"\n  # end\n]\n',
    ),
    "a root, many lines, a comma at the end": (
        b'[sandbox_workspace_write]\nwritable_roots = [\n  "/a", # first\n]\n',
        [*ROOT],
        b'[sandbox_workspace_write]\nwritable_roots = [\n  "/a", # first\n  "/vault",\n]\n',
    ),
    "a root, an empty array with a comment": (
        b"[sandbox_workspace_write]\nwritable_roots = [\n  # none\n]\n",
        [*ROOT],
        b'[sandbox_workspace_write]\nwritable_roots = [\n  # none\n    "/vault"\n]\n',
    ),
    "a root, an inline table": (
        b'sandbox_workspace_write = { writable_roots = ["/a"], x = 1 }\n',
        [*ROOT],
        b'sandbox_workspace_write = { writable_roots = ["/a", "/vault"], x = 1 }\n',
    ),
    "a root that is there": (b"sandbox_workspace_write = {writable_roots = ['/vault']}\n", [*ROOT], b"sandbox_workspace_write = {writable_roots = ['/vault']}\n"),
    "an element is replaced": (b"a = [1, 2]\n", [Set(("a", 1), "x")], b'a = [1, "x"]\n'),
    "an element goes with its line": (
        b'a = [\n  "x", # one\n  "y", # two\n]\n',
        [Delete(("a", 1))],
        b'a = [\n  "x", # one\n]\n',
    ),
    "the last element goes with the comma before": (b'a = [\n  "x", # one\n  "y"\n]\n', [Delete(("a", 1))], b'a = [\n  "x" # one\n]\n'),
    "a scalar at the root, among pairs": (b"# c\na = 1\n\n[t]\n", [Set(("m",), 1)], b"# c\na = 1\nm = 1\n\n[t]\n"),
    "a scalar at the root, none there": (b"# c\n[t]\n", [Set(("m",), 1)], b"m = 1\n\n# c\n[t]\n"),
    "a scalar, no final newline": (b"[t]\na = 1", [Set(("t", "m"), 1.5)], b"[t]\na = 1\nm = 1.5"),
    "another type": (b"a = 1\n", [Set(("a",), True)], b"a = true\n"),
    "a scalar becomes a table": (b"a = 1\nb = 2\n", [Set(("a",), {"c": 1})], b"b = 2\n\n[a]\nc = 1\n"),
    "a table becomes a scalar": (b"b = 2\n\n[a]\nc = 1\n", [Set(("a",), 1)], b"b = 2\na = 1\n"),
    "a key that must be quoted": (b"", [Set(("a", 'q"\\\n'), "é\x07")], '[a]\n"q\\"\\\\\\n" = "é\\u0007"\n'.encode()),
    "an equal spelling stays": (b"a = 0x10\nb = '1'\n", [Set(("a",), 16), Set(("b",), "1")], b"a = 0x10\nb = '1'\n"),
    "delete one key": (b"[t]\na = 1 # c\n# d\nb = 2\n", [Delete(("t", "a"))], b"[t]\n# d\nb = 2\n"),
    "delete the last line": (b"a = 1\nb = 2", [Delete(("b",))], b"a = 1"),
    "delete an inline member": (b"t = { a = 1, b = 2, c = 3 }\n", [Delete(("t", "b"))], b"t = { a = 1, c = 3 }\n"),
    "delete dotted inline members": (b"t = { a.x = 1, b = 2, a.y = 3 }\n", [Delete(("t", "a"))], b"t = { b = 2 }\n"),
    "delete our block": (FEATURE + b"\n" + BLOCK, [*DROP], FEATURE),
    "delete our block from the middle": (b"a = 1\n\n" + BLOCK + b"\n# next\n[z]\n", [*DROP], b"a = 1\n\n# next\n[z]\n"),
    "delete our block from the top": (BLOCK + b"\n\n[z]\n", [*DROP], b"[z]\n"),
    "delete prunes the parent": (b"[mcp_servers]\n[mcp_servers.iapeer-memory]\nurl = 1\n", [*DROP], b""),
    "delete without prune": (b"[mcp_servers]\n[mcp_servers.iapeer-memory]\nurl = 1\n", [Delete(OURS)], b"[mcp_servers]\n"),
    "delete the absent": (b"[mcp_servers]\n", [*DROP], b"[mcp_servers]\n"),
    "delete an array of tables": (b"[[a.b]]\nx = 1\n[[a.b]]\n[a.b.c]\n[z]\n", [Delete(("a", "b"), prune=True)], b"[z]\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    before, ops, after = CASES[case]
    edited = edit_toml(before, ops, name="c.toml")
    assert edited.data == after
    assert edited.changed == (before != after)
    assert undo_toml(edited.data, edited.undo, name="c.toml") == before
    if "element goes" not in case and "last element" not in case:
        again = edit_toml(after, ops, name="c.toml")
        assert again.data is after and not again.changed and again.undo == {}


REFUSED: dict[str, tuple[bytes, int | None, str]] = {
    "not TOML": (b"a = 1\nb =\n", 2, "invalid value"),
    "cut short": (b'a = 1\nb = "x', 2, "TOML"),
    "a key twice": (b"a = 1\na = 2\n", 2, "overwrite"),
    "a table twice": (b"[a]\n[a]\n", 2, "twice"),
    "a merge conflict": (b"a = 1\n<<<<<<< HEAD\n=======\n>>>>>>> b\n", 2, "merge-conflict"),
    "a NUL": (b"a = 1\n\0", 2, "NUL"),
    "bad UTF-8": (b"a = 1\n# \xe9\n", 2, "0xe9"),
    "UTF-16": ("a = 1".encode("utf-16"), 1, "UTF-16"),
    "deep": (b"a = 1\nb = " + b"[" * 100_000, 2, "too deeply"),
    "a lone CR": (b"a = 1\rb = 2\n", 1, "TOML"),
    "our parent is a number": (b"a = 1\nmcp_servers = 1\n", 2, "mcp_servers is a plain value, not a table"),
    "our parent is an array of tables": (b"\n[[mcp_servers]]\n", 2, "mcp_servers is a list, not a table"),
    "our parent is an array": (b"mcp_servers = []\n", 1, "mcp_servers is a list, not a table"),
    "a number too long": (b"a = " + b"1" * 5000, None, "cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("ops", [ADD, DROP], ids=["add", "drop"])
def test_refused_with_the_line(case: str, ops: list[Op]) -> None:
    data, line_number, word = REFUSED[case]
    with pytest.raises(Malformed) as refused:
        edit_toml(data, ops, name="dir/c.toml")
    assert word in refused.value.reason
    assert refused.value.line_number == line_number or line_number is None
    text = refused.value.line()
    assert text.startswith("dir/c.toml") and "\n" not in text and len(text) < 300 and refused.value.remedy


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(FileRefused, match="array of tables"):
        edit_toml(b"[[a]]\nb = 1\n", [Append(("a",), {"b": 2})], name="c")
    with pytest.raises(FileRefused, match="not a list"):
        edit_toml(b"a = 1\n", [Append(("a",), 2)], name="c")
    with pytest.raises(FileRefused, match="no place 7"):
        edit_toml(b"a = [1]\n", [Set(("a", 7), 2)], name="c")
    with pytest.raises(FileRefused, match="list of tables"):
        edit_toml(b"[[a]]\nb = 1\n", [Set(("a", 0, "b"), 2)], name="c")
    with pytest.raises(FileRefused, match="not Unicode"):
        edit_toml(b"", [Set(("a", "/tmp/\udcff"), 1)], name="c")


def test_undo_leaves_what_others_made_of_it() -> None:
    edited = edit_toml(FEATURE[:-1], [*ADD, *ROOT, *HASH, Set(("features", "memories"), True)], name="c")
    theirs: list[Op] = [Append(ROOT[0].path, "/theirs"), Set((*OURS, "url"), "drifted"), Set(("model",), "m")]
    left = undo_toml(edit_toml(edited.data, theirs, name="c").data, edited.undo, name="c")
    assert (
        left
        == b'model = "m"\n\n[features]\nmemories = false\n\n[sandbox_workspace_write]\nwritable_roots = ["/theirs"]\n'
    )


def test_a_file_of_ours_that_others_use_stays() -> None:
    made = edit_toml(None, ADD, name="c")
    assert undo_toml(made.data, made.undo, name="c") is None
    assert made.data is not None
    assert undo_toml(made.data + b"# theirs\n", made.undo, name="c") == b"# theirs\n"
    assert undo_toml(made.data + b"\n\n", made.undo, name="c") is None
    assert edit_toml(made.data, DROP, name="c").empty


def test_carried_undo_takes_all_edits_back() -> None:
    now = edit_toml(FEATURE[:-1], ADD, name="c")
    for port in range(40):
        now = edit_toml(
            now.data, [Set(OURS, TABLE | {"url": f"http://127.0.0.1:{port}/mcp"})], name="c", since=now.undo
        )
    assert undo_toml(now.data, now.undo, name="c") == FEATURE[:-1]


def test_load() -> None:
    assert load_toml(b"\xef\xbb\xbfa = 1\n", "c") == tomllib.loads("a = 1")
    assert load_toml(b"", "c") == {}
