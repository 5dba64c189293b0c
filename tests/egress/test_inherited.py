"""Taking over a listener that somebody else bound: only that one, and not for our own children."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from iapeer_memory.egress.executables import executable_path, image_path
from iapeer_memory.egress.inherited import inherited_listener


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listening(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(path)
    made.listen()
    return made


def test_it_listens_and_goes_no_further() -> None:
    with listening("a.sock") as made:
        os.set_inheritable(made.fileno(), True)
        taken = inherited_listener(os.dup(made.fileno()), "a.sock")
    with taken, socket.socket(socket.AF_UNIX) as client:
        assert not taken.get_inheritable()
        assert not taken.getblocking()
        client.connect("a.sock")
        taken.accept()[0].close()


def test_anything_else_is_refused_and_left_open() -> None:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind("b.sock")
    with listening("a.sock") as other, bound, socket.socket() as tcp, Path("file").open("w") as file:
        tcp.listen()
        for fd in (other.fileno(), bound.fileno(), tcp.fileno(), file.fileno()):
            with pytest.raises(OSError, match="inherited descriptor"):
                inherited_listener(fd, "b.sock")
            os.fstat(fd)
        with pytest.raises(OSError, match="inherited descriptor"):
            inherited_listener(10_000, "b.sock")


def test_the_kernel_says_which_file_we_run() -> None:
    path = executable_path(os.getpid())
    assert path is not None
    assert os.path.samefile(image_path(os.getpid(), path), path)
    assert executable_path(0x7FFFFFFF) is None
