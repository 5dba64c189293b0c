"""The finished product on a throw-away host with the real harnesses: its command line as a child, nothing simulated.

Not in the sandbox, since it must run the harnesses: what keeps it here is an environment that is spelled out, with a
HOME, a root of the ecosystem and a Codex home of this host alone, and daemons that nobody supervises. `claude` and
`codex` on its PATH are wrappers that note each start.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.bed import ARMED, Bed, until
from tests.support.harness.claude import Claude, trust_folder
from tests.support.harness.codex import Codex
from tests.support.harness.model import Model, Say, Step, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.process import clean_env
from tests.support.stamped import keys

GIT = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")


def make_product_runtime(folder: Path, harnesses: Harnesses) -> Path:
    """The private runtime of the code under test, made by the product itself."""
    host = Product.make(folder, harnesses, None)
    host.ok("install-binary")
    host.end()
    return host.state / "runtimes"


@dataclass
class Product(Bed):
    """One host. `run`, `ok` and `findings` are the product's command; `claude` and `codex` the real ones."""

    harnesses: Harnesses = field(kw_only=True)

    @classmethod
    def make(cls, folder: Path, harnesses: Harnesses, runtime: Path | None) -> Product:
        home = Path(os.path.realpath(folder)) / "home"
        host = cls(home, runtime, harnesses=harnesses)
        host.env = {
            **clean_env(str(home), f"{home}/.local/bin:{harnesses.path}"),
            "IAPEER_ROOT": str(host.root),
            "CODEX_HOME": str(home / ".codex"),
            "IAPEER_MEMORY_SUPERVISOR": "broker",
            "IAPEER_MEMORY_TRANSPORT": "http",
            "XDG_RUNTIME_DIR": str(host.run_folder),
        }
        assert not ARMED.keys() & host.env.keys()
        (home / ".local" / "bin").mkdir(parents=True)  # also on the PATH of what a hook starts
        (home / "tmp").mkdir()
        for name, command in (("claude", harnesses.claude_command()), ("codex", harnesses.codex_command())):
            wrapper = home / ".local" / "bin" / name
            wrapper.write_text(
                f'#!/bin/sh\nprintf "%s\\n" "$PWD: {name} $*" >> {shlex.quote(str(host.started))}\n'
                f'exec {shlex.join(command)} "$@"\n'
            )
            wrapper.chmod(0o755)
        return host

    @property
    def started(self) -> Path:
        """A line for each start of a harness by the product."""
        return self.home / "started"

    def own_hooks(self, folder: Path) -> list[str]:
        """Trust of each hook of ours that Codex sees from a folder."""
        hooks = self.codex.hooks(str(folder))
        return [hook.trust for hook in hooks if f"{self.config_dir}/hooks/" in hook.command]

    def starts(self) -> list[str]:
        return self.started.read_text().splitlines() if self.started.exists() else []

    # folders

    def git(self, folder: Path, *words: str) -> str:
        env = {"HOME": str(self.home), "PATH": self.harnesses.path, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run([*GIT, *words], cwd=folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    def repository(self, name: str, files: Mapping[str, str] | None = None) -> Path:
        """A peer's folder: a repository with one commit."""
        folder = self.peer(name)
        folder.mkdir(parents=True)
        self.git(folder, "init", "-q")
        for path, text in {"README.md": "# work\n", **(files or {})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        self.git(folder, "add", "-A")
        self.git(folder, "commit", "-qm", "work")
        return folder

    def join(self, *folders: Path, words: tuple[str, ...] = ()) -> None:
        """These folders are peers, named after themselves, with the user's one yes to everything of ours."""
        flags = [word for folder in folders for word in ("--peer", f"{folder.name}={folder}")]
        self.ok("init", *flags, "--allow", "--grant-trust", "--non-interactive", *words)

    def trust(self, *folders: Path) -> None:
        """The user answers Claude's question about these folders with yes."""
        trust_folder(str(self.home), *map(str, folders))

    # sessions

    @property
    def claude(self) -> Claude:
        return Claude(self.harnesses, str(self.home), {"XDG_RUNTIME_DIR": str(self.run_folder)})

    @property
    def codex(self) -> Codex:
        return Codex(self.harnesses, str(self.home), {"XDG_RUNTIME_DIR": str(self.run_folder)})

    def session(
        self, kind: str, folder: Path, steps: Sequence[Step], *, extra: Mapping[str, str] | None = None
    ) -> Model:
        """A whole session in the harness's default mode; the model that it talked to. `extra` joins its environment."""
        with Model(steps) as model:
            if kind == "claude":
                done = self.claude.session(str(folder), model, extra=extra).done
            else:
                done = self.codex.session(str(folder), model, extra=extra).done
        assert len(model.results) == sum(isinstance(step, Use) for step in steps), str(done)
        return model

    def found(self, query: str) -> str:
        """What memory answers to this query, asked over MCP as a harness does."""
        call = {"name": "memory_search", "arguments": {"query": query}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        request = Request(f"http://127.0.0.1:{self.port}/mcp", json.dumps(body).encode(), headers)
        with urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def indexed(self, word: str, title: str) -> None:
        """Wait until memory knows the note."""
        until(lambda: title in self.found(word), f"{title} is found")

    def restart(self) -> None:
        """memoryd ends and the next one answers, by the product's own hand."""
        (old,) = self.daemons()
        os.kill(old, 15)
        until(lambda: old not in self.daemons(), "memoryd ends")
        self.ok("verify", "--repair")
        assert old not in self.daemons() and len(self.daemons()) == 1

    # hooks

    def watch_hooks(self) -> None:
        """From now on a line is kept for each start of the interpreter that our hooks run."""
        python = self.state / "runtimes" / "current" / "bin" / "python"
        real = python.rename(python.with_name("python-watched"))  # beside it, where it is still the runtime's
        python.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {self.home}/hooks\nexec {real} "$@"\n')
        python.chmod(0o755)

    def hooks_run(self, name: str) -> int:
        """How often the script of this name was started."""
        log = self.home / "hooks"
        return sum(name in line for line in log.read_text().splitlines()) if log.exists() else 0

    def hook(self, folder: Path, event: str) -> str:
        """Run a hook of ours in a folder as a harness does; what it says."""
        shim = self.config_dir / "hooks" / f"iapeer-memory.{event}.sh"
        done = subprocess.run(
            [str(shim)], cwd=folder, env=self.env, input="{}", capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout

    def context(self, folder: Path) -> str:
        """What memory has to say at the start of a session in this folder."""
        path = self.state / "context" / "by-path" / str(folder).lstrip("/") / "context.txt"
        until(path.exists, f"{path} is rendered")
        return path.read_text()

    def clear(self) -> None:
        """Nothing of this host is left."""
        self.end()
        shutil.rmtree(self.home.parent, ignore_errors=True)


TEXT = "---\ntitle: {title}\n---\nThe lighthouse keeper of {title} counts seven {birds}.\nSecond line.\n"


def two_agents(product: Product) -> tuple[Path, Path]:
    """Two peers in repositories of their own, connected with one yes; the user trusts the folders."""
    product.prepare()
    alpha, beta = product.repository("alpha"), product.repository("beta")
    product.join(alpha, beta)
    product.trust(alpha, beta)
    return alpha, beta


def a_note_travels(product: Product, kind: str, other: str) -> str:
    """An agent gets its context, writes a note and edits it, our hook stamps it; the other agent finds it. What that
    one is answered."""
    alpha, beta = two_agents(product)
    said = {"claude": "system", "codex": "developer"}
    context = product.context(alpha)
    product.watch_hooks()
    note = product.vault / "01_Knowledge/Harbour.md"
    note.parent.mkdir(exist_ok=True)
    steps: list[Step] = [
        writes(kind, note, TEXT.format(title="Harbour", birds="gannets")),
        edits(kind, note, "Second line.", "Third line."),
        Say("finished"),
    ]
    model = product.session(kind, alpha, steps)
    assert [one.failed for one in model.results] == [False, False], model.results
    assert "Third line." in note.read_text() and "Second line." not in note.read_text()
    assert product.hooks_run("post_write") == 2
    stamped = keys(note)
    assert (stamped["author"], stamped["last_edited_by"], stamped["needs_review"]) == ("alpha", "alpha", "false")
    assert len(context) > 200 and context.strip() in model.text(said[kind])
    product.indexed("gannets", "Harbour")
    until(lambda: "[[Harbour]]" in product.context(beta), "the other agent's sessions start with word of it")
    model = product.session(other, beta, [search(other, "gannets"), Say("finished")])
    (answer,) = model.results
    assert not answer.failed, answer
    assert product.context(beta).strip() in model.text(said[other])
    assert product.git(alpha, "status", "--porcelain") == "" == product.git(beta, "status", "--porcelain")
    return answer.text


def search(kind: str, query: str, before: Callable[[], object] | None = None) -> Use:
    """The model searches memory."""
    act = None if before is None else lambda: void(before())
    if kind == "claude":
        return Use("mcp__iapeer-memory__memory_search", {"query": query}, before=act)
    return Use("memory_search", {"query": query}, namespace="mcp__iapeer_memory", before=act)


def void(_: object) -> None:
    """Nothing."""


def writes(kind: str, note: Path, text: str) -> Use:
    """The model writes a note."""
    if kind == "claude":
        return Use("Write", {"file_path": str(note), "content": text})
    added = "".join(f"+{line}\n" for line in text.splitlines())
    return Use("apply_patch", {"input": f"*** Begin Patch\n*** Add File: {note}\n{added}*** End Patch"}, custom=True)


def edits(kind: str, note: Path, old: str, new: str) -> Use:
    """The model changes one line of it."""
    if kind == "claude":
        return Use("Edit", {"file_path": str(note), "old_string": old, "new_string": new})
    patch = f"*** Begin Patch\n*** Update File: {note}\n@@\n-{old}\n+{new}\n*** End Patch"
    return Use("apply_patch", {"input": patch}, custom=True)
