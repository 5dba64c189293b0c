"""An environment full of traps, for the shims and the stable command; who may read and write what we place."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, Ran, bed_in, plain_files, until

FAKES = (
    "find",
    "cat",
    "python",
    "python3",
    "sh",
    "bash",
    "env",
    "printf",
    "timeout",
    "ps",
    "systemctl",
    "claude",
    "codex",
)
SECRET = "sk-not-for-anybody-0451"
NOTE = '{"tool_name":"Write","cwd":"/","tool_input":{"file_path":"%s/01_Knowledge/x.md","content":"y"}}'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Bed]:
    """A host that was made with no umask at all, and with a secret in the settings."""
    with bed_in(tmp_path_factory.mktemp("traps"), runtime) as bed:
        bed.prepare()
        with (bed.config_dir / "config.env").open("a") as file:
            file.write(f"IAPEER_MEMORY_EMBEDDING_API_KEY={SECRET}\n")
        bed.peer("alpha").mkdir(parents=True)
        old = os.umask(0)
        try:
            bed.ok("init", "--peer", f"alpha={bed.peer('alpha')}", "--allow", "--non-interactive")
        finally:
            os.umask(old)
        yield bed


@pytest.fixture
def traps(host: Bed, tmp_path: Path) -> dict[str, str]:
    """Variables that would have other programs run, or ours look elsewhere."""
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    sprung = tmp_path / "sprung"
    for name in FAKES:
        (fakes / name).write_text(f'#!/bin/sh\necho "{name}" >> {sprung}\nexit 0\n')
        (fakes / name).chmod(0o755)
    (fakes / "sitecustomize.py").write_text(f"open({str(sprung)!r}, 'a').write('sitecustomize')\n")
    (fakes / "json.py").write_text(f"open({str(sprung)!r}, 'a').write('json')\n")
    (fakes / "rc").write_text(f"echo rc >> {sprung}\n")
    elsewhere = str(tmp_path / "elsewhere")
    return {
        "HOME": elsewhere, "PATH": str(fakes), "PYTHONPATH": str(fakes), "PYTHONHOME": elsewhere, "PYTHONINSPECT": "1",
        "PYTHONSTARTUP": str(fakes / "sitecustomize.py"), "PYTHONUSERBASE": str(fakes), "PYTHONWARNINGS": "error",
        "BASH_ENV": str(fakes / "rc"), "ENV": str(fakes / "rc"), "IFS": "/i", "CDPATH": str(fakes), "TMPDIR": elsewhere,
        "BASH_FUNC_find%%": f"() {{ echo function >> {sprung}; }}", "SHELLOPTS": "xtrace", "LC_ALL": "xx_YY.bad",
        "IAPEER_ROOT": elsewhere, "IAPEER_MEMORY_STATE_DIR": elsewhere, "IAPEER_MEMORY_VAULT_PATH": elsewhere,
        "IAPEER_MEMORY_CONFIG_FILE": f"{elsewhere}/c.env", "IAPEER_MEMORY_BINARY_PATH": str(fakes / "sh"),
        "IAPEER_MEMORY_MCP_PORT": "1",
        "CLAUDE_CONFIG_DIR": elsewhere, "CODEX_HOME": elsewhere, "XDG_CONFIG_HOME": elsewhere,
        "http_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1",
        "SPRUNG": str(sprung),
    }  # fmt: skip


def run(program: Path, env: dict[str, str], *words: str, stdin: str = "", cwd: Path | None = None) -> Ran:
    """A program that we placed, with exactly this environment."""
    done = subprocess.run(
        [str(program), *words],
        env=env,
        cwd=cwd or "/",
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def unsprung(traps: dict[str, str]) -> None:
    """No trap has gone off, and nothing was made elsewhere."""
    sprung = Path(traps["SPRUNG"])
    assert not sprung.exists(), sprung.read_text()
    assert not Path(traps["HOME"]).exists()


@pytest.mark.parametrize("event", ["session-start", "post-write"])
def test_a_shim_says_the_same_in_any_environment(host: Bed, traps: dict[str, str], event: str) -> None:
    shim = host.config_dir / f"hooks/iapeer-memory.{event}.sh"
    stdin = NOTE % host.vault
    honest = run(shim, {"PATH": "/usr/bin:/bin"}, stdin=stdin, cwd=host.peer("alpha"))
    trapped = run(shim, traps, stdin=stdin, cwd=host.peer("alpha"))
    assert (honest.code, trapped.code) == (0, 0) and trapped.out == honest.out
    unsprung(traps)


def test_a_kick_from_a_trapped_session_repairs_this_host_and_no_other(host: Bed, traps: dict[str, str]) -> None:
    host.end()
    (host.state / "memoryd.heartbeat").unlink(missing_ok=True)
    (host.state / "verify-kick.stamp").unlink(missing_ok=True)
    armed = {**traps, "IAPEER_TEST_SANDBOX": "1"}
    ran = run(host.config_dir / "hooks/iapeer-memory.session-start.sh", armed, cwd=host.peer("alpha"))
    assert ran.code == 0 and len([line for line in ran.out.splitlines() if line.startswith("[iapeer-memory]")]) == 1
    until(lambda: len(host.daemons()) == 1, "the repair starts memoryd")
    until(lambda: host.run("verify").code == 0, "the host is well")
    unsprung(traps)


def test_the_stable_command_runs_from_an_empty_environment_and_ignores_python_variables(
    host: Bed, traps: dict[str, str]
) -> None:
    command = host.home / ".local/bin/iapeer-memory"
    bare = run(command, {"HOME": str(host.home), "IAPEER_TEST_SANDBOX": "1"}, "config", "path")
    assert bare == Ran(0, f"{host.config_dir / 'config.env'}\n", "")
    python = {
        name: value for name, value in traps.items() if name.startswith(("PYTHON", "BASH", "ENV", "IFS", "TMPDIR"))
    }
    env = {**python, "HOME": str(host.home), "PATH": traps["PATH"], "IAPEER_TEST_SANDBOX": "1"}
    assert run(command, env, "config", "path").out == bare.out
    unsprung(traps)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_that_we_place_may_be_written_by_others(host: Bed) -> None:
    made_by_the_test = {host.peer("alpha"), host.state, host.config_dir, *host.config_dir.parents}
    loose = [
        str(path.relative_to(host.home))
        for place in (host.root, host.home / ".local", host.peer("alpha"))
        for path in (place, *place.rglob("*"))
        if not path.is_symlink() and mode_of(path) & 0o022 and path not in made_by_the_test
    ]
    assert loose == []


PRIVATE = (
    "state/iapeer-memory/host.json", "state/iapeer-memory/ledger.json", "plugins/iapeer-memory/fleet.toml",
    "cache/iapeer-memory/index.db", "logs/iapeer-memory/memoryd.log", "state/iapeer-memory/memoryd.pid",
)  # fmt: skip


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_nobody_elses_is_private(host: Bed, name: str) -> None:
    assert mode_of(host.root / name) & 0o077 == 0, oct(mode_of(host.root / name))


def test_kept_versions_are_private(bed: Bed) -> None:
    bed.prepare()
    (bed.config_dir / "config.env").unlink()
    bed.peer("alpha").mkdir(parents=True)
    (bed.peer("alpha") / ".mcp.json").write_text('{"mcpServers": {}}')
    flags = ("--peer", f"alpha={bed.peer('alpha')}", "--vault", str(bed.vault), "--non-interactive")
    bed.ok("init", *flags, env={"IAPEER_MEMORY_MCP_PORT": str(bed.port)})
    assert mode_of(bed.config_dir / "config.env") == 0o600
    store = bed.state / "backups"
    assert mode_of(store) == 0o700 and {mode_of(path) for path in store.iterdir()} == {0o600}


def test_a_secret_stays_in_the_settings_file(host: Bed) -> None:
    files = {path: data for path, data in plain_files(host.home).items() if "/runtimes/" not in path}
    assert [path for path, data in files.items() if SECRET.encode() in data] == [str(host.config_dir / "config.env")]
    for words in (
        ("config", "list"),
        ("status",),
        ("verify",),
        ("update", "--json"),
        ("logs",),
        ("update", "--dry-run"),
    ):
        ran = host.run(*words)
        assert SECRET not in ran.out + ran.err, words
