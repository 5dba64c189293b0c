"""What one sweep knows while it looks: settings, the ledger, the user's own harness files, and verdicts it has
already reached on the same bytes.

Reads each of the user's files once. Never writes. Not shared between commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os.path import join
from typing import Any

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.claude import userfiles
from iapeer_memory.surfaces.codex import userconfig
from iapeer_memory.surfaces.git import Known, WorkTree, find_work_tree, is_tracked
from iapeer_memory.surfaces.ground import Ground
from iapeer_memory.surfaces.ledger import Ledger
from iapeer_memory.surfaces.want import Want, Wanted, want

SkillReader = Callable[[str], str]
"""`templates` reader: the name of a template → its text."""


class View:
    """The eyes of one command. `env`: the environment that the harnesses will have.

    codex_config, codex_hooks, claude_settings: the user's own files.
    """

    __slots__ = (
        "_codex", "_known", "_skills", "_template", "_tracked", "_trees", "_user_files",
        "claude_settings", "codex_config", "codex_hooks", "env", "files", "ground", "ledger", "memo", "settings", "uid",
    )  # fmt: skip

    def __init__(
        self,
        files: Files,
        settings: Want,
        *,
        uid: int,
        template: SkillReader,
        ledger: Ledger | None = None,
        env: Mapping[str, str] | None = None,
        follow: tuple[str, ...] = (),
    ) -> None:
        self.files = files
        self.settings = settings
        self.uid = uid
        self.ledger = ledger if ledger is not None else Ledger()
        self.env: Mapping[str, str] = env or {}
        self.codex_config = join(settings.codex_home, "config.toml")
        self.codex_hooks = join(settings.codex_home, "hooks.json")
        self.claude_settings = join(settings.claude_home, "settings.json")
        self.ground = Ground(files, uid=uid, follow=follow)
        self.memo: dict[object, Any] = {}
        self._template = template
        self._skills: dict[str, bytes] = {}
        self._codex: userconfig.UserConfig | None = None
        self._user_files: userfiles.UserFiles | None = None
        self._known: Known = {}
        self._trees: dict[str, WorkTree | None] = {}
        self._tracked: dict[str, bool] = {}

    def wanted(self, peer: Peer, harness: str) -> Wanted:
        """The exact values for this peer."""
        return want(peer, harness, self.settings)

    def skill(self, name: str) -> bytes:
        """The bytes of a skill's SKILL.md in the host's language."""
        found = self._skills.get(name)
        if found is None:
            locale = self.settings.locale if self.settings.locale in ("en", "ru") else "en"
            found = self._skills[name] = self._template(f"skills/{locale}/{name}/SKILL.md").encode()
        return found

    def codex(self) -> userconfig.UserConfig:
        """What the user's Codex configuration says."""
        if self._codex is None:
            try:
                self._codex = userconfig.parse(self.ground.read(self.codex_config, None), self.codex_config)
            except FileRefused as error:
                self._codex = userconfig.UserConfig(problem=error.line())
        return self._codex

    def claude(self) -> userfiles.UserFiles:
        """What the user's Claude files say."""
        if self._user_files is None:
            self._user_files = userfiles.load(
                lambda path: self.ground.read(path, None), self.settings.claude_json, self.claude_settings
            )
        return self._user_files

    def forget_user_files(self) -> None:
        """They may have changed: read them again when they are next asked for."""
        self.ground.forget()
        self._codex = None
        self._user_files = None

    def work_tree(self, cwd: str) -> WorkTree | None:
        """The git work tree of a peer's folder. With the core nobody asks: its own files lie there openly."""
        return None if self.settings.with_core else self.repository(cwd)

    def repository(self, cwd: str) -> WorkTree | None:
        """The git work tree of a folder, for what the harnesses make of it."""
        if cwd not in self._trees:
            self._trees[cwd] = find_work_tree(self.files, self.ground.real(cwd), self.uid, self._known)
        return self._trees[cwd]

    def project(self, cwd: str) -> str:
        """The folder under which Claude keeps what the user said of this one: the top of the repository's main
        checkout, the folder itself outside git. Source: measured on Claude Code."""
        tree = self.repository(cwd)
        return self.ground.real(cwd) if tree is None else tree.main_top

    def is_team_file(self, cwd: str, path: str) -> bool:
        """Whether the peer's repository tracks the file (always no with the core, and outside a work tree)."""
        tree = self.work_tree(cwd)
        if tree is None:
            return False
        known = self._tracked.get(path)
        if known is None:
            inside = join(self.ground.real(cwd), path[len(cwd) :].lstrip("/"))
            known = self._tracked[path] = is_tracked(self.files, tree, inside)
        return known
