"""What the weekly maintenance is given: sizes of tasks, flags, caps and transcripts."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from iapeer_memory.curation.dream import Folder, Judge, Limits, Memory, NewNote, collect, tasks
from iapeer_memory.curation.references import broken, paths
from iapeer_memory.curation.transcripts import Transcripts, cwd_of
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.peer import Peer
from iapeer_memory.domain.settings import Settings
from iapeer_memory.egress.real import real_door
from iapeer_memory.vault.locales.en import LOCALE

LIMITS = Limits(window_days=7, longest=250, batch=20, group=20, transcripts=20)


def folder(name: str, notes: int) -> Folder:
    return Folder(name, f"/v/{name}", tuple(NewNote(f"{name}/{n}.md", ()) for n in range(notes)), {})


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([], []),
        ([0], [("grouped", [0])]),
        ([20], [("grouped", [20])]),
        ([21], [("folder", [21])]),
        ([10, 10, 1], [("grouped", [10, 10]), ("grouped", [1])]),
        ([5, 100, 5, 21, 10], [("folder", [100]), ("folder", [21]), ("grouped", [5, 5, 10])]),
        ([0] * 21, [("grouped", [0] * 20), ("grouped", [0])]),
        ([15, 10, 5], [("grouped", [15]), ("grouped", [10, 5])]),
    ],
)
def test_big_folders_are_alone_and_small_ones_share(sizes: list[int], wanted: list[tuple[str, list[int]]]) -> None:
    made = tasks([folder(f"a{at}", size) for at, size in enumerate(sizes)], LIMITS)
    assert [(kind, [len(f.notes) for f in group]) for kind, group in made] == wanted


def test_a_note_bigger_than_a_groups_cap_is_still_told() -> None:
    limits = Limits(7, 250, batch=50, group=5, transcripts=20)
    assert [len(group) for _, group in tasks([folder("a", 30), folder("b", 1)], limits)] == [1, 1]


def test_limits_are_the_settings_and_nonsense_is_the_default() -> None:
    env = {"IAPEER_MEMORY_DREAM_WINDOW_DAYS": "3", "IAPEER_MEMORY_DREAM_GROUP_CAP": "many"}
    assert Limits.of(Settings(env)) == Limits(3, 250, 20, 20, 20)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see /home/anna/x.txt.", ["/home/anna/x.txt"]),
        ("see `~/notes/a b`", ["/me/notes/a"]),
        ("(/etc/hosts) [x](/var/log/syslog)", ["/etc/hosts", "/var/log/syslog"]),
        ("/usr/lib/x.py:12 and /usr/lib/y.py:3:4", ["/usr/lib/x.py", "/usr/lib/y.py"]),
        ("«/opt/данные/файл.txt»", ["/opt/данные/файл.txt"]),
        ("https://example.org/home/x", []),
        ("a/home/x ./home/x ../tmp/x", []),
        ("/home/<name>/x /tmp/*.log /var/{a,b} /tmp/…", []),
        ("/usr/lib/python*/x", []),
        ("/dev/null /proc/1 /nix/store", []),
        ("/home", []),
    ],
)
def test_paths_that_a_text_names(text: str, found: list[str]) -> None:
    assert list(paths(text, home="/me")) == found


@pytest.mark.parametrize(
    ("text", "flagged"),
    [
        ("/home/anna/here", False),
        ("/home/anna/gone", True),
        ("$IAPEER_ROOT/x", False),
        ("${IAPEER_MEMORY_NOWHERE}", True),
        ("$MERGEMIND_X", True),
        ("$HOME/gone $PATH", False),
    ],
)
def test_references_that_lead_nowhere(text: str, flagged: bool) -> None:
    env = {"IAPEER_ROOT": "/x"}
    assert broken(text, home="/me", env=env, exists=lambda path: path == "/home/anna/here") is flagged


@pytest.mark.parametrize(
    "head", [b"", b"{", b"[]", b'{"payload": 1}', b'{"payload": {"cwd": 3}}', b"\xff", b"[" * 100_000]
)
def test_a_rollout_without_a_folder_is_nobodys(head: bytes) -> None:
    assert cwd_of(head) is None


@pytest.mark.parametrize(("cap", "told"), [(0, 6), (4, 4), (20, 6)])
def test_the_newest_transcripts_across_harnesses(tmp_path: Path, cap: int, told: int) -> None:
    now = time.time()
    cwd = tmp_path / "Мой проект_1"
    cwd.mkdir()
    (tmp_path / "link").symlink_to(cwd)
    claude = tmp_path / ".claude/projects" / "".join(c if c.isascii() and c.isalnum() else "-" for c in str(cwd))
    codex = tmp_path / ".codex/sessions/2026/05"
    for number in range(4):
        for file in (claude / f"{number}.jsonl", codex / f"{number:02}" / "rollout-x.jsonl"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({"payload": {"cwd": str(cwd)}}) + "\nnot json\n")
            age = number * 86400 + (0 if "claude" in str(file) else 3600)
            os.utime(file, (now - age, now - age))
    door = real_door()
    found = Transcripts(
        door.files, Paths.from_env({"HOME": str(tmp_path)}, os_home="/"), now - 2.5 * 86400,
        lambda path: Path(path).read_bytes().split(b"\n")[0],
    )  # fmt: skip
    limits = Limits(7, 250, 20, 20, transcripts=cap)
    memory = Memory(door.files, str(tmp_path / "vault"), LOCALE, now)
    judge = Judge(250, str(tmp_path), {}, os.path.exists)
    active, idle = collect(
        memory, [Peer("alpha", str(cwd), ("claude",)), Peer("b", "/nowhere", ())], found, judge, limits
    )
    assert idle == ("b",) and [f.agent for f in active] == ["alpha"]
    listed = active[0].transcripts
    assert sum(len(files) for files in listed.values()) == told
    assert listed["claude"][0] == str(claude / "0.jsonl") and listed["codex"][0] == str(codex / "00/rollout-x.jsonl")
    # A peer that is registered by a link to its folder is still the one that Codex names by the real folder.
    assert [t.harness for t in found.of(str(tmp_path / "link"))] == ["codex"] * 3
