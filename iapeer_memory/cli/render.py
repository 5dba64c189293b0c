"""`render doctrine|guide`: render one text by hand, where the core or an operator wants it outside of an update.

Source of flags and exit codes: the reference package's command chapter.
"""

from __future__ import annotations

from os.path import join
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, UsageError
from iapeer_memory.provision.roles import Role
from iapeer_memory.provision.steps.doctrines import doctrine_path, write_doctrine
from iapeer_memory.provision.steps.templates import ROLES
from iapeer_memory.surfaces.shims import render as fill

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="Render a text that we place.")(lambda: None)
Required = Annotated[str, typer.Option()]


@app.command("doctrine")
def doctrine(
    role: Required,
    peer_cwd: Annotated[str, typer.Option("--peer-cwd", metavar="DIR")],
    template: Annotated[str, typer.Option("--template", metavar="FILE")],
) -> int:
    """Write a curator's doctrine from a template; a doctrine of somebody else is left alone."""
    if role not in ROLES:
        raise UsageError(f"--role must be one of {', '.join(ROLES)}, not {role!r}")
    host = open_host()
    made = Role(role, peer_cwd, template)
    action = write_doctrine(host, made)
    if action in ("missing-template", "foreign"):
        reason = f"template {template} is missing" if action == "missing-template" else "it is somebody else's doctrine"
        raise ConfigError(f"{doctrine_path(made)} not written: {reason}")
    Output(host.env).line(f"{doctrine_path(made)} ({action})")
    return 0


@app.command("guide")
def guide(
    source: Annotated[str, typer.Option("--source", metavar="FILE")],
    target: Annotated[str, typer.Option("--target", metavar="IAPEER_DIR")],
) -> int:
    """Write the host-wide guide from a template below an ecosystem folder; there is no default target on purpose."""
    host = open_host()
    if host.settings.vault is None:
        raise ConfigError("no vault is set", remedy="iapeer-memory init --vault PATH")
    text = host.door.files.read(source).decode("utf-8", "replace")
    place = join(target, "fragments", "iapeer-memory.md")
    data = fill(text, {"VAULT_PATH": host.settings.vault}).encode()
    same = host.door.files.read_optional(place) == data
    if not same:
        host.door.files.write(place, data)
    Output(host.env).line(f"{place} ({'identical' if same else 'written'})")
    return 0
