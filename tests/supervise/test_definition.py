"""memoryd's service definition: what it says, what counts as drift, and what cannot be told to a broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.service_file import file_path
from iapeer_memory.broker.service_files import load_combined, scan
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.supervise.definition import Declaration, definition, executable
from tests.support.broker_files import UID


@pytest.fixture
def declaration(door: Door, tmp_path: Path) -> Declaration:
    paths = Paths.from_env({"HOME": str(tmp_path)}, os_home=str(tmp_path))
    return Declaration(door.files, str(tmp_path / "services"), paths, UID)


def test_both_generations_name_the_same_executable(declaration: Declaration) -> None:
    assert declaration.write("/r/bin/memoryd")
    found = scan(declaration.files, declaration.folder, uid=UID)
    assert [one.generation for one in found] == [1, 2]
    told = [one.installed.definition for one in found if one.installed]
    assert told == [definition(declaration.paths, "/r/bin/memoryd")] * 2
    assert declaration.problem("/r/bin/memoryd") is None
    assert not declaration.write("/r/bin/memoryd"), "a second time writes nothing"
    assert declaration.remove() == 2
    assert scan(declaration.files, declaration.folder, uid=UID) == ()


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("how", ["missing", "of another runtime", "garbage", "not private"])
def test_drift_is_seen_and_mended(declaration: Declaration, generation: int, how: str) -> None:
    declaration.write("/r/bin/memoryd")
    path = Path(file_path(declaration.folder, declaration.paths.service, 1 if generation == 1 else 2))
    match how:
        case "missing":
            path.unlink()
        case "of another runtime":
            good = path.read_bytes()
            path.write_bytes(good.replace(b"/r/bin/memoryd", b"/s/bin/memoryd"))
        case "garbage":
            path.write_bytes(b"\xff" * 40)
        case _:
            path.parent.chmod(0o755)
    assert declaration.problem("/r/bin/memoryd") is not None
    assert declaration.write("/r/bin/memoryd") is (how != "not private")
    assert declaration.problem("/r/bin/memoryd") is None
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_other_services_of_the_folder_stay(declaration: Declaration) -> None:
    declaration.write("/r/bin/memoryd")
    other = Path(declaration.folder) / "other.servicedef"
    other.write_bytes(b"")
    declaration.remove()
    assert other.exists() and [p.name for p in Path(declaration.folder).iterdir()] == ["other.servicedef"]


def test_two_installations_of_one_user_have_two_definitions(declaration: Declaration, tmp_path: Path) -> None:
    home = str(tmp_path / "other")
    second = Declaration(declaration.files, declaration.folder, Paths.from_env({"HOME": home}, os_home=home), UID)
    declaration.write("/r/bin/memoryd")
    second.write("/s/bin/memoryd")
    for one, program in ((declaration, "/r/bin/memoryd"), (second, "/s/bin/memoryd")):
        found = load_combined(one.files, one.folder, one.paths.service, uid=UID)
        assert found is not None and found.definition.binary_path == program


@pytest.mark.parametrize("program", ["/r\udcff/bin/memoryd", "/r\n/bin/memoryd"])
def test_a_path_that_no_definition_can_hold_is_refused(declaration: Declaration, program: str) -> None:
    with pytest.raises(DefinitionRefused, match=r"UTF-8|control characters"):
        declaration.problem(program)
    with pytest.raises(DefinitionRefused):
        declaration.write(program)
    assert not Path(declaration.folder).exists()


def test_only_an_executable_of_the_current_runtime_is_named(declaration: Declaration) -> None:
    paths = declaration.paths
    assert executable(declaration.files, paths) is None
    runtime = Path(paths.runtimes) / "1.0-0123456789ab"
    (runtime / "bin").mkdir(parents=True)
    Path(paths.current_runtime).symlink_to(runtime.name)
    assert executable(declaration.files, paths) is None
    program = runtime / "bin" / "memoryd"
    program.write_text("")
    assert executable(declaration.files, paths) is None, "it cannot be run"
    program.chmod(0o755)
    assert executable(declaration.files, paths) == str(program), "the runtime's real path, not the link's"
