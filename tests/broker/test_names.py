"""What sockets are called and where they lie, on each system, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from blake3 import blake3

from iapeer_memory.broker import names
from iapeer_memory.broker.names import BadName, PathTooLong, Place
from iapeer_memory.broker.sid import sid_hash

USER = "0123456789abcdef"
SECRET = "00112233445566778899aabbccddeeff"
LINUX = Place("linux", 1000, "/home/u", runtime="/run/user/1000")
BARE = replace(LINUX, runtime="")
MAC = Place("darwin", 501, "/Users/u", temp="/var/folders/xy/T/")
WINDOWS = Place("win32", 0, r"C:\Users\u", local_data=r"C:\Users\u\AppData\Local")


def digest(text: str, digits: int = 16) -> str:
    return blake3(text.encode()).hexdigest()[:digits]


def test_a_hash_is_the_start_of_blake3_over_user_and_machine() -> None:
    assert sid_hash(1000, "abc") == digest("1000:abc")
    # Observed on a real host: uid 0 and this machine id.
    assert sid_hash(0, "3d1219c7c4c5404aaa1f6d2a48adfda4") == "fabb4490c21b4bbc"
    assert sid_hash(1001, "abc") != sid_hash(1000, "abc") != sid_hash(1000, "abd")


@pytest.mark.parametrize(
    ("leaf", "wanted"),
    [
        (names.shared_leaf(USER), f"rpb-v1-{USER}-shared"),
        (names.service_leaf(USER, "a-b"), f"rpb-v1-{USER}-svc-a-b"),
        (names.instance_leaf(USER, "x"), f"rpb-v1-{USER}-inst-x"),
        (names.backend_leaf(USER, SECRET), f"rpb-v1-{USER}-be-{SECRET}"),
        (names.v2_name("memoryd", USER), f"rpb-v2-memoryd-{USER}-0"),
        (names.v2_name("memoryd", USER, 1), f"rpb-v2-memoryd-{USER}-1"),
    ],
)
def test_leaves(leaf: str, wanted: str) -> None:
    assert leaf == wanted


LEAF = names.shared_leaf(USER)
NAME = names.v2_name("memoryd", USER)
RP = "/running-process"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (names.v1_socket(LINUX, LEAF), f"/run/user/1000{RP}/broker/{LEAF}.sock"),
        (names.v1_socket(BARE, LEAF), f"/tmp/running-process-1000/broker/{LEAF}.sock"),
        (names.v1_socket(MAC, LEAF), f"/var/folders/xy/T/.rp-501/{digest(LEAF)}.sock"),
        (names.v1_socket(replace(MAC, temp=""), LEAF), f"/tmp/.rp-501/{digest(LEAF)}.sock"),
        (names.v1_socket(WINDOWS, LEAF), rf"\\.\pipe\{LEAF}"),
        (names.v2_socket(LINUX, NAME), f"/run/user/1000{RP}/broker-v2/{NAME}.sock"),
        (names.v2_socket(BARE, NAME), f"/tmp/running-process-1000/broker-v2/{NAME}.sock"),
        (names.v2_socket(MAC, NAME), f"/var/folders/xy/T/.rp-501-broker-v2/{digest(NAME)}.sock"),
        (names.v2_socket(WINDOWS, NAME), NAME),
        (names.service_socket(LINUX, "s"), f"/run/user/1000{RP}/broker-v2/rp-svc-s-default.sock"),
        (names.state_folder(LINUX), f"/run/user/1000{RP}/broker-v2"),
        (names.state_folder(BARE), f"/home/u/.cache{RP}/broker-v2"),
        (names.state_folder(MAC), "/var/folders/xy/T/rp-broker-v2"),
        (names.state_folder(WINDOWS), r"C:\Users\u\AppData\Local\running-process\broker-v2"),
        (names.daemon_identity_file(LINUX, "s"), f"/run/user/1000{RP}/broker-v2/daemon-s.json"),
        (names.http_port_file(LINUX, "p"), f"/run/user/1000{RP}/broker-v2/broker-v2-p.http_port"),
        (names.service_identity_file(LINUX, "s"), f"/run/user/1000{RP}/services/s.identity.json"),
        (names.service_identity_file(BARE, "s"), f"/home/u/.local/share{RP}/services/s.identity.json"),
        (names.service_spawn_lock(LINUX, "s"), f"/run/user/1000{RP}/services/s.spawn.lock"),
        (names.v1_folder(LINUX), f"/run/user/1000{RP}/broker"),
        (names.v2_folder(MAC), "/var/folders/xy/T/.rp-501-broker-v2"),
        (names.v2_folder(WINDOWS), ""),
    ],
)
def test_places(found: str, wanted: str) -> None:
    assert found == wanted


@pytest.mark.parametrize("runtime", ["", "relative", "./x"])
def test_a_runtime_folder_that_is_not_absolute_counts_as_not_set(runtime: str) -> None:
    assert names.v1_folder(replace(LINUX, runtime=runtime)) == "/tmp/running-process-1000/broker"


@pytest.mark.parametrize(
    "bad",
    [
        lambda: names.service_leaf(USER, "../x"),
        lambda: names.service_leaf(USER, "Upper"),
        lambda: names.instance_leaf(USER, ""),
        lambda: names.shared_leaf("short"),
        lambda: names.shared_leaf(USER.upper()),
        lambda: names.backend_leaf(USER, SECRET[:-1]),
        lambda: names.backend_leaf(USER, SECRET.upper()),
        lambda: names.v2_name("a/b", USER),
        lambda: names.v2_name("a", USER, -1),
        lambda: names.daemon_identity_file(LINUX, ".."),
        lambda: names.service_socket(LINUX, "a/../../b"),
    ],
)
def test_nothing_but_names_goes_into_a_path(bad: object) -> None:
    assert callable(bad)
    with pytest.raises(BadName):
        bad()


@pytest.mark.parametrize(("platform", "budget"), [("linux", 107), ("darwin", 103)])
def test_a_path_fits_to_the_byte(platform: str, budget: int) -> None:
    assert names.fitting("/" * budget, platform=platform)
    assert names.room_left("é", platform=platform) == budget - 2
    with pytest.raises(PathTooLong, match=rf"\({budget + 1} > {budget}\)"):
        names.fitting("/" * (budget + 1), platform=platform)


def test_a_path_that_is_too_long_says_what_helps() -> None:
    deep = replace(LINUX, runtime="/run/" + "d" * 60)
    with pytest.raises(PathTooLong) as refused:
        names.v1_socket(deep, names.service_leaf(USER, "a" * 64))
    assert refused.value.line().startswith("derived path exceeds Linux sun_path (")
    assert "XDG_RUNTIME_DIR" in refused.value.line()


def test_on_macos_and_windows_every_name_fits() -> None:
    longest = names.service_leaf(USER, "a" * 64)
    second = names.v2_name("a" * 64, USER, 10)
    assert max(len(names.v1_socket(MAC, longest)), len(names.v2_socket(MAC, second))) <= 103
    assert names.v1_socket(WINDOWS, longest).endswith(longest)


def test_programs_and_indices_have_sockets_of_their_own() -> None:
    made = {names.v2_socket(MAC, names.v2_name(p, USER, i)) for p in ("a", "b") for i in (0, 1)}
    assert len(made) == 4


def test_an_install_path_has_a_broker_of_its_own_whoever_asks() -> None:
    scope = names.path_scope("/opt/a", platform="linux")
    assert scope == digest("running-process:broker-install-path:v1\0/opt/a")
    assert scope != names.path_scope("/opt/b", platform="linux")
    name = names.v2_name("memoryd", scope)
    text = f"running-process:path-scoped-socket:v1\0{name}"
    assert names.path_scoped_socket(name, platform="linux") == f"/tmp/.rp-path-{digest(text, 32)}.sock"
    same = {names.path_scope(path, platform="win32") for path in (r"C:\Opt\A", "c:/opt/a")}
    assert len(same) == 1
