"""The pins: exact versions, no registry named. Needs no harness."""

from __future__ import annotations

import json
import os
import re

from tests.support.harness.npm import PINS, harnesses, install_folder, pins_digest


def read(name: str) -> str:
    with open(os.path.join(PINS, name), encoding="utf-8") as stream:
        return stream.read()


def test_every_pin_is_one_version() -> None:
    package = json.loads(read("package.json"))
    pins = {**package["dependencies"], **package["optionalDependencies"]}
    assert pins["@anthropic-ai/claude-code"] == "2.1.329"
    assert pins["@openai/codex"] == "0.169.0"
    assert [name for name, version in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_lock_names_no_registry_and_checks_every_package() -> None:
    text = read("package-lock.json")
    lock = json.loads(text)["packages"]
    assert "://" not in text
    assert [name for name, one in lock.items() if name and "integrity" not in one] == []


def test_the_lock_holds_what_the_pins_say() -> None:
    package, lock = json.loads(read("package.json")), json.loads(read("package-lock.json"))["packages"]
    assert lock[""]["dependencies"] == package["dependencies"]
    assert lock[""]["optionalDependencies"] == package["optionalDependencies"]


def test_a_folder_without_its_mark_is_not_an_installation(tmp_path: object) -> None:
    env = {"IAPEER_MEMORY_TEST_CACHE": str(tmp_path)}
    os.makedirs(os.path.join(install_folder(env), "node_modules"))
    assert install_folder(env).endswith(pins_digest())
    assert harnesses(env) is None
