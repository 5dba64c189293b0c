"""`status`: verify's lines without repair, then who holds the slot, whether MCP answers and how search works.

Source of the three probe lines: the reference package's status chapter. The probes do not count for the exit code.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from iapeer_memory.cli.injected import injected, summary
from iapeer_memory.cli.output import Output, finding_rows
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.finding import failed
from iapeer_memory.ecosystem.slot import parse
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.order import VERIFY
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.transport import told
from iapeer_memory.provision.verify import verify

IDENTITY = "claude-status-probe"


def main(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> int:
    """Show what works on this host, and how search answers."""
    host = settle(open_host(readonly=True))
    out = Output(host.env, as_json=as_json)
    out.line(f"iapeer-memory v{host.version}")
    findings = verify(host, VERIFY)
    out.status_findings(findings)
    # The probe asks with POST, which a door that cannot change anything does not let through.
    endpoint, pipeline = probe(replace(host, door=open_host().door))
    probes = {"slot-file": slot_line(host), "mcp-endpoint": endpoint, "search": pipeline}
    costs = injected(host)
    health = health_of(host)
    transport = told(host)
    context = summary(costs, with_core=host.with_core)
    lines = {**probes, "transport": transport, "context": context, **of_memory(health)}
    for name, text in lines.items():
        out.line(f"      {name.ljust(12)}  {text}")
    bad = failed(findings)
    document = {"probes": probes, "transport": transport, "injected": [asdict(one) for one in costs], "memoryd": health}
    out.document("status", {"ok": not bad, "findings": finding_rows(findings), **document})
    return 1 if bad else 0


def slot_line(host: Host) -> str:
    """Provider, version and time of the slot, or `empty`."""
    slot = parse(host.door.files.read_optional(host.paths.slot, limit=1 << 20))
    if slot is None:
        return "empty"
    return f"{slot.provider} v{slot.version}, registered {slot.raw.get('registeredAt', '?')}"


def probe(host: Host) -> tuple[str, str]:
    """(what answers on the port, what a search says of its pipeline)."""
    url = f"http://127.0.0.1:{host.port}/mcp"
    answer = host.door.net.fetch(url, method="POST", body=b"{}", headers=headers(), timeout=1.5)
    if not answer.status:
        return f"{url}: nobody listens ({answer.error or 'no answer'})", static_view(host)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    params = {"name": "memory_search", "arguments": {"query": "status probe"}}
    body = json.dumps({**call, "params": params}).encode()
    result = host.door.net.fetch(url, method="POST", body=body, headers=headers(), timeout=8.0)
    pipeline = pipeline_of(result.body)
    said = ", ".join(f"{k} {pipeline[k]}" for k in ("bm25", "embedding", "reranker", "graph") if k in pipeline)
    return f"{url}: listening (HTTP {answer.status})", said or f"no answer to a search (HTTP {result.status})"


def health_of(host: Host) -> dict[str, Any]:
    """What memoryd says of itself; {} where it does not answer."""
    answer = host.door.net.fetch(f"http://127.0.0.1:{host.port}/health", timeout=1.5, limit=1 << 20)
    try:
        found = json.loads(answer.body) if answer.status == 200 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("state_dir") == host.paths.state_dir else {}


def of_memory(health: dict[str, Any]) -> dict[str, str]:
    """The lines about the memory itself."""
    if not health:
        return {}
    waiting = f", {health['queue']} wait for a curator" if health.get("queue") else ""
    lines = {"notes": f"{health.get('notes', 0):,} indexed{waiting}"}
    if health.get("lease"):
        lines["stamping"] = f"left to the host {health['lease']}, which shares this vault"
    for number, finding in enumerate(health.get("findings") or (), 1):
        lines[f"finding {number}"] = str(finding)
    return lines


def headers() -> dict[str, str]:
    """What an MCP client sends."""
    return {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "X-IAPeer-Identity": IDENTITY,
    }


def pipeline_of(body: bytes) -> dict[str, Any]:
    """`result.structuredContent.pipeline` of a JSON answer or of the last SSE data line."""
    text = body.decode("utf-8", "replace")
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    try:
        document = json.loads(lines[-1] if lines else text)
        pipeline = document["result"]["structuredContent"]["pipeline"]
    except (ValueError, KeyError, TypeError):
        return {}
    return pipeline if isinstance(pipeline, dict) else {}


def static_view(host: Host) -> str:
    """How search would work by the settings, the daemon being down."""
    hybrid = "hybrid" if host.settings["EMBEDDING_ENDPOINT"] else "words only (BM25)"
    return f"{hybrid}, by the settings; memoryd is down"
