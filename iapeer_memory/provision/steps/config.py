"""config: the user's settings file, whose lines we never change, and our own decisions beside the state."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from iapeer_memory.curation.modes import curation
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.domain.host import FORMER_NAME
from iapeer_memory.domain.settings import BY_NAME, PREFIX, quote, set_line
from iapeer_memory.provision.answers import LOCALES, MODES, Answers
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.provision.values import CHOICES, value_fault

VAULT = PREFIX + "VAULT_PATH"
COMMENTED = (
    "MCP_PORT",
    "EMBEDDING_PROVIDER",
    "EMBEDDING_MODEL",
    "RERANKER_PROVIDER",
    "CURATOR_SET",
    "TAGS_BOUNDARY_MAXLEN",
    "DEDUP_THRESHOLD",
    "LINK_HINT_THRESHOLD",
    "DREAM_CRON",
    "DREAM_WINDOW_DAYS",
    "DREAM_DESC_MAXLEN",
    "DREAM_BATCH_THRESHOLD",
    "DREAM_GROUP_CAP",
    "DREAM_TRANSCRIPT_CAP",
)


class ConfigStep(Step):
    """Writes `config.env` once, adds an answer that it does not hold, and `host.json` whenever a decision is new."""

    name = "config"
    heals = False

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Whether the settings can be used."""
        problem = config_problem(host)
        if problem is not None:
            return (problem,)
        notes: list[Finding] = []
        if host.config.ignored:
            numbers = ", ".join(str(n) for n in host.config.ignored[:5])
            notes.append(
                Finding(
                    "config-lines",
                    "warn",
                    f"{host.paths.config_file}:{numbers}: neither KEY=VALUE nor a comment; ignored",
                    remedy=f"correct or delete line {numbers} of {host.paths.config_file}",
                )
            )
        if any(line.key == PREFIX + "SUPERVISOR" and line.value == FORMER_NAME for line in host.config.lines):
            words = f"SUPERVISOR={FORMER_NAME} means broker by now"
            notes.append(Finding("config-words", "warn", words, remedy="iapeer-memory config set SUPERVISOR broker"))
        if refused := curation(host.settings, with_core=host.with_core).refused:
            first = refused.partition(":")[0].split(" and ")[0].removeprefix(PREFIX)
            fix = f"iapeer-memory config set {first} {'lean' if first == 'MODE' else '0'}"
            notes.append(Finding("curators", "warn", refused, remedy=fix))
        return (Finding("config", "ok", f"vault {host.settings.vault}, locale {host.settings.locale}"), *notes)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Write what is not there yet."""
        answers = host.wishes.answers
        written = "exists"
        if answers is not None:
            text = default_config(answers)
            if host.door.files.create(host.paths.config_file, text.encode(), mode=0o600):
                written = "written"
            elif not any(line.key == VAULT and line.value for line in host.config.lines) and not host.env.get(VAULT):
                # The file is the user's and says nothing about the vault: the answer is added, nothing is changed.
                before = host.door.files.read(host.paths.config_file)
                host.door.files.write(host.paths.config_file, set_line(before, VAULT, answers.vault))
                written = "vault added"
            elif missing := unanswered(host, answers):
                add_lines(host, missing)
                written = f"{', '.join(missing)} added"
        record = host.choices.dump()
        if host.door.files.read_optional(host.paths.host_json) != record:
            host.door.files.write(host.paths.host_json, record, mode=0o600)
        mode = answers.mode if answers is not None else host.settings["MODE"]
        return self.ok(f"{host.paths.config_file} ({written}) mode={mode}", changed=written != "exists")


def unanswered(host: Host, answers: Answers) -> dict[str, str]:
    """Answers that an existing file says nothing about and that differ from what is then taken.

    They would be forgotten with this run. What the file does say is never changed here.
    """
    known = {line.key for line in host.config.lines if line.value}
    given = {
        "VAULT_PATH": answers.vault,
        "LOCALE": answers.locale,
        "MODE": answers.mode,
        "HUMAN_NAME": answers.human,
        "EMBEDDING_ENDPOINT": answers.embedding_endpoint,
        "RERANKER_ENDPOINT": answers.reranker_endpoint,
        "STAMPING": "off" if answers.adopt else None,
    }
    return {n: v for n, v in given.items() if v and PREFIX + n not in known and v != BY_NAME[n].default}


def add_lines(host: Host, answers: Mapping[str, str]) -> None:
    """Add lines to the user's file; every other byte stays, and the earlier version is kept."""
    before = host.door.files.read(host.paths.config_file)
    after = before
    for name, value in answers.items():
        after = set_line(after, PREFIX + name, value)
    host.backups.keep(host.paths.config_file, before, 0o600)
    host.door.files.write(host.paths.config_file, after)


def config_problem(host: Host) -> Finding | None:
    """The first thing that makes the settings unusable, or None."""

    def bad(detail: str, remedy: str) -> Finding:
        return Finding("config", "fail", detail, where=host.paths.config_file, remedy=remedy)

    settings = host.settings
    if host.config.problem is not None:
        fix = host.config.problem.remedy
        text = host.config.problem.line().removesuffix(f"; fix: {fix}")
        return bad(text, fix or f"make {host.paths.config_file} readable")
    if settings.vault is None:
        return bad("no vault is set (IAPEER_MEMORY_VAULT_PATH)", "iapeer-memory init --vault PATH")
    if not settings.vault.startswith("/"):
        return bad(
            f"the vault must be an absolute path, not {settings.vault!r}", "iapeer-memory config set VAULT_PATH /PATH"
        )
    stat = host.door.files.stat(settings.vault)
    if stat is None:
        reason = f"the vault {settings.vault} does not exist (on a disk that is not mounted?)"
        return bad(reason, f"mkdir -p {shlex.quote(settings.vault)}")
    if stat.kind != "dir":
        return bad(f"the vault {settings.vault} is not a folder", "iapeer-memory config set VAULT_PATH /PATH")
    if settings.locale not in LOCALES:
        return bad(f"locale {settings.locale!r} is neither en nor ru", "iapeer-memory config set LOCALE en")
    for name in ("EMBEDDING_PROVIDER", "RERANKER_PROVIDER", "SUPERVISOR", "TRANSPORT", "MCP_PORT"):
        if fault := value_fault(name, settings[name]):
            good = BY_NAME[name].default or CHOICES.get(name, ("8766",))[-1]
            return bad(f"{name} {fault}", f"iapeer-memory config set {name} {good}")
    return None


def default_config(answers: Answers) -> str:
    """The text of a new `config.env`: the answers active, the rest as comments with their defaults."""
    assert answers.mode in MODES
    lines = ["# Settings of iapeer-memory. This file is yours: it is written once and never changed by an update."]

    def active(name: str, value: str | None) -> None:
        lines.append(f"# {BY_NAME[name].about}")
        lines.append(f"{PREFIX}{name}={quote(value)}" if value else f"# {PREFIX}{name}=")

    active("VAULT_PATH", answers.vault)
    active("LOCALE", answers.locale)
    active("HUMAN_NAME", answers.human)
    active("MODE", answers.mode)
    active("EMBEDDING_ENDPOINT", answers.embedding_endpoint)
    active("RERANKER_ENDPOINT", answers.reranker_endpoint)
    if answers.adopt:
        active("STAMPING", "off")
    for name in COMMENTED:
        setting = BY_NAME[name]
        default = setting.default or ("8766" if name == "MCP_PORT" else "")
        lines += [f"# {setting.about}", f"# {PREFIX}{name}={default}"]
    return "\n".join(lines) + "\n"
