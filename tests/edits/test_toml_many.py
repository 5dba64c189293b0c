"""Many tables in one step give the bytes that one by one gives, both ways; what is not plain is done one by one."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.edits.ops import Delete, Op, Set
from iapeer_memory.edits.toml_edit import edit_toml, undo_toml

HEADS = (
    b"",
    b"\xef\xbb\xbf",
    b'model = "x"\n',
    b'# mine\r\n[projects."/a"]\r\ntrust_level = "trusted" # yes\r\n\r\n\r\n',
    b'[hooks.state."k0"]\ntrusted_hash = "h"\nenabled = false\n[z]\na = 1',
    b'[hooks.state]\n[hooks.state."k0"]\ntrusted_hash = "h"\n\n# end\n',
    b"[hooks]\nx = 1\n",
    b'hooks = { state = { k0 = { trusted_hash = "h" } } }\n',
    b'hooks.state.k0.trusted_hash = "h"\n',
    b'[hooks.state]\nk0 = { trusted_hash = "h" }\n[projects]\n"/b" = { trust_level = "trusted" }\n',
    b"[[hooks.other]]\na = 1\n",
)
KEYS = st.sampled_from(["k0", "k1", "k2", "k3", "k4", "/p q/hooks.json:stop:0:0", "\u00fc"])
PATHS = st.one_of(
    KEYS.map(lambda key: ("hooks", "state", key, "trusted_hash")),
    KEYS.map(lambda key: ("hooks", "state", key, "more")),
    KEYS.map(lambda key: ("projects", key, "trust_level")),
    KEYS.map(lambda key: ("mcp_servers", key)),
)


def one_by_one(data: bytes | None, ops: list[Op]) -> bytes | None:
    for op in ops:
        data = edit_toml(data, [op], name="f").data
    return data


def value_of(path: tuple[str, ...]) -> Any:
    return {"url": "u"} if path[0] == "mcp_servers" else "v"


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(HEADS), st.lists(PATHS, min_size=4, max_size=10, unique=True))
def test_the_meaning_is_that_of_one_by_one_and_it_comes_out_to_the_byte(
    head: bytes, paths: list[tuple[str, ...]]
) -> None:
    adds: list[Op] = [Set(path, value_of(path)) for path in paths]
    edited = edit_toml(head, adds, name="f")
    assert edited.data is not None
    assert tomllib.loads(edited.data.decode().removeprefix("\ufeff")) == tomllib.loads(
        (one_by_one(head, adds) or b"").decode().removeprefix("\ufeff")
    )
    assert undo_toml(edited.data, edited.undo, name="f") == head
    other = edited.data + b"\n[mine]\nx = 1\n"
    assert tomllib.loads((undo_toml(other, edited.undo, name="f") or b"").decode().removeprefix("\ufeff")) == {
        **tomllib.loads(head.decode().removeprefix("\ufeff")),
        "mine": {"x": 1},
    }
    gone: list[Op] = [Delete(path, prune=True) for path in paths]
    left = edit_toml(edited.data, gone, name="f").data
    assert left is not None
    assert tomllib.loads(left.decode().removeprefix("\ufeff")) == tomllib.loads(
        (one_by_one(edited.data, gone) or b"").decode().removeprefix("\ufeff")
    )


@pytest.mark.parametrize("head", HEADS[:5] + HEADS[10:], ids=range(6))
def test_plain_ones_give_the_very_bytes_of_one_by_one(head: bytes) -> None:
    adds: list[Op] = [
        op
        for n in range(1, 6)
        for op in (
            Set(("hooks", "state", f"/p{n}:stop:0:0", "trusted_hash"), f"sha256:{n}"),
            Set(("projects", f"/p{n}", "trust_level"), "trusted"),
        )
    ]
    edited = edit_toml(head, adds, name="f").data
    assert edited == one_by_one(head, adds)
    assert edited is not None
    gone: list[Op] = [Delete(op.path, prune=True) for op in adds]
    assert edit_toml(edited, gone, name="f").data == one_by_one(edited, gone)


def test_a_thousand_are_read_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    real = tomllib.loads

    def counted(text: str) -> dict[str, Any]:
        nonlocal reads
        reads += len(text)
        return real(text)

    adds: list[Op] = [Set(("hooks", "state", f"/p{n}:stop:0:0", "trusted_hash"), "sha256:x") for n in range(1000)]
    monkeypatch.setattr(tomllib, "loads", counted)
    edited = edit_toml(b'[hooks.state."k0"]\ntrusted_hash = "h"\n', adds, name="f")
    left = edit_toml(edited.data, [Delete(op.path, prune=True) for op in adds], name="f")
    assert left.data == b'[hooks.state."k0"]\ntrusted_hash = "h"\n'
    assert reads < 12 * len(edited.data or b"")


def test_the_last_element_of_a_list_is_pruned_with_its_table() -> None:
    head = b"[a]\nx = 1\n\n"
    text = head + b'[s]\nroots = ["/v"]\n\n[mine]\ny = 1\n'
    gone: list[Op] = [Delete(("s", "roots", 0), prune=True)]
    assert edit_toml(text, gone, name="f").data == head + b"[mine]\ny = 1\n"
    kept = text.replace(b'"/v"', b'"/u", "/v"')
    assert edit_toml(kept, [Delete(("s", "roots", 1), prune=True)], name="f").data == text.replace(b"/v", b"/u")
