"""`doctor`: everything that may be wrong with who finds memoryd, and all that `verify` checks, in one list."""

from __future__ import annotations

import json
import sys
from os import getuid
from typing import Annotated

import typer

from iapeer_memory.broker.doctor.check import Check, Report, Status
from iapeer_memory.broker.doctor.run import Options, examine
from iapeer_memory.broker.surroundings import Surroundings, surroundings
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.finding import Finding
from iapeer_memory.egress.host import hostname
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.order import VERIFY
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.verify import verify

STATUSES: dict[str, Status] = {"fail": "FAIL", "warn": "WARN"}


def main(
    definitions: Annotated[
        str, typer.Option("--service-def-dir", metavar="DIR", help="Another folder of service definitions.")
    ] = "",
    socket: Annotated[str, typer.Option("--socket", metavar="PATH", help="Another broker's socket.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Look at everything, change nothing, start nothing."""
    host = open_host(readonly=True)
    own = host.paths.service
    options = Options(instance=own, program=own, definitions=definitions, socket=socket, data=host.paths.state_dir)
    found = examine(around(host), options)
    report = Report((*found.checks, *map(check_of, verify(settle(host), VERIFY))))
    out = Output(host.env, as_json=as_json)
    if as_json:
        sys.stdout.write(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        out.line(report.text().removesuffix("\n"))
    return report.exit_code


def around(host: Host) -> Surroundings:
    """Where the broker's sockets and files lie for this user."""
    return surroundings(
        host.door, host.env, home=host.paths.home, uid=getuid(), hostname=hostname(), platform=sys.platform
    )


def check_of(finding: Finding) -> Check:
    """A finding of verify in the doctor's words, with what mends it."""
    fix = f"; fix: {finding.remedy}" if finding.remedy and finding.status in STATUSES else ""
    return Check(f"verify:{finding.check}", STATUSES.get(finding.status, "PASS"), f"{finding.detail}{fix}")
