"""`broker cleanup list|prune|uninstall|verify`: what services have left on disk. A dry run unless it is confirmed.

Notes, their history and backups of foreign files are never touched, whatever a manifest says.
Source of the verbs and flags: the running-process broker, cleanup command.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from iapeer_memory.broker.cleanup.listing import listed, listing
from iapeer_memory.broker.cleanup.request import Request, parse_age
from iapeer_memory.broker.cleanup.run import clean
from iapeer_memory.broker.cleanup.sight import plain
from iapeer_memory.broker.cleanup.verify import document, exit_code
from iapeer_memory.broker.cleanup.verify import verify as look
from iapeer_memory.broker.validate import sid_hash
from iapeer_memory.cli.doctor import around
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError, printable
from iapeer_memory.provision.host import Host

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="What services have left on disk.")(lambda: None)
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Confirm = Annotated[bool, typer.Option("--confirm", help="Carry it out; without this it is a dry run.")]
Roots = Annotated[
    list[str] | None, typer.Option("--root", metavar="PATH", help="A folder that may go though it holds data.")
]


@app.command("list")
def list_(as_json: Json = False) -> int:
    """Every manifest: whose it is, from which machine and boot, and whether its daemon lives."""
    host = open_host(readonly=True)
    found = listed(around(host))
    out = Output(host.env, as_json=as_json)
    for one in found:
        manifest = one.entry.manifest
        if manifest is None:
            out.line(f"not believed  {one.entry.refused.line() if one.entry.refused else printable(one.entry.path)}")
            continue
        life = f", daemon {one.life.state}" if one.life else ""
        name = printable(f"{manifest.service_name} {manifest.service_version}")
        out.line(f"{name}  {one.origin or 'unknown'}{life}  {printable(one.entry.path)}")
    if not found:
        out.line("no service has told what it keeps on disk")
    if as_json:
        _json(listing(found))
    return 0


@app.command("prune")
def prune(
    dormant_after: Annotated[str, typer.Option("--dormant-after", metavar="Nd|h|m|s")] = "",
    keep_current: Annotated[bool, typer.Option("--keep-current", help="Leave the version in use.")] = False,
    keep_last: Annotated[int | None, typer.Option("--keep-last", metavar="N", min=0)] = None,
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="`*` for every service.")] = "",
    version: Annotated[str, typer.Option("--version", metavar="V")] = "",
    roots: Roots = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> int:
    """Delete what versions that are long unused have left; memoryd's, unless a service is named."""
    own = open_host(readonly=True).paths.service
    wanted = Request(
        "prune",
        service=None if service == "*" else service or own,
        version=version or None,
        dormant_after=parse_age(dormant_after) if dormant_after else None,
        keep_current=keep_current or None,
        keep_last=keep_last,
        named=frozenset(roots or ()),
    )
    return _clean(wanted, confirm=confirm, as_json=as_json)


@app.command("uninstall")
def uninstall(
    service: Annotated[str, typer.Argument(metavar="SERVICE")],
    keep_config: Annotated[bool, typer.Option("--keep-config", help="Leave folders of settings.")] = False,
    roots: Roots = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> int:
    """Delete what a service has left, but what its manifests keep."""
    wanted = Request("uninstall", service=service, keep_config=keep_config, named=frozenset(roots or ()))
    return _clean(wanted, confirm=confirm, as_json=as_json)


@app.command("verify")
def verify(
    scope_hash: Annotated[str, typer.Option("--scope-hash", metavar="H", help="Only this user's sockets.")] = "",
    as_json: Json = False,
) -> int:
    """What is there, and which of it is in use, stale or broken."""
    if scope_hash and (reason := sid_hash(scope_hash)) is not None:
        raise UsageError(f"--scope-hash {scope_hash!r:.40}: {reason}")
    host = open_host(readonly=True)
    found = look(around(host), scope_hash=scope_hash)
    out = Output(host.env, as_json=as_json)
    for one in found:
        detail = f"  {printable(one.detail)}" if one.detail else ""
        out.line(f"{one.state:<8}  {one.kind:<10}  {printable(one.path)}{detail}".rstrip())
    if as_json:
        _json(document(found))
    return exit_code(found)


def never(host: Host) -> tuple[str, ...]:
    """What holds the words of people."""
    kept = (host.paths.history, host.paths.backups, host.paths.state("migrate-backups"), host.paths.config_dir)
    return (*((host.settings.vault,) if host.settings.vault else ()), *kept)


def _clean(wanted: Request, *, confirm: bool, as_json: bool) -> int:
    for path in sorted(wanted.named):
        if plain(path) is None:
            raise UsageError(f"--root must be an absolute path without `..`, not {path!r:.80}")
    host = open_host(readonly=not confirm)
    done = clean(around(host), wanted, never=never(host), confirm=confirm)
    if as_json:
        _json(done.as_json())
    else:
        Output(host.env).line(done.text().removesuffix("\n"))
    return 1 if done.refused else 0


def _json(body: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
