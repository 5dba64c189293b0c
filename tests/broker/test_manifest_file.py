"""Cache manifests: sealed, read back, refused when a bit is wrong; the registry that holds them, of all boots."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.broker.file_errors import ManifestRefused
from iapeer_memory.broker.file_places import Folder, registry_folder
from iapeer_memory.broker.manifest_file import (
    as_bytes,
    central_path,
    in_first_words,
    parsed,
    read,
    sealed,
    without_field,
    write_beside,
    write_central,
)
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.registry import of_this_boot, of_this_machine, origin, scan
from iapeer_memory.broker.service_file import Generation
from iapeer_memory.broker.wire_v1.manifest import CacheManifest, CacheRoot, HostIdentity
from iapeer_memory.broker.wire_v2.manifest import CacheManifest as SecondManifest
from iapeer_memory.broker.wire_v2.manifest import CacheRoot as SecondRoot
from iapeer_memory.domain.door import Door
from tests.support.broker_files import UID, Desk, desk_in
from tests.support.protobuf_peer import Peer, messages

BOTH = pytest.mark.parametrize("generation", [1, 2])


@pytest.fixture
def desk(door: Door, tmp_path: Path) -> Desk:
    return desk_in(door, tmp_path)


def sample(desk: Desk) -> CacheManifest:
    return desk.manifest().rebuildable("/c/index").precious("/c/notes").labels("/c/index", {"b": "2", "a": "1"}).build()


@pytest.mark.parametrize(
    ("env", "platform", "found"),
    [
        ({}, "linux", Folder("/h/.local/share/running-process/manifests", "platform-default")),
        ({"XDG_DATA_HOME": "/x"}, "linux", Folder("/x/running-process/manifests", "platform-default")),
        ({"RUNNING_PROCESS_MANIFEST_DIR": "/m"}, "linux", Folder("/m", "env:RUNNING_PROCESS_MANIFEST_DIR")),
        ({}, "darwin", Folder("/h/Library/Application Support/running-process/manifests", "platform-default")),
    ],
)
def test_where_the_registry_lies(env: dict[str, str], platform: str, found: Folder) -> None:
    assert registry_folder(env, home="/h", platform=platform) == found


def test_what_is_sealed_is_believed(desk: Desk) -> None:
    manifest = sample(desk)
    whole = sealed(manifest)
    assert whole.manifest_schema_version == 1
    assert whole.media_type == "application/vnd.running-process.cache-manifest.v1"
    assert whole.self_sha256 == sha256(encode(replace(whole, self_sha256=b""))).digest()
    assert parsed(encode(whole), "/x", 1) == whole
    assert sealed(whole) == whole


def test_another_writers_order_of_a_map_is_believed(desk: Desk) -> None:
    """Two entries of a map have no order of their own; the hash is of the bytes as they were written."""
    root = CacheRoot(path="/c", labels=MappingProxyType({"a": "1"}))
    one = encode(replace(root, labels=MappingProxyType({"b": "2"})))[len(encode(CacheRoot(path="/c"))) :]
    swapped = encode(CacheRoot(path="/c")) + one + encode(root)[len(encode(CacheRoot(path="/c"))) :]
    head = encode(CacheManifest(service_name="s", service_version="1.0.0"))
    tail = encode(CacheManifest(manifest_schema_version=1))
    bare = head + bytes((0x52, len(swapped))) + swapped + tail
    data = bare + encode(CacheManifest(self_sha256=sha256(bare).digest()))
    assert dict(parsed(data, "/x", 1).roots[0].labels) == {"a": "1", "b": "2"}
    assert encode(decode(CacheManifest, data)) != data


def test_a_field_that_we_do_not_know_is_part_of_what_was_sealed(desk: Desk) -> None:
    bare = encode(CacheManifest(service_name="s", service_version="1.0.0", manifest_schema_version=1)) + b"\xf0\x07\x01"
    data = bare + encode(CacheManifest(self_sha256=sha256(bare).digest()))
    assert parsed(data, "/x", 1).unknown == b"\xf0\x07\x01"
    with pytest.raises(ManifestRefused):
        parsed(data.replace(b"\xf0\x07\x01", b"\xf0\x07\x02"), "/x", 1)


def test_every_flipped_bit_and_every_cut_is_found(desk: Desk) -> None:
    data = as_bytes(sample(desk), 1)
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises(ManifestRefused):
                parsed(bytes(flipped), "/x", 1)
        with pytest.raises(ManifestRefused):
            parsed(data[:place], "/x", 1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"manifest_schema_version": 2}, "schema-too-new"),
        ({"self_sha256": b""}, "corrupt"),
        ({"self_sha256": b"x" * 31}, "corrupt"),
        ({"self_sha256": b"x" * 32}, "corrupt"),
        ({"service_version": "1.0.1"}, "corrupt"),
    ],
)
def test_a_manifest_that_is_not_believed(desk: Desk, change: dict[str, object], fault: str) -> None:
    with pytest.raises(ManifestRefused) as caught:
        parsed(encode(replace(sealed(sample(desk)), **change)), "/x", 1)  # type: ignore[arg-type]
    assert caught.value.fault == fault and caught.value.path == "/x"


@BOTH
@pytest.mark.parametrize(("service", "version"), [("../x", "1.0.0"), ("s", "../1.0.0"), ("", "1.0.0"), ("s", "1.0")])
def test_a_name_that_no_file_may_have(desk: Desk, generation: Generation, service: str, version: str) -> None:
    manifest = desk.manifest(service, version).build()
    with pytest.raises(ManifestRefused) as caught:
        write_central(desk.door.files, str(desk.registry), manifest, generation, uid=UID)
    assert caught.value.fault == "name" and not desk.registry.exists()
    with pytest.raises(ManifestRefused):
        write_beside(desk.door.files, str(desk.home / "c"), manifest, generation, uid=UID)
    with pytest.raises(ManifestRefused):
        parsed(as_bytes(manifest, generation), "/x", generation)


@BOTH
def test_a_manifest_is_written_in_both_its_places(desk: Desk, generation: Generation) -> None:
    suffix = ".pb" if generation == 1 else ".v2.pb"
    manifest = sample(desk)
    written = write_central(desk.door.files, str(desk.registry), manifest, generation, uid=UID)
    assert written.path == f"{desk.registry}/memoryd-1.0.0{suffix}" and written.changed
    cache = desk.home / "c"
    cache.mkdir(mode=0o755)
    beside = write_beside(desk.door.files, str(cache), manifest, generation, uid=UID)
    assert beside.path == f"{cache}/.running-process-manifest{suffix}"
    assert cache.stat().st_mode & 0o777 == 0o700 and desk.registry.stat().st_mode & 0o777 == 0o700
    found = read(desk.door.files, written.path, generation)
    assert found == read(desk.door.files, beside.path, generation)
    assert found is not None and found.roots[0].path == "/c/index"
    assert not write_central(desk.door.files, str(desk.registry), manifest, generation, uid=UID).changed
    assert read(desk.door.files, f"{desk.registry}/absent.pb", generation) is None


def test_generation_2_keeps_kind_and_path_the_other_way_round(desk: Desk) -> None:
    second = decode(SecondManifest, as_bytes(sample(desk), 2))
    assert second.roots == (SecondRoot(kind=7, path="/c/index"), SecondRoot(kind=1, path="/c/notes"))
    assert second.broker_envelope_version == "v2"
    first = in_first_words(second)
    assert [root.disposition for root in first.roots] == [0, 1]
    unknown = in_first_words(SecondManifest(roots=(SecondRoot(kind=77, path="/c"),)))
    assert unknown.roots[0].disposition == 1


def test_a_scan_tells_of_every_file_of_both_generations(desk: Desk) -> None:
    assert scan(desk.door.files, str(desk.registry), uid=UID) == ()
    desk.register(desk.manifest("b").build())
    desk.register(desk.manifest("a").build(), 2)
    (desk.registry / "c-1.0.0.pb").write_bytes(b"\xff")
    (desk.registry / "d-1.0.0.pb").symlink_to(desk.registry / "nowhere")
    (desk.registry / "e-1.0.0.pb").mkdir()
    flipped = bytearray((desk.registry / "b-1.0.0.pb").read_bytes())
    flipped[-1] ^= 1
    (desk.registry / "f-1.0.0.pb").write_bytes(flipped)
    (desk.registry / ".b-1.0.0.pb.0123456789ab.iapeer-memory.tmp").write_bytes(b"half")
    (desk.registry / ".g-1.0.0.pb.tmp-1-2").write_bytes(b"half")
    (desk.registry / ".hidden.pb").write_bytes(b"half")
    (desk.registry / "readme").write_text("x")
    found = scan(desk.door.files, str(desk.registry), uid=UID)
    assert [
        (os.path.basename(one.path), one.generation, one.manifest is not None, one.claimed is not None) for one in found
    ] == [
        ("a-1.0.0.v2.pb", 2, True, False),
        ("b-1.0.0.pb", 1, True, False),
        ("c-1.0.0.pb", 1, False, False),
        ("e-1.0.0.pb", 1, False, False),
        ("f-1.0.0.pb", 1, False, True),
    ]
    assert all((one.refused is None) is (one.manifest is not None) for one in found)


@pytest.mark.parametrize("mode", [0o755, 0o720])
def test_a_registry_that_others_may_use_is_not_read(desk: Desk, mode: int) -> None:
    desk.register(desk.manifest().build())
    desk.registry.chmod(mode)
    (found,) = scan(desk.door.files, str(desk.registry), uid=UID)
    assert isinstance(found.refused, ManifestRefused) and found.refused.fault == "insecure-folder"
    assert found.manifest is None and found.path == str(desk.registry)


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        (None, "this boot"),
        (HostIdentity(), "this boot"),
        (HostIdentity(machine_id="m", boot_id="b"), "this boot"),
        (HostIdentity(machine_id="m"), "this boot"),
        (HostIdentity(machine_id="m", boot_id="b2"), "another boot"),
        (HostIdentity(boot_id="b2"), "another boot"),
        (HostIdentity(machine_id="m2", boot_id="b"), "another machine"),
        (HostIdentity(machine_id="m2", boot_id="b2"), "another machine"),
    ],
)
def test_where_a_manifest_was_made(desk: Desk, recorded: HostIdentity | None, found: str) -> None:
    here = replace(desk.around.here, machine_id="m", boot_id="b")
    assert origin(recorded, here) == found
    desk.register(replace(sample(desk), host=recorded))
    entries = scan(desk.door.files, str(desk.registry), uid=UID)
    assert (len(of_this_boot(entries, here)), len(of_this_machine(entries, here))) == {
        "this boot": (1, 1), "another boot": (0, 1), "another machine": (0, 0),
    }[found]  # fmt: skip


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        (HostIdentity(hostname="here", machine_id="boot:b", boot_id="b"), "this boot"),
        (HostIdentity(hostname="here", machine_id="boot:a", boot_id="a"), "another boot"),
        (HostIdentity(hostname="there", machine_id="boot:a", boot_id="a"), "another machine"),
        (HostIdentity(hostname="here", machine_id="m", boot_id="b"), "another machine"),
    ],
)
def test_a_machine_without_an_id_goes_by_its_boot(desk: Desk, recorded: HostIdentity, found: str) -> None:
    assert origin(recorded, replace(desk.around.here, hostname="here", machine_id="boot:b", boot_id="b")) == found


@given(st.binary(max_size=120), st.sampled_from([1, 2]))
def test_any_bytes_are_a_manifest_or_are_refused(data: bytes, generation: Generation) -> None:
    try:
        manifest = parsed(data, "/x", generation)
    except ManifestRefused:
        return
    assert central_path("/r", manifest.service_name, manifest.service_version, generation).startswith("/r/")


@given(st.binary(max_size=120))
def test_a_field_is_taken_out_and_the_rest_is_as_it_was(data: bytes) -> None:
    try:
        decode(CacheManifest, data)
    except DecodeFailed:
        return
    left = without_field(data, 102)
    assert decode(CacheManifest, left) == replace(decode(CacheManifest, data), self_sha256=b"")


PEER = Peer([CacheManifest])


@settings(max_examples=60, deadline=None)
@given(messages(CacheManifest), st.binary(max_size=8))
def test_the_other_implementation_of_protobuf_agrees_on_the_seal(manifest: CacheManifest, more: bytes) -> None:
    """What we seal it finds whole, and what it seals we believe, whatever the order of its maps."""
    named = replace(manifest, service_name="s", service_version="1.0.0", unknown=b"")
    theirs = PEER.of(CacheManifest)()
    theirs.ParseFromString(as_bytes(named, 1))
    told = bytes(theirs.self_sha256)
    theirs.ClearField("self_sha256")
    assert sha256(theirs.SerializeToString(deterministic=True)).digest() == told
    theirs.manifest_schema_version = 1
    theirs.bundle_id = more.hex()
    bare = theirs.SerializeToString()
    theirs.self_sha256 = sha256(bare).digest()
    assert parsed(theirs.SerializeToString(), "/x", 1).bundle_id == more.hex()
