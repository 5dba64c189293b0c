"""An interpreter of a daemon's own: its file, its hash, and that a launcher without arguments can start it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.broker.exe import entry_line, place_copy, private_copy, why_unfit
from iapeer_memory.broker.handle import BackendHandle, open_handle
from iapeer_memory.broker.identity import ExecutableHashes
from tests.support.backends import LANE, ROOT, SECONDS, Bed, bed, our_backend, until

BASE = os.path.realpath(sys.executable)
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def host() -> Iterator[Bed]:
    with bed() as made:
        yield made


def environment_of(host: Bed, name: str) -> Path:
    """A virtual environment without an interpreter that sees our modules."""
    root = host.folder / name
    modules = root / "lib" / f"python{VERSION}" / "site-packages"
    modules.mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(f"home = {os.path.dirname(BASE)}\n")
    sites = [path for path in sys.path if path.endswith("site-packages")]
    (modules / "here.pth").write_text("\n".join([str(ROOT), *sites]) + "\n")
    (modules / "memoryd-entry.pth").write_bytes(entry_line("memoryd", ("-m", "tests.support.sdk_child")))
    return root


def placed(host: Bed, name: str, mark: str) -> Path:
    program = environment_of(host, name) / "bin" / "memoryd"
    assert place_copy(host.door, interpreter=BASE, program=str(program), mark=mark)
    return program


def test_a_copy_is_placed_once_and_works(host: Bed) -> None:
    program = placed(host, "env", "one")
    assert program.stat().st_mode & 0o777 == 0o755
    assert not place_copy(host.door, interpreter=BASE, program=str(program), mark="one")
    assert place_copy(host.door, interpreter=BASE, program=str(program), mark="two")
    assert why_unfit(host.door, str(program), prefix=str(host.folder / "env")) is None


def test_a_link_to_the_interpreter_is_replaced_and_the_interpreter_is_not(host: Bed) -> None:
    base = host.folder / "python"
    base.write_bytes(Path(BASE).read_bytes())
    before = base.read_bytes()
    program = host.folder / "memoryd"
    program.symlink_to(base)
    assert place_copy(host.door, interpreter=str(base), program=str(program), mark="one")
    assert not program.is_symlink()
    assert base.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "marked"), [(b"\x7fELF...", True), (b"\xcf\xfa\xed\xfe", False), (b"#!/bin/sh", False)]
)
def test_only_a_format_that_allows_it_is_marked(content: bytes, marked: bool) -> None:
    copy = private_copy(content, "0.6.0-0123456789ab")
    assert copy.startswith(content)
    assert (copy != content) is marked
    assert copy == private_copy(content, "0.6.0-0123456789ab")


def test_a_copy_that_does_not_work_is_found_out(host: Bed) -> None:
    broken = host.folder / "broken"
    broken.write_bytes(Path(BASE).read_bytes()[:100])
    broken.chmod(0o755)
    assert "does not run" in (why_unfit(host.door, str(broken), prefix="/") or "")
    program = placed(host, "env", "one")
    (host.folder / "env" / "pyvenv.cfg").unlink()
    assert "another interpreter" in (why_unfit(host.door, str(program), prefix=str(host.folder / "env")) or "")


@pytest.mark.skipif(not private_copy(Path(BASE).read_bytes(), "x").endswith(b"x\n"), reason="needs a format with marks")
def test_two_builds_are_two_executables(host: Bed) -> None:
    claims = []
    for name in ("one", "two"):
        with our_backend(host, python=str(placed(host, name, name))):
            claims.append(host.sidecar())
    one, two = claims
    assert one and two
    assert one.process.exe_path != two.process.exe_path
    assert one.process.exe_hash != two.process.exe_hash


def test_started_without_arguments_by_a_launcher_that_is_not_ours(host: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = pytest.importorskip("running_process_service")
    program = placed(host, "env", "one")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(host.folder))
    spec = peer.ServiceSpec(host.name, "1.0.0", LANE, command=[str(program)], env=host.environment(NAME=host.name))
    client = peer.ServiceClient.connect(spec)
    try:
        until(lambda: client.state == "up")
        client.send(b"hi")
        assert until(client.try_recv).payload == b"pong:hi"
        claim = host.sidecar()
        assert claim is not None
        assert claim.process.exe_path == str(program)
        handle = open_handle(host.door, ExecutableHashes(), claim, host.wanted())
        assert isinstance(handle, BackendHandle), handle
        with handle:
            client.close()
            handle.shutdown(SECONDS)
    finally:
        client.close()
