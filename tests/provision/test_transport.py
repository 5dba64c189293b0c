"""Which transport a host gets and why, and who else logs in on it, told from files as real systems have them."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.host import HostChoices, Transport
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import SupervisorName
from iapeer_memory.domain.settings import parse_env
from iapeer_memory.provision.accounts import others
from iapeer_memory.provision.host import ConfigFile, Host, Wishes, load_host
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.transport import choose, told
from iapeer_memory.surfaces.shims import environment, moved

LATE = HostChoices().supervisor
"""The one that waits for a session."""
PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash
# a comment
ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash
bob:x:1001:1001::/home/bob:/usr/bin/zsh
build:x:1002:1002::/srv/build:/usr/sbin/nologin
mail:x:1003:1003::/srv/mail:/bin/false
plain:x:1004:1004::/home/plain:
half:x:1005
word:x:many:1::/:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/sh
+::::::
"""


def linux(root: Path, passwd: str = PASSWD, logged_in: tuple[str, ...] = (), defs: str = "UID_MIN\t\t\t 1000\n") -> str:
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(passwd)
    (root / "etc/login.defs").write_text(defs)
    for name in logged_in:
        (root / "run/user" / name).mkdir(parents=True)
    return str(root)


ONLY_ME = PASSWD.replace("bob:x:1001", "bob:x:201").replace("plain:x:1004", "plain:x:204")


@pytest.mark.parametrize(
    ("files", "uid", "found"),
    [
        ({}, 1000, ("bob", "plain")),
        ({}, 0, ("ada", "bob", "plain")),
        ({"passwd": ONLY_ME}, 1000, ()),
        ({"passwd": ONLY_ME, "logged_in": ("1000", "42")}, 1000, ()),
        ({"passwd": ONLY_ME, "logged_in": ("1000", "1002", "70001", "x")}, 1000, ("build", "uid 70001")),
        ({"defs": "# UID_MIN 5\n UID_MIN 1004\n"}, 0, ("plain",)),
        ({"defs": "UID_MIN many\n"}, 0, ("ada", "bob", "plain")),
        ({"passwd": ""}, 1000, ()),
        ({"passwd": "b\x1b[31mb:x:2000:1::/:/bin/sh\n"}, 1000, ("b\\x1b[31mb",)),
    ],
)
def test_others_on_linux(
    tmp_path: Path, door: Door, files: dict[str, object], uid: int, found: tuple[str, ...]
) -> None:
    assert others(door.files, uid=uid, platform="linux", root=linux(tmp_path, **files)) == found  # type: ignore[arg-type]


def test_others_on_macos(tmp_path: Path, door: Door) -> None:
    """The owner of a home is one that this process can make: in the test it is everybody else who is somebody else."""
    mine = os.getuid() or 1234
    for name in ("ada", "Shared"):
        (tmp_path / "Users" / name).mkdir(parents=True)
        os.chown(tmp_path / "Users" / name, mine, -1)
    (tmp_path / "Users/.localized").write_text("")
    root = str(tmp_path)
    assert others(door.files, uid=mine, platform="darwin", root=root) == ()
    assert others(door.files, uid=mine + 1, platform="darwin", root=root) == (("Shared", "ada") if mine > 500 else ())


@pytest.mark.parametrize("platform", ["linux", "darwin", "freebsd14"])
def test_a_machine_that_tells_nothing_has_nobody_else(tmp_path: Path, door: Door, platform: str) -> None:
    assert others(door.files, uid=1000, platform=platform, root=str(tmp_path)) == ()
    (tmp_path / "etc/passwd").mkdir(parents=True)
    (tmp_path / "Users").write_text("")
    assert others(door.files, uid=1000, platform=platform, root=str(tmp_path)) == ()


def test_the_whole_table() -> None:
    """A setting, then the core, then the others, then who starts memoryd."""
    rows = product(
        (None, "http", "attach"), (True, False), ("notifier", "unit", "elsewise"), ((), ("bob",)), (0, 40, -1)
    )
    for wish, core, supervisor, accounts, spare in rows:
        choice = choose(wish, "set.env", with_core=core, supervisor=supervisor, accounts=accounts, spare=spare)  # type: ignore[arg-type]
        better = "attach" if not core and (accounts or supervisor == "elsewise") else "http"
        assert choice.transport == ((wish or better) if spare >= 0 else "http"), (wish, core, supervisor, accounts)
        assert ("set.env" in choice.why) is (wish == "http" or (wish == "attach" and spare >= 0))
        free = wish is None and not core and spare >= 0
        assert ("bob" in choice.why) is (free and accounts != ())
        assert ("too long" in choice.why) is (spare < 0 and wish != "http" and not core)


def test_a_reason_stays_one_line() -> None:
    many = tuple(f"user{n}" for n in range(50))
    why = choose(None, "default", spare=1, with_core=False, supervisor="unit", accounts=many).why
    assert "user0, user1, user2 and 47 more" in why and len(why) < 120


def host(door: Door, *, setting: str = "", home: str = "/home/u", **choices: object) -> Host:
    """A host that was settled before, with these choices; with a setting in its file."""
    lines, _ = parse_env(f"IAPEER_MEMORY_TRANSPORT={setting}\n")
    env = {"HOME": home, "PATH": ""}
    paths = Paths.from_env(env, os_home=home)
    found = load_host(door, env, ConfigFile(True, lines), paths, version="1", build="1", wishes=Wishes())
    return replace(found, choices=HostChoices(**choices), choices_known=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", ["http", "attach"])
@pytest.mark.parametrize("supervisor", [LATE, "unit"])
def test_what_was_decided_stays(door: Door, kept: Transport, supervisor: SupervisorName) -> None:
    found = settle(host(door, transport=kept, supervisor=supervisor))
    assert found.choices.transport == kept and told(found).startswith(f"{kept}: ")


@pytest.mark.parametrize(("kept", "setting"), [("http", "attach"), ("attach", "http")])
def test_a_setting_wins_with_the_core_too(door: Door, kept: Transport, setting: str) -> None:
    for core in (None, "/opt/iapeer"):
        found = settle(host(door, setting=setting, transport=kept, core=core))
        assert found.choices.transport == setting and told(found) == f"{setting}: set in config.env"


def test_the_core_brings_its_own_way(door: Door) -> None:
    found = settle(host(door, transport="attach", core="/opt/iapeer"))
    assert found.choices.transport == "http" and told(found) == "http: as the core's peers do"


def test_a_folder_too_deep_for_a_socket_keeps_the_port(door: Door) -> None:
    """memoryd could serve no session there, whatever a setting says."""
    found = settle(host(door, setting="attach", home=f"/home/{'d' * 80}"))
    assert found.choices.transport == "http" and "too long for a socket" in told(found)


def test_a_word_that_is_none_of_ours_decides_nothing(door: Door) -> None:
    assert settle(host(door, setting="pigeon", transport="attach")).choices.transport == "attach"


def test_a_decision_that_would_fall_otherwise_today_says_how_to_change_it(door: Door) -> None:
    found = settle(host(door, transport="http", supervisor=LATE))
    assert told(found).startswith("http: decided earlier; today it would be attach: ")
    assert told(found).endswith("to change it: iapeer-memory config set TRANSPORT attach, then: iapeer-memory update")


PLACES = ("IAPEER_ROOT", "IAPEER_MEMORY_STATE_DIR", "IAPEER_MEMORY_BINARY_PATH", "CODEX_HOME", "CLAUDE_CONFIG_DIR",
          "XDG_CONFIG_HOME", "IAPEER_MEMORY_CONFIG_FILE", "IAPEER_MEMORY_DB_PATH")  # fmt: skip


@pytest.mark.parametrize("names", [(), *((name,) for name in PLACES), PLACES, PLACES[:3]])
def test_what_the_bridge_is_told_of_moved_folders(names: tuple[str, ...]) -> None:
    """Nothing more than what was moved, and the same paths come out of it."""
    given = {name: f"/srv/{name.lower()}" for name in names}
    paths = Paths.from_env({"HOME": "/home/u", **given}, os_home="/home/u")
    assert moved(paths) == given
    again = Paths.from_env({"HOME": "/home/u", **moved(paths)}, os_home="/home/u")
    assert environment(again) == environment(paths)
