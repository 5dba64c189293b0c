"""Passes over a real folder and a real index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.index.sqlite.writer import SqliteWriter
from iapeer_memory.memoryd import intake, passes
from iapeer_memory.memoryd.intake import Report
from iapeer_memory.memoryd.passes import Vault
from iapeer_memory.vault import note
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.walk import Rules
from tests.support.daemon import write

ROOT = Path(__file__).resolve().parents[2]


class Bench:
    """A vault, an index, and passes over them."""

    def __init__(self, home: Path) -> None:
        self.root = home / "vault"
        self.root.mkdir()
        self.files: RealFiles = RealFiles()
        self.engine = SqliteEngine(self.files, str(home / "index.db"), uid=os.getuid())
        self.writer: SqliteWriter = self.engine.writer("f")
        self.vault = Vault(str(self.root), locale("en"), Rules.of(("99_System",)))

    def full(self) -> Report:
        return passes.full(self.files, self.vault, self.writer, stop=lambda: False)

    def partial(self, *paths: str) -> Report:
        return passes.partial(self.files, self.vault, self.writer, paths, stop=lambda: False)

    def known(self) -> set[str]:
        return set(self.writer.digests())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.writer.close()


def test_a_second_pass_writes_nothing(bench: Bench) -> None:
    for n in range(5):
        write(bench.root, f"01/{n}.md", f"text {n}")
    first, second = bench.full(), bench.full()
    assert (first.seen, first.written) == (5, 5)
    assert (second.seen, second.written, second.removed) == (5, 0, 0)


def test_content_decides_not_time(bench: Bench) -> None:
    note = write(bench.root, "a.md", "one")
    bench.full()
    before = note.stat()
    note.write_text("two")
    os.utime(note, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bench.full().written == 1


def test_partial_looks_at_what_it_is_told_and_below(bench: Bench) -> None:
    write(bench.root, "01/a.md", "a")
    write(bench.root, "02/b.md", "b")
    bench.partial("01")
    assert bench.known() == {"01/a.md"}
    bench.partial("02/b.md", "02/never.md", "99_System/t.md", ".git/x.md", "nowhere")
    assert bench.known() == {"01/a.md", "02/b.md"}
    os.rename(bench.root / "01", bench.root / "03")
    report = bench.partial("01", "03")
    assert (report.written, report.removed) == (1, 1)
    assert bench.known() == {"03/a.md", "02/b.md"}


def test_partial_never_goes_through_a_link(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/secret.md", "secret")
    (bench.root / "in").symlink_to(tmp_path / "elsewhere")
    (bench.root / "note.md").symlink_to(tmp_path / "elsewhere" / "secret.md")
    bench.partial("in/secret.md", "in", "note.md")
    bench.full()
    assert bench.known() == set()


@pytest.mark.parametrize(
    ("notes", "removed", "held"), [(100, 11, 0), (100, 21, 21), (12, 10, 0), (12, 12, 12), (1, 1, 1)]
)
def test_fuse(bench: Bench, notes: int, removed: int, held: int) -> None:
    for n in range(notes):
        write(bench.root, f"{n:03}.md", f"text {n}")
    bench.full()
    for n in range(removed):
        (bench.root / f"{n:03}.md").unlink()
    report = bench.full()
    assert (report.held, report.removed) == (held, 0 if held else removed)
    assert len(bench.known()) == notes - report.removed
    bench.vault = replace(bench.vault, allow_mass_delete=True)
    bench.full()
    assert len(bench.known()) == notes - removed


def test_a_renamed_folder_is_no_loss(bench: Bench) -> None:
    for n in range(30):
        write(bench.root, f"01/{n}.md", f"text {n}")
    bench.full()
    os.rename(bench.root / "01", bench.root / "02")
    bench.partial("02")
    report = bench.full()
    assert (report.removed, report.held) == (30, 0)


def test_a_vault_that_went_keeps_its_notes(bench: Bench) -> None:
    write(bench.root, "a.md", "x")
    bench.full()
    os.rename(bench.root, f"{bench.root}.away")
    assert bench.full().away
    assert bench.partial("a.md").away
    assert bench.known() == {"a.md"}
    bench.root.mkdir()
    assert bench.full().held == 1
    shutil.rmtree(bench.root)
    os.rename(f"{bench.root}.away", bench.root)
    assert bench.full().seen == 1


def test_a_bad_note_stops_nothing_and_stays_as_it_was(bench: Bench) -> None:
    write(bench.root, "01/bad.md", "once readable")
    write(bench.root, "02/good.md", "x")
    bench.full()

    class Denying(RealFiles):
        def read(self, path: str, *, limit: int | None = None) -> bytes:
            if path.endswith("bad.md"):
                raise Unreadable(path, "cannot be read (permission denied)")
            return super().read(path, limit=limit)

    bench.files = Denying()
    write(bench.root, "02/good.md", "changed")
    report = bench.full()
    assert report.bad == ["01/bad.md: cannot be read (permission denied)"]
    assert (report.written, report.removed) == (1, 0)
    assert bench.known() == {"01/bad.md", "02/good.md"}


def test_a_note_held_back_by_a_cloud_drive_is_kept(bench: Bench) -> None:
    note = write(bench.root, "01/a.md", "x")
    bench.full()
    note.rename(note.with_name(".a.md.icloud"))
    bench.partial("01/a.md")
    bench.full()
    assert bench.known() == {"01/a.md"}


def test_hard_content(bench: Bench) -> None:
    big = ("lorem ipsum dolor " * 40 + "\n\n") * 14_000
    (bench.root / "big.md").write_bytes(big.encode() + b"\0needle\xff")
    (bench.root / "one-line.md").write_text("x" * 200_000)
    (bench.root / "empty.md").write_bytes(b"")
    write(bench.root, "with\nbreak.md", "y")
    report = bench.full()
    assert (report.seen, report.written, report.bad) == (4, 4, [])


def test_it_can_be_stopped(bench: Bench) -> None:
    for n in range(10):
        write(bench.root, f"{n}.md", "x")
    calls = iter([False] * 4 + [True] * 10)
    report = passes.full(bench.files, bench.vault, bench.writer, stop=lambda: next(calls))
    assert report.stopped
    assert len(bench.known()) == 4
    assert bench.full().written == 6


@pytest.mark.parametrize(("notes", "removed", "held"), [(100, 11, 0), (100, 21, 21), (13, 12, 12), (2, 1, 0)])
def test_the_fuse_holds_on_partial_passes(bench: Bench, notes: int, removed: int, held: int) -> None:
    for n in range(notes):
        write(bench.root, f"01/{n:03}.md", f"text {n}")
    bench.full()
    gone = [f"01/{n:03}.md" for n in range(removed)]
    for path in gone:
        (bench.root / path).unlink()
    report = bench.partial(*gone)
    assert (report.held, report.removed) == (held, 0 if held else removed)


def test_what_the_owner_leaves_out_leaves_the_index_whatever_the_fuse_says(bench: Bench) -> None:
    for n in range(30):
        write(bench.root, f"private/{n}.md", f"text {n}")
    write(bench.root, "a.md", "x")
    bench.full()
    write(bench.root, ".memoryignore", "private/\n")
    report = bench.partial(".memoryignore")
    assert (report.removed, report.held) == (30, 0)
    assert bench.known() == {"a.md"}


def test_an_event_in_another_composition_is_the_note_on_disk(bench: Bench) -> None:
    write(bench.root, "Зи\u0306/И\u0306.md", "decomposed")
    bench.partial("Зй/Й.md")
    assert bench.known() == {"Зи\u0306/И\u0306.md"}
    assert bench.partial("Зй/Й.md").written == 0
    write(bench.root, "x.md", "y")
    bench.full()
    (bench.root / "Зи\u0306/И\u0306.md").unlink()
    assert bench.partial("Зй/Й.md").removed == 1


def test_links_are_resolved_and_private_words_are_not_indexed(bench: Bench) -> None:
    write(bench.root, "01/a.md", "To [[B]], `[[code]]`, ![[pic.png]] and <private>[[Hidden]] hush</private>")
    write(bench.root, "01/B.md", "---\naliases: [Bee]\n---\npassword: hunter2secret9")
    bench.full()
    reader = bench.engine.reader()
    graph = reader.graph()
    assert [edge[:2] for edge in graph.edges] == [("01/a.md", "01/B.md")]
    assert graph.unresolved == ()
    assert dict(reader.spread(["hush", "hunter2secret9"])) == {"hush": 0, "hunter2secret9": 0}
    assert reader.find("bee")[0].path == "01/B.md"
    reader.close()


def test_a_note_that_trips_the_code_up_stops_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "bad", "c"):
        write(bench.root, f"{name}.md", name)
    real = note.parse

    def parse(path: str, data: bytes) -> note.Note:
        if path == "bad.md":
            raise RecursionError("deep")
        return real(path, data)

    monkeypatch.setattr(intake, "parse", parse)
    report = bench.full()
    assert report.written == 2
    assert report.bad == ["bad.md: cannot be taken in (RecursionError: deep)"]


CHILD = """
import sys
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd import intake, passes
from iapeer_memory.vault import note
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.walk import Rules
import os
root, place, after = sys.argv[1], sys.argv[2], int(sys.argv[3])
intake.BATCH_NOTES = 7
calls = 0
def stop():
    global calls
    calls += 1
    if calls == after:
        os.kill(os.getpid(), 9)
    return False
writer = SqliteEngine(RealFiles(), place, uid=os.getuid()).writer("f")
passes.full(RealFiles(), passes.Vault(root, locale("en"), Rules.of(())), writer, stop=stop)
"""


@pytest.mark.parametrize("after", [3, 20, 39])
def test_a_pass_that_is_killed_is_made_good_by_the_next(tmp_path: Path, after: int) -> None:
    bench = Bench(tmp_path)
    for n in range(40):
        write(bench.root, f"{n:02}.md", f"text {n} [[{(n + 1) % 40:02}]]")
    bench.writer.close()
    argv = [sys.executable, "-c", CHILD, str(bench.root), str(tmp_path / "index.db"), str(after)]
    assert subprocess.run(argv, cwd=ROOT, check=False).returncode == -9
    bench.writer = bench.engine.writer("f")
    survived = len(bench.known())
    assert survived == (after - 1) // 7 * 7
    assert bench.full().written == 40 - survived
    assert bench.writer.doubtful() == ()
    reader = bench.engine.reader()
    assert len(reader.graph().edges) == 40
    reader.close()
    bench.writer.close()
