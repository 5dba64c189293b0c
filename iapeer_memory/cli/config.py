"""`config list|get|set|path`: the settings, where each comes from, and a careful edit of the user's file."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.plan import planned, tell_plan
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError
from iapeer_memory.domain.settings import BY_NAME, PREFIX, SETTINGS, Setting, set_line
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.values import value_fault

ASK_SECONDS, ANEW_SECONDS, POLL_SECONDS = 2.0, 5.0, 0.05

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="Show or change settings.")(lambda: None)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json")] = False) -> int:
    """Every setting, its value and where it comes from."""
    host = open_host(readonly=True)
    out = Output(host.env, as_json=as_json)
    rows = [
        {
            "name": s.name,
            "value": shown(s, host.settings[s.name]),
            "source": host.settings.source(s.name),
            "about": s.about,
        }
        for s in SETTINGS
    ]
    width = max(len(s.name) for s in SETTINGS)
    for row in rows:
        out.line(f"{row['name'].ljust(width)}  {row['value'] or '-'}  {out.paint('(' + row['source'] + ')', 'dim')}")
    out.document("settings", {"file": host.paths.config_file, "settings": rows})
    return 0


@app.command("get")
def get(name: Annotated[str, typer.Argument(help="With or without the prefix IAPEER_MEMORY_.")]) -> int:
    """Print one value."""
    sys.stdout.write(open_host(readonly=True).settings[known(name)] + "\n")
    return 0


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument()],
    value: Annotated[str, typer.Argument()],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> int:
    """Change one line of config.env; every other byte stays."""
    host = open_host()
    host, plan = planned(host) if dry_run else (host, None)
    bare = known(name)
    key = PREFIX + bare
    if fault := value_fault(bare, value):
        raise UsageError(f"{bare} {fault}")
    before = host.door.files.read_optional(host.paths.config_file) or b""
    try:
        after = set_line(before, key, value)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if before:
        host.backups.keep(host.paths.config_file, before, 0o600)
    host.door.files.write(host.paths.config_file, after, mode=None if before else 0o600)
    out = Output(host.env)
    if os.environ.get(key, value) != value:
        out.line(out.paint(f"{key} is also set in the environment, which is stronger than the file", "warn"))
    if plan is None:
        taken = taken_up(host)
        out.line(f"{key} is set in {host.paths.config_file}; {taken}apply it everywhere with: iapeer-memory update")
    tell_plan(out, host, plan)
    return 0


@app.command("path")
def path() -> int:
    """Print where config.env is."""
    sys.stdout.write(open_host(readonly=True).paths.config_file + "\n")
    return 0


def taken_up(host: Host) -> str:
    """Have the memoryd that runs take the change up, which it would by itself within half a minute, and wait until it
    has started anew. What became of it, "" where none runs or nothing has changed for it."""
    before = written(host)
    url = f"http://127.0.0.1:{host.port}/reload"
    answer = host.door.net.fetch(url, method="POST", body=b"", timeout=ASK_SECONDS, limit=1 << 16)
    if answer.status != 202 or b"true" not in answer.body:
        return ""
    clock = host.door.clock
    end = clock.monotonic() + ANEW_SECONDS
    while written(host) in (None, before):
        if clock.monotonic() >= end:
            return "memoryd takes it up now; "
        clock.sleep(POLL_SECONDS)
    return "memoryd has taken it up; "


def written(host: Host) -> int | None:
    """When memoryd last said that it is up."""
    found = host.door.files.stat(host.paths.pid_file)
    return found.mtime_ns if found else None


def shown(setting: Setting, value: str) -> str:
    """The value as a list shows it: of a secret only that it is there."""
    return "(set)" if setting.secret and value else value


def known(name: str) -> str:
    """The setting's bare name. Raises UsageError for one that does not exist."""
    bare = name.upper().removeprefix(PREFIX)
    if bare not in BY_NAME:
        raise UsageError(f"no setting is called {name}", remedy="iapeer-memory config list")
    return bare
