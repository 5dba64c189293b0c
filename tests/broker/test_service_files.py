"""Service definitions: what is valid, what is refused and why, how two generations stand beside each other."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker.definition_builder import explicit_instance, private_broker, shared_broker
from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.file_places import Folder, definitions_folder
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.service_file import Generation, Installed, decoded, file_path, install, load, uninstall
from iapeer_memory.broker.service_files import enumerate_definitions, load_combined, scan
from iapeer_memory.broker.wire_v1.service import ServiceDefinition as FirstDefinition
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import Unreadable
from tests.support.broker_files import UID

VALID = ServiceDefinition(service_name="memoryd", binary_path="/opt/memoryd")
BOTH = pytest.mark.parametrize("generation", [1, 2])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "services"
    made.mkdir(mode=0o700)
    return made


def put(folder: Path, definition: ServiceDefinition, generation: Generation, name: str | None = None) -> Path:
    """A file as a writer without checks would leave it."""
    path = Path(file_path(str(folder), name or definition.service_name, generation))
    path.write_bytes(encode(definition))
    return path


def loaded(files: Files, folder: Path, generation: Generation, name: str = "memoryd") -> Installed | None:
    return load(files, str(folder), name, generation, uid=UID)


@pytest.mark.parametrize(
    ("env", "platform", "found"),
    [
        ({}, "linux", Folder("/h/.config/running-process/services", "platform-default")),
        ({"XDG_CONFIG_HOME": "/x/"}, "linux", Folder("/x/running-process/services", "platform-default")),
        ({"XDG_CONFIG_HOME": ""}, "linux", Folder("/h/.config/running-process/services", "platform-default")),
        ({"XDG_CONFIG_HOME": "rel"}, "linux", Folder("/h/.config/running-process/services", "platform-default")),
        ({"RUNNING_PROCESS_SERVICE_DEF_DIR": "/d/"}, "linux", Folder("/d", "env:RUNNING_PROCESS_SERVICE_DEF_DIR")),
        ({}, "darwin", Folder("/h/Library/Application Support/running-process/services", "platform-default")),
        ({"APPDATA": "C:\\a"}, "win32", Folder("C:\\a\\running-process\\services", "platform-default")),
    ],
)
def test_where_definitions_lie(env: dict[str, str], platform: str, found: Folder) -> None:
    assert definitions_folder(env, home="/h", platform=platform) == found


@BOTH
def test_what_is_installed_is_loaded(door: Door, tmp_path: Path, generation: Generation) -> None:
    folder = tmp_path / "new/services"
    built = (
        shared_broker("memoryd", "/opt/memoryd")
        .per_version_binary_dir("/opt")
        .min_version("1.2.3")
        .version_allow_list("1.2.3", "1.3.0-rc.1")
        .label("team", "a")
        .label("tier", "b")
        .build()
    )
    path, changed = install(door.files, str(folder), built, generation, uid=UID)
    assert changed and Path(path).stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    assert loaded(door.files, folder, generation) == Installed(built, generation, path)
    assert install(door.files, str(folder), built, generation, uid=UID) == (path, False)
    assert os.listdir(folder) == [os.path.basename(path)]


def test_generation_2_tells_of_an_http_server_and_generation_1_does_not(door: Door, folder: Path) -> None:
    built = private_broker("memoryd", "/opt/memoryd").http_server(health_path="/healthz")
    built.install_in(door.files, str(folder), uid=UID, generation=1)
    built.install_in(door.files, str(folder), uid=UID)
    first, second = loaded(door.files, folder, 1), loaded(door.files, folder, 2)
    assert first and first.definition.http_server is None
    assert second and second.definition == built.build()
    assert replace(second.definition, http_server=None) == first.definition


WRONG = [
    (replace(VALID, binary_path=""), "path", "binary_path must not be empty"),
    (replace(VALID, binary_path="bin/memoryd"), "path", "binary_path must be absolute"),
    (replace(VALID, binary_path="/opt/a\0b"), "path", "binary_path must not hold control characters"),
    (replace(VALID, per_version_binary_dir="opt"), "path", "per_version_binary_dir must be absolute"),
    (replace(VALID, min_version="1.0"), "version", "min_version '1.0': version must be MAJOR.MINOR.PATCH in digits"),
    (replace(VALID, version_allow_list=("1.0.0", "v1.0.0")), "version", "version_allow_list 'v1.0.0': version must be"),
    (replace(VALID, explicit_instance="a"), "isolation", "explicit_instance must be empty unless isolation is EXPL"),
    (replace(VALID, isolation=1, explicit_instance="a"), "isolation", "explicit_instance must be empty unless"),
    (replace(VALID, isolation=2), "isolation", "EXPLICIT_INSTANCE requires explicit_instance"),
    (replace(VALID, isolation=2, explicit_instance="A"), "isolation", "explicit_instance 'A': uppercase letters"),
    (replace(VALID, isolation=7), "isolation", "unknown BrokerIsolation value 7"),
    (replace(VALID, service_name="other"), "mismatch", "file is named for 'memoryd' but defines 'other'"),
    (replace(VALID, service_name=""), "name", "service name must be at least 1 character"),
    (replace(VALID, service_name="../x"), "name", "only lowercase ASCII letters, digits, and '-' allowed"),
]


@BOTH
@pytest.mark.parametrize(("definition", "fault", "reason"), WRONG, ids=[reason for _, _, reason in WRONG])
def test_a_wrong_definition_is_not_loaded(
    door: Door, folder: Path, generation: Generation, definition: ServiceDefinition, fault: str, reason: str
) -> None:
    path = put(folder, definition, generation, "memoryd")
    with pytest.raises(DefinitionRefused) as caught:
        loaded(door.files, folder, generation)
    assert (caught.value.fault, caught.value.path) == (fault, str(path)) and caught.value.reason.startswith(reason)


@BOTH
@pytest.mark.parametrize("definition", [wrong for wrong, fault, _ in WRONG if fault != "mismatch"])
def test_a_wrong_definition_is_not_written(
    door: Door, folder: Path, generation: Generation, definition: ServiceDefinition
) -> None:
    with pytest.raises(DefinitionRefused):
        install(door.files, str(folder / "new"), definition, generation, uid=UID)
    assert os.listdir(folder) == []


@BOTH
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
def test_a_folder_that_others_may_use_is_refused(door: Door, folder: Path, generation: Generation, mode: int) -> None:
    put(folder, VALID, generation)
    folder.chmod(mode)
    for act in (
        lambda: loaded(door.files, folder, generation),
        lambda: load_combined(door.files, str(folder), "memoryd", uid=UID),
        lambda: scan(door.files, str(folder), uid=UID),
    ):
        with pytest.raises(DefinitionRefused, match="open to others") as caught:
            act()
        assert caught.value.fault == "insecure-folder" and caught.value.remedy == f"chmod 700 {folder}"
    assert enumerate_definitions(door.files, str(folder), uid=UID) == ()


@BOTH
def test_the_folder_of_somebody_else_is_refused(door: Door, folder: Path, generation: Generation) -> None:
    put(folder, VALID, generation)
    with pytest.raises(DefinitionRefused, match="another user"):
        load(door.files, str(folder), "memoryd", generation, uid=UID + 1)
    with pytest.raises(DefinitionRefused, match="another user"):
        install(door.files, str(folder), VALID, generation, uid=UID + 1)


@BOTH
def test_what_is_no_definition_file(door: Door, folder: Path, generation: Generation) -> None:
    path = Path(file_path(str(folder), "memoryd", generation))
    assert loaded(door.files, folder, generation) is None
    assert loaded(door.files, folder / "absent", generation) is None
    path.write_bytes(b"\x0a\xff")
    with pytest.raises(DefinitionRefused, match="is not a service definition"):
        loaded(door.files, folder, generation)
    path.unlink()
    path.mkdir()
    with pytest.raises(Unreadable):
        loaded(door.files, folder, generation)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(DefinitionRefused) as caught:
        load_combined(door.files, str(folder), "memoryd", uid=UID)
    assert caught.value.fault == "unreadable"
    path.unlink()
    path.write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(Unreadable, match="larger"):
        loaded(door.files, folder, generation)


def test_generation_2_counts_and_is_never_passed_over_when_it_is_broken(door: Door, folder: Path) -> None:
    put(folder, VALID, 1)

    def binary() -> str:
        found = load_combined(door.files, str(folder), "memoryd", uid=UID)
        assert found is not None
        return found.definition.binary_path

    assert binary() == "/opt/memoryd"
    second = put(folder, replace(VALID, binary_path="/opt/two"), 2)
    assert binary() == "/opt/two"
    put(folder, replace(VALID, binary_path="/opt/three"), 2)
    assert binary() == "/opt/three"  # nothing is remembered
    second.write_bytes(b"\xff")
    with pytest.raises(DefinitionRefused) as caught:
        load_combined(door.files, str(folder), "memoryd", uid=UID)
    assert caught.value.path == str(second)
    assert enumerate_definitions(door.files, str(folder), uid=UID) == ()
    second.unlink()
    assert binary() == "/opt/memoryd"
    assert load_combined(door.files, str(folder), "other", uid=UID) is None


def test_a_scan_tells_of_every_file_and_an_enumeration_of_those_that_load(door: Door, folder: Path) -> None:
    put(folder, replace(VALID, service_name="b"), 1)
    put(folder, replace(VALID, service_name="a"), 2)
    put(folder, replace(VALID, service_name="a", binary_path="/old"), 1)
    put(folder, replace(VALID, binary_path=""), 2)
    put(folder, VALID, 1, "Bad")
    (folder / "notes.txt").write_text("x")
    (folder / ".b.servicedef.0123456789ab.iapeer-memory.tmp").write_text("half")
    found = scan(door.files, str(folder), uid=UID)
    assert [(os.path.basename(one.path), one.generation, one.installed is not None) for one in found] == [
        ("Bad.servicedef", 1, False), ("a.servicedef", 1, True), ("a.servicedef.v2", 2, True),
        ("b.servicedef", 1, True), ("memoryd.servicedef.v2", 2, False),
    ]  # fmt: skip
    assert all((one.refused is None) is (one.installed is not None) for one in found)
    counts = enumerate_definitions(door.files, str(folder), uid=UID)
    assert [(one.definition.service_name, one.definition.binary_path) for one in counts] == [
        ("a", "/opt/memoryd"), ("b", "/opt/memoryd"),
    ]  # fmt: skip
    assert scan(door.files, str(folder / "absent"), uid=UID) == ()


def test_uninstall_removes_both_generations_and_nothing_else(door: Door, folder: Path) -> None:
    for generation in (1, 2):
        put(folder, VALID, generation)
    put(folder, replace(VALID, service_name="memoryd-2"), 1)
    removed = uninstall(door.files, str(folder), "memoryd")
    assert [os.path.basename(path) for path in removed] == ["memoryd.servicedef.v2", "memoryd.servicedef"]
    assert os.listdir(folder) == ["memoryd-2.servicedef"]
    assert uninstall(door.files, str(folder), "memoryd") == ()
    with pytest.raises(DefinitionRefused):
        uninstall(door.files, str(folder), "../x")


def test_a_link_in_the_folder_is_replaced_and_what_it_leads_to_is_not(door: Door, folder: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (folder / "memoryd.servicedef").symlink_to(theirs)
    path, changed = install(door.files, str(folder), VALID, 1, uid=UID)
    assert changed and not Path(path).is_symlink() and theirs.read_text() == "theirs"


def test_generation_1_is_byte_for_byte_its_own_message(door: Door, folder: Path) -> None:
    built = explicit_instance("memoryd", "/opt/memoryd", "mine").build()
    path, _ = install(door.files, str(folder), built, 1, uid=UID)
    first = FirstDefinition(
        service_name="memoryd", binary_path="/opt/memoryd", isolation=2, explicit_instance="mine"
    )  # fmt: skip
    assert Path(path).read_bytes() == encode(first)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_definition_or_are_refused(data: bytes) -> None:
    try:
        definition = decoded(data, "/x", "memoryd")
    except DefinitionRefused:
        return
    assert definition.service_name == "memoryd" and definition.binary_path.startswith("/")
