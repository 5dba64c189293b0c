"""`broker servicedef install|list|show|remove`: how services are declared to brokers. Both generations.

Source of the flags and of the JSON's keys: the running-process broker, servicedef command.
"""

from __future__ import annotations

import json
import sys
from os import getuid
from typing import Annotated

import typer

from iapeer_memory.broker import definition_builder
from iapeer_memory.broker.file_places import Folder
from iapeer_memory.broker.service_file import install as write
from iapeer_memory.broker.service_file import uninstall
from iapeer_memory.broker.service_files import load_combined, scan
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.cli.doctor import around
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, UsageError
from iapeer_memory.provision.host import Host

ISOLATIONS = ("private", "shared", "explicit")
FLAG = "flag:--service-def-dir"

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="How services are declared to brokers.")(lambda: None)
Where = Annotated[str, typer.Option("--service-def-dir", metavar="DIR", help="Another folder of definitions.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Service = Annotated[str, typer.Argument(metavar="SERVICE")]


@app.command("install")
def install(
    service: Annotated[str, typer.Option("--service", metavar="NAME")],
    binary_path: Annotated[str, typer.Option("--binary-path", metavar="ABS")],
    min_version: Annotated[str, typer.Option("--min-version", metavar="V")] = "",
    per_version_binary_dir: Annotated[str, typer.Option("--per-version-binary-dir", metavar="ABS")] = "",
    isolation: Annotated[str, typer.Option("--isolation", metavar="private|shared|explicit")] = "private",
    explicit_instance: Annotated[str, typer.Option("--explicit-instance", metavar="NAME")] = "",
    allow_version: Annotated[list[str] | None, typer.Option("--allow-version", metavar="V")] = None,
    http: Annotated[bool, typer.Option("--http", help="It serves HTTP: the broker's page has a tab for it.")] = False,
    where: Where = "",
    as_json: Json = False,
) -> int:
    """Declare a service, in the files of both generations."""
    if isolation not in ISOLATIONS:
        raise UsageError(f"--isolation must be one of {', '.join(ISOLATIONS)}, not {isolation!r:.40}")
    if explicit_instance and isolation != "explicit":
        raise UsageError(f"--explicit-instance needs --isolation explicit, not {isolation}")
    made = definition_builder.private_broker(service, binary_path)
    if isolation == "shared":
        made = definition_builder.shared_broker(service, binary_path)
    elif isolation == "explicit":
        made = definition_builder.explicit_instance(service, binary_path, explicit_instance)
    if http:
        made = made.http_server()
    definition = (
        made.min_version(min_version)
        .per_version_binary_dir(per_version_binary_dir)
        .version_allow_list(*(allow_version or ()))
        .build()
    )
    host = open_host()
    folder = _folder(host, where)
    for generation in (1, 2):
        path, _ = write(host.door.files, folder.path, definition, generation, uid=getuid())
    out = Output(host.env, as_json=as_json)
    out.line(path)
    if as_json:
        _json({"service_name": service, "path": path, "dir": folder.path, "dir_source": folder.source})
    return 0


@app.command("list")
def list_(where: Where = "", as_json: Json = False) -> int:
    """Every definition, also those that no broker would load, with the reason."""
    host = open_host(readonly=True)
    folder = _folder(host, where)
    out = Output(host.env, as_json=as_json)
    rows = []
    for found in scan(host.door.files, folder.path, uid=getuid()):
        why = found.refused.line() if found.refused else ""
        rows.append({"service_name": found.name, "generation": found.generation, "path": found.path, "error": why})
        out.line(f"FAIL  {why}" if why else f"ok    {found.path}")
    if not rows:
        out.line(f"no service is declared in {folder.path}")
    if as_json:
        _json({"dir": folder.path, "dir_source": folder.source, "definitions": rows})
    return 1 if any(row["error"] for row in rows) else 0


@app.command("show")
def show(service: Service, where: Where = "", as_json: Json = False) -> int:
    """The definition that counts for a service."""
    host = open_host(readonly=True)
    folder = _folder(host, where)
    found = load_combined(host.door.files, folder.path, service, uid=getuid())
    if found is None:
        raise ConfigError(f"{service} is not declared in {folder.path}", remedy="iapeer-memory broker servicedef list")
    fields = described(found.definition)
    out = Output(host.env, as_json=as_json)
    out.line(f"path: {found.path}")
    for name, value in fields.items():
        out.line(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    if as_json:
        _json({"path": found.path, "generation": found.generation, **fields})
    return 0


@app.command("remove")
def remove(service: Service, where: Where = "", as_json: Json = False) -> int:
    """Take a service's files of both generations away; safe to repeat."""
    host = open_host()
    gone = uninstall(host.door.files, _folder(host, where).path, service)
    out = Output(host.env, as_json=as_json)
    for path in gone:
        out.line(f"removed {path}")
    if not gone:
        out.line(f"{service} was not declared")
    if as_json:
        _json({"service_name": service, "removed": list(gone)})
    return 0


def described(definition: ServiceDefinition) -> dict[str, object]:
    """What it says, as JSON-able data; what it does not say is left out."""
    server = definition.http_server
    told: dict[str, object] = {
        "service_name": definition.service_name,
        "binary_path": definition.binary_path,
        "isolation": ISOLATIONS[definition.isolation],
        "explicit_instance": definition.explicit_instance,
        "per_version_binary_dir": definition.per_version_binary_dir,
        "min_version": definition.min_version,
        "version_allow_list": list(definition.version_allow_list),
        "labels": dict(definition.labels),
        "http_server": None if server is None else {"bind_addr": server.bind_addr, "health_path": server.health_path},
    }
    return {name: value for name, value in told.items() if value}


def _folder(host: Host, flag: str) -> Folder:
    if flag and not flag.startswith("/"):
        raise UsageError(f"--service-def-dir must be an absolute path, not {flag!r:.80}")
    return Folder(flag, FLAG) if flag else around(host).definitions


def _json(body: dict[str, object]) -> None:
    sys.stdout.write(json.dumps({"schema_version": 1, **body}, indent=2, ensure_ascii=False) + "\n")
