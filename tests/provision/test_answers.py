"""What init accepts before it changes anything."""

from __future__ import annotations

from os.path import realpath
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import UsageError
from iapeer_memory.domain.settings import Settings
from iapeer_memory.provision.answers import absolute, check_choice, check_vault


def settings(vault: str = "") -> Settings:
    """Settings with a vault."""
    return Settings({"IAPEER_MEMORY_VAULT_PATH": vault})


def test_a_flag_gives_the_vault_and_none_means_ask(tmp_path: Path) -> None:
    assert check_vault(str(tmp_path), settings(), {}, realpath) == str(tmp_path)
    assert check_vault(None, settings(), {}, realpath) is None
    assert check_vault(None, settings("/v"), {}, realpath) == "/v"


def test_the_same_place_by_another_name_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "link").symlink_to("notes")
    assert check_vault(str(tmp_path / "link"), settings(str(tmp_path / "notes")), {}, realpath) == str(
        tmp_path / "link"
    )


def test_a_second_vault_is_refused_and_both_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        check_vault("/new", settings("/old"), {}, realpath)
    assert "/old" in caught.value.line() and "/new" in caught.value.line() and "environment" in caught.value.line()


@pytest.mark.parametrize("path", ["/a\nb", "/a\0b"])
def test_a_line_break_in_a_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        check_vault(path, settings(), {}, realpath)


def test_a_tilde_is_this_home() -> None:
    assert absolute("~/notes", {"HOME": "/h"}) == "/h/notes"


def test_words_of_a_short_list() -> None:
    assert check_choice(None, ("en", "ru"), "--locale", "en") == "en"
    assert check_choice("ru", ("en", "ru"), "--locale", "en") == "ru"
    with pytest.raises(UsageError, match="--locale must be one of en, ru, not 'de'"):
        check_choice("de", ("en", "ru"), "--locale", "en")
