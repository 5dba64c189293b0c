"""Folders for one user alone: what counts as private, and what making one will not do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from iapeer_memory.broker.private_folder import is_private, make_private, why_not_private
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import UnsafePath

UID = os.getuid()


def test_made_with_its_parents_and_closed(door: Door, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private(door.files, str(folder), UID)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert is_private(door.files, str(folder), UID)
    make_private(door.files, str(folder), UID)


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o710, 0o777, 0o704])
def test_open_to_others_is_not_private_and_is_mended(door: Door, tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(mode)
    assert f"{mode:04o}" in why(door, folder)
    make_private(door.files, str(folder), UID)
    assert is_private(door.files, str(folder), UID)


@pytest.mark.parametrize("place", ["/", "/tmp", "/tmp/", "/etc"])
def test_folders_of_the_whole_host_are_not_closed(door: Door, place: str) -> None:
    before = os.stat(place).st_mode
    with pytest.raises(UnsafePath):
        make_private(door.files, place, os.stat(place).st_uid)
    assert os.stat(place).st_mode == before


def test_a_shared_folder_is_not_closed(door: Door, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(0o1777)
    with pytest.raises(UnsafePath, match="whole host"):
        make_private(door.files, str(folder), UID)


def test_another_owner_is_not_private_whatever_the_mode(door: Door, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir(0o700)
    assert "another user" in why(door, folder, UID + 1)
    found = why_not_private(door.files, str(folder), UID + 1)
    assert found is not None and found.remedy.startswith("sudo mv "), "what is another's only root moves away"
    with pytest.raises(UnsafePath):
        make_private(door.files, str(folder), UID + 1)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_followed(door: Door, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o755)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(UnsafePath, match="link"):
        make_private(door.files, str(tmp_path / "link"), UID)
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o755


def test_a_file_is_no_folder(door: Door, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnsafePath) as refused:
        make_private(door.files, str(tmp_path / "file"), UID)
    assert "fix: mv " in refused.value.line()
    assert (tmp_path / "file").read_text() == "x"


def test_where_everybody_may_exchange_it_nothing_is_private(door: Door, tmp_path: Path) -> None:
    above = tmp_path / "above"
    folder = above / "mine"
    folder.mkdir(0o700, parents=True)
    above.chmod(0o777)
    assert "everybody may write" in why(door, folder)
    above.chmod(0o1777)
    assert is_private(door.files, str(folder), UID)


@pytest.mark.skipif(UID != 0, reason="only root gives folders away")
def test_below_somebody_elses_folder_nothing_is_private(door: Door, tmp_path: Path) -> None:
    above = tmp_path / "above"
    (above / "mine").mkdir(0o700, parents=True)
    os.chown(above, 4242, -1)
    assert "uid 4242" in why(door, above / "mine")
    with pytest.raises(UnsafePath, match="uid 4242") as refused:
        make_private(door.files, str(above / "new" / "one"), UID)
    assert "XDG_RUNTIME_DIR" in refused.value.line()
    assert not (above / "new").exists()


def test_what_is_not_there(door: Door, tmp_path: Path) -> None:
    assert why(door, tmp_path / "no") == "does not exist"


@pytest.mark.parametrize("wrong", ["open", "a file", "below an open folder", "not there"])
def test_the_remedy_mends_it_when_run_also_where_names_have_blanks(door: Door, tmp_path: Path, wrong: str) -> None:
    above = tmp_path / "of a user's"
    folder = above / "run time"
    above.mkdir(0o700)
    if wrong == "a file":
        folder.write_text("theirs")
    elif wrong != "not there":
        folder.mkdir(0o700)
    if wrong == "open":
        folder.chmod(0o755)
    elif wrong == "below an open folder":
        above.chmod(0o777)
    found = why_not_private(door.files, str(folder), UID)
    assert found is not None
    subprocess.run(["/bin/sh", "-ec", found.remedy], check=True)
    make_private(door.files, str(folder), UID)
    assert is_private(door.files, str(folder), UID)
    assert wrong != "a file" or (above / "run time.away").read_text() == "theirs"


def why(door: Door, folder: Path, uid: int = UID) -> str:
    found = why_not_private(door.files, str(folder), uid)
    return found.reason if found else ""
