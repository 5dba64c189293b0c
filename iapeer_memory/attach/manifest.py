"""What a module says about itself when it registers: the schema as a table, and the reader that follows it.

Every field of the table is required, unknown ones are ignored, and the kind of a role is told by its `role`. The
router acts on `concurrency` alone. Source: subc-protocol 0.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from iapeer_memory.attach.strict import integer

CREDITS: Mapping[str, int] = {"serial": 1, "module_managed": 32, "stateless_parallel": 1024}
"""Requests that a route may have under way, by the module's concurrency."""

Check: TypeAlias = Callable[[Any, str], str | None]
"""(value, where it stands) -> why it is refused."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the router needs of it. `concurrency`: None where the module offers no tools and takes no routes."""

    module_id: str
    module_version: str
    protocol_ver: int
    concurrency: str | None


def manifest_of(value: Any) -> Manifest | str:
    """The manifest of a JSON value, or the first thing that is wrong with it."""
    wrong = MANIFEST(value, "manifest")
    if wrong is not None:
        return wrong
    providers = [role for role in value["provides"] if role["role"] == "tool_provider"]
    concurrency = providers[0]["concurrency"] if providers else None
    return Manifest(value["module_id"], value["module_version"], value["protocol_ver"], concurrency)


def tool_module(
    module_id: str, version: str, tools: Sequence[Mapping[str, Any]], *, concurrency: str = "module_managed"
) -> str:
    """The JSON of the manifest of a module that offers tools. Each of `tools`: name, mutates, schema."""
    role = {
        "role": "tool_provider",
        "tools": [{"name": one["name"], "mutates": one["mutates"], "schema": one["schema"]} for one in tools],
        "identity_scope": ["session", "project"],
        "concurrency": concurrency,
        "emits_push": True,
        "sub_supervises": False,
    }
    whole = {
        "module_id": module_id,
        "module_version": version,
        "protocol_ver": 1,
        "trust_tier": "first_party",
        "provides": [role],
        "consumes": [],
        "scheduled_tasks": [],
        "bindings": {
            "storage": {"kind": "sqlite", "scope": "project", "owns_schema": True},
            "config": {"source": "subc_mediated", "tiers": ["user", "project"], "expansion": {}},
            "vault_grants": [],
            "identity": {"requires": ["project_root", "harness", "session"], "optional": []},
        },
    }
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)


def _text(value: Any, where: str) -> str | None:
    return None if isinstance(value, str) else f"{where} is no text"


def _flag(value: Any, where: str) -> str | None:
    return None if isinstance(value, bool) else f"{where} is neither true nor false"


def _anything(_value: Any, _where: str) -> str | None:
    return None


def _number(highest: int) -> Check:
    return lambda value, where: None if integer(value, highest) else f"{where} is no number from 0 to {highest}"


def _one_of(*words: str) -> Check:
    return lambda value, where: None if value in words else f"{where} is none of {', '.join(words)}"


def _each(check: Check) -> Check:
    def checked(value: Any, where: str) -> str | None:
        if not isinstance(value, list):
            return f"{where} is no list"
        return next((wrong for n, one in enumerate(value) if (wrong := check(one, f"{where}[{n}]"))), None)

    return checked


def _values(check: Check) -> Check:
    def checked(value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return f"{where} is no object"
        return next((wrong for key, one in value.items() if (wrong := check(one, f"{where}.{key}"))), None)

    return checked


def _fields(**fields: Check) -> Check:
    def checked(value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return f"{where} is no object"
        for name, check in fields.items():
            if name not in value:
                return f"{where}.{name} is missing"
            wrong = check(value[name], f"{where}.{name}")
            if wrong:
                return wrong
        return None

    return checked


def _role(**roles: Check) -> Check:
    def checked(value: Any, where: str) -> str | None:
        role = value.get("role") if isinstance(value, dict) else None
        if not isinstance(role, str) or role not in roles:
            return f"{where}.role is none of {', '.join(roles)}"
        return roles[role](value, where)

    return checked


_scope = _each(_one_of("session", "project"))
_texts = _each(_text)
_u32 = _number(0xFFFF_FFFF)

PROVIDES = _role(
    tool_provider=_fields(
        tools=_each(_fields(name=_text, mutates=_flag, schema=_anything)),
        identity_scope=_scope,
        concurrency=_one_of(*CREDITS),
        emits_push=_flag,
        sub_supervises=_flag,
    ),
    pipeline_stage=_fields(
        stage=_one_of("transform", "codec", "auth"),
        applies_to=_fields(provider=_text, model=_text),
        interface=_text,
        declares_frozen_floor=_flag,
        needs_signals=_texts,
        conformance_class=_text,
    ),
    management_surface=_fields(
        operations=_each(_fields(name=_text, kind=_one_of("query", "mutate"))),
        config_schema=_anything,
        observability=_each(_fields(name=_text, kind=_one_of("snapshot", "stream"))),
        identity_scope=_scope,
    ),
    internal_service=_fields(service_id=_text, transport=_one_of("bulk"), agent_facing=_flag, operations=_anything),
)
CONSUMES = _role(
    tool_client=_fields(of=_texts),
    llm_client=_fields(via=_text, auth=_text),
    service_client=_fields(of=_texts),
)
TASK = _fields(
    task_id=_text,
    eligibility=_fields(cooldown=_anything, window=_anything),
    lease_scope=_one_of("project"),
    renews_during_calls=_flag,
    toolset=_texts,
    model_policy=_fields(tier=_text, fallback_chain=_texts),
    step_cap=_u32,
    circuit_breaker=_fields(identical_failures=_u32),
)
BINDINGS = _fields(
    storage=_fields(kind=_one_of("sqlite"), scope=_one_of("project"), owns_schema=_flag),
    config=_fields(
        source=_one_of("subc_mediated"), tiers=_texts, expansion=_values(_each(_one_of("env", "file")))
    ),
    vault_grants=_each(_fields(secret=_text, reason=_text)),
    identity=_fields(requires=_texts, optional=_texts),
)  # fmt: skip
MANIFEST = _fields(
    module_id=_text,
    module_version=_text,
    protocol_ver=_number(255),
    trust_tier=_one_of("first_party", "reviewed", "untrusted"),
    provides=_each(PROVIDES),
    consumes=_each(CONSUMES),
    scheduled_tasks=_each(TASK),
    bindings=BINDINGS,
)
