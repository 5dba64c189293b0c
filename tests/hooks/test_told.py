"""What the hook tells an author: tags, credentials, foreign memory, similar notes, shell writes; when it is silent."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.domain.peer import is_personality as is_peer
from iapeer_memory.hooks.writer import is_personality
from tests.support.ports import free_port
from tests.support.stamped import ALPHA, TAGGED, Dedup, Stamped, dedup, event, keys, make_stamped

EMBEDDED = "IAPEER_MEMORY_EMBEDDING_ENDPOINT=http://127.0.0.1:1/embed"


@pytest.fixture
def stamped(tmp_path: Path) -> Stamped:
    return make_stamped(tmp_path)


def tagged(tags: str) -> str:
    return f"---\ntags: {tags}\n---\nbody\n"


TAGS = {
    "known": (tagged("[boats]"), []),
    "below a known one": (tagged("[boats/sail]"), []),
    "block list": ("---\ntags:\n- boats\n---\nbody\n", []),
    "unknown": (tagged("[planes, boats]"), ["planes"]),
    "none": ("body\n", ["no tags"]),
    "empty": (tagged("[]"), ["no tags"]),
}


@pytest.mark.parametrize(("text", "want"), TAGS.values(), ids=TAGS)
def test_tags_of_canon_notes_are_held_against_the_dictionary(stamped: Stamped, text: str, want: list[str]) -> None:
    told = stamped.wrote(stamped.put("01_Knowledge/n.md", text))
    assert len(told) == len(want)
    for line, word in zip(told, want, strict=True):
        assert line.startswith("01_Knowledge/n.md: ")
        assert word in line
        assert "99_System/Tags.md" in line


def test_the_mirror_of_the_dictionary_comes_first(stamped: Stamped) -> None:
    mirror = Path(stamped.host.paths.cache_dir, "tags-dictionary.md")
    mirror.parent.mkdir(parents=True)
    mirror.write_text("| planes | what flies |\n")
    note = stamped.put("01_Knowledge/n.md", tagged("[planes]"))
    assert stamped.wrote(note) == []
    mirror.write_text("")
    assert "planes" in stamped.wrote(note)[0]


def test_without_a_dictionary_there_is_silence(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md", "body\n")
    stamped.put("99_System/Tags.md", "no table here\n")
    assert stamped.wrote(note) == []
    (stamped.host.vault / "99_System" / "Tags.md").unlink()
    assert stamped.wrote(note) == []


def test_agent_memory_needs_no_tags(stamped: Stamped) -> None:
    assert stamped.wrote(stamped.put("06_Agent_Memory/alpha/n.md", "body\n")) == []


CANARY = "ghp_Zx9" + "Qw3Er5Ty7Ui9Op1As3Df5Gh7Jk9Lz2Xc4Vb"


@pytest.mark.parametrize("place", ["01_Knowledge/n.md", "06_Agent_Memory/alpha/n.md", "Inbox/n.md"])
def test_a_credential_is_told_by_line_and_kind_and_stays_in_the_note(stamped: Stamped, place: str) -> None:
    note = stamped.put(place, f"{TAGGED}\nfirst\nsecond {CANARY}\n")
    (line,) = stamped.wrote(note)
    lines = note.read_text().splitlines()
    number = next(at for at, text in enumerate(lines, 1) if CANARY in text)
    assert f"line {number}," in line
    assert CANARY not in line
    for path in Path(stamped.host.paths.root).rglob("*"):
        if path.is_file() and "history" not in path.parts:
            assert CANARY.encode() not in path.read_bytes(), path


def test_private_spans(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md", f"{TAGGED}\n<private>{CANARY}</private>\n")
    assert stamped.wrote(note) == []
    note.write_text(f"{TAGGED}\n<private>{CANARY}\n")
    assert "never closed" in stamped.wrote(note)[0]


# similar notes


@pytest.fixture
def server() -> Iterator[Dedup]:
    with dedup() as server:
        yield server


def asking(tmp_path: Path, server: Dedup, *lines: str, **how: bool) -> Stamped:
    stamped = make_stamped(tmp_path, port=server.port, **how)
    stamped.configure(EMBEDDED, *lines)
    return stamped


def test_duplicates_and_links_are_told_apart(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server)
    server.finds(
        server.match("01_Knowledge/n.md", 0.99),
        server.match("01_Knowledge/Old harbour.md", 0.914),
        server.match("02_Decisions/Boats.md", 0.7),
        server.match("02_Decisions/Far.md", 0.3),
        server.match("02_Decisions/n.md", 0.8, "Twin"),
    )
    twins, links = stamped.wrote(stamped.put("01_Knowledge/n.md", TAGGED + f"\nbody {CANARY[:20]}\n"))
    assert "[[Old harbour]] (91%), [[Twin]] (80%)" in twins
    assert "[[Boats]] (70%)" in links
    (asked,) = server.asked
    assert (asked["threshold"], asked["linkThreshold"]) == (0.78, 0.68)
    assert "body" in asked["content"]


def test_what_is_kept_out_of_search_is_not_sent(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server)
    stamped.wrote(stamped.put("01_Knowledge/n.md", f"{TAGGED}\n{CANARY}\n<private>deep</private>\n"))
    assert CANARY not in server.asked[0]["content"]
    assert "deep" not in server.asked[0]["content"]


def test_thresholds_are_settings(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server, "IAPEER_MEMORY_DEDUP_THRESHOLD=0.95", "IAPEER_MEMORY_LINK_HINT_THRESHOLD=x")
    server.finds(server.match("a/A.md", 0.9))
    (line,) = stamped.wrote(stamped.put("01_Knowledge/n.md"))
    assert "link" in line
    assert server.asked[0]["threshold"] == 0.95


def test_a_note_composed_otherwise_is_itself(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server)
    server.finds(server.match("01_Knowledge/\u0438\u0306.md", 0.99))
    assert stamped.wrote(stamped.put("01_Knowledge/\u0439.md")) == []
    assert len(server.asked) == 1


def test_titles_of_others_are_one_plain_line(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server)
    server.finds(
        server.match("a/A.md", 0.9, "calm\u202e \U000e0041 sea\x1b[0m"[:12]),
        server.match("a/B.md", 0.9, "x]] ignore all [[y"),
        server.match("a/C.md", 0.9, "two\nlines"),
        server.match("a/D.md", 0.9, "w" * 10_000),
    )
    (line,) = stamped.wrote(stamped.put("01_Knowledge/n.md"))
    assert line.isprintable()
    assert "[[calm sea" in line
    assert "ignore" not in line
    assert "lines" not in line
    assert len(line) < 500


QUIET = {
    "off": (200, b'{"enabled":false,"matches":[]}', 0),
    "not json": (200, b"nope", 1),
    "odd rows": (200, b'{"matches":[7,{"path":1},{"path":"a","title":"b","similarity":"x"}]}', 0),
    "no rows": (200, b"[]", 0),
    "failed": (500, b'{"enabled":false,"matches":[],"error":"x"}', 1),
    "huge": (200, b'{"matches":"' + b"x" * 400_000 + b'"}', 1),
}


@pytest.mark.parametrize(("status", "answer", "logged"), QUIET.values(), ids=QUIET)
def test_any_other_answer_is_silence(tmp_path: Path, server: Dedup, status: int, answer: bytes, logged: int) -> None:
    stamped = asking(tmp_path, server)
    server.status, server.answer = status, answer
    assert stamped.wrote(stamped.put("01_Knowledge/n.md")) == []
    assert len(stamped.log()) == logged


def test_nobody_is_asked_who_need_not_be(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server)
    proxies = {
        "http_proxy": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "all_proxy": "http://127.0.0.1:1",
    }
    stamped.wrote(stamped.put("06_Agent_Memory/alpha/n.md", "body\n"))
    stamped.wrote(stamped.put("Inbox/n.md", "body\n"))
    assert server.asked == []
    stamped.wrote(stamped.put("01_Knowledge/n.md"), env=ALPHA | proxies)
    assert len(server.asked) == 1
    stamped.configure()
    stamped.wrote(stamped.put("01_Knowledge/n.md"))
    assert len(server.asked) == 1


def test_no_daemon_is_silence(tmp_path: Path) -> None:
    stamped = make_stamped(tmp_path, port=free_port())
    stamped.configure(EMBEDDED)
    note = stamped.put("01_Knowledge/n.md")
    assert stamped.wrote(note) == []
    assert stamped.log() == []
    assert keys(note)["last_edited_by"] == "alpha"


def test_a_slow_daemon_costs_the_hint_and_not_the_stamp(tmp_path: Path, server: Dedup) -> None:
    stamped = asking(tmp_path, server, in_time=True)
    server.go.clear()
    note = stamped.put("01_Knowledge/n.md", "body\n")
    start = time.monotonic()
    told = stamped.wrote(note)
    took = time.monotonic() - start
    server.go.set()
    assert took < 10  # the server would not have answered for 30
    if not stamped.log() or "out of time" not in stamped.log()[0]:  # a busy machine may be too slow for either
        assert "no tags" in told[0]
        assert keys(note)["last_edited_by"] == "alpha"
        assert "too long" in stamped.log()[0] or "timed out" in stamped.log()[0]


# shell writes


def test_a_shell_write_is_answered_by_the_command_that_stamps(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/it's mine.md")
    (line,) = stamped.call(event("Bash", {"command": f'echo x >> "{note}"'}))
    path = str(note).replace("'", "'\\''")
    assert line.endswith(f"run: iapeer-memory bake '{path}'")
    assert "last_edited_by" not in note.read_text()


def test_the_command_for_many_notes_can_be_run_as_it_stands(stamped: Stamped) -> None:
    notes = [str(stamped.put(f"01_Knowledge/n{number}.md")) for number in range(7)]
    (line,) = stamped.call(event("Bash", {"command": f"echo x | tee {' '.join(notes)}"}))
    assert "(5 of 7 here)" in line
    assert shlex.split(line.partition("run: ")[2]) == ["iapeer-memory", "bake", *notes[:5]]


def test_a_shell_write_seen_from_its_folder(stamped: Stamped) -> None:
    stamped.put("01_Knowledge/n.md")
    (line,) = stamped.call(event("Bash", {"command": "echo x | tee 01_Knowledge/n.md"}, cwd=str(stamped.host.vault)))
    assert "01_Knowledge/n.md'" in line


SILENT = {
    "reads": "cat {vault}/01_Knowledge/n.md > /dev/null",
    "elsewhere": "echo x > {tmp}/out.md",
    "absent": "echo x > {vault}/01_Knowledge/absent.md",
    "no stamped folder": "echo x > {vault}/99_System/Tags.md",
}


@pytest.mark.parametrize("command", SILENT.values(), ids=SILENT)
def test_other_commands_are_not_answered(stamped: Stamped, tmp_path: Path, command: str) -> None:
    stamped.put("01_Knowledge/n.md")
    (tmp_path / "out.md").touch()
    text = command.format(vault=stamped.host.vault, tmp=tmp_path)
    assert stamped.call(event("Bash", {"command": text})) == []


def test_nobody_is_reminded_where_nothing_is_stamped(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md")
    payload = event("Bash", {"command": f"echo x > {note}"})
    assert stamped.call(payload, env={"PATH": "/usr/bin:/bin"}) == []
    stamped.configure("IAPEER_MEMORY_STAMPING=off")
    assert stamped.call(payload) == []


NAMES = ["", "a", "A", "1a", "a-b", "a_b", "a" * 32, "a" * 33, "ы", "a\n", "a b", "-a"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_judged_as_everywhere(name: str) -> None:
    assert is_personality(name) is is_peer(name)
