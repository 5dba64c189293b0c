"""The tools without a transport: what they take, what they say, how much of it, and where they write."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.attach.settings import SessionSettings
from iapeer_memory.index.records import Filter
from iapeer_memory.memoryd.mcp.listing import Server
from iapeer_memory.memoryd.mcp.protocol import Protocol
from iapeer_memory.memoryd.tools import guide, related, search, shortening, write
from iapeer_memory.memoryd.tools import map as map_tool
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.draft import appended
from iapeer_memory.memoryd.tools.memory import Append, Create, MapArguments, RelatedArguments, SearchArguments
from iapeer_memory.memoryd.tools.reading import BadArguments
from iapeer_memory.memoryd.tools.table import Tools
from iapeer_memory.memoryd.tools.tool import Outcome
from iapeer_memory.vault import frontmatter
from iapeer_memory.vault.locales import locale
from tests.support.endpoint import FolderMemory, tools_over

EN, RU = locale("en"), locale("ru")
VAULT = "/home/me/Vault"
jsonschema = importlib.import_module("jsonschema")


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return tools_over(FolderMemory(tmp_path))


def call(tools: Tools, name: str, caller: str | None = "alpha", **arguments: Any) -> Outcome:
    return asyncio.run(tools.call(name, arguments, Asker(caller)))


def told(outcome: Outcome) -> str:
    """The error's line."""
    assert outcome.error
    assert outcome.structured is None
    line = json.loads(outcome.text)["error"]
    assert "\n" not in line
    return str(line)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_list_stays_small(language: str, tmp_path: Path) -> None:
    tools = tools_over(FolderMemory(tmp_path), language)
    protocol = Protocol(Server("iapeer-memory", "Shared memory", "1.0.0", tools.instructions), tools.listed)
    assert len(protocol._listed.encode()) < 5_900
    assert len(protocol._listed_in_envelope.encode()) < 6_000


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_instructions_name_what_matters(language: str) -> None:
    names = locale(language)
    tools = Tools(FolderMemory(Path("/v")), names, f"{VAULT}\nand more")
    words = tools.instructions
    assert len(words) <= 2_000
    assert "native Read" in words
    for needed in ("memory_search", "memory_write", "sandbox", f"{VAULT} and more", "tags", "subtype", "description"):
        assert needed in words
    for folder in names.folders.values():
        assert folder in words
    assert not any("native Read" in str((tool.description, tool.input_schema)) for tool in tools.listed)
    readers = Tools(FolderMemory(Path("/v")), names, VAULT, writing=False)
    assert "memory_write" not in readers.instructions
    assert [tool.name for tool in readers.listed] == ["memory_search", "memory_related", "memory_map"]
    assert "unknown tool" in told(call(readers, "memory_write", title="x", text="y"))


@pytest.mark.parametrize("vault", ["en", "ru"])
@pytest.mark.parametrize("said", ["en", "ru"])
def test_the_instructions_in_a_session_s_language(said: str, vault: str) -> None:
    names = locale(vault)
    tools = Tools(FolderMemory(Path("/v")), names, f"{VAULT} {{knowledge}}")
    words = tools.welcome(Asker(settings=SessionSettings(language=said), unsettled=("/p:1: x",)))
    told, _, unsettled = words.partition("\n\n" + guide.UNSETTLED[said])
    assert unsettled == "\n- /p:1: x"
    assert len(told) <= 2_000
    for needed in (f"{VAULT} {{knowledge}}", "native Read", "memory_search", "memory_related", "memory_map", "sandbox"):
        assert needed in told
    for needed in ("memory_write", *names.folders.values(), *names.subtypes, names.statuses["stale"][0]):
        assert needed in told
    assert ("заметки" in told) == (said == "ru")


def test_schemas_are_closed_and_valid(tools: Tools) -> None:
    for tool in tools.listed:
        jsonschema.Draft202012Validator.check_schema(dict(tool.input_schema))
        jsonschema.Draft202012Validator.check_schema(dict(tool.output_schema))
        assert tool.input_schema["additionalProperties"] is False
        assert tool.title
        assert tool.description
    assert [tool.read_only for tool in tools.listed] == [True, True, True, False]
    assert [tool.always for tool in tools.listed] == [True, False, False, False]


def test_an_unknown_tool_is_named(tools: Tools) -> None:
    assert "vault_read" in told(call(tools, "vault_read"))
    assert "memory_search" in told(call(tools, "\n\ud800" * 500))


SEARCHES: list[tuple[dict[str, Any], SearchArguments]] = [
    ({"query": "fox"}, SearchArguments("fox")),
    ({"query": " "}, SearchArguments(" ")),
    ({"query": "fox", "forCuration": True, "limit": None}, SearchArguments("fox", True)),
    ({"query": "fox", "limit": 50, "offset": 3}, SearchArguments("fox", False, 50, 3)),
    ({"query": "q", "type": "idea, decision"}, SearchArguments("q", only=Filter(types=("idea", "decision")))),
    ({"query": "q", "tag": ["#a/b", "c", "c"]}, SearchArguments("q", only=Filter(tags=("a/b", "c")))),
    ({"query": "q", "status": "на паузе"}, SearchArguments("q", only=Filter(statuses=("на паузе",)))),
    ({"query": "q", "author": "alpha"}, SearchArguments("q", only=Filter(authors=("alpha",)))),
    ({"query": "q", "since": "2026-02-28"}, SearchArguments("q", only=Filter(since="2026-02-28"))),
    ({"query": "q", "folder": "IDEAS"}, SearchArguments("q", only=Filter(folders=("04_Ideas", "IDEAS")))),
    ({"query": "q", "folder": "Inbox"}, SearchArguments("q", only=Filter(folders=("Inbox",)))),
    ({"query": "q", "folder": f"{VAULT}/Inbox/Old/"}, SearchArguments("q", only=Filter(folders=("Inbox/Old",)))),
]  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), SEARCHES)
def test_searches(given: dict[str, Any], wanted: SearchArguments) -> None:
    assert search.read(given, EN, VAULT) == wanted


def test_a_word_for_a_folder_hides_no_folder_that_is_called_so() -> None:
    read = search.read({"query": "q", "folder": "Projects/Reef/"}, EN, VAULT, SessionSettings(folders=("ideas",)))
    assert read.only.folders == ("03_Projects/Reef", "Projects/Reef")
    assert read.preferred == ("04_Ideas", "ideas")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "query must be"), ({"query": ""}, "query must be"), ({"query": 7}, "query must be"),
        ({"query": None}, "query must be"), ({"query": "x" * 10_001}, "at most 10000 characters, not 10001"),
        ({"query": "\ud800"}, "half a character"),
        ({"query": "x", "limit": 0}, "limit must be a whole number from 1 to 50"),
        ({"query": "x", "limit": "5"}, "limit must"),
        ({"query": "x", "limit": True}, "limit must"), ({"query": "x", "limit": 1.0}, "limit must"),
        ({"query": "x", "offset": -1}, "offset must"), ({"query": "x", "forCuration": "yes"}, "forCuration must"),
        ({"query": "x", "max": 1, "b\n": 2}, "unknown argument 'b"), ({"query": "x", "tag": 7}, "tag must be texts"),
        ({"query": "x", "tag": [7]}, "tag must be a text"), ({"query": "x", "tag": ["a"] * 21}, "at most 20"),
        ({"query": "x", "type": ","}, "type must be"), ({"query": "x", "author": "a\nb"}, "one line"),
        ({"query": "x", "since": "yesterday"}, "YYYY-MM-DD"), ({"query": "x", "since": "2026-02-30"}, "YYYY-MM-DD"),
        ({"query": "x", "since": "2026-W01-1"}, "YYYY-MM-DD"), ({"query": "x", "folder": " "}, "not be blank"),
    ],
)  # fmt: skip
def test_bad_searches(tools: Tools, given: dict[str, Any], words: str) -> None:
    line = told(call(tools, "memory_search", **given))
    assert words in line
    assert line.startswith("memory_search: ")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"path": "01_Knowledge/Fox.md"}, RelatedArguments("01_Knowledge/Fox.md")),
        ({"path": f"{VAULT}/01_Knowledge/Fox.md", "depth": 3}, RelatedArguments("01_Knowledge/Fox.md", 3)),
        ({"path": "./Fox.md"}, RelatedArguments("Fox.md")),
        ({"title": "Fox", "path": None}, RelatedArguments("Fox")),
        ({}, "path or title"), ({"path": "a", "title": "b"}, "path or title"), ({"path": ""}, "path must be"),
        ({"title": "x", "depth": 4}, "depth must be"), ({"title": "x", "depth": 0}, "depth must be"),
    ],
)  # fmt: skip
def test_related(given: dict[str, Any], wanted: RelatedArguments | str) -> None:
    if isinstance(wanted, str):
        with pytest.raises(BadArguments, match=wanted):
            related.read(given, VAULT)
    else:
        assert related.read(given, VAULT) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, MapArguments(False, ("bridges", "clusters", "hubs", "orphans"))),
        ({"parts": []}, MapArguments(False, ("bridges", "clusters", "hubs", "orphans"))),
        ({"parts": ["orphans", "hubs", "hubs"], "detail": "full"}, MapArguments(True, ("hubs", "orphans"))),
        ({"parts": ["all"]}, "parts must be some of"), ({"parts": "hubs"}, "parts must be a list"),
        ({"detail": "long"}, "detail must be one of summary, full"), ({"detail": ["full"]}, "detail must be one of"),
    ],
)  # fmt: skip
def test_maps(given: dict[str, Any], wanted: MapArguments | str) -> None:
    if isinstance(wanted, str):
        with pytest.raises(BadArguments, match=wanted):
            map_tool.read(given)
    else:
        assert map_tool.read(given) == wanted


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"title": "Fox"}, "06_Agent_Memory/alpha/Fox.md"),
        ({"title": "Fox", "folder": "agent_memory"}, "06_Agent_Memory/alpha/Fox.md"),
        ({"title": "Fox", "folder": "06_Agent_Memory/alpha/den/"}, "06_Agent_Memory/alpha/den/Fox.md"),
        ({"title": "Fox", "folder": "Decisions", "tags": ["a"]}, "02_Decisions/Fox.md"),
        ({"title": "Plan — x", "folder": "projects/Harbour", "tags": ["a"]}, "03_Projects/Harbour/Plan — x.md"),
        ({"title": "Why a/b: c? [[x]] #y", "folder": "ideas", "tags": ["a"]}, "04_Ideas/Why a b c x y.md"),
        ({"title": "../../etc/passwd"}, "06_Agent_Memory/alpha/etc passwd.md"),
        ({"title": "Ж" * 200}, f"06_Agent_Memory/alpha/{'Ж' * 98}.md"),
        ({"title": "e\u0301te\u0301"}, "06_Agent_Memory/alpha/été.md"),
    ],
)  # fmt: skip
def test_where_a_new_note_goes(given: dict[str, Any], path: str) -> None:
    made = write.read({"text": "x", **given}, "alpha", EN, VAULT)
    assert isinstance(made, Create)
    assert made.path == path


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "create needs title"), ({"title": "x", "path": "01_Knowledge/x.md"}, "takes no path"),
        ({"title": "x\ny"}, "one line"), ({"title": "..."}, "letters or digits"),
        ({"title": "//"}, "letters or digits"),
        ({"title": "x", "text": ""}, "text must be"), ({"title": "x", "text": " \n"}, "text must be"),
        ({"title": "x", "text": "a\0b"}, "without NUL"), ({"title": "x", "text": "x" * 200_001}, "at most 200000"),
        ({"title": "x", "text": "---\ntype: idea\n---\n"}, "must not begin with frontmatter"),
        ({"title": "x", "mode": "replace"}, "mode must be one of create, append"),
        *(({"title": "x", "folder": folder}, "folder must be one of knowledge") for folder in (
            "archive", "99_System", "Inbox", "..", "knowledge/../99_System", "knowledge//x", "knowledge/.obsidian",
            "agent_memory/beta", "06_Agent_Memory/beta", "06_Agent_Memory/alpha/../beta", "knowledge/a\\b", "/",
            "knowledge/ x", "knowledge/" + "x" * 300,
        )),
        ({"title": "x", "folder": "knowledge"}, "at least one tag"), ({"title": "x", "tags": ["a"]}, "carry no tags"),
        ({"title": "x", "folder": "ideas", "tags": ["a b"]}, "a tag is letters"),
        ({"title": "x", "folder": "ideas", "tags": ["a"], "subtype": "pitfall"}, "subtype is for your own memory"),
        ({"title": "x", "subtype": "novel"}, "one of feedback"),
        ({"title": "x", "status": "done"}, "status must be one of"),
        ({"mode": "append"}, "append needs path"), ({"mode": "append", "path": "x.md", "title": "y"}, "not title"),
        *(({"mode": "append", "path": path}, r"path must be a note") for path in (
            "06_Agent_Memory/beta/x.md", "99_System/Tags.md", "07_Archive/x.md", "x.md", "01_Knowledge/x.txt",
            "01_Knowledge/../99_System/Tags.md", "/etc/passwd.md", "01_Knowledge/.git/x.md", f"{VAULT}/../x.md",
        )),
    ],
)  # fmt: skip
def test_bad_writes(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadArguments) as caught:
        write.read({"text": "x", **given}, "alpha", EN, VAULT)
    assert words in caught.value.line()


@pytest.mark.parametrize("caller", [None, "..", "a/b", "Über", ""])
def test_a_caller_without_a_good_name_has_no_memory_of_its_own(caller: str | None) -> None:
    with pytest.raises(BadArguments, match="folder must be one of"):
        write.read({"title": "x", "text": "y"}, caller, EN, VAULT)
    with pytest.raises(BadArguments, match="path must be a note"):
        write.read({"mode": "append", "path": f"06_Agent_Memory/{caller}/x.md", "text": "y"}, caller, EN, VAULT)
    assert write.read({"title": "x", "text": "y", "folder": "ideas", "tags": ["a"]}, caller, EN, VAULT)


def test_a_host_may_name_those_who_do_not_tell(tmp_path: Path) -> None:
    tools = Tools(FolderMemory(tmp_path), EN, str(tmp_path), nameless="solo")
    paths = [
        json.loads(call(tools, "memory_write", caller, title="x", text="y").text)["path"] for caller in (None, "alpha")
    ]
    assert paths == ["06_Agent_Memory/solo/x.md", "06_Agent_Memory/alpha/x.md"]


@pytest.mark.parametrize("path", ["01_Knowledge/x.md", f"{VAULT}/01_Knowledge/x.md", "06_Agent_Memory/alpha/a/x.md"])
def test_what_may_be_lengthened(path: str) -> None:
    made = write.read({"mode": "append", "path": path, "text": "more"}, "alpha", EN, VAULT)
    assert made == Append(path.removeprefix(f"{VAULT}/"), "more")


@pytest.mark.parametrize(
    "title",
    ["Fox", "yes", "12", "a: b", "# x", "- x", '"x"', "it's", "null", "x #y", "Ёж — колючий", "1.5", "a\\b", "@x"],
)  # fmt: skip
def test_a_new_note_says_what_was_given(title: str) -> None:
    given: dict[str, Any] = {"title": title, "text": "Body.", "description": f"{title} {title}"}
    given |= {"folder": "lists", "tags": ["b", "#a/c", "true"], "status": "outdated"}
    made = write.read(given, "alpha", EN, VAULT)
    assert isinstance(made, Create)
    cut = frontmatter.split(made.data.decode())
    assert cut.body == "Body.\n"
    read = frontmatter.read(cut.block)
    wanted = {"title": title, "status": "outdated", "description": f"{title} {title}", "tags": ("b", "a/c", "true")}
    assert read == wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"more\n"), (b"x", b"x\n\nmore\n"), (b"x\n", b"x\n\nmore\n"), (b"x\n\n", b"x\n\nmore\n"),
        (b"x\r\ny\r\n", b"x\r\ny\r\n\r\nmore\r\n"), (b"\xff\n", b"\xff\n\nmore\n"),
    ],
)  # fmt: skip
def test_lengthening_keeps_every_byte(before: bytes, after: bytes) -> None:
    assert appended(before, "more") == after


def test_writing_and_finding(tools: Tools, tmp_path: Path) -> None:
    made = call(tools, "memory_write", title="Fox", text="Red. [[Hen]]", folder="knowledge", tags=["animal"])
    assert json.loads(made.structured or "") == {
        "path": "01_Knowledge/Fox.md", "mode": "create", "hints": ["stamped"],
    }  # fmt: skip
    again = call(tools, "memory_write", title="Fox", text="Blue.", folder="knowledge", tags=["animal"])
    assert "is there already; fix: append" in told(again)
    assert not call(tools, "memory_write", mode="append", path="01_Knowledge/Fox.md", text="Cunning.").error
    assert "no note" in told(call(tools, "memory_write", mode="append", path="01_Knowledge/Hen.md", text="x"))
    assert (tmp_path / "01_Knowledge/Fox.md").read_text().endswith("---\nRed. [[Hen]]\n\nCunning.\n")
    found = call(tools, "memory_search", query="cunning", folder="knowledge")
    assert json.loads(found.text)["results"][0]["path"] == "01_Knowledge/Fox.md"
    assert json.loads(call(tools, "memory_search", query="cunning", folder="ideas").text)["results"] == []


def test_answers_keep_to_their_schemas(tools: Tools) -> None:
    call(tools, "memory_write", title="Fox", text="Red. [[Hen]]", folder="knowledge", tags=["animal"])
    calls: list[tuple[str, Mapping[str, Any]]] = [
        ("memory_search", {"query": "red"}), ("memory_related", {"title": "Fox"}), ("memory_related", {"path": "x.md"}),
        ("memory_map", {}), ("memory_write", {"title": "Hen", "text": "x"}),
    ]  # fmt: skip
    schemas = {tool.name: tool for tool in tools.listed}
    for name, arguments in calls:
        jsonschema.validate(arguments, dict(schemas[name].input_schema))
        outcome = call(tools, name, **arguments)
        assert not outcome.error, outcome
        assert outcome.structured
        jsonschema.validate(json.loads(outcome.structured), dict(schemas[name].output_schema))
        assert json.loads(outcome.text) == json.loads(outcome.structured)
    missing = call(tools, "memory_related", path="x.md")
    assert json.loads(missing.text)["found"] is False


def results(count: int, letter: str) -> dict[str, Any]:
    """A payload of the usual size: long titles, full snippets, three related notes each."""
    related = [
        {"path": f"01_Знания/{letter * 30}{n}.md", "title": letter * 30, "direction": "incoming"} for n in range(3)
    ]
    items = [
        {
            "title": letter * 40, "path": f"03_Проекты/{letter * 20}/{letter * 40}{n}.md", "type": "проект",
            "status": "актуально", "score": 0.5, "snippet": f"[{letter}] " + f"{letter * 7} " * 29, "related": related,
        }
        for n in range(count)
    ]  # fmt: skip
    return {"query": letter * 100, "results": items, "pipeline": {"bm25": "ok"}}


@pytest.mark.parametrize("letter", ["a", "ж", "漢", "\U0001f98a"])
@pytest.mark.parametrize("count", [0, 1, 6, 12, 50])
def test_the_text_of_a_search_fits(letter: str, count: int) -> None:
    payload = results(count, letter)
    before = json.dumps(payload)
    text = shortening.results(payload, search.TEXT)
    assert len(text.encode()) <= search.TEXT
    assert json.dumps(payload) == before
    said = json.loads(text)
    kept = said["results"]
    assert len(kept) + said.get("left_out", 0) == count
    assert all(item["snippet"].startswith(f"[{letter}]") for item in kept)
    assert [item["path"] for item in kept] == [item["path"] for item in payload["results"]][: len(kept)]
    if letter in "aж" and count <= 6:
        assert len(kept) == count


def test_a_hostile_echo_fits_too() -> None:
    text = shortening.results({"query": "ж" * 10_000, "results": [], "pipeline": {}}, search.TEXT)
    assert len(text.encode()) < 1_000


@pytest.mark.parametrize("most", [500, 8_000])
def test_long_lists_are_halved_and_named(most: int) -> None:
    payload: dict[str, Any] = {
        "orphans": [f"note {n}" for n in range(5_000)],
        "hubs": [{"title": "x"}],
        "hubs_truncated": 3,
        "stats": {"orphans": 5_000},
    }
    text = shortening.lists(payload, most)
    assert len(text.encode()) <= most
    said = json.loads(text)
    assert (said["hubs"], said["hubs_truncated"], said["stats"]) == ([{"title": "x"}], 3, {"orphans": 5_000})
    assert len(said["orphans"]) + said["orphans_truncated"] == 5_000
    assert said["orphans"][0] == "note 0"
    assert len(payload["orphans"]) == 5_000


def test_half_characters_of_a_file_name_do_not_break_an_answer() -> None:
    text = shortening.lists({"path": "a\udce9.md"}, 1_000)
    assert json.loads(text.encode()) == {"path": "a?.md"}
