"""Builders: each step is a new value, defaults are those of the original, nothing wrong is ever built."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.broker.definition_builder import DefinitionBuilder, explicit_instance, private_broker, shared_broker
from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.registry import scan
from iapeer_memory.broker.service_files import load_combined
from iapeer_memory.broker.wire_v1.manifest import CacheRootKind, StorageDisposition
from iapeer_memory.broker.wire_v1.process import DaemonProcess
from iapeer_memory.domain.door import Door
from tests.support.broker_files import UID, Desk, desk_in


@pytest.fixture
def desk(door: Door, tmp_path: Path) -> Desk:
    return desk_in(door, tmp_path)


@pytest.mark.parametrize(
    ("builder", "isolation", "instance"),
    [
        (private_broker("a", "/b"), 0, ""),
        (shared_broker("a", "/b"), 1, ""),
        (explicit_instance("a", "/b", "mine"), 2, "mine"),
    ],
)
def test_each_kind_of_isolation(builder: DefinitionBuilder, isolation: int, instance: str) -> None:
    definition = builder.build()
    assert (definition.isolation, definition.explicit_instance) == (isolation, instance)


def test_a_step_leaves_the_one_before_as_it_was() -> None:
    first = private_broker("a", "/b")
    second = first.label("x", "1").label("y", "2").label("x", "3").version_allow_list("1.0.0", "1.1.0")
    assert dict(first.build().labels) == {} and first.build().version_allow_list == ()
    assert dict(second.build().labels) == {"x": "3", "y": "2"}
    assert second.build().version_allow_list == ("1.0.0", "1.1.0")


@pytest.mark.parametrize(
    "wrong",
    [
        private_broker("", "/b"),
        private_broker("A", "/b"),
        private_broker("a", "b"),
        private_broker("a", "/b").min_version("1"),
        private_broker("a", "/b").version_allow_list("x"),
        private_broker("a", "/b").per_version_binary_dir("x"),
        explicit_instance("a", "/b", ""),
    ],
)
def test_nothing_wrong_is_built_or_written(desk: Desk, wrong: DefinitionBuilder) -> None:
    with pytest.raises(DefinitionRefused):
        wrong.build()
    with pytest.raises(DefinitionRefused):
        wrong.install(desk.around)
    assert not desk.definitions.exists()


def test_into_the_users_folders(desk: Desk) -> None:
    path = shared_broker("memoryd", "/b").install(desk.around)
    assert path == f"{desk.definitions}/memoryd.servicedef.v2"
    found = load_combined(desk.door.files, str(desk.definitions), "memoryd", uid=UID)
    assert found is not None and found.path == path
    registered = desk.manifest().register(desk.around)
    assert [entry.path for entry in scan(desk.door.files, str(desk.registry), uid=UID)] == [registered]


def test_a_manifest_in_the_making(desk: Desk) -> None:
    process = DaemonProcess(pid=7)
    built = desk.manifest().rebuildable("/i", excluding=("*.keep",)).precious("/n").daemon(process).active(9).build()
    index, notes = built.roots
    assert (index.kind, index.disposition, index.exclude_globs) == (
        CacheRootKind.INDEX, StorageDisposition.PRUNE_ON_UNINSTALL, ("*.keep",),
    )  # fmt: skip
    assert (notes.kind, notes.disposition) == (CacheRootKind.DATA, StorageDisposition.NEVER_PRUNE)
    assert (built.current_daemon, built.last_active_unix_ms) == (process, 9)
    policy = built.cleanup_policy
    assert policy is not None
    assert (policy.dormant_after_secs, policy.keep_last_n_versions, policy.keep_current) == (2592000, 2, True)
    assert built.host is not None and built.host.boot_id == desk.around.here.boot_id
