"""The slot: revisions read, the declaration written, and whose it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer_memory.ecosystem.slot import dump, parse, verdict, want_slot

PATH = "/root/memory-provider.json"
WANT = want_slot("0.5.0", "/home/me/.local/bin/iapeer-memory", "/s/memoryd.heartbeat", "2026-07-03T10:00:00.000Z")

WRITTEN = """{
  "provider": "iapeer-memory",
  "package": "pypi:iapeer-memory",
  "version": "0.5.0",
  "registeredAt": "2026-07-03T10:00:00.000Z",
  "heartbeat": "/s/memoryd.heartbeat",
  "provision": {
    "command": "/home/me/.local/bin/iapeer-memory",
    "args": [
      "provision-peer",
      "--cwd",
      "{cwd}",
      "--runtime",
      "{runtime}",
      "--personality",
      "{personality}",
      "--occasion",
      "{occasion}"
    ]
  },
  "unprovision": {
    "command": "/home/me/.local/bin/iapeer-memory",
    "args": [
      "unprovision-peer",
      "--cwd",
      "{cwd}",
      "--runtime",
      "{runtime}",
      "--occasion",
      "{occasion}"
    ]
  }
}
"""


def of(**changes: Any) -> bytes:
    raw = {**WANT, **changes}
    return json.dumps({k: v for k, v in raw.items() if v is not None}).encode()


def test_the_bytes_of_the_declaration() -> None:
    assert dump(WANT).decode() == WRITTEN
    assert dump(WANT, WRITTEN.encode()).decode() == WRITTEN


@pytest.mark.parametrize(
    ("data", "state", "problem"),
    [
        (None, "empty", f"declaration missing at {PATH}"),
        (b"", "empty", "names no provider"),
        (b"{", "empty", "names no provider"),
        (b"[]", "empty", "names no provider"),
        (b'{"provider": " "}', "empty", "names no provider"),
        (b'{"provider": 3}', "empty", "names no provider"),
        (b'{"provider": "acme-memory"}', "foreign", "belongs to acme-memory"),
        (of(provider="acme\nmemory"), "foreign", "acme\\nmemory"),
        (of(), "ours-v12-ok", ""),
        (of(registeredAt="whenever", extra=1), "ours-v12-ok", ""),
        (of(version="0.4.17"), "ours-drifted", "declares v0.4.17, package is v0.5.0"),
        (of(version=3), "ours-drifted", "declares v?, package is v0.5.0"),
        (of(provision=None), "ours-drifted", "provision-command block missing"),
        (of(provision={"command": "/x", "args": []}), "ours-drifted", "provision-command block drifted"),
        (of(unprovision=3), "ours-drifted", "unprovision-command block drifted"),
        (of(package="@agfpd/iapeer-memory"), "ours-drifted", "declares package @agfpd/iapeer-memory"),
        (of(heartbeat=None), "ours-drifted", "heartbeat path drifted"),
        (of(plugin={"name": "iapeer-memory", "marketplace": "agfpd"}), "ours-v11", "v1.1"),
        (b'{"provider": "iapeer-memory", "version": "0.2.0", "plugin": null}', "ours-v11", "v1.1"),
        (b'{"provider": " iapeer-memory ", "version": "0.1.0"}', "ours-drifted", "provision-command block missing"),
    ],
)
def test_whose_it_is_and_what_is_wrong(data: bytes | None, state: str, problem: str) -> None:
    found = verdict(data, WANT, PATH)
    assert found.state == state
    assert problem in found.problem
    assert (found.problem == "") is (state == "ours-v12-ok")


def test_keys_of_other_makers_stay_and_the_legacy_block_goes() -> None:
    old = of(plugin={"name": "iapeer-memory"}, version="0.2.0", dataRoots=["/v"])
    new = json.loads(dump(WANT, old))
    assert new == {**WANT, "dataRoots": ["/v"]}
    assert list(new)[-1] == "dataRoots"


def test_nothing_is_taken_over_from_a_foreign_slot() -> None:
    assert dump(WANT, of(provider="acme", dataRoots=["/v"])) == dump(WANT)


def test_a_slot_without_version_is_read() -> None:
    slot = parse(b'{"provider": "acme"}')
    assert slot is not None
    assert (slot.provider, slot.version, slot.ours, slot.legacy) == ("acme", "", False, False)
