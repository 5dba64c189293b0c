"""Peers whose folders are full of other people's configuration, and whether every byte of it is still there."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.bed import Bed, tree

SETTINGS = """{
    "model": "opus",
    "hooks": {
        "PostToolUse": [
            {"matcher": "Write", "hooks": [{"type": "command", "command": "echo 'theirs'"}]}
        ],
        "Stop": [{"hooks": [{"type": "command", "command": "true"}]}]
    },
    "permissions": {"allow": ["Bash(ls:*)"], "deny": []}
}
"""
SERVERS = '{"mcpServers":{"other":{"type":"stdio","command":"their-server","args":["--x"]}},"note":1.50}'
CONFIG = """# mine, with care
model = "gpt-x"   # the good one

[mcp_servers.other]
command = "their-server"

[[profiles.list]]
name = 'a'
"""
CODEX_HOOKS = '{\r\n\t"hooks": {\r\n\t\t"Stop": [{"hooks": [{"type": "command", "command": "date"}]}]\r\n\t}\r\n}\r\n'
SKILL = "---\nname: theirs\n---\nbe kind\n"
USER_CODEX = '# user level\napproval_policy = "on-request"\n\n[tui]\nnotifications = true # yes\n'

FILES = {
    ".claude/settings.json": SETTINGS,
    ".mcp.json": SERVERS,
    ".codex/config.toml": CONFIG,
    ".codex/hooks.json": CODEX_HOOKS,
    ".claude/skills/theirs/SKILL.md": SKILL,
    "README.md": "# peer\n",
}
FOREIGN_WORDS = {
    ".claude/settings.json": ('"model": "opus"', "echo 'theirs'", "Bash(ls:*)", '"Stop"'),
    ".mcp.json": ('"other":{"type":"stdio"', '"note":1.50'),
    ".codex/config.toml": ("# mine, with care", "# the good one", "[mcp_servers.other]", "name = 'a'"),
    ".codex/hooks.json": ('"command": "date"', "\r\n"),
}


@dataclass
class Fleet:
    """A bed with three peers: full of foreign files, bare, and a git work tree."""

    bed: Bed
    names: tuple[str, ...] = ("full", "bare", "repo")
    before: dict[str, dict[str, bytes | str | None]] = field(default_factory=dict)

    def furnish(self) -> None:
        """Make the folders and remember every byte of them, and of the user's own Codex file."""
        for name in self.names:
            self.bed.peer(name).mkdir(parents=True)
        for name, text in FILES.items():
            path = self.bed.peer("full") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        (self.bed.peer("full") / ".claude/settings.json").chmod(0o640)
        repo = self.bed.peer("repo")
        subprocess.run(
            ["git", "init", "-q", str(repo)], check=True, env={"HOME": str(self.bed.home), "PATH": "/usr/bin:/bin"}
        )
        (repo / ".git/info/exclude").write_text("# keep\n*.bak\n")
        codex = self.bed.home / ".codex"
        codex.mkdir()
        (codex / "config.toml").write_text(USER_CODEX)
        self.before = self.now()

    def init(self, *words: str) -> None:
        """The real init over them."""
        self.bed.ok("init", *self.flags(), "--allow", "--non-interactive", *words)

    def flags(self) -> list[str]:
        """`--peer` for each."""
        return [word for name in self.names for word in ("--peer", f"{name}={self.bed.peer(name)}")]

    def now(self) -> dict[str, dict[str, bytes | str | None]]:
        """Every byte of the peers' folders and of the user's Codex folder."""
        return {
            **{name: tree(self.bed.peer(name)) for name in self.names},
            "user": tree(self.bed.home / ".codex"),
        }

    def foreign_kept(self) -> None:
        """Every foreign word is there, and files that are wholly foreign are as they were."""
        for name, words in FOREIGN_WORDS.items():
            text = (self.bed.peer("full") / name).read_bytes().decode()
            missing = [word for word in words if word not in text]
            assert not missing, f"{name} lost {missing}:\n{text}"
        for name in (".claude/skills/theirs/SKILL.md", "README.md"):
            assert (self.bed.peer("full") / name).read_text() == FILES[name]
        user = (self.bed.home / ".codex/config.toml").read_text()
        assert "# user level" in user and "notifications = true # yes" in user
        assert "*.bak" in (self.bed.peer("repo") / ".git/info/exclude").read_text()

    def leftovers(self) -> list[str]:
        """Temporary files and half-made folders of ours, anywhere in the home."""
        found = []
        for top, folders, names in os.walk(self.bed.home):
            for name in (*folders, *names):
                if name.endswith(".iapeer-memory.tmp") or name.startswith((".staging-", ".trash-")):
                    found.append(f"{top}/{name}")
        return found


@dataclass
class Snapshot:
    """The home at one instant, without the runtimes, to be put back again and again."""

    bed: Bed
    folder: Path

    def take(self) -> None:
        """Remember it."""
        subprocess.run(["cp", "-a", str(self.bed.home), str(self.folder)], check=True)
        shutil.rmtree(self.folder / ".iapeer/state/iapeer-memory/runtimes", ignore_errors=True)

    def put_back(self) -> None:
        """The home as it was; what ran is stopped, the runtimes stay or are linked in again."""
        self.bed.end()
        runtimes = self.bed.state / "runtimes"
        aside = self.folder.with_suffix(".runtimes")
        if runtimes.exists():
            runtimes.rename(aside)
        for entry in self.bed.home.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        subprocess.run(["cp", "-a", f"{self.folder}/.", str(self.bed.home)], check=True)
        if aside.exists():
            aside.rename(runtimes)
