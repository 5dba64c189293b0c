"""Settings files become tiers: byte for byte, under the label of the place, and never when they may not be sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iapeer_memory.attach import control
from iapeer_memory.attach.bodies import Identity, Tier, attach_request
from iapeer_memory.attach.reader import CONTROL_CAP
from iapeer_memory.attach.tier_files import LARGEST_DOC, PROJECT, USER, TierFiles, project_file
from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.egress.files import RealFiles


@pytest.fixture(params=[BareFiles, RealFiles])
def files(request: pytest.FixtureRequest) -> BareFiles | RealFiles:
    """Both kinds of reader give the same."""
    made: BareFiles | RealFiles = request.param()
    return made


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The user's file."""
    path = tmp_path / "mine.jsonc"
    path.write_text("{}")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the project's is looked for."""
    path = Path(project_file(f"{tmp_path}/p/"))
    assert path == tmp_path / "p" / ".iapeer" / "memory.jsonc"
    path.parent.mkdir(parents=True)
    return path


def look(files: BareFiles | RealFiles, mine: Path, tmp_path: Path) -> TierFiles:
    found = TierFiles(files, str(mine), f"{tmp_path}/p")
    found.read()
    return found


def test_files_become_tiers(files: BareFiles | RealFiles, mine: Path, place: Path, tmp_path: Path) -> None:
    mine.write_bytes("{ // é\r\n}".encode())
    place.write_text('{ "user": true }')
    found = look(files, mine, tmp_path)
    assert found.tiers == (Tier(USER, str(mine), "{ // é\r\n}"), Tier(PROJECT, str(place), '{ "user": true }'))
    assert found.unread == ()


def test_what_is_not_there_is_no_tier(files: BareFiles | RealFiles, mine: Path, tmp_path: Path) -> None:
    mine.unlink()
    found = look(files, mine, tmp_path)
    assert (found.tiers, found.unread) == ((), ())
    mine.symlink_to(tmp_path / "nowhere")
    assert not found.read()


def test_a_change_is_seen(files: BareFiles | RealFiles, mine: Path, place: Path, tmp_path: Path) -> None:
    found = look(files, mine, tmp_path)
    assert not found.read()
    place.write_text('{"results": 1}')
    assert found.read() and not found.read()
    stamp = place.stat()
    place.write_text('{"results": 2}')
    os.utime(place, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert found.read()
    place.write_bytes(b"\xff")
    assert found.read() and found.unread
    place.unlink()
    assert found.read() and not found.unread


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("folder", ""),
        ("fifo", ""),
        ("10 MB", "larger"),
        ("swells", "larger"),
        ("bytes", "it is not UTF-8"),
        ("half", "it is not UTF-8"),
        ("loop", ""),
        ("shut", ""),
        ("out", "it is a link that leaves the project"),
        ("folder out", "it is a link that leaves the project"),
    ],
)
def test_files_that_are_not_sent(
    what: str, why: str, files: BareFiles | RealFiles, mine: Path, place: Path, tmp_path: Path
) -> None:  # fmt: skip
    if what == "folder":
        place.mkdir()
    elif what == "fifo":
        os.mkfifo(place)
    elif what == "10 MB":
        place.write_bytes(b" " * (10 << 20))
    elif what == "swells":
        place.write_bytes(b"//" + b"\0" * (LARGEST_DOC // 4))
    elif what == "bytes":
        place.write_bytes(b'{"a": "\xff"}')
    elif what == "half":
        place.write_bytes(b'"\xed\xa0\x80"')
    elif what == "loop":
        place.symlink_to(place)
    elif what == "shut":
        if os.getuid() == 0:
            pytest.skip("root reads everything")
        place.write_text("{}")
        place.chmod(0)
    elif what == "out":
        place.symlink_to(mine)
    else:
        place.parent.rmdir()
        (tmp_path / "memory.jsonc").write_text("{}")
        place.parent.symlink_to(tmp_path)
    found = look(files, mine, tmp_path)
    assert found.tiers == (Tier(USER, str(mine), "{}"),)
    [line] = found.unread
    assert line.startswith(f"{place}: ") and why in line


def test_a_link_within_the_project_is_followed(
    files: BareFiles | RealFiles, mine: Path, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "p" / "shared.jsonc").write_text('{"results": 3}')
    place.symlink_to("../shared.jsonc")
    assert look(files, mine, tmp_path).tiers[1] == Tier(PROJECT, str(place), '{"results": 3}')


def test_the_largest_tiers_fit_into_an_attach(
    files: BareFiles | RealFiles, mine: Path, place: Path, tmp_path: Path
) -> None:
    """Whatever is sent is taken: a large file must not cost the session."""
    for path in (mine, place):
        path.write_bytes(b"\n" * (LARGEST_DOC // 2 - 1))
    found = look(files, mine, tmp_path)
    assert len(found.tiers) == 2
    body = attach_request(Identity(str(tmp_path), "x", "y"), found.tiers)
    assert len(body) <= CONTROL_CAP
    assert isinstance(control.asked(body), control.Attach)
