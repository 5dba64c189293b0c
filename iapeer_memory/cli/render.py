"""`render index|fragment|doctrine|guide`: render one text by hand, where the core or an operator wants it outside of
memoryd's and update's turns. Notes are read from the vault itself; no daemon and no index is needed.

Source of flags and exit codes: the reference package's command chapter.
"""

from __future__ import annotations

from os.path import abspath, dirname, join
from shlex import quote
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import agent_of, vault_root
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.plan import planned
from iapeer_memory.cli.session import open_host
from iapeer_memory.cli.vault_notes import known_of, tags_of
from iapeer_memory.context.author_index import author_index
from iapeer_memory.context.files import index_name, shown_path
from iapeer_memory.context.fragment import FILE, fragment_text
from iapeer_memory.domain.errors import ConfigError, UsageError, printable
from iapeer_memory.domain.peer import is_personality
from iapeer_memory.egress.foreign import Policy, edit_foreign
from iapeer_memory.egress.host import uid
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.roles import Role
from iapeer_memory.provision.steps.doctrines import doctrine_path, write_doctrine
from iapeer_memory.provision.steps.templates import ROLES
from iapeer_memory.surfaces.shims import render as fill
from iapeer_memory.vault.locales import locale as locale_of

PRIVATE = 0o600
INDEX_LIMIT = 8 << 20

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="Render a text that we place.")(lambda: None)
Required = Annotated[str, typer.Option()]
Agent = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Whose; else PEER_PERSONALITY.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command("index")
def index(
    agent: Agent = None,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Else in the state folder.")] = None,
    projects_root: Annotated[
        str | None, typer.Option("--projects-root", metavar="DIR", help="Else ~/Projects.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Write an agent's author index, and the full one beside it."""
    host = _opened(dry_run)
    peer = _peer(host, agent)
    locale = locale_of(host.settings.locale)
    target = abspath(out) if out else host.paths.state("indexes", index_name(peer))
    beside = f"{target.removesuffix('.md')}-full.md"
    known = known_of(host, vault_root(host, None), locale, peer, projects_root or join(host.paths.home, "Projects"))
    shown = shown_path(beside, host.paths.home)
    capped, whole = (author_index(peer, locale, known, shown, full=full) for full in (False, True))
    actions = (_write(host, target, capped), _write(host, beside, whole))
    action = "written" if "written" in actions else "identical"
    return _tell(host, "index", target, action, dry_run=dry_run, as_json=as_json)


@app.command("fragment")
def fragment(
    peer_cwd: Annotated[str, typer.Option("--peer-cwd", metavar="DIR")],
    agent: Agent = None,
    index: Annotated[str | None, typer.Option("--index", metavar="FILE", help="An author index that exists.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Write an agent's fragment below its folder, from an author index that `render index` made."""
    host = _opened(dry_run)
    peer = _peer(host, agent)
    locale = locale_of(host.settings.locale)
    vault = vault_root(host, None)
    folder = abspath(peer_cwd)
    found = host.door.files.stat(folder)
    if found is None or found.kind != "dir":
        raise ConfigError(f"{printable(folder)} is no folder; a peer's folder is never made")
    place = abspath(index) if index else host.paths.state("indexes", index_name(peer))
    listed = host.door.files.read_optional(place, limit=INDEX_LIMIT)
    if listed is None:
        raise ConfigError(
            f"there is no author index {printable(place)}", remedy=f"iapeer-memory render index --agent {quote(peer)}"
        )
    text = fragment_text(
        peer, host.settings.vault or vault, host.paths, locale,
        tags=tags_of(host, vault, locale), index=listed.decode("utf-8", "replace"),
    )  # fmt: skip
    data = text.encode("utf-8", "replace")
    policy = Policy(inside=folder, uid=uid())
    target = f"{folder}/{FILE}"
    _private_folder(host, dirname(target))
    change = edit_foreign(host.door, target, lambda _: data, policy=policy, backups=None, mode=PRIVATE)
    action = "identical" if change == "already" else "written"
    return _tell(host, "fragment", target, action, dry_run=dry_run, as_json=as_json)


def _opened(dry_run: bool) -> Host:
    """The host; in a dry run behind an overlay, which remembers what would be written."""
    host = open_host()
    return planned(host)[0] if dry_run else host


def _tell(host: Host, kind: str, path: str, action: str, *, dry_run: bool, as_json: bool) -> int:
    """Say what was done; the exit code."""
    out = Output(host.env, as_json=as_json)
    said = f"would be {action}" if dry_run and action != "identical" else action
    out.line(f"{printable(path)} ({said})")
    out.document(f"render-{kind}", {"dry_run": dry_run, "path": path, "action": action})
    return 0


def _peer(host: Host, flag: str | None) -> str:
    """Whose text it is. Raises UsageError."""
    name = agent_of(host, flag)
    if name is None or not is_personality(name):
        raise UsageError("whose? no agent is named", remedy="--agent NAME, or set PEER_PERSONALITY")
    return name


def _write(host: Host, path: str, text: str) -> str:
    data = text.encode("utf-8", "replace")
    if host.door.files.read_optional(path) == data:
        return "identical"
    host.door.files.write(path, data, mode=PRIVATE)
    return "written"


def _private_folder(host: Host, folder: str) -> None:
    """Make the fragments' folder, for this user alone, if nothing is there."""
    if host.door.files.lstat(folder) is None:
        host.door.files.mkdir(folder, mode=0o700)


@app.command("doctrine")
def doctrine(
    role: Required,
    peer_cwd: Annotated[str, typer.Option("--peer-cwd", metavar="DIR")],
    template: Annotated[str, typer.Option("--template", metavar="FILE")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Write a curator's doctrine from a template; a doctrine of somebody else is left alone."""
    if role not in ROLES:
        raise UsageError(f"--role must be one of {', '.join(ROLES)}, not {role!r}")
    host = _opened(dry_run)
    made = Role(role, peer_cwd, template)
    action = write_doctrine(host, made)
    if action in ("missing-template", "foreign"):
        reason = f"template {template} is missing" if action == "missing-template" else "it is somebody else's doctrine"
        raise ConfigError(f"{doctrine_path(made)} not written: {reason}")
    return _tell(host, "doctrine", doctrine_path(made), action, dry_run=dry_run, as_json=as_json)


@app.command("guide")
def guide(
    source: Annotated[str, typer.Option("--source", metavar="FILE")],
    target: Annotated[str, typer.Option("--target", metavar="IAPEER_DIR")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Write the host-wide guide from a template below an ecosystem folder; there is no default target on purpose."""
    host = _opened(dry_run)
    if host.settings.vault is None:
        raise ConfigError("no vault is set", remedy="iapeer-memory init --vault PATH")
    text = host.door.files.read(source).decode("utf-8", "replace")
    place = join(target, "fragments", "iapeer-memory.md")
    data = fill(text, {"VAULT_PATH": host.settings.vault}).encode()
    same = host.door.files.read_optional(place) == data
    if not same:
        host.door.files.write(place, data)
    return _tell(host, "guide", place, "identical" if same else "written", dry_run=dry_run, as_json=as_json)
