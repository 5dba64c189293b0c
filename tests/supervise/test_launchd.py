"""The launchd agent as text and words; not yet run on macOS."""

from __future__ import annotations

import plistlib

from iapeer_memory.domain.paths import Paths
from iapeer_memory.supervise.launchd import agent_path, agent_text, load_words, print_words, restart_words, unload_words

PATHS = Paths.from_env({"HOME": "/Users/a & b"}, os_home="/")


def test_the_agent_is_a_property_list_with_our_launcher() -> None:
    agent = plistlib.loads(agent_text(PATHS))
    assert agent["ProgramArguments"] == [PATHS.launcher]
    assert agent["Label"] == "iapeer-memory-memoryd"
    assert agent["StandardErrorPath"] == PATHS.daemon_log
    assert agent["KeepAlive"] is True and agent["RunAtLoad"] is True
    assert agent["Umask"] == 0o077


def test_the_words() -> None:
    assert agent_path(PATHS) == "/Users/a & b/Library/LaunchAgents/iapeer-memory-memoryd.plist"
    assert load_words(PATHS, 501) == ("/bin/launchctl", "bootstrap", "gui/501", agent_path(PATHS))
    assert unload_words(501)[1:] == ("bootout", "gui/501/iapeer-memory-memoryd")
    assert restart_words(501)[1:] == ("kickstart", "-k", "gui/501/iapeer-memory-memoryd")
    assert print_words(501)[1:] == ("print", "gui/501/iapeer-memory-memoryd")
