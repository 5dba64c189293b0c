"""Cleanup: what goes, what stays and why; nothing that somebody could miss ever goes."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.cleanup.carry_out import carry_out
from iapeer_memory.broker.cleanup.ground import Ground
from iapeer_memory.broker.cleanup.listing import listed, listing
from iapeer_memory.broker.cleanup.lives import lives
from iapeer_memory.broker.cleanup.plan import Plan, planned
from iapeer_memory.broker.cleanup.request import Request, parse_age
from iapeer_memory.broker.cleanup.sight import Sight, lies_in, takes
from iapeer_memory.broker.cleanup.verify import document, exit_code, verify
from iapeer_memory.broker.definition_builder import private_broker
from iapeer_memory.broker.identity import ExecutableHashes, describe
from iapeer_memory.broker.liveness import Life
from iapeer_memory.broker.manifest_builder import recorded
from iapeer_memory.broker.manifest_file import write_beside
from iapeer_memory.broker.names import service_identity_file, v1_folder
from iapeer_memory.broker.registry import scan
from iapeer_memory.broker.sidecar import Sidecar, write_sidecar
from iapeer_memory.broker.wire_v1.manifest import CacheRoot, CacheRootKind, CleanupPolicy, StorageDisposition
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door, FileKind, FileStat
from iapeer_memory.domain.errors import UsageError
from iapeer_memory.egress.readonly import ReadOnlyViolation, read_only
from tests.support.broker_files import UID, Desk, desk_in, reasons

NOT_PRUNABLE = "root disposition is not prunable"
PRUNE = Request("prune", dormant_after=0, keep_last=0, keep_current=False)


@pytest.fixture
def desk(door: Door, tmp_path: Path) -> Desk:
    return desk_in(door, tmp_path)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until it is told to end."""
    child = subprocess.Popen(["sleep", "600"])
    yield child
    child.kill()
    child.wait()


def claim(desk: Desk, pid: int, socket_path: str = "") -> DaemonProcess:
    """What a live process would claim."""
    info = desk.door.processes.info(pid)
    assert info is not None and info.started_at is not None
    return describe(
        desk.door, ExecutableHashes(), pid=pid, endpoint=Endpoint(path=socket_path),
        boot_id=desk.around.here.boot_id, started_at=info.started_at,
    )  # fmt: skip


def root(path: Path, kind: int = CacheRootKind.INDEX, disposition: int = 0, **more: object) -> CacheRoot:
    return replace(CacheRoot(path=str(path), kind=kind, disposition=disposition), **more)  # type: ignore[arg-type]


def test_an_uninstall_takes_what_can_be_made_again_and_leaves_the_rest(desk: Desk) -> None:
    index, notes, kept = desk.folder("index"), desk.folder("notes"), desk.folder("kept")
    manifest = desk.manifest().rebuildable(str(index)).precious(str(notes))
    manifest = manifest.root(root(kept, disposition=StorageDisposition.PRESERVE_ACROSS_UNINSTALL))
    first, second = desk.register(manifest.build()), desk.register(manifest.build(), 2)
    dry = desk.uninstall(confirm=False)
    assert index.exists() and first.exists() and second.exists()
    document = dry.as_json()
    assert document["schema_version"] == 1 and document["refused"] == []
    assert document["actions"][0] == {  # type: ignore[index]
        "service_name": "memoryd", "service_version": "1.0.0", "path": str(index), "reason": "uninstall-dry-run",
        "deleted": False, "skipped": False, "skip_reason": None, "target": "root", "bytes": 20,
    }  # fmt: skip
    done = desk.uninstall()
    assert [(action.path, action.skip_reason) for action in done.actions] == [
        (action.path, action.skip_reason) for action in dry.actions
    ]
    assert {action.path for action in done.actions if action.deleted} == {str(index), str(first), str(second)}
    assert NOT_PRUNABLE in str(reasons(done)["notes"]) and NOT_PRUNABLE in str(reasons(done)["kept"])
    assert not index.exists() and notes.exists() and kept.exists() and os.listdir(desk.registry) == []
    assert desk.uninstall().actions == ()


@pytest.mark.parametrize("kind", range(12))
@pytest.mark.parametrize("disposition", range(7))
@pytest.mark.parametrize("named", [False, True])
def test_what_goes_by_kind_and_disposition(desk: Desk, kind: int, disposition: int, named: bool) -> None:
    folder = desk.folder("x")
    path = desk.register(desk.manifest().root(root(folder, kind, disposition)).build())
    done = desk.uninstall(named=frozenset([str(folder)] if named else []))
    disposable = kind in (2, 3, 4, 5, 7) or kind == CacheRootKind.CONFIG
    goes = disposition in (0, 2, 4) and (disposable or named)
    assert folder.exists() is not goes
    assert path.exists() is (disposition in (0, 2, 4) and not goes)
    if disposition in (1, 3):
        assert reasons(done)["x"] == NOT_PRUNABLE


def test_configuration_is_kept_when_asked_and_never_pruned(desk: Desk) -> None:
    folder = desk.folder("config")
    path = desk.register(desk.manifest().root(root(folder, CacheRootKind.CONFIG)).build())
    assert "configuration, which" not in str(reasons(desk.clean(PRUNE))["config"])
    assert folder.exists() and path.exists()
    assert reasons(desk.uninstall(keep_config=True))["config"] == "configuration is kept"
    assert folder.exists() and not path.exists()


OVERLAPS = ["notes", "notes/deep", ".", "notes/../notes", "link", "link/deep"]


@pytest.mark.parametrize("where", OVERLAPS)
@pytest.mark.parametrize("told", ["own manifest", "another's manifest", "caller", "corrupt manifest", "in the cache"])
def test_nothing_in_or_around_the_notes_goes_whatever_a_manifest_says(desk: Desk, where: str, told: str) -> None:
    place = desk.home / "place"
    notes = desk.folder("place/notes", "a.md", "deep/b.md")
    (place / "link").symlink_to(notes)
    wanted = f"{place}/{where}".removesuffix("/.")
    liar = desk.manifest().root(CacheRoot(path=wanted, kind=CacheRootKind.INDEX))
    never: tuple[str, ...] = ()
    truth = desk.manifest("other", "2.0.0").precious(str(notes)).build()
    if told == "own manifest":
        liar = liar.precious(str(notes))
    elif told == "caller":
        never = (str(notes),)
    elif told == "in the cache":
        write_beside(desk.door.files, str(notes), truth, uid=UID)
        desk.register(desk.manifest("third").rebuildable(str(notes)).build())
    else:
        path = desk.register(truth)
        if told == "corrupt manifest":
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
    desk.register(liar.build())
    for request in (Request("uninstall", service="memoryd"), PRUNE):
        done = desk.clean(request, never=never)
        assert (notes / "a.md").read_text() == (notes / "deep/b.md").read_text() == "some text\n"
        mine = [action for action in done.actions if action.service_name == "memoryd" and action.path == wanted]
        if where != "link":  # the link may go, what it leads to does not
            assert all(action.skip_reason for action in mine)


def test_a_manifest_that_cannot_be_decoded_stops_every_deletion(desk: Desk) -> None:
    """What it protects is unknown."""
    index = desk.folder("index")
    path = desk.register(desk.manifest().rebuildable(str(index)).build())
    torn = desk.registry / "zz-1.0.0.pb"
    torn.write_bytes(b"\xff\xff")
    done = desk.uninstall()
    assert f"what {torn} protects is unknown" in str(reasons(done)["index"]) and index.exists() and path.exists()
    bare = desk.register(desk.manifest("bare").precious(str(desk.folder("notes"))).build())
    desk.uninstall("bare")
    assert bare.exists(), "it may be what protects its notes from the one that cannot be read"
    assert [error.path for error in done.refused] == [str(torn)]
    torn.unlink()
    assert desk.uninstall().refused == () and not index.exists()


def test_a_link_goes_and_what_it_leads_to_stays(desk: Desk) -> None:
    target = desk.folder("target")
    link, index = desk.home / "link", desk.folder("index")
    link.symlink_to(target)
    (index / "out").symlink_to(target)
    (index / "up").symlink_to(desk.home)
    desk.register(desk.manifest().rebuildable(str(link)).rebuildable(str(index)).build())
    desk.uninstall()
    assert not link.is_symlink() and not index.exists() and sorted(os.listdir(target)) == ["a", "sub"]


def test_files_and_sockets_are_roots_too(desk: Desk) -> None:
    (desk.home / "file").write_text("x")
    (desk.home / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(desk.home / "pipe")
    manifest = desk.manifest()
    for name in ("file", "pipe", "absent"):
        manifest = manifest.rebuildable(str(desk.home / name), kind=CacheRootKind.RUNTIME)
    path = desk.register(manifest.build())
    assert reasons(desk.uninstall()) == {"file": None, "pipe": None, "absent": "does not exist", path.name: None}
    assert not (desk.home / "file").exists() and not path.exists()


@pytest.mark.parametrize("path", ["index", "", "/", "//index", "/../x", "./index", "~/index", "/usr", "/a\0b"])
def test_a_path_that_is_no_root(desk: Desk, path: str) -> None:
    manifest = desk.register(desk.manifest().root(CacheRoot(path=path, kind=CacheRootKind.INDEX)).build())
    done = desk.uninstall()
    assert done.actions[0].skip_reason in ("is not a plain absolute path", "is a folder of the system")
    assert manifest.exists()


def test_no_folder_that_holds_the_home_or_our_files_goes(desk: Desk) -> None:
    desk.definitions.mkdir(parents=True)
    manifest = desk.manifest()
    (desk.home / ".cache").mkdir()
    for path in (desk.home, desk.home.parent, desk.home / ".local", desk.home / ".config", desk.home / ".cache"):
        manifest = manifest.rebuildable(str(path))
    desk.register(manifest.build())
    before = sorted(str(path) for path in desk.home.rglob("*"))
    assert all(action.skip_reason for action in desk.uninstall().actions)
    assert sorted(str(path) for path in desk.home.rglob("*")) == before


def test_what_another_version_uses_stays(desk: Desk) -> None:
    shared, own = desk.folder("cache"), desk.folder("own")
    old = desk.register(
        desk.manifest(version="1.0.0", age_days=90).rebuildable(f"{shared}/sub").rebuildable(str(own)).build()
    )
    new = desk.register(desk.manifest(version="1.1.0").rebuildable(str(shared)).build())
    done = desk.clean(replace(PRUNE, dormant_after=None))
    assert reasons(done) == {"sub": f"memoryd 1.1.0 keeps {shared}", "own": None, old.name: None}
    assert shared.exists() and not own.exists() and not old.exists() and new.exists()


def test_globs_that_a_root_excludes_stay(desk: Desk) -> None:
    index = desk.folder("index", "a.db", "keep/b", "deep/keep.txt", "deep/c")
    desk.register(desk.manifest().rebuildable(str(index), excluding=("keep", "deep/*.txt")).build())
    desk.uninstall()
    assert sorted(str(path.relative_to(index)) for path in index.rglob("*") if path.is_file()) == [
        "deep/keep.txt", "keep/b",
    ]  # fmt: skip


def test_what_one_root_excludes_no_other_root_deletes(desk: Desk) -> None:
    """The same folder without globs, the folder around it, a folder in it: of another version or generation."""
    index = desk.folder("cache/index", "a", "keep/b", "c/d.keep")
    excluding = desk.manifest(version="2.0.0").rebuildable(str(index), excluding=("keep", "*.keep"))
    desk.register(excluding.build())
    for version, path in (("1.0.0", index), ("1.1.0", index.parent), ("1.2.0", index / "c"), ("3.0.0", index / "keep")):
        desk.register(desk.manifest(version=version).rebuildable(str(path)).build(), 2)
    desk.uninstall()
    assert sorted(str(path.relative_to(index)) for path in index.rglob("*") if path.is_file()) == ["c/d.keep", "keep/b"]
    assert os.listdir(desk.registry) == []


def test_the_manifest_of_another_cache_stops_the_deletion(desk: Desk) -> None:
    index = desk.folder("index")
    write_beside(desk.door.files, str(index / "sub"), desk.manifest("other").build(), uid=UID)
    desk.register(desk.manifest().rebuildable(str(index)).build())
    assert "holds the manifest of another cache" in str(reasons(desk.uninstall())["index"]) and index.exists()
    write_beside(desk.door.files, str(index), desk.manifest().build(), uid=UID)
    (index / "sub/.running-process-manifest.pb").unlink()
    desk.uninstall()
    assert not index.exists()


def test_another_boot_of_this_machine_is_cleaned_up_and_another_machine_is_not(desk: Desk) -> None:
    here = recorded(desk.around.here)
    for number, host in enumerate((replace(here, boot_id="before"), replace(here, machine_id="elsewhere"), None)):
        index = desk.folder(f"index{number}")
        desk.register(replace(desk.manifest(version=f"1.0.{number}").rebuildable(str(index)).build(), host=host))
    desk.uninstall()
    assert [(desk.home / f"index{number}").exists() for number in range(3)] == [False, True, False]
    assert os.listdir(desk.registry) == ["memoryd-1.0.1.pb"]


def test_nothing_goes_while_the_daemon_lives(desk: Desk, sleeper: subprocess.Popen[bytes]) -> None:
    index = desk.folder("index")
    manifest = desk.manifest().rebuildable(str(index)).daemon(claim(desk, sleeper.pid)).build()
    path = desk.register(manifest)
    for request in (Request("uninstall", service="memoryd"), PRUNE):
        done = desk.clean(request)
        assert "its daemon is not proved dead" in str(reasons(done)["index"]) and index.exists() and path.exists()
    sleeper.kill()
    sleeper.wait()
    desk.uninstall()
    assert not index.exists() and not path.exists()


def test_a_pid_that_was_given_away_is_no_life(desk: Desk, sleeper: subprocess.Popen[bytes]) -> None:
    index = desk.folder("index")
    mine = claim(desk, sleeper.pid)
    other = replace(mine, exe_path="/opt/memoryd", started_at_unix_ms=mine.started_at_unix_ms - 3_600_000)
    desk.register(desk.manifest().rebuildable(str(index)).daemon(other).build())
    desk.uninstall()
    assert not index.exists() and sleeper.poll() is None


@pytest.mark.parametrize("boot", ["now", "before"])
def test_who_listens_on_the_daemons_socket_keeps_everything(desk: Desk, tmp_path: Path, boot: str) -> None:
    """Its manifest may be old; somebody uses the service all the same."""
    index = desk.folder("index")
    path = str(tmp_path / "r/s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    gone = DaemonProcess(
        pid=2**22 + 1, exe_path="/x", ipc_endpoint=Endpoint(path=path),
        boot_id=desk.around.here.boot_id if boot == "now" else boot,
    )  # fmt: skip
    desk.register(desk.manifest().rebuildable(str(index)).daemon(gone).build())
    assert f"somebody listens on {path}" in str(reasons(desk.uninstall())["index"])
    listener.close()
    desk.uninstall()
    assert not index.exists()


def test_a_sidecar_is_a_claim_too(desk: Desk, sleeper: subprocess.Popen[bytes]) -> None:
    """Generation 2 names no daemon; another version's daemon is that version's."""
    index, old = desk.folder("index"), desk.folder("old")
    process = claim(desk, sleeper.pid)
    info = desk.door.processes.info(sleeper.pid)
    assert info is not None
    path = service_identity_file(desk.around.place, "memoryd")
    write_sidecar(desk.door.files, path, Sidecar(process, started=info.started))
    desk.register(desk.manifest().rebuildable(str(index)).build(), 2)
    assert f"pid {sleeper.pid} runs" in str(reasons(desk.uninstall())["index"])
    desk.register(desk.manifest(version="1.1.0").daemon(process).build())
    desk.register(desk.manifest(version="0.9.0").rebuildable(str(old)).build())
    desk.clean(replace(PRUNE, version="0.9.0"))
    assert not old.exists()
    Path(path).write_text("{")
    assert "identity file cannot be used" in str(reasons(desk.uninstall())["index"]) and index.exists()


def test_a_process_of_another_container_cannot_be_judged(desk: Desk) -> None:
    index = desk.folder("index")
    gone = DaemonProcess(pid=2**22 + 1, boot_id=desk.around.here.boot_id)
    host = replace(recorded(desk.around.here), namespace_id="mnt:[1]:pid:[1]")
    desk.register(replace(desk.manifest().rebuildable(str(index)).daemon(gone).build(), host=host))
    assert "another container" in str(reasons(desk.uninstall())["index"]) and index.exists()


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        ({}, ["1.0.0"]),
        ({"dormant_after": 0}, ["1.0.0", "1.1.0"]),
        ({"dormant_after": 0, "keep_last": 0, "keep_current": False}, ["1.0.0", "1.1.0", "1.10.0", "1.9.0"]),
        ({"dormant_after": 0, "keep_last": 0}, ["1.0.0", "1.1.0", "1.9.0"]),
        ({"dormant_after": 0, "keep_last": 3}, ["1.0.0"]),
        ({"dormant_after": 0, "service": "other"}, []),
        ({"dormant_after": 0, "keep_last": 0, "version": "1.1.0"}, ["1.1.0"]),
        ({"dormant_after": 41 * 86400}, []),
    ],
)
def test_which_versions_are_pruned(desk: Desk, words: dict[str, object], gone: list[str]) -> None:
    ages = {"1.0.0": 40.0, "1.1.0": 20.0, "1.9.0": 10.0, "1.10.0": 10.0}
    for version, age in ages.items():
        manifest = desk.manifest(version=version, age_days=age).rebuildable(str(desk.folder(version)))
        desk.register(manifest.build())
        desk.register(manifest.build(), 2)
    desk.clean(replace(Request("prune"), **words))  # type: ignore[arg-type]
    assert sorted(version for version in ages if not (desk.home / version).exists()) == gone
    assert len(os.listdir(desk.registry)) == 2 * (len(ages) - len(gone))


def test_a_manifest_without_a_policy_is_pruned_after_a_month(desk: Desk) -> None:
    for version, age in (("1.0.0", 29.0), ("1.1.0", 31.0)):
        bare = desk.manifest(version=version, age_days=age).rebuildable(str(desk.folder(version))).build()
        desk.register(replace(bare, cleanup_policy=None))
    desk.clean(Request("prune"))
    assert (desk.home / "1.0.0").exists() and not (desk.home / "1.1.0").exists()
    later = desk.manifest(version="2.0.0", age_days=-1).policy(CleanupPolicy()).rebuildable(str(desk.folder("2")))
    desk.register(later.build())
    desk.clean(PRUNE)
    assert (desk.home / "2").exists(), "what was active in the future is not dormant"


def test_a_pruned_version_leaves_the_protection_of_its_notes(desk: Desk) -> None:
    index, notes = desk.folder("index"), desk.folder("notes")
    path = desk.register(desk.manifest(age_days=90).rebuildable(str(index)).precious(str(notes)).build())
    desk.clean(PRUNE)
    assert not index.exists() and notes.exists() and path.exists()


def test_a_registry_that_others_may_use_is_not_believed(desk: Desk) -> None:
    index = desk.folder("index")
    desk.register(desk.manifest().rebuildable(str(index)).build())
    desk.registry.chmod(0o777)
    done = desk.uninstall()
    assert done.actions == () and len(done.refused) == 1 and index.exists()


@pytest.mark.parametrize(("text", "seconds"), [("30d", 2592000), ("12h", 43200), ("90m", 5400), ("0s", 0)])
def test_ages(text: str, seconds: int) -> None:
    assert parse_age(text) == seconds
    for wrong in (text[:-1], f"-{text}", f"{text} ", f"{text}\n", text.replace("d", "w").replace("s", "S") + "x", ""):
        with pytest.raises(UsageError):
            parse_age(wrong)


def seen_at(path: str, above: tuple[int, ...], own: int, kind: FileKind = "dir") -> Sight:
    """A path as it could look: identities are numbers."""
    found = FileStat(kind, 0o700, UID, UID, 0, 0, 1, (1, own))
    parents = frozenset((1, number) for number in above)
    return Sight(path, path, found, parents, path, found, parents)


@pytest.mark.parametrize(
    ("root", "kept", "both"),
    [
        (seen_at("/a/b", (1, 2), 3), seen_at("/a/b/c", (1, 2, 3), 4), (True, False)),
        (seen_at("/a/b/c", (1, 2, 3), 4), seen_at("/a/b", (1, 2), 3), (False, True)),
        (seen_at("/a/b", (1, 2), 3), seen_at("/a/b", (1, 2), 3), (True, True)),
        (seen_at("/a/b", (1, 2), 3), seen_at("/a/bc", (1, 2), 4), (False, False)),
        (seen_at("/mnt/alias", (1, 5), 3), seen_at("/a/b/c", (1, 2, 3), 4), (True, False)),  # a bind mount of /a/b
        (seen_at("/mnt/alias/x", (1, 5, 3), 9), seen_at("/a/b", (1, 2), 3), (False, True)),
        (seen_at("/a/B", (1, 2), 3), seen_at("/a/b/c", (1, 2, 3), 4), (True, False)),  # case is ignored there
        (seen_at("/a/one", (1, 2), 7, "file"), seen_at("/a/two", (1, 2), 7, "file"), (False, False)),  # a hard link
    ],
)
def test_two_names_for_one_folder_overlap(root: Sight, kept: Sight, both: tuple[bool, bool]) -> None:
    assert (takes(root, kept), lies_in(root, kept)) == both


def test_what_was_swapped_between_plan_and_deletion_stays(desk: Desk) -> None:
    """The folder that goes is the one that was looked at."""
    index, notes = desk.folder("index"), desk.folder("notes")
    desk.register(desk.manifest().rebuildable(str(index)).build())
    ground, plan = planned_for(desk)
    index.rename(desk.home / "away")
    notes.rename(index)
    done = carry_out(ground, plan, confirm=True)
    assert reasons(done)["index"] == "changed while it was looked at" and (index / "a").exists()
    assert len(os.listdir(desk.registry)) == 1


def test_a_daemon_that_comes_up_between_plan_and_deletion_keeps_everything(desk: Desk) -> None:
    index = desk.folder("index")
    desk.register(desk.manifest().rebuildable(str(index)).build())
    ground, plan = planned_for(desk)
    up = replace(ground, life=lambda manifest: Life("alive", "it has come up"))
    done = carry_out(up, plan, confirm=True)
    assert all("it has come up" in str(action.skip_reason) or action.target == "manifest" for action in done.actions)
    assert index.exists() and len(os.listdir(desk.registry)) == 1


def planned_for(desk: Desk) -> tuple[Ground, Plan]:
    entries = scan(desk.door.files, str(desk.registry), uid=UID)
    ground = Ground(
        desk.door.files, UID, desk.around.here, str(desk.registry), desk.now_ms(), lives(desk.around, entries)
    )
    return ground, planned(ground, entries, Request("uninstall", service="memoryd"))


def test_a_dry_run_makes_no_effect_at_all(desk: Desk) -> None:
    index = desk.folder("index")
    desk.register(desk.manifest().rebuildable(str(index), excluding=("x",)).build())
    reading = replace(desk, around=replace(desk.around, door=read_only(desk.door)))
    for request in (Request("uninstall", service="memoryd"), PRUNE):
        told = reading.clean(request, confirm=False)
        assert [action.skip_reason for action in told.actions] == [None, None] and told.reason.endswith("-dry-run")
    assert listed(reading.around) and verify(reading.around)
    with pytest.raises(ReadOnlyViolation):
        reading.uninstall()


def test_in_words(desk: Desk) -> None:
    index, notes = desk.folder("index"), desk.folder("notes")
    path = desk.register(desk.manifest().rebuildable(str(index)).precious(str(notes)).build())
    assert desk.uninstall(confirm=False).text() == (
        f"would delete  {index} (20 bytes)\nstays         {notes}: {NOT_PRUNABLE}\nwould delete  {path}\n"
        "a dry run: nothing was changed; --confirm carries it out\n"
    )
    assert desk.uninstall().text().startswith(f"deleted       {index} (20 bytes)\n")
    assert desk.uninstall().text() == "nothing to do\n"


def test_a_list_tells_of_every_manifest(desk: Desk) -> None:
    desk.register(desk.manifest().rebuildable("/c").precious("/n").build())
    (desk.registry / "torn-1.0.0.pb").write_bytes(b"\xff")
    assert listing(listed(desk.around))["schema_version"] == 1
    first, second = (one.as_json() for one in listed(desk.around))
    assert (first["service_name"], first["origin"], first["daemon"]) == ("memoryd", "this boot", None)
    assert first["roots"] == [
        {"path": "/c", "kind": "index", "disposition": "PRUNE_ON_UNINSTALL"},
        {"path": "/n", "kind": "data", "disposition": "NEVER_PRUNE"},
    ]
    assert set(second) == {"path", "generation", "error"}


def test_verify_tells_the_state_of_everything(
    desk: Desk, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {one.kind: one.state for one in verify(desk.around)} == dict.fromkeys(
        ("manifest", "socket", "pid-file", "servicedef", "database", "logs"), "CLEAN"
    )
    index, logs, place = desk.folder("index"), desk.folder("logs"), desk.around.place
    manifest = desk.manifest().rebuildable(str(index)).rebuildable(str(logs), kind=CacheRootKind.LOGS)
    desk.register(manifest.rebuildable(str(desk.home / "absent")).build())
    gone = DaemonProcess(pid=2**22 + 1, boot_id=desk.around.here.boot_id)
    desk.register(desk.manifest(version="1.1.0").daemon(gone).build())
    info = desk.door.processes.info(sleeper.pid)
    assert info is not None
    claimed = Sidecar(claim(desk, sleeper.pid), started=info.started)
    write_sidecar(desk.door.files, service_identity_file(place, "other"), claimed)
    private_broker("good", "/bin/sh").install_in(desk.door.files, str(desk.definitions), uid=UID)
    private_broker("gone", "/no/such").install_in(desk.door.files, str(desk.definitions), uid=UID)
    sockets = Path(v1_folder(place))
    sockets.mkdir(parents=True)
    for name in ("a", "b"):
        dead = socket.socket(socket.AF_UNIX)
        monkeypatch.chdir(sockets)  # the whole path is too long for a socket
        dead.bind(f"{name}.sock")
        dead.close()
    told = verify(desk.around)
    assert sorted((one.kind, os.path.basename(one.path), one.state) for one in told if one.kind != "socket") == [
        ("database", "absent", "CLEAN"), ("database", "index", "PRESENT"), ("logs", "logs", "PRESENT"),
        ("manifest", "memoryd-1.0.0.pb", "PRESENT"), ("manifest", "memoryd-1.1.0.pb", "STALE"),
        ("pid-file", "other.identity.json", "ACTIVE"),
        ("servicedef", "gone.servicedef.v2", "ORPHANED"), ("servicedef", "good.servicedef.v2", "PRESENT"),
    ]  # fmt: skip
    assert exit_code(told) == 0
    assert len([one for one in verify(desk.around, scope_hash="a.s") if one.kind == "socket"]) == 1
    (desk.registry / "torn-1.0.0.pb").write_bytes(b"\xff")
    assert exit_code(verify(desk.around)) == 1
    desk.definitions.chmod(0o755)
    assert [one.state for one in verify(desk.around) if one.kind == "servicedef"] == ["ERROR"]
    assert document(verify(desk.around))["exit_code"] == 1
