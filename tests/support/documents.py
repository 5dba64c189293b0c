"""Random JSON and TOML documents in random spellings: white space, line ends, comments, repeats, odd headers."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import strategies as st

WORDS = st.sampled_from(["a", "b", "other", "x-y", "mcpServers", "hooks", "é", "with space", "", 'q"q', "PostToolUse"])
NUMBERS = st.sampled_from(["0", "-0", "1", "1.0", "1.00", "1e5", "1E+2", "12345678901234567890", "-3.5e-7"])
STRINGS = st.sampled_from(['""', '"x"', '"\\u0041"', '"\\/"', '"// no comment"', '"{[,"', '"ж\\n"', '"\\ud800"'])
CONSTANTS = st.sampled_from(["true", "false", "null"])
LINES = st.sampled_from(["\n", "\r\n"])


@st.composite
def json_value(draw: st.DrawFn, depth: int, line: str) -> str:
    """A value's text."""
    kind = draw(st.integers(0, 5 if depth else 2))
    if kind == 0:
        return draw(NUMBERS)
    if kind == 1:
        return draw(STRINGS)
    if kind == 2:
        return draw(CONSTANTS)
    if kind == 3:
        return draw(_sequence([draw(json_value(depth - 1, line)) for _ in range(draw(st.integers(0, 3)))], "[]", line))
    keys = draw(st.lists(WORDS, max_size=3))
    return draw(json_object([(key, draw(json_value(depth - 1, line))) for key in keys], line))


@st.composite
def _sequence(draw: st.DrawFn, parts: list[str], brackets: str, line: str) -> str:
    blank = st.sampled_from(["", "", " ", line, line + "  ", line + "\t", " " + line + line + "    "])
    style = draw(st.sampled_from(["tight", "lines", "wild"]))
    if style == "tight":
        return brackets[0] + ",".join(parts) + brackets[1]
    if style == "lines":
        body = ("," + line + "    ").join(parts)
        return f"{brackets[0]}{line}    {body}{line}{brackets[1]}"
    body = ",".join(draw(blank) + part + draw(blank) for part in parts)
    return brackets[0] + (body or draw(blank)) + brackets[1]


@st.composite
def json_object(draw: st.DrawFn, members: list[tuple[str, str]], line: str) -> str:
    """An object's text with these members in this order."""
    colon = draw(st.sampled_from([":", ": ", " : ", ":" + line]))
    ascii_only = draw(st.booleans())
    parts = [json.dumps(key, ensure_ascii=ascii_only) + colon + value for key, value in members]
    return draw(_sequence(parts, "{}", line))


@st.composite
def json_document(draw: st.DrawFn, ours: dict[str, str]) -> bytes:
    """A file whose root is an object; at most one member for each of the keys in `ours`, some other repeats.

    ours: a key on our path and what it may hold: "{" an object, "[" a list of entries.
    """
    line = draw(LINES)
    members: list[tuple[str, str]] = []
    for key in draw(st.lists(WORDS.filter(lambda word: word not in ours), max_size=3)):
        members.append((key, draw(json_value(2, line))))
    for key, kind in ours.items():
        if not draw(st.booleans()):
            continue
        if kind == "{":
            inner = draw(st.lists(st.sampled_from(["other", "third", "é", "other"]), max_size=3))
            pairs = [(word, draw(json_value(2, line))) for word in inner]
            if draw(st.booleans()):
                pairs.insert(draw(st.integers(0, len(pairs))), ("iapeer-memory", draw(json_value(1, line))))
            text = draw(json_object(pairs, line))
        else:
            entries = [draw(json_value(2, line)) for _ in range(draw(st.integers(0, 2)))]
            text = draw(json_object([("PostToolUse", draw(_sequence(entries, "[]", line)))], line))
        members.insert(draw(st.integers(0, len(members))), (key, text))
    head = draw(st.sampled_from(["", "", "\ufeff", line, "  "]))
    foot = draw(st.sampled_from(["", line, line * 3, "  "]))
    return (head + draw(json_object(members, line)) + foot).encode()


TOML_SCALARS = st.sampled_from(
    ["1", "1.0", "true", '"x"', "'y'", "1979-05-27 07:32:00", "0xff", '"""\n[mcp_servers.iapeer-memory]\n"""', "inf"]
)
TOML_VALUES = st.one_of(
    TOML_SCALARS,
    st.sampled_from(
        ["[]", "[ ]", "[1, 2]", '["/one", "/two",]', '[\n  "/one", # first\n  # "/no",\n  "/two" # last\n]', "[\n]"]
    ),
    st.sampled_from(["{}", "{ a = 1 }", "{a.b=1,c={d=[{}]}}", '{"iapeer-memory".url = "old"}', "{other={}}"]),
)
TOML_KEYS = st.sampled_from(["a", "b", '"a b"', "'c.d'", "x-y", "url", '"url2"', "é".join(['"', '"'])])
TOML_HEADS = [
    "mcp_servers",
    "mcp_servers.other",
    "mcp_servers.iapeer-memory",
    ' mcp_servers . "iapeer-memory" ',
    "mcp_servers.'iapeer-memory'.env_http_headers",
    "mcp_servers.iapeer-memory.tools",
    "sandbox_workspace_write",
    "features",
    "hooks.state",
    'hooks.state."/x:y"',
    "z.z",
]
TOML_PAIRS = [
    "mcp_servers.iapeer-memory.url",
    "mcp_servers.other.url",
    "iapeer-memory.url",
    "iapeer-memory",
    "env_http_headers.a",
    "writable_roots",
    "mcp_servers",
    "sandbox_workspace_write.writable_roots",
    "sandbox_workspace_write",
    "hooks.state.k",
]


@st.composite
def toml_document(draw: st.DrawFn) -> bytes:
    """A valid TOML file; statements that would break it are left out as they come."""
    line = draw(LINES)
    comment = st.sampled_from(["", "", "  # c", " #[mcp_servers.iapeer-memory]"])
    text = draw(st.sampled_from(["", "", "# top" + line, line, "# [x]" + line + line]))
    for _ in range(draw(st.integers(0, 9))):
        kind = draw(st.integers(0, 5))
        lead = draw(st.sampled_from(["", "", "  ", "\t", line, line + "# note" + line]))
        if kind <= 1:
            more = f"[{draw(st.sampled_from(TOML_HEADS))}]"
        elif kind == 2:
            more = f"[[{draw(st.sampled_from(['hooks.Stop', 'hooks.Stop.hooks', 'list']))}]]"
        else:
            key = draw(st.one_of(TOML_KEYS, st.sampled_from(TOML_PAIRS)))
            equals = draw(st.sampled_from([" = ", "=", "  =  "]))
            more = key + equals + draw(TOML_VALUES).replace("\n", line)
        grown = text + lead + more + draw(comment) + line
        if toml_model(grown.encode()) is not None:
            text = grown
    foot = draw(st.sampled_from(["", line * 2, line + "# end", "cut"]))
    text = text[: -len(line)] if foot == "cut" and text.endswith(line) else text + foot.replace("cut", "")
    return (draw(st.sampled_from(["", "", "", "\ufeff"])) + text).encode()


def toml_model(data: bytes) -> dict[str, Any] | None:
    """The tables of the bytes, or None where they are not TOML."""
    try:
        return tomllib.loads(data.decode().removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return None
