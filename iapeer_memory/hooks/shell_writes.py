"""Which files a shell command writes, as far as its words tell: `>`, `>>`, tee, sed -i, the target of cp and mv. Pure.

No shell: what a variable, a pattern or a program makes of its words is not known, and such a word is passed over. Never
names what a command only reads. Imports nothing: the post-write hook comes this way.
"""

from __future__ import annotations

ENDS = ("&&", "||", ";;", "|&", ";", "|", "&", "\n", "(", ")")
REDIRECTS = ("&>>", ">>", ">|", "&>", "<>", ">")
"""Longer ones first."""

SHELLS = ("sh", "bash", "zsh", "dash")
BEFORE_A_COMMAND = ("sudo", "command", "exec", "env", "nohup", "time", "then", "do", "else", "{", "!", "if", "while")
INNERMOST = 3
LONGEST = 100_000
"""Characters of a command that we look at."""


class Word:
    """A word of a command; `known`: nothing in it is for the shell to fill in."""

    __slots__ = ("known", "text")

    def __init__(self, text: str, known: bool) -> None:
        self.text = text
        self.known = known


def files_written(command: str, home: str, *, within: str = "", depth: int = 0) -> list[str]:
    """The paths, absolute or relative to where the command ran, in order. `home`: for `~` and `$HOME`."""
    found: list[str] = []
    for words, targets in commands(command[:LONGEST], home):
        here = [joined(within, word.text) for word in (*targets, *arguments_written(words)) if word.known]
        found += [path for path in here if path]
        texts = bare(words)
        if len(texts) > 1 and texts[0].text == "cd" and texts[1].known:
            within = joined(within, texts[1].text)
        elif texts and program(texts[0].text) in SHELLS and depth < INNERMOST:
            inner = script_of(texts[1:])
            found += files_written(inner, home, within=within, depth=depth + 1) if inner else []
    return found


def bare(words: list[Word]) -> list[Word]:
    """The command without assignments and what only introduces it."""
    at = 0
    while at < len(words) and (words[at].text in BEFORE_A_COMMAND or is_assignment(words[at].text)):
        at += 1
    return words[at:]


def arguments_written(words: list[Word]) -> list[Word]:
    """Arguments that the command itself writes to."""
    command, *rest = bare(words) or [Word("", True)]
    name = program(command.text)
    files = [word for word in rest if not word.text.startswith("-")]
    if name == "tee":
        return files
    if name == "sed" and any(in_place(word.text) for word in rest):
        return files
    if name in ("cp", "mv") and len(files) > 1:
        return [files[-1], *(Word(f"{files[-1].text}/{program(word.text)}", files[-1].known) for word in files[:-1])]
    return []


def in_place(option: str) -> bool:
    """Whether an option of sed makes it edit its files: `-i`, `-i.bak`, `-Ei`, `--in-place`."""
    if option.startswith("--"):
        return option.startswith("--in-place")
    letters = option[1:] if option.startswith("-") else ""
    for letter in letters:
        if letter == "i":
            return True
        if letter in "efl":  # what follows these in one word is their value
            return False
    return False


def script_of(words: list[Word]) -> str:
    """What `sh -c` and its kin are given to run; "" for anything else."""
    for at, word in enumerate(words):
        if not word.text.startswith("-"):
            return ""
        if "c" in word.text and not word.text.startswith("--"):
            return words[at + 1].text if at + 1 < len(words) else ""
    return ""


def program(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def joined(folder: str, path: str) -> str:
    """A path seen from a folder; "" for none."""
    return path if not folder or not path or path.startswith("/") else f"{folder}/{path}"


def is_assignment(word: str) -> bool:
    """Whether it is `NAME=value`."""
    name, sign, _ = word.partition("=")
    return bool(sign) and name.isidentifier()


def commands(text: str, home: str) -> list[tuple[list[Word], list[Word]]]:
    """(words, targets of redirects) of each simple command, in order."""
    found: list[tuple[list[Word], list[Word]]] = []
    words: list[Word] = []
    targets: list[Word] = []
    heredocs: list[tuple[str, bool]] = []
    at, end = 0, len(text)
    while at < end:
        if text[at] in " \t":
            at += 1
        elif text.startswith("\\\n", at):
            at += 2
        elif text[at] == "#":
            at = place_of(text, "\n", at)
        elif text.startswith("<<<", at):
            _, at = word_at(text, after_blanks(text, at + 3), home)
        elif text.startswith("<<", at):
            tabs = text.startswith("<<-", at)
            mark, at = word_at(text, after_blanks(text, at + 2 + tabs), home)
            heredocs.append((mark.text, tabs))
        elif redirect := next((sign for sign in REDIRECTS if text.startswith(sign, at)), ""):
            at += len(redirect)
            if text.startswith("&", at):  # to another descriptor, no file
                _, at = word_at(text, at + 1, home)
                continue
            target, at = word_at(text, after_blanks(text, at), home)
            targets.append(target)
        elif sign := next((sign for sign in ENDS if text.startswith(sign, at)), ""):
            at += len(sign)
            found.append((words, targets))
            words, targets = [], []
            if sign == "\n":
                for ending, indented in heredocs:
                    at = after_heredoc(text, at, ending, indented)
                heredocs = []
        elif text[at] == "<":
            _, at = word_at(text, after_blanks(text, at + 1), home)
        else:
            word, after = word_at(text, at, home)
            if not (word.text.isdigit() and text[after : after + 1] in ("<", ">")):
                words.append(word)
            at = max(after, at + 1)
    found.append((words, targets))
    return found


def word_at(text: str, at: int, home: str) -> tuple[Word, int]:
    """The word that begins there, its quotes taken off, and where it ends."""
    parts: list[str] = []
    known, end = True, len(text)
    if text.startswith("~/", at):
        parts.append(home)
        at += 1
    while at < end:
        letter = text[at]
        if letter in " \t\n;|&<>()":
            break
        if letter == "'":
            stop = place_of(text, "'", at + 1)
            parts.append(text[at + 1 : stop])
            at = stop + 1
        elif letter == '"':
            inner, sure, at = quoted(text, at + 1, home)
            parts.append(inner)
            known = known and sure
        elif letter == "\\":
            parts.append("" if text.startswith("\n", at + 1) else text[at + 1 : at + 2])
            at += 2
        elif letter == "$":
            value, at = variable(text, at, home)
            parts.append(value)
            known = known and bool(value)
        else:
            known = known and letter not in "`*?["
            parts.append(letter)
            at += 1
    return Word("".join(parts), known), at


def quoted(text: str, at: int, home: str) -> tuple[str, bool, int]:
    """What stands between double quotes, whether all of it is known, and where the word goes on."""
    parts: list[str] = []
    known = True
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", '"', "$", "`", "\n"):
            parts.append(text[at + 1].strip("\n"))
            at += 2
        elif text[at] == "$":
            value, at = variable(text, at, home)
            parts.append(value)
            known = known and bool(value)
        else:
            known = known and text[at] != "`"
            parts.append(text[at])
            at += 1
    return "".join(parts), known, at + 1


def variable(text: str, at: int, home: str) -> tuple[str, int]:
    """The value at a `$` and where it ends: of HOME alone, "" for any other."""
    for spelled in ("${HOME}", "$HOME"):
        after = at + len(spelled)
        following = text[after : after + 1]
        if text.startswith(spelled, at) and (spelled[-1] == "}" or not (following.isalnum() or following == "_")):
            return home, after
    return "", at + 1


def after_blanks(text: str, at: int) -> int:
    """The index of what follows blanks."""
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at


def place_of(text: str, mark: str, at: int) -> int:
    """The index of the mark, or of the end."""
    found = text.find(mark, at)
    return len(text) if found < 0 else found


def after_heredoc(text: str, at: int, mark: str, tabs: bool) -> int:
    """The index after the line that ends a document which began there."""
    while at < len(text):
        stop = place_of(text, "\n", at)
        line = text[at:stop]
        at = stop + 1
        if (line.lstrip("\t") if tabs else line) == mark:
            break
    return at
