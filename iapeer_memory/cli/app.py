"""The command line's root: finds a command in the table, loads only its module, and turns every error into one line.

Exit codes: 0 ok, 1 the command failed or a check found a problem, 2 the words were wrong, 130 interrupted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer import core as typer_core
from typer._click import Context
from typer._click.core import Command
from typer._click.exceptions import ClickException, NoArgsIsHelpError, NoSuchOption
from typer._click.exceptions import UsageError as WordsError
from typer.exceptions import Abort
from typer.main import get_command

from iapeer_memory import __version__
from iapeer_memory.cli.commands import COMMANDS
from iapeer_memory.domain.errors import ProductError, UsageError
from iapeer_memory.domain.paths import PRODUCT

NO_SUCH = re.compile(r"No such command '(.*?)'")
SHELLS = ("bash", "zsh", "fish")
HELP_WORDS: tuple[list[str], ...] = ([], ["help"], ["--help"], ["-h"])


class LazyGroup(typer_core.TyperGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Names, shown or hidden."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Import the command's module and build it."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None


def load_command(name: str) -> Command:
    """The Typer command of a table row: the module's `app` where it has sub-commands, else its `main`."""
    row = COMMANDS[name]
    module = import_module(f"iapeer_memory.cli.{row.module}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        app.command(name, help=row.about)(module.main)
    command: Command = get_command(app)
    command.name = name
    command.hidden = not row.shown
    return command


def usage() -> str:
    """The text of `--help`, made from the table alone: no command is loaded for it."""
    width = max(len(name) for name, row in COMMANDS.items() if row.shown)
    lines = [f"usage: {PRODUCT} COMMAND [OPTIONS]    ({PRODUCT} {__version__})", "", "commands:"]
    lines += [f"  {name.ljust(width)}  {row.about}" for name, row in COMMANDS.items() if row.shown]
    lines += ["", f"`{PRODUCT} COMMAND --help` explains a command; --version prints the version."]
    return "\n".join(lines) + "\n"


def run(words: Sequence[str]) -> int:
    """Run the words; returns the exit code. Nothing but BaseException leaves here."""
    words = list(words)
    if words in HELP_WORDS:
        return say(usage())
    if words in (["--version"], ["-V"]):
        return say(__version__ + "\n")
    if words[0] not in COMMANDS and not words[0].startswith("-"):
        sys.stderr.write(f"{PRODUCT}: unknown command: {words[0]}\n\n{usage()}")
        return 2
    if words[0] == "--show-completion" and len(words) == 2:
        return show_completion(words[1])
    if words[0].startswith("-") and words[0] not in ("--install-completion", "--show-completion"):
        sys.stderr.write(f"{PRODUCT}: unknown flag: {words[0]}\n")
        return 2
    return invoke(words)


def show_completion(shell: str) -> int:
    """The completion script of a shell that is named; without a name Typer looks which shell is asking."""
    if shell not in SHELLS:
        return complain(f"{PRODUCT}: --show-completion knows {', '.join(SHELLS)}, not {shell}", 2)
    from typer._completion_shared import get_completion_script

    variable = f"_{PRODUCT.replace('-', '_').upper()}_COMPLETE"
    return say(get_completion_script(prog_name=PRODUCT, complete_var=variable, shell=shell) + "\n")


def invoke(words: list[str]) -> int:
    """Run the words through Typer; every expected error is one line on stderr."""
    where = f"{PRODUCT} {words[0]}"
    try:
        result: Any = root().main(words, prog_name=PRODUCT, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except NoSuchOption as error:
        return complain(f"{where}: unknown flag: {error.option_name}", 2)
    except NoArgsIsHelpError as error:
        return say(error.message + "\n")
    except WordsError as error:
        if found := NO_SUCH.match(error.format_message()):
            return complain(f"{where}: unknown command: {found[1]}", 2)
        return complain(f"{where}: {one_line(error.format_message())}", 2)
    except ClickException as error:
        return complain(f"{where}: {one_line(error.format_message())}", error.exit_code)
    except UsageError as error:
        return complain(f"{where}: {error.line()}", 2)
    except ProductError as error:
        return complain(f"{where}: {error.line()}", error.exit_code)
    except (Abort, KeyboardInterrupt):
        return complain(f"{where}: interrupted; run the same command again to finish", 130)
    except BrokenPipeError:
        return 1
    except OSError as error:
        from iapeer_memory.provision.run import os_error_line

        return complain(f"{where}: {os_error_line(error)}", 1)


def root() -> Command:
    """The root group, with shell completion."""
    words = {"help_option_names": ["--help", "-h"]}  # of every command below, too
    app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, add_completion=True, name=PRODUCT, context_settings=words)
    app.callback()(lambda: None)
    return get_command(app)


def say(text: str) -> int:
    """Print and succeed."""
    sys.stdout.write(text)
    return 0


def complain(text: str, code: int) -> int:
    """Print one line on stderr and fail."""
    sys.stderr.write(text + "\n")
    return code


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split()).rstrip(".")
