"""A host with peers for tests of surfaces: real folders, a real door, and snapshots of every byte in them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.domain.peer import Peer
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.surfaces import ledger as ledgers
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.state import PeerResult, SurfaceState
from iapeer_memory.surfaces.sweep import inspect, provision, unprovision
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import Want

GIT_ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@t",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@t",
}


FOREIGN = {
    ".mcp.json": '{ "mcpServers" : {"other":{"command":"x"}}, "n": 1.50e3 }',
    ".claude/settings.json": '{\r\n\t"permissions": {"allow": ["Bash(ls)"]},\r\n\t"hooks": {"PostToolUse": '
    '[{"matcher":"Write","hooks":[{"type":"command","command":"lint"}]}]}\r\n}',
    ".claude/skills/mine/SKILL.md": "---\nname: mine\n---\n",
    ".codex/config.toml": '# mine\r\n[features]\r\nmemories = false # core\r\n\r\n[mcp_servers."other"]\r\ncommand="y"',
    ".codex/hooks.json": '{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"bye"}]}]}}\n',
}
"""What a peer may hold already, spelled as nobody of ours would."""


def lay(cwd: str, files: dict[str, str]) -> None:
    """Write the files below a folder."""
    for name, text in files.items():
        path = Path(cwd, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def skill_text(name: str) -> str:
    """A stand-in for the template reader."""
    skill = name.split("/")[-2]
    return f"---\nname: {skill}\ndescription: about {skill}\n---\nBody of {name}.\n"


def git(folder: Path, *words: str) -> str:
    """Run git in a folder; its standard output."""
    done = subprocess.run(["git", *words], cwd=folder, env=GIT_ENV, capture_output=True, text=True, check=True)
    return done.stdout


def snapshot(root: Path) -> dict[str, bytes | str]:
    """Every file, link and folder below a folder, with its bytes, target or kind; `.git` innards but the exclude
    file left out."""
    found: dict[str, bytes | str] = {}
    for folder, names, files in os.walk(root):
        if ".git" in names:
            names.remove(".git")
            exclude = Path(folder, ".git", "info", "exclude")
            if exclude.exists():
                found[str(exclude.relative_to(root))] = exclude.read_bytes()
        for name in (*names, *files):
            path = Path(folder, name)
            key = str(path.relative_to(root))
            if path.is_symlink():
                found[key] = f"-> {os.readlink(path)}"
            elif path.is_dir():
                found[key] = "folder"
            elif path.is_file():
                found[key] = path.read_bytes()
            else:
                found[key] = "special"
    return found


@dataclass
class Bench:
    """One host. Every call loads the ledger from disk and saves it, as a command does."""

    root: Path
    door: Door
    want: Want
    env: dict[str, str] = field(default_factory=dict)
    claude: str | None = None
    core_results: list[RunResult] = field(default_factory=list)
    core_calls: list[str] = field(default_factory=list)
    follow: tuple[str, ...] = ()

    @classmethod
    def make(cls, root: Path, door: Door, **changes: object) -> Bench:
        """A fresh host below `root`, without a core unless asked."""
        (root / "home").mkdir(exist_ok=True)
        home = str(root / "home")
        want = Want(
            hooks_dir=f"{home}/.iapeer/plugins/iapeer-memory/hooks",
            vault=f"{home}/Vault",
            codex_home=f"{home}/.codex",
            claude_json=f"{home}/.claude.json",
            claude_home=f"{home}/.claude",
        )
        return cls(root, door, replace(want, **changes))  # type: ignore[arg-type]

    @property
    def home(self) -> Path:
        return self.root / "home"

    def peer(self, name: str = "alpha", folder: str = "peer", runtimes: tuple[str, ...] = ("claude", "codex")) -> Peer:
        """A peer with a folder of its own."""
        cwd = self.root / folder
        cwd.mkdir(parents=True, exist_ok=True)
        return Peer(name, str(cwd), runtimes)

    def view(self) -> View:
        path = self.root / "ledger.json"
        data = path.read_bytes() if path.exists() else None
        return View(
            self.door.files,
            self.want,
            uid=os.getuid(),
            template=skill_text,
            ledger=ledgers.load(data, str(path)),
            env=self.env,
            follow=self.follow,
        )

    def job(self, *, asked: bool = False, insist: bool = False) -> Job:
        backups = BackupStore(self.door.files, str(self.root / "backups"), self.door.clock)

        def trust(path: str) -> RunResult:
            self.core_calls.append(path)
            return self.core_results.pop(0) if self.core_results else RunResult(0, "trusted 2 hook(s)", "")

        return Job(
            self.door,
            self.view(),
            backups=backups,
            trust_hooks=trust if self.want.with_core else None,
            claude=self.claude,
            asked=asked,
            insist=insist,
        )

    def save(self, job: Job) -> None:
        path = self.root / "ledger.json"
        if job.ledger.changed:
            path.write_bytes(job.ledger.dump())
        elif path.exists():
            assert path.read_bytes() == job.ledger.dump(), "a change that the ledger did not notice"

    def provision(self, peer: Peer, harness: str, *, asked: bool = False, insist: bool = False) -> PeerResult:
        job = self.job(asked=asked, insist=insist)
        result = provision(job, peer, harness)
        self.save(job)
        return result

    def unprovision(self, peer: Peer, harness: str) -> PeerResult:
        job = self.job()
        result = unprovision(job, peer, harness)
        self.save(job)
        return result

    def inspect(self, peer: Peer, harness: str) -> tuple[SurfaceState, ...]:
        return inspect(self.view(), peer, harness)

    def drift(self, peer: Peer, harness: str) -> tuple[str, ...]:
        return tuple(state.problem for state in self.inspect(peer, harness) if state.level == "drift")

    def warnings(self, peer: Peer, harness: str) -> dict[str, str]:
        return {state.surface: state.detail for state in self.inspect(peer, harness) if state.level == "warn"}


def actions(result: PeerResult) -> dict[str, str]:
    """surface → action."""
    return {outcome.surface: outcome.action for outcome in result.outcomes}
