"""Where a user's runtime folder is: as the environment says, else where a login makes it, never somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

from iapeer_memory.broker.surroundings import runtime_folder
from iapeer_memory.egress.real import real_door

FILES = real_door().files
NOBODY = 4_000_000_000


def test_the_environment_wins_and_macos_has_none() -> None:
    env = {"XDG_RUNTIME_DIR": "/somewhere"}
    assert runtime_folder(FILES, env, uid=os.getuid(), platform="linux") == "/somewhere"
    assert runtime_folder(FILES, {}, uid=os.getuid(), platform="darwin") == ""


def test_without_a_word_it_is_the_folder_of_the_login_where_there_is_one() -> None:
    login = Path(f"/run/user/{os.getuid()}")
    expected = str(login) if login.is_dir() and login.stat().st_uid == os.getuid() else ""
    assert runtime_folder(FILES, {}, uid=os.getuid(), platform="linux") == expected
    assert runtime_folder(FILES, {}, uid=NOBODY, platform="linux") == ""
