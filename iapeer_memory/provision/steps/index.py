"""index: it says what the notes say. Compared row by row with the vault, not only proved whole.

Never opens the index for writing and never mends it: memoryd is its one writer, and is asked to look at everything
anew. A quick look compares every path and the newest texts; `verify --repair` and `--deep` compare all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.egress.host import uid
from iapeer_memory.index.port import IndexBroken, IndexFailed
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.indexed import Differences, compare, named
from iapeer_memory.provision.step import Seen, Step
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.walk import Rules

NAME = "index"
REPAIR = "iapeer-memory verify --repair"
ALLOW = f"where they are meant to be gone: iapeer-memory config set ALLOW_MASS_DELETE 1, then: {REPAIR}"
WHY = "agents find what the index says"
ASK_SECONDS = 2.0
POLL_SECONDS = 0.1
PATIENCE = 60.0
"""Seconds for a pass over everything: about 3 for 10,000 notes, 10 where the index is made anew."""


class IndexStep(Step):
    """After memoryd, which may have to be started before it can mend anything."""

    name = NAME

    def applies(self, host: Host) -> bool:
        """Where there is a vault to compare with."""
        return host.settings.vault is not None

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Compare, as far as it is worth now."""
        config = seen.get("config")
        if config is not None and config.status == "fail":
            return (Finding(NAME, "skip", "see config"),)
        memoryd = health(host)
        if memoryd and not memoryd.get("ready") and host.wishes.thorough:
            memoryd = waited(host, settled) or health(host)
        if memoryd.get("away"):
            return (Finding(NAME, "skip", "the vault is away; its notes are kept until it returns"),)
        if memoryd and not memoryd.get("ready"):
            return (Finding(NAME, "skip", f"memoryd takes its first look; {memoryd.get('notes', 0)} notes so far"),)
        if not memoryd and host.door.files.lstat(host.paths.index_db) is None:
            return (Finding(NAME, "skip", "memoryd has not made one yet"),)
        return self._compared(host, memoryd)

    def repair(self, host: Host, found: tuple[Finding, ...]) -> Outcome:
        """Have memoryd look at everything and trust no row; wait until it did."""
        if host.door.kind == "overlay":
            return self.ok("memoryd would look at every note anew", changed=True)
        before = health(host)
        if not before:
            return self.fail("memoryd does not answer")
        if before.get("held") and allowed(host):
            # The settings of now let through what it has held back under those of before.
            host.door.net.fetch(address(host, "reload"), method="POST", timeout=ASK_SECONDS, limit=1 << 16)
            released = waited(host, lambda now: settled(now) and not now.get("held"))
            if released is None:
                return self.fail("memoryd does not take up ALLOW_MASS_DELETE", "why: iapeer-memory logs")
            before = released
        answer = host.door.net.fetch(address(host, "rescan"), method="POST", timeout=ASK_SECONDS, limit=1 << 16)
        if answer.status != 202:
            return self.fail(f"memoryd does not take it ({answer.error or f'HTTP {answer.status}'})")
        rescans, trouble = int(before.get("rescans", 0)), before.get("trouble")
        now = waited(host, lambda now: now.get("rescans", 0) > rescans or now.get("trouble") not in (None, trouble))
        if now is None:
            return self.fail(f"memoryd was asked to look at every note; {PATIENCE:g} s later it still does")
        if now.get("trouble"):
            return self.fail(f"memoryd cannot: {now['trouble']}")
        return self.ok(f"memoryd looked at every note anew; {now.get('notes', 0)} notes", changed=True)

    def _compared(self, host: Host, memoryd: Mapping[str, Any]) -> tuple[Finding, ...]:
        from iapeer_memory.index.sqlite.engine import SqliteEngine

        files, settings = host.door.files, host.settings
        system = locale(settings.locale).folders["system"]
        rules = Rules.configured(settings["EXCLUDE_FOLDERS"], system)
        try:
            reader = SqliteEngine(files, host.paths.index_db, uid=uid()).onlooker()
            try:
                differences = compare(
                    files, str(settings.vault), rules, reader, now=host.door.clock.now(), whole=host.wishes.thorough
                )
            finally:
                reader.close()
        except IndexBroken as error:
            return (Finding(NAME, "fail", error.reason, why=WHY, remedy=REPAIR, healable=True),)
        except IndexFailed as error:
            # Where memoryd runs, the index must be there; where it does not, that is what has to be mended.
            return (Finding(NAME, "fail", error.reason, remedy=error.remedy or REPAIR, healable=bool(memoryd)),)
        return judged(host, memoryd, differences)


def judged(host: Host, memoryd: Mapping[str, Any], differences: Differences) -> tuple[Finding, ...]:
    """The findings about what differs."""
    held = int(memoryd.get("held") or 0)
    wrong = differences.line(surplus=not held)
    findings: list[Finding] = []
    if wrong:
        down = "" if memoryd else "; memoryd is down"
        findings.append(Finding(NAME, "fail", f"{wrong}{down}", why=WHY, remedy=REPAIR, healable=True))
    elif held and differences.surplus:
        detail = f"{len(differences.surplus)} notes vanished at once and are kept: {named(differences.surplus)}"
        if allowed(host):
            findings.append(Finding(NAME, "fail", detail, why=WHY, remedy=REPAIR, healable=True))
        else:
            findings.append(Finding(NAME, "warn", detail, why="a drive that went away looks just so", remedy=ALLOW))
    else:
        noun = "note" if differences.notes == 1 else "notes"
        findings.append(Finding(NAME, "ok", f"{differences.notes} {noun}, as in the vault"))
    if differences.unreadable:
        detail = f"{len(differences.unreadable)} notes cannot be read: {named(differences.unreadable)}"
        findings.append(Finding(f"{NAME}[unreadable]", "warn", detail, remedy="iapeer-memory logs"))
    return tuple(findings)


def allowed(host: Host) -> bool:
    """Whether the owner has said that many notes may go at once."""
    return host.settings["ALLOW_MASS_DELETE"] == "1"


def address(host: Host, path: str) -> str:
    """Where our memoryd answers."""
    return f"http://127.0.0.1:{host.port}/{path}"


def health(host: Host) -> Mapping[str, Any]:
    """What our memoryd says of itself; {} where it does not answer."""
    answer = host.door.net.fetch(address(host, "health"), timeout=ASK_SECONDS, limit=1 << 20)
    try:
        told = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    real = host.door.files.realpath
    return told if real(str(told.get("state_dir"))) == real(host.paths.state_dir) else {}


def settled(now: Mapping[str, Any]) -> bool:
    """Whether its first look at the vault is over, or cannot be."""
    return bool(now.get("ready") or now.get("away") or now.get("trouble"))


def waited(host: Host, wanted: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
    """Ask until memoryd says what is wanted; None when it does not in time."""
    clock = host.door.clock
    end = clock.monotonic() + PATIENCE
    while True:
        now = health(host)
        if now and wanted(now):
            return now
        if clock.monotonic() >= end:
            return None
        clock.sleep(POLL_SECONDS)
