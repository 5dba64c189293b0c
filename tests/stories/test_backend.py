"""memoryd as brokers see it: declared by init, mended by a repair, gone after uninstall."""

from __future__ import annotations

from pathlib import Path

from iapeer_memory.broker.service_file import file_path, load
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.real import real_door
from iapeer_memory.supervise.definition import GENERATIONS
from tests.support.bed import Bed
from tests.support.broker_files import UID


def service(bed: Bed) -> str:
    return Paths.from_env({"HOME": str(bed.home)}, os_home=str(bed.home)).service


def definitions(bed: Bed) -> Path:
    return bed.home / ".config" / "running-process" / "services"


def program_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/exe").readlink())


def test_init_declares_the_executable_that_memoryd_runs(bed: Bed) -> None:
    bed.init("alpha")
    found = load(real_door().files, str(definitions(bed)), service(bed), 2, uid=UID)
    assert found is not None
    (pid,) = bed.daemons()
    assert found.definition.binary_path == program_of(pid)
    assert found.definition.per_version_binary_dir == str(Path(program_of(pid)).parent)
    assert bed.findings()["service-definition"]["status"] == "ok"


def test_a_definition_that_was_changed_or_lost_is_put_back(bed: Bed) -> None:
    bed.init("alpha")
    first, second = (Path(file_path(str(definitions(bed)), service(bed), one)) for one in GENERATIONS)
    good = second.read_bytes()
    first.unlink()
    second.write_bytes(b"\xff\xff")
    (bed.state / "memoryd.env").unlink()
    found = bed.findings()
    assert (found["service-definition"]["status"], found["launcher"]["status"]) == ("fail", "fail")
    bed.ok("verify", "--repair")
    assert (first.exists(), second.read_bytes()) == (True, good)
    assert bed.findings()["service-definition"]["status"] == "ok"
