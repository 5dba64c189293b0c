"""The slot, `memory-provider.json`: how a provider tells the core that memory is its business. Pure.

Source: the core's slot contract, revision 1.2, and the reference package's way of writing it. The core reads only; a
provider's file belongs to that provider, so a slot of another one is never edited here. `package` is input that the
core executes when it updates providers: `pypi:iapeer-memory` is no name that it could install over us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.domain.errors import printable
from iapeer_memory.domain.paths import PRODUCT

PROVIDER = PRODUCT
PACKAGE = f"pypi:{PRODUCT}"
PROVISION = (
    "provision-peer", "--cwd", "{cwd}", "--runtime", "{runtime}", "--personality", "{personality}",
    "--occasion", "{occasion}",
)  # fmt: skip
UNPROVISION = ("unprovision-peer", "--cwd", "{cwd}", "--runtime", "{runtime}", "--occasion", "{occasion}")
OUR_KEYS = ("provider", "package", "version", "registeredAt", "heartbeat", "provision", "unprovision")
LEGACY_KEY = "plugin"

SlotState = Literal["empty", "ours-v12-ok", "ours-v11", "ours-drifted", "foreign"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot file that names a provider; `raw` is the whole object in its order."""

    provider: str
    version: str
    raw: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """Whether the provider is this one."""
        return self.provider == PROVIDER

    @property
    def legacy(self) -> bool:
        """Whether it is of revision 1.1: the session plugin is still the live channel."""
        return LEGACY_KEY in self.raw


@dataclass(frozen=True, slots=True)
class SlotVerdict:
    """Whose slot it is and what is wrong with it (`problem` is empty when nothing is)."""

    state: SlotState
    problem: str = ""
    provider: str = ""


def parse(data: bytes | None) -> Slot | None:
    """The slot, or None where the core would see an empty one: no file, no JSON object, no provider's name."""
    try:
        raw = json.loads((data or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    provider = raw.get("provider") if isinstance(raw, dict) else None
    if not isinstance(provider, str) or not provider.strip():
        return None
    version = raw.get("version")
    return Slot(provider.strip(), version.strip() if isinstance(version, str) else "", raw)


def want_slot(version: str, binary: str, heartbeat: str, registered_at: str) -> dict[str, Any]:
    """The declaration, revision 1.2, members in the order of the contract. `binary` and `heartbeat` are absolute."""
    return {
        "provider": PROVIDER,
        "package": PACKAGE,
        "version": version,
        "registeredAt": registered_at,
        "heartbeat": heartbeat,
        "provision": {"command": binary, "args": list(PROVISION)},
        "unprovision": {"command": binary, "args": list(UNPROVISION)},
    }


def verdict(data: bytes | None, want: Mapping[str, Any], path: str) -> SlotVerdict:
    """Judge the file against the wanted declaration; `registeredAt` and keys of other makers do not count."""
    slot = parse(data)
    if slot is None:
        if data is None:
            return SlotVerdict("empty", f"declaration missing at {printable(path)}")
        return SlotVerdict("empty", f"declaration at {printable(path)} names no provider")
    if not slot.ours:
        return SlotVerdict("foreign", f"the slot belongs to {printable(slot.provider)}", slot.provider)
    if slot.legacy:
        return SlotVerdict("ours-v11", "declared in the v1.1 form (session plugin)", slot.provider)
    problems = []
    if slot.version != want["version"]:
        problems.append(f"declares v{printable(slot.version) or '?'}, package is v{want['version']}")
    for key in ("provision", "unprovision"):
        if key not in slot.raw:
            problems.append(f"{key}-command block missing")
        elif json.dumps(slot.raw[key]) != json.dumps(want[key]):
            problems.append(f"{key}-command block drifted")
    if slot.raw.get("package") != want["package"]:
        problems.append(f"declares package {printable(str(slot.raw.get('package')))[:60]}, not {want['package']}")
    if slot.raw.get("heartbeat") != want["heartbeat"]:
        problems.append("heartbeat path drifted")
    if problems:
        return SlotVerdict("ours-drifted", "; ".join(problems), slot.provider)
    return SlotVerdict("ours-v12-ok", "", slot.provider)


def dump(want: Mapping[str, Any], previous: bytes | None = None) -> bytes:
    """The file's bytes: two-space indent, one final newline.

    Keys that other makers added to a slot of ours stay, after ours; the legacy `plugin` block goes.
    """
    slot = parse(previous)
    extra = {k: v for k, v in slot.raw.items() if k not in OUR_KEYS and k != LEGACY_KEY} if slot and slot.ours else {}
    return (json.dumps({**want, **extra}, indent=2, ensure_ascii=False) + "\n").encode()
