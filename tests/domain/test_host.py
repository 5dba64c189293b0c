"""host.json: what was decided comes back; what cannot be true is refused with the file's name."""

from __future__ import annotations

import pytest

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.domain.host import HostChoices, load, supervisor_named


def test_what_is_written_reads_back() -> None:
    choices = HostChoices("unit", 9000, "http", "/usr/bin/iapeer", ("codex",), True, True, ("/dotfiles",))
    assert load(choices.dump(), "host.json") == choices
    assert load(None, "host.json") == HostChoices()


def test_a_supervisor_of_former_times_is_the_broker() -> None:
    choices = load(b'{"schema": 1, "supervisor": "detached"}', "host.json")
    assert choices.supervisor == "broker" == supervisor_named("detached")
    assert b"detached" not in choices.dump()
    assert supervisor_named("cron") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"schema": 2}', '{"schema": 1, "port": 0}', '{"schema": 1, "port": "8766"}',
        '{"schema": 1, "port": true}', '{"schema": 1, "supervisor": "cron"}', '{"schema": 1, "core": 5}',
        '{"schema": 1, "follow": "x"}',
    ],
)  # fmt: skip
def test_what_cannot_be_true_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        load(text.encode(), "/s/host.json")
    assert caught.value.line().startswith("/s/host.json:") and "fix: " in caught.value.line()
