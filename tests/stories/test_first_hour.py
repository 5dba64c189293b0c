"""The first hour: a fresh home, thirty git folders, one question at most, until agent 30 finds a note of agent 1."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.bed import Bed, until

AGENTS = 30
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")


def git(folder: Path, *words: str, home: Path) -> str:
    """Run git in a folder with a home of its own."""
    done = subprocess.run(
        [*GIT, *words],
        cwd=folder,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def ask(port: int, query: str, identity: str) -> str:
    """`memory_search` over MCP, as a harness calls it."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "memory_search", "arguments": {"query": query}},
    }
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "X-IAPeer-Identity": identity,
    }
    with urlopen(Request(f"http://127.0.0.1:{port}/mcp", json.dumps(body).encode(), headers), timeout=10) as answer:
        return str(answer.read().decode())


def test_thirty_agents_share_one_memory(bed: Bed) -> None:
    bed.prepare()
    (bed.config_dir / "config.env").write_text(f"IAPEER_MEMORY_MCP_PORT={bed.port}\nIAPEER_MEMORY_SUPERVISOR=broker\n")
    folders = [bed.home / "src" / f"agent-{number:02}" for number in range(1, AGENTS + 1)]
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        git(folder, "init", "-q", home=bed.home)
        (folder / "README.md").write_text("# work\n")
        if number % 3 == 0:  # a team that tracks its own settings
            (folder / ".claude").mkdir()
            (folder / ".claude" / "settings.json").write_text('{"model": "opus"}\n')
        git(folder, "add", "-A", home=bed.home)
        git(folder, "commit", "-qm", "work", home=bed.home)
    (bed.home / ".claude.json").write_text(json.dumps({"projects": {str(folder): {} for folder in folders}}))

    # What `--discover` proposes to a script are the very flags that name the agents; nothing is taken unasked.
    listed = bed.ok("init", "--vault", str(bed.vault), "--discover", "--non-interactive")
    proposed = [line.strip() for line in listed.out.splitlines() if line.strip().startswith("--peer '")]
    assert len(proposed) == AGENTS and not (folders[1] / ".mcp.json").exists()
    flags = [word for line in proposed for word in ("--peer", line.removeprefix("--peer ").strip("'"))]
    flags = [word.replace(":claude", "") for word in flags]  # both harnesses
    bed.ok("init", *flags, "--allow", "--non-interactive")

    assert [f.name for f in folders if git(f, "status", "--porcelain", home=bed.home)] == []
    note = bed.vault / "06_Agent_Memory" / "agent-01" / "Deploy.md"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("The deploy key lives in the blue vault.\n")
    until(lambda: "Deploy" in ask(bed.port, "deploy key", "codex-agent-30"), "agent 30 finds the note of agent 1")
    assert bed.run("verify").code == 0

    bed.ok("uninstall")
    assert [f.name for f in folders if git(f, "status", "--porcelain", "--ignored", home=bed.home)] == []
    assert bed.daemons() == []
