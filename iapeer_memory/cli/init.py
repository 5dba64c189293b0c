"""`init`: give the agents of this host a shared memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from shlex import quote as quote_word
from typing import Annotated

import typer

from iapeer_memory.cli.ask import ask, ask_yes, choose_many
from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.progress import sweep_line
from iapeer_memory.cli.run import run_command
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ProductError, UsageError
from iapeer_memory.domain.peer import Peer
from iapeer_memory.domain.settings import PREFIX, Settings
from iapeer_memory.ecosystem.core import find_core, single_human
from iapeer_memory.fleet.discover import discover, parse_peer_flag
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.notes.native import Native, natives
from iapeer_memory.provision.answers import DEFAULT_VAULT, LOCALES, MODES, Answers, absolute, check_choice, check_vault
from iapeer_memory.provision.host import Host, Wishes
from iapeer_memory.provision.peers import mapped_peers, registry
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.sweep import make_view
from iapeer_memory.provision.transport import told
from iapeer_memory.surfaces.codex.folder import armed_by_trust


def main(
    vault: Annotated[str | None, typer.Option("--vault", metavar="PATH", help="The folder of notes.")] = None,
    locale: Annotated[str | None, typer.Option("--locale", metavar="en|ru", help="Names of folders and words.")] = None,
    human: Annotated[str | None, typer.Option("--human", metavar="NAME", help="Whose the other edits are.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="lean|curated", help="Whether curators are woken.")
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option("--peer", metavar="NAME=DIR[:claude,codex]", help="An agent and its folder.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="The vault is somebody's already: leave every note as it is.")
    ] = False,
    find: Annotated[bool, typer.Option("--discover", help="Propose the folders that the harnesses know.")] = False,
    allow: Annotated[
        bool, typer.Option("--allow", help="Yes: agents may search and write notes without being asked.")
    ] = False,
    grant_trust: Annotated[bool, typer.Option("--grant-trust", help="Yes: Codex may run our hooks.")] = False,
    embedding_endpoint: Annotated[str | None, typer.Option("--embedding-endpoint", metavar="URL")] = None,
    reranker_endpoint: Annotated[str | None, typer.Option("--reranker-endpoint", metavar="URL")] = None,
    runtime: Annotated[str | None, typer.Option("--runtime", metavar="R", help="Runtime of the curator peers.")] = None,
    follow: Annotated[
        list[str] | None, typer.Option("--follow", metavar="TARGET", help="A place links may lead to.")
    ] = None,
    non_interactive: Annotated[bool, typer.Option("--non-interactive", help="Ask nothing.")] = False,
    skip_deps: Annotated[bool, typer.Option("--skip-deps", hidden=True)] = False,
    skip_ecosystem: Annotated[bool, typer.Option("--skip-ecosystem", hidden=True)] = False,
    skip_binary: Annotated[bool, typer.Option("--skip-binary", hidden=True)] = False,
    skip_guide: Annotated[bool, typer.Option("--skip-guide", hidden=True)] = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Make the vault, place the command and the daemon, and connect the agents. Running it again repairs."""
    host = open_host(wishes=Wishes(skip_binary=skip_binary, core_flag=iapeer_bin, progress=sweep_line(as_json=as_json)))
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not non_interactive and not as_json
    out = Output(host.env, as_json=as_json)
    peers = tuple(parse_peer_flag(text, cwd=host.door.files.realpath("."), home=host.paths.home) for text in peer or ())
    chosen_vault = check_vault(vault, host.settings, host.env, host.door.files.realpath)
    if chosen_vault is None:
        if not interactive:
            raise UsageError("which folder shall hold the notes? init will not pick one", remedy="add --vault PATH")
        chosen_vault = absolute(ask("Folder for the notes", f"{host.paths.home}/{DEFAULT_VAULT}"), host.env)
    known_locale = host.settings.locale if host.settings.source("LOCALE") != "default" else "en"
    known_mode = host.settings["MODE"] if host.settings.source("MODE") != "default" else None
    check_kept(host, {"LOCALE": locale, "MODE": mode, "HUMAN_NAME": human, "EMBEDDING_ENDPOINT": embedding_endpoint})
    check_adopted(host, chosen_vault, adopt)
    host = settle(with_found_core(host))
    check_mode(host, mode)
    answers = Answers(
        vault=chosen_vault,
        locale=check_choice(locale, LOCALES, "--locale", known_locale),
        mode=check_choice(mode, MODES, "--mode", known_mode or usual_mode(host)),
        human=human or (host.settings["HUMAN_NAME"] if host.config.present else the_human(host)) or None,
        embedding_endpoint=embedding_endpoint,
        reranker_endpoint=reranker_endpoint,
        runtime=runtime,
        peers=peers,
        skip_guide=skip_guide,
        skip_ecosystem=skip_ecosystem,
        skip_deps=skip_deps,
        adopt=adopt,
    )
    if not host.with_core:
        answers = replace(answers, peers=(*answers.peers, *proposed(host, answers.peers, out, find, interactive)))
    elif peers or find:
        raise UsageError("this host has the core, which knows its peers", remedy="leave --peer and --discover out")
    if interactive and not allow and not host.choices.allow:
        allow = ask_yes("May the agents search memory and write notes without asking each time?", default=True)
    if grant_trust:
        confirm_trust(host, answers.peers, out, interactive)
    host = host.deciding(
        allow=host.choices.allow or allow,
        grant_trust=host.choices.grant_trust or grant_trust,
        follow=tuple(dict.fromkeys((*host.choices.follow, *(absolute(f, host.env) for f in follow or ())))),
    )
    host = replace(
        host, wishes=replace(host.wishes, answers=answers), settings=answered(host, answers), choices_known=True
    )
    plan = None
    if dry_run:
        host, plan = planned(host)
    result = run_command(host, "init", out)
    tell_plan(out, host, plan)
    if plan is None and not result.problems:
        out.line(f"notes: {answers.vault}   check any time: iapeer-memory status")
    if not result.problems:
        out.line(f"transport: {told(host)}")
    native = kept_by_harnesses(host) if plan is None and not result.problems else ()
    for folder in native:
        out.line(folder.line())
    document = {"ok": not result.problems, "steps": outcome_rows(result.outcomes), "plan": rows(plan)}
    out.document("init", {**document, "migrate": [folder.command for folder in native]})
    return 1 if result.problems else 0


def kept_by_harnesses(host: Host) -> tuple[Native, ...]:
    """Folders of memories that the harnesses of this host's peers have filled by themselves."""
    files, paths = host.door.files, host.paths
    peers = mapped_peers(host)

    def names(folder: str) -> tuple[str, ...]:
        try:
            return files.list(folder)
        except (ProductError, OSError):
            return ()

    known = () if isinstance(peers, NoMap) else peers
    return natives(known, names, claude_home=paths.claude_home, codex_home=paths.codex_home, realpath=files.realpath)


def check_kept(host: Host, flags: Mapping[str, str | None]) -> None:
    """Raises UsageError where a flag contradicts the settings file, which init does not change."""
    for name, word in flags.items():
        said = next((line.value for line in reversed(host.config.lines) if line.key == PREFIX + name), "")
        if word is not None and said and word != said:
            raise UsageError(
                f"{host.paths.config_file} says {name}={said}, not {word}",
                remedy=f"iapeer-memory config set {name} {quote_word(word)}, then init again",
            )


def check_adopted(host: Host, vault: str, adopt: bool) -> None:
    """Raises UsageError where --adopt cannot be meant: no folder to adopt, or a vault whose notes are stamped."""
    if not adopt:
        return
    found = host.door.files.stat(vault)
    if found is None or found.kind != "dir":
        raise UsageError(f"--adopt needs a folder of notes, and {vault} is none", remedy="leave --adopt out")
    if host.config.present and host.settings.stamping:
        raise UsageError(
            "this host's notes are stamped already",
            remedy="iapeer-memory config set STAMPING off, then init without --adopt",
        )


def check_mode(host: Host, word: str | None) -> None:
    """Raises UsageError for a mode that nobody could carry out here."""
    if word == "curated" and not host.with_core:
        raise UsageError("curators are woken by the iapeer core, and this host has none", remedy="--mode lean")


def usual_mode(host: Host) -> str:
    """The mode of a host that never chose one: as the settings have it without a word, lean where init begins."""
    return "curated" if host.config.present and host.with_core else "lean"


def with_found_core(host: Host) -> Host:
    """A core that came to this host since the first init is taken up by the next one."""
    if not host.choices_known or host.choices.core is not None or host.wishes.core_flag is not None:
        return host
    return host.deciding(core=find_core(host.door, host.env, None))


def the_human(host: Host) -> str | None:
    """The human of the settings, else the one natural peer of the core."""
    if host.settings["HUMAN_NAME"]:
        return host.settings["HUMAN_NAME"]
    core = host.core
    return None if core is None else single_human(core.list().rows)


def answered(host: Host, answers: Answers) -> Settings:
    """The settings as they will be once the file is written; what the file already says stays."""
    env = dict(host.env)
    for name, value in (("VAULT_PATH", answers.vault), ("LOCALE", answers.locale), ("MODE", answers.mode)):
        if host.settings.source(name) == "default" or name == "VAULT_PATH":
            env[f"IAPEER_MEMORY_{name}"] = value
    return Settings(env, host.config.lines)


def proposed(host: Host, named: tuple[Peer, ...], out: Output, find: bool, interactive: bool) -> tuple[Peer, ...]:
    """What the operator picks from the folders that the harnesses know; nothing is taken unasked."""
    if not find and (named or not interactive):
        return ()
    known = (*registry(host).peers, *named)
    found = discover(host.door.files, host.paths, known=known)
    for problem in found.problems:
        out.line(out.paint(problem, "warn"))
    rows = [f"{c.name}  {c.dir}  ({', '.join(c.seen_in)})" for c in found.candidates]
    if not rows:
        if find:
            out.line("no folders to propose: the harnesses know none that is not a peer already")
        return ()
    if not interactive:
        out.line("folders that the harnesses know; name those you want:")
        for candidate in found.candidates:
            out.line(f"  --peer '{candidate.name}={candidate.dir}:{','.join(candidate.seen_in)}'")
        return ()
    picked = choose_many("Which of these are agents that shall share the memory?", rows)
    return tuple(Peer(c.name, c.dir, c.seen_in) for i, c in enumerate(found.candidates) if i in picked)


def confirm_trust(host: Host, peers: tuple[Peer, ...], out: Output, interactive: bool) -> None:
    """List what trusting the folders would arm besides ours. Raises UsageError without a terminal to ask on."""
    view = make_view(host)
    armed = [line for p in (*registry(host).peers, *peers) for line in armed_by_trust(view, p)]
    for line in armed:
        out.line(out.paint(f"trusting would also arm: {line}", "warn"))
    if armed and not interactive:
        raise UsageError(
            "--grant-trust would arm commands that are not ours", remedy="run it on a terminal, or remove them first"
        )
    if armed and not ask_yes("Trust these folders all the same?", default=False):
        raise UsageError("trust was not granted", remedy="run init without --grant-trust")
