"""Whatever manifests say, in whatever order cleanups run: what any of them protects is there afterwards, untouched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iapeer_memory.broker.cleanup.request import Request
from iapeer_memory.broker.wire_v1.manifest import CacheRoot
from tests.support import backends
from tests.support.broker_files import Desk, desk_in

FOLDERS = ("a", "a/b", "a/b/c", "d", "d/e", "notes", "notes/deep", "f")
LINKS = {"to-notes": "notes", "a/up": "..", "d/to-deep": "../notes/deep", "to-a": "a"}
MORE = ("to-a/b", "to-notes/deep", "a/up/notes", "notes/", "notes/../notes", "absent", ".", "a/file")
PLACES = (*FOLDERS, *LINKS, *MORE)
SERVICES = ("one", "two", "memoryd")
KEPT = (1, 3)
Registered = list[tuple[str, int, bool, list[tuple[str, int, int]]]]

roots = st.builds(
    lambda place, kind, disposition: (place, kind, disposition),
    st.sampled_from(PLACES),
    st.sampled_from((1, 2, 4, 5, 7, 9)),
    st.sampled_from((0, 0, 0, 1, 2, 3, 4)),
)
manifests = st.lists(
    st.tuples(st.sampled_from(SERVICES), st.sampled_from((1, 2)), st.booleans(), st.lists(roots, max_size=4)),
    min_size=1,
    max_size=5,
)
requests = st.lists(
    st.sampled_from(
        [Request("uninstall", service=service) for service in SERVICES]
        + [Request("prune", dormant_after=0, keep_last=0, keep_current=False), Request("prune", dormant_after=0)]
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with backends.bed() as bed:
        yield desk_in(bed.door, bed.folder)


def furnish(desk: Desk) -> Path:
    """The same tree each time, in a folder that is itself below the home."""
    shutil.rmtree(desk.home)
    tree = desk.home / "tree"
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True)
        (tree / folder / "file").write_text(folder)
    for link, target in LINKS.items():
        (tree / link).symlink_to(target)
    return tree


def files_under(path: Path) -> dict[str, str]:
    """Real path and content of all files at and below a path."""
    real = path.resolve()
    found = [real] if real.is_file() else [one for one in real.rglob("*") if one.is_file() and not one.is_symlink()]
    return {str(one): one.read_text() for one in found}


def lost(desk: Desk, registered: Registered, asked: list[Request], never: bool) -> set[str]:
    """What is gone or changed after all cleanups though a manifest, or the caller, protects it; and what a run deleted
    of which its dry run had not spoken."""
    tree = furnish(desk)
    safe: dict[str, str] = files_under(tree / "notes") if never else {}
    unannounced: set[str] = set()
    for number, (service, generation, torn, told) in enumerate(registered):
        manifest = desk.manifest(service, f"1.0.{number}")
        for place, kind, disposition in told:
            manifest = manifest.root(CacheRoot(path=f"{tree}/{place}", kind=kind, disposition=disposition))
        path = desk.register(manifest.build(), generation)  # type: ignore[arg-type]
        if torn and generation == 1:
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
        for place, kind, disposition in told:
            precious = kind in (1, 9) if generation == 2 else disposition in KEPT or kind in (1, 9)
            if precious:
                safe |= files_under(tree / place)
    for request in asked:
        dry = desk.clean(request, confirm=False, never=(f"{tree}/notes",) if never else ())
        done = desk.clean(request, never=(f"{tree}/notes",) if never else ())
        told_of = {action.path for action in dry.actions if action.skip_reason is None}
        unannounced |= {action.path for action in done.actions if action.deleted} - told_of
    return unannounced | {
        path for path, text in safe.items() if not (Path(path).exists() and Path(path).read_text() == text)
    }


ONE_FOLDER = HealthCheck.function_scoped_fixture


@example([("one", 1, False, [("a", 2, 0), (".", 1, 0)])], [Request("uninstall", service="one")], False)
@settings(max_examples=50, deadline=None, suppress_health_check=[ONE_FOLDER])
@given(registered=manifests, asked=requests, never=st.booleans())
def test_what_is_protected_survives_every_sequence_of_cleanups(
    desk: Desk, registered: Registered, asked: list[Request], never: bool
) -> None:
    assert lost(desk, registered, asked, never) == set()


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=5000, deadline=None, suppress_health_check=[ONE_FOLDER])
@given(registered=manifests, asked=requests, never=st.booleans())
def test_what_is_protected_survives_thousands_of_sequences(
    desk: Desk, registered: Registered, asked: list[Request], never: bool
) -> None:
    assert lost(desk, registered, asked, never) == set()


def test_the_property_would_see_a_loss(desk: Desk) -> None:
    """What nobody protects does go."""
    tree = furnish(desk)
    for number, place in enumerate(("a", "d", "notes", "f")):
        desk.register(desk.manifest("one", f"1.0.{number}").rebuildable(f"{tree}/{place}").build())
    done = desk.clean(replace(Request("uninstall"), service="one"))
    assert all(action.deleted for action in done.actions) and not list(desk.registry.iterdir())
    assert sorted(path.name for path in tree.iterdir()) == ["to-a", "to-notes"]


def test_a_manifest_stays_as_long_as_another_would_delete_what_it_protects(desk: Desk) -> None:
    tree = furnish(desk)
    truth = desk.register(desk.manifest("memoryd").precious(f"{tree}/notes").build())
    liar = desk.register(desk.manifest("one").rebuildable(f"{tree}/to-notes/deep").build())
    done = desk.uninstall()
    assert done.actions[-1].skip_reason == f"it protects what {liar} would have deleted" and truth.exists()
    desk.uninstall("one")
    assert truth.exists() and not liar.exists()
    desk.uninstall()
    assert not truth.exists() and (tree / "notes/deep/file").exists()
