"""JSON with comments: what is read, what is not and where, and that no text breaks or stalls the reader."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.attach.jsonc import DEEPEST, LARGEST, NotJsonc, parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (" [ ] ", []),
        ("\ufeff{}", {}),
        ("null", None),
        ("-0.5e+2", -50.0),
        ('"a // b /* c */"', "a // b /* c */"),
        ('"\\u00e9\\n\\ud83d\\ude42é"', "é\n🙂é"),
        ('{"a" /* x */ : // y\n [ 1 /**/ , 2 // z\r\n ] /***/ }// end', {"a": [1, 2]}),
        ("/* a /* b */ 1", 1),
        ('{"a":{"a":1},"b":{"a":2}}', {"a": {"a": 1}, "b": {"a": 2}}),
        ('[true,false,null,0,-1,1.0,"",{},[]]', [True, False, None, 0, -1, 1.0, "", {}, []]),
    ],
)
def test_what_is_read(text: str, value: Any) -> None:
    assert parsed(text).value == value


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "a value is missing"),
        ("\n\n", 3, "a value is missing"),
        ("// only\n", 2, "a value is missing"),
        ("{", 1, "a key in double quotes is missing"),
        ('{\n"a": 1,\n"b": 2,\n}', 4, "a comma stands before '}'"),
        ("[1,\n2,]", 2, "a comma stands before ']'"),
        ("[1 2]", 1, "a comma or ']' is missing before '2'"),
        ('{"a": 1\n"b": 2}', 2, "a comma or '}' is missing before '\"'"),
        ("\n[1,\n 2", 2, "the bracket is not closed; ']' is missing"),
        ('{"a" 1}', 1, "a colon is missing after 'a'"),
        ("{a: 1}", 1, "a key in double quotes is missing"),
        ("{'a': 1}", 1, "a key in double quotes is missing"),
        ("{1: 1}", 1, "a key in double quotes is missing"),
        ('{"a":\n}', 2, "a value is missing"),
        ('{"a": 1,\n "b": 2,\n "a": 3}', 3, "the key 'a' stands twice"),
        ('{"x": {"a": 1,\n "a": 3}}', 2, "the key 'a' stands twice"),
        ("[1]\n[2]", 2, "something follows the value"),
        ("1 /* open", 1, "a comment is not closed"),
        ("{} /", 1, "something follows the value"),
        ("NaN", 1, "'N' starts no value"),
        ("Infinity", 1, "'I' starts no value"),
        ("nullx", 1, "'n' starts no value"),
        ("01", 1, "something follows the value"),
        ("+1", 1, "'+' starts no value"),
        (".5", 1, "'.' starts no value"),
        ("1.", 1, "something follows the value"),
        ("٣", 1, "'٣' starts no value"),
        ("1e999", 1, "a number is too large"),
        ("9" * 41, 1, "a number is too long"),
        ('\n"a\nb"', 2, "a text is wrong: invalid control character"),
        ('"a', 1, "a text is wrong: unterminated string starting"),
        ('"\\x"', 1, "a text is wrong: invalid \\escape"),
        ('"\\ud800"', 1, "a text holds half a character"),
        ('{"\\udfff": 1}', 1, "a text holds half a character"),
        ('"\ud800"', 1, "a text holds half a character"),
        ("\0", 1, "'\\x00' starts no value"),
        ("\u00a0{}", 1, "'\\xa0' starts no value"),
        ("[" * (DEEPEST + 1), 1, f"it is nested deeper than {DEEPEST} levels"),
        ("\n" + '{"a":' * 40_000, 2, f"it is nested deeper than {DEEPEST} levels"),
        (" " * (LARGEST + 1), 1, f"it is longer than {LARGEST} characters"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_and_where(text: str, line: int, reason: str) -> None:
    with pytest.raises(NotJsonc) as caught:
        parsed(text)
    assert (caught.value.line, caught.value.reason) == (line, reason)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]))
def test_it_reads_what_json_writes(value: Any, indent: int | None) -> None:
    assert parsed(json.dumps(value, indent=indent)).value == value
    assert parsed(json.dumps(value, ensure_ascii=False, indent=indent)).value == value


@given(VALUES, st.sampled_from(['// {["\n', '/* ] " // */', "\n\n", "/**/\t"]))
def test_comments_change_nothing(value: Any, comment: str) -> None:
    text = json.dumps({"a": value, "b": [value]}, separators=("\x01", "\x02"), ensure_ascii=True)
    assert parsed(text.replace("\x01", f"{comment},{comment}").replace("\x02", f"{comment}:{comment}")).value == {
        "a": value,
        "b": [value],
    }


@given(st.text(alphabet='{}[]",:/*\\ \nabtfnu019.-eE\ud800é', max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        value = parsed(text).value
    except NotJsonc as error:
        assert 1 <= error.line <= text.count("\n") + 1
        return
    if "/" not in text:
        assert json.loads(text) == value


@given(st.text(alphabet='{}[]",: \n1', max_size=30))
def test_it_reads_nothing_that_json_does_not(text: str) -> None:
    try:
        expected: Any = json.loads(text)
    except ValueError:
        with pytest.raises(NotJsonc):
            parsed(text)
        return
    try:
        assert parsed(text).value == expected
    except NotJsonc as error:
        assert "twice" in error.reason


def costs(text: str) -> float:
    began = time.thread_time()
    with suppress(NotJsonc):
        parsed(text)
    return time.thread_time() - began


@pytest.mark.parametrize(
    "piece",
    ["{", '"\\', "/*", "/* *", "//\n", "[1,", '"a":', "\n", "1", "{}", '"a', "*/"],
)
def test_no_text_stalls_it(piece: str) -> None:
    """Twice the text costs about twice the time, not four times: counted in processor time, the best of a few."""
    small, large = piece * (LARGEST // 8 // len(piece)), piece * (LARGEST // len(piece))
    assert min(costs(large) for _ in range(5)) < 8 * 8 * min(costs(small) for _ in range(5)) / 2 + 0.005


def test_many_keys_cost_no_more_than_their_length() -> None:
    keys = ",\n".join(f'"k{n}":1' for n in range(20_000))
    document = parsed("{" + keys + "}")
    assert document.lines["k0"] == 1
    assert document.lines["k19999"] == 20_000
    nested = parsed('{"a":\n{"b":1},\n"c":2}')
    assert nested.lines == {"a": 1, "c": 3}
