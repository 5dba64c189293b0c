"""JSON edits case by case: in, edit, out."""

from __future__ import annotations

import json

import pytest

from iapeer_memory.domain.errors import FileRefused, Malformed
from iapeer_memory.edits.json_edit import edit_json, load_json, undo_json
from iapeer_memory.edits.ops import Append, Delete, Op, Set

OURS = ("mcpServers", "iapeer-memory")
ADD = [Set(OURS, {"type": "http"})]
DROP = [Delete(OURS, prune=True)]

CASES: dict[str, tuple[bytes | None, list[Op], bytes | None]] = {
    "no file": (None, [*ADD], b'{\n  "mcpServers": {\n    "iapeer-memory": {\n      "type": "http"\n    }\n  }\n}\n'),
    "no file, nothing to do": (None, [*DROP], None),
    "no file, a list": (
        None,
        [Append(("a", "b"), "é")],
        '{\n  "a": {\n    "b": [\n      "é"\n    ]\n  }\n}\n'.encode(),
    ),
    "empty object, no final newline": (b"{}", [Set(("a",), 1)], b'{\n  "a": 1\n}'),
    "minified": (b'{"a":{"b":[1,2]}}\n', [*ADD], b'{"a":{"b":[1,2]},"mcpServers":{"iapeer-memory":{"type":"http"}}}\n'),
    "one line with spaces": (b'{"a": 1, "b": 2}', [Set(("c",), [1, 2])], b'{"a": 1, "b": 2, "c": [1, 2]}'),
    "one line, inner spaces": (b'{ "a": 1 }', [Set(("c",), 2)], b'{ "a": 1, "c": 2 }'),
    "tabs and CRLF": (
        b'{\r\n\t"a": 1\r\n}\r\n',
        [Set(("b", "c"), 2)],
        b'{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": 2\r\n\t}\r\n}\r\n',
    ),
    "four spaces": (b'{\n    "a": {}\n}', [Set(("a", "b"), 1)], b'{\n    "a": {\n        "b": 1\n    }\n}'),
    "a BOM": (b'\xef\xbb\xbf{\n  "a": 1\n}', [Set(("b",), 2)], b'\xef\xbb\xbf{\n  "a": 1,\n  "b": 2\n}'),
    "a short object in a long file": (
        b'{\n  "env": {"A": "1"},\n  "z": 0\n}',
        [Set(("env", "B"), {"c": 1})],
        b'{\n  "env": {"A": "1", "B": {"c": 1}},\n  "z": 0\n}',
    ),
    "numbers, escapes and repeats stay": (
        b'{"n":1.00,"n":1E5,"s":"\\u0041\\/","big":123456789012345678901234567890}',
        [Set(("a",), 1)],
        b'{"n":1.00,"n":1E5,"s":"\\u0041\\/","big":123456789012345678901234567890,"a":1}',
    ),
    "our key spelled with escapes": (
        b'{"mcp\\u0053ervers": {"iapeer-memory": {"type": "old"}}}',
        [*ADD],
        b'{"mcp\\u0053ervers": {"iapeer-memory": {"type": "http"}}}',
    ),
    "another order is equal": (b'{"a":{"x":1,"y":2}}', [Set(("a",), {"y": 2, "x": 1})], b'{"a":{"x":1,"y":2}}'),
    "another type is not equal": (b'{"a":1}', [Set(("a",), True)], b'{"a":true}'),
    "one and one point oh": (b'{"a":1.0}', [Set(("a",), 1)], b'{"a":1}'),
    "a repeat inside our value is drift": (b'{"a":{"x":1,"x":2}}', [Set(("a",), {"x": 2})], b'{"a":{"x":2}}'),
    "a hook is added after the foreign ones": (
        b'{\n  "hooks": {\n    "PostToolUse": [\n      {"x": 1}\n    ]\n  }\n}\n',
        [Append(("hooks", "PostToolUse"), {"y": 2})],
        b'{\n  "hooks": {\n    "PostToolUse": [\n      {"x": 1},\n      {\n        "y": 2\n      }\n    ]\n  }\n}\n',
    ),
    "an element that is there": (
        b'{"a":[{"x":1,"y":2}]}',
        [Append(("a",), {"y": 2, "x": 1})],
        b'{"a":[{"x":1,"y":2}]}',
    ),
    "an element by its place": (b'{"a": [1, 2, 3]}', [Set(("a", 1), "x")], b'{"a": [1, "x", 3]}'),
    "the next place": (b'{"a": [1]}', [Set(("a", 1, "k"), "x")], b'{"a": [1, {"k": "x"}]}'),
    "delete the first": (b'{\n  "a": 1,\n  "b": 2\n}', [Delete(("a",))], b'{\n  "b": 2\n}'),
    "delete the last": (b'{\n  "a": 1,\n  "b": 2\n}', [Delete(("b",))], b'{\n  "a": 1\n}'),
    "delete the only one": (b'{"a": {\n  "b": 2\n}}', [Delete(("a", "b"))], b'{"a": {}}'),
    "delete and prune": (b'{"z":0,"mcpServers":{"iapeer-memory":{}}}', [*DROP], b'{"z":0}'),
    "prune to the root": (b'{ "mcpServers": {"iapeer-memory": {}} }\n', [*DROP], b"{}\n"),
    "prune spares what was empty before, in company": (
        b'{"mcpServers":{}}',
        [*DROP, Set(("a",), 1)],
        b'{"mcpServers":{},"a":1}',
    ),
    "prune spares what was empty before": (b'{"mcpServers":{}}', [*DROP], b'{"mcpServers":{}}'),
    "delete from lists, from the back": (
        b'{"h": {"e": [1, 2, 3]}}',
        [Delete(("h", "e", 2), prune=True), Delete(("h", "e", 0), prune=True)],
        b'{"h": {"e": [2]}}',
    ),
    "delete the absent": (b'{"a": 1}', [Delete(("b", "c", 0))], b'{"a": 1}'),
    "null": (b'{"a": 1}', [Set(("a",), None)], b'{"a": null}'),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    before, ops, after = CASES[case]
    edited = edit_json(before, ops, name="f.json")
    assert edited.data == after
    assert edited.changed == (before != after)
    assert undo_json(edited.data, edited.undo, name="f.json") == before
    again = edit_json(after, ops[-1:] if "back" in case else ops, name="f.json")
    if "back" not in case:
        assert again.data is after and not again.changed and again.undo == {}


REFUSED: dict[str, tuple[bytes, int | None, str]] = {
    "a comment": (b'{\n  // mine\n  "a": 1\n}', 2, "comment"),
    "a block comment": (b'{"a": 1 /* mine */}', 1, "comment"),
    "a trailing comma": (b'{\n  "a": 1,\n}', 2, "trailing comma"),
    "a trailing comma in a list": (b'{"a": [1,\n2,\n]}', 2, "trailing comma"),
    "NaN": (b'{\n"b": "NaN", "a":\nNaN}', 3, "NaN"),
    "infinity": (b'{"a": -Infinity}', 1, "Infinity"),
    "single quotes": (b"{'a': 1}", 1, "single quotes"),
    "a merge conflict": (b'{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> b\n}', 2, "merge-conflict"),
    "a NUL": (b'{"a":\n"\0"}', 2, "NUL"),
    "bad UTF-8": (b'{\n"a": "\xff"}', 2, "0xff"),
    "half a surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', 1, "UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), 1, "UTF-16"),
    "UTF-16 without a BOM": ('{"a": 1}'.encode("utf-16-be"), 1, "UTF-16"),
    "a BOM in the middle": (b'{"a":\n\xef\xbb\xbf1}', 2, "byte order mark"),
    "nothing": (b"", 1, "empty"),
    "blanks": (b" \n ", None, "empty"),
    "deep": (b'{"a":\n' + b"[" * 100_000, 2, "too deeply"),
    "deep and whole": (b'{"a":\n' + b"[" * 50_000 + b"]" * 50_000 + b"}", 2, "too deeply"),
    "a cut file": (b'{"a": {', 1, "JSON"),
    "two values": (b"{}\n{}", 2, "extra data"),
    "a list": (b"[]", 1, "a list, not an object"),
    "a number": (b"\n1", 2, "a number, not an object"),
    "our parent is a list": (b'{\n"z": 0,\n"mcpServers": []}', 3, "mcpServers is a list, not an object"),
    "our parent is null": (b'{"mcpServers": null}', 1, "mcpServers is null, not an object"),
    "our parent twice": (b'{"mcpServers": {},\n"mcpServers": {}}', 2, "twice"),
    "our key twice": (b'{"mcpServers": {"iapeer-memory": 1,\n"iapeer-memory": {"type": "http"}}}', 2, "twice"),
    "a number too long": (b'{"a": ' + b"1" * 5000 + b"}", None, "number"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("ops", [ADD, DROP], ids=["add", "drop"])
def test_refused_with_the_line(case: str, ops: list[Op]) -> None:
    data, line_number, word = REFUSED[case]
    with pytest.raises(Malformed) as refused:
        edit_json(data, ops, name="dir/f.json")
    assert word in refused.value.reason
    assert refused.value.line_number == line_number or line_number is None
    text = refused.value.line()
    assert text.startswith("dir/f.json") and "\n" not in text and len(text) < 300 and refused.value.remedy


def test_a_wrong_type_at_the_array() -> None:
    with pytest.raises(Malformed, match=r"a\.b is an object, not a list"):
        edit_json(b'{"a": {"b": {}}}', [Append(("a", "b"), 1)], name="f")
    with pytest.raises(FileRefused, match="no place 5"):
        edit_json(b'{"a": []}', [Set(("a", 5), 1)], name="f")


def test_a_name_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(FileRefused, match="not Unicode"):
        edit_json(b"{}", [Set(("a",), {"b": ["/tmp/\udcff"]})], name="f")


def test_load_is_strict_and_plain() -> None:
    assert load_json(b'\xef\xbb\xbf{"a": 1, "a": 2.0}', "f") == {"a": 2.0}
    for case in ("a comment", "NaN", "nothing", "a list", "deep", "UTF-16"):
        with pytest.raises(Malformed):
            load_json(REFUSED[case][0], "f")


def test_undo_leaves_what_others_made_of_it() -> None:
    old = b'{"a": {"b": 1}, "list": [1]}'
    edited = edit_json(old, [Set(("a", "b"), 2), Append(("list",), "ours"), Set(("n", "m"), 1)], name="f")
    theirs: list[Op] = [Set(("a", "b"), 3), Delete(("list", 1)), Set(("n", "theirs"), 1), Set(("n", "m"), "drifted")]
    now = edit_json(edited.data, theirs, name="f").data
    assert json.loads(undo_json(now, edited.undo, name="f") or b"") == {"a": {"b": 3}, "list": [1], "n": {"theirs": 1}}
    assert undo_json(None, edited.undo, name="f") is None
    with pytest.raises(Malformed):
        undo_json(b"{", edited.undo, name="f")
    for broken in ({"v": 2}, edited.undo | {"parts": [1], "back": None}, edited.undo | {"back": [[["x"]]]}):
        with pytest.raises(FileRefused, match="record"):
            undo_json(edited.data, broken, name="f")


def test_a_file_of_ours_that_others_use_stays() -> None:
    made = edit_json(None, ADD, name="f")
    assert undo_json(made.data, made.undo, name="f") is None
    shared = edit_json(made.data, [Set(("theirs",), 1)], name="f").data
    assert undo_json(shared, made.undo, name="f") == b'{\n  "theirs": 1\n}\n'
    drifted = edit_json(made.data, [Set((*OURS, "port"), 9)], name="f").data
    assert undo_json(drifted, made.undo, name="f") is None


def test_an_array_of_ours_that_others_use_stays() -> None:
    edited = edit_json(b"{}", [Append(("p", "allow"), "ours")], name="f")
    shared = edit_json(edited.data, [Append(("p", "allow"), "theirs")], name="f").data
    assert json.loads(undo_json(shared, edited.undo, name="f") or b"") == {"p": {"allow": ["theirs"]}}
    emptied = edit_json(edited.data, [Delete(("p", "allow", 0))], name="f").data
    assert undo_json(emptied, edited.undo, name="f") == b"{}"


def test_a_file_with_nothing_left_says_so() -> None:
    made = edit_json(None, ADD, name="f")
    assert not made.empty
    assert edit_json(made.data, DROP, name="f").empty
    assert not edit_json(b'{"z": 0, "mcpServers": {"iapeer-memory": 1}}', DROP, name="f").empty
