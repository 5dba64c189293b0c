"""Values that a word announces: `password: …`, `api_key = "…"`, `Bearer …`. Pure; reads a text, changes none.

What only stands for a secret (a placeholder), says where one is kept (a variable, a path, a call) or is a plain word is
none. For a hook's sake without regular expressions, and in time that grows with the length of the text.
"""

from __future__ import annotations

from iapeer_memory.vault import credential_rules as known

JUDGED = 512
"""How much of a value is looked at; a mask covers all of it."""

SHORTEST = {"password": 6, "token": 12}
BLANKS = " \t\u00a0"
QUOTES = {'"': '"', "'": "'", "`": "`", "«": "»", "“": "”", "‘": "’"}
AFTER_NAME = "\"'`*_»”]\\"
SIGNS = ":=|—–"
VERBS = ("is ", "was ", "это ")
JOINTS = ("(", "for ", "to ", "of ", "от ", "для ", "к ", "на ")
JOINED = 60
"""`password for the router: …`: how far the colon may be."""

STOPS = "\"'`<>|\\"
TRAILING = ".,;:)]}*_"
PLAIN = frozenset("-_./:,'+~#@ ")
"""Signs that join words and make no password of them."""


def named(text: str, low: str) -> list[tuple[int, int, str]]:
    """Values that a word announces: `password: …`, `api_key = "…"`, `Bearer …`."""
    spans: list[tuple[int, int, str]] = []
    for kind, stem, endings, condition in known.NAMES:
        at = low.find(stem)
        while at >= 0:
            here = at + len(stem)
            ending = next((e for e in endings if low.startswith(e, here)), None)
            at, end = here, here + len(ending or "")
            if ending or (ending == "" and _bare(low, here - len(stem), condition)):
                at = max(end, _judge(text, end, _value_place(text, low, here - len(stem), end), kind, spans))
            at = low.find(stem, at)
    for scheme in known.SCHEMES:
        at = low.find(scheme)
        while at >= 0:
            end = at + len(scheme)
            at = low.find(scheme, max(end, _judge(text, end, end, "token", spans)))
    for name in known.PHRASES:
        at = low.find(name)
        while at >= 0:
            end = at + len(name)
            _phrase(text, _value_place(text, low, at, end), spans)
            at = low.find(name, end)
    return spans


def _bare(low: str, at: int, condition: str) -> bool:
    """Whether a bare stem at that place announces anything."""
    if condition == "word":
        return not (at and low[at - 1].isalpha())
    if condition == "owner":
        before = low[max(0, at - 14) : at]
        return before.endswith(known.OWNERS) or (before[:-1].endswith(known.OWNERS) and before[-1:] in "_- ")
    return True


def _judge(text: str, end: int, place: int, kind: str, spans: list[tuple[int, int, str]]) -> int:
    """Add the value at `place` (-1: none) if it is a credential; from where to look on."""
    if place < 0:
        return end
    start, stop = _value(text, place)
    value = text[start:stop]
    if reference(value):
        return end
    if _secret(value, kind):
        stop += run(text, stop, known.WORD + "+/=.") if stop - start >= JUDGED - 8 else 0
        spans.append((start, stop, kind))
    return stop


def _phrase(text: str, place: int, spans: list[tuple[int, int, str]]) -> None:
    """Add the line at `place` (-1: none) if it is the words of a wallet."""
    if place < 0:
        return
    line = text[place : place + 400].split("\n", 1)[0].rstrip()
    words = line.strip("\"'`.").split()
    if 12 <= len(words) <= 24 and all(w.isalpha() and w == w.lower() and len(w) <= 8 for w in words):
        spans.append((place, place + len(line), "recovery phrase"))


def _value_place(text: str, low: str, at: int, end: int) -> int:
    """Where the value of a name begins that stands at `at` to `end`; -1 when none is announced."""
    here = _suffix_end(text, low, end)
    end = here
    while here < end + 4 and text[here : here + 1] in AFTER_NAME and here < len(text):
        here += 1
    bare = _skip(text, here)
    sign = text[bare : bare + 1]
    if sign and sign in SIGNS:
        return _after_sign(text, bare)
    if bare > here:
        for verb in VERBS:
            if low.startswith(verb, bare):
                return _skip(text, bare + len(verb))
        if low[at - 2 : at] == "--":
            return bare
        if low.startswith(JOINTS, bare):
            joined = text[bare : bare + JOINED].split("\n", 1)[0]
            colon = joined.find(": ")
            if colon < 0 and joined.endswith(":"):
                colon = len(joined) - 1
            if colon >= 0 and not any(mark in joined[:colon] for mark in ".;,"):
                return _after_sign(text, bare + colon)
    return -1


def _suffix_end(text: str, low: str, end: int) -> int:
    """The index after `_PROD` in `PASSWORD_PROD=`; `end` where none follows, or one that makes it another thing."""
    if text[end : end + 1] not in ("_", "-"):
        return end
    piece = text[end : end + 30]
    length = len(piece) - len(piece.lstrip(known.WORD))
    named = low[end : end + length]
    other = length > 24 or text[end + length : end + length + 1] not in (":", "=") or named.endswith(known.NOT_ITSELF)
    return end if other else end + length


def _after_sign(text: str, at: int) -> int:
    """Where a value begins behind `:`, `=`, `:=`, `=>`, `**:**` or a cell's border, at most one line further down."""
    sign = text[at]
    here = at + 1
    while here < at + 4 and text[here : here + 1] in ("=", ">", "*", "_", ":"):
        here += 1
    here = _skip(text, here)
    if sign == ":" and text[here : here + 1] in ("\n", "\r"):
        here = _skip(text, here + (2 if text[here : here + 2] == "\r\n" else 1))
    return here


def _value(text: str, at: int) -> tuple[int, int]:
    """(start, end) of the value that begins there: what is quoted, else one word without its full stop."""
    at += text[at : at + 1] == "\\"
    closing = QUOTES.get(text[at : at + 1])
    if closing:
        fence = 3 if text[at : at + 3] == "```" else 1
        stop = text.find(closing, at + fence, at + fence + JUDGED)
        if stop >= 0 and "\n" not in text[at + fence : stop]:
            return at + fence, stop - (text[stop - 1] == "\\")
        at += fence
    stop = word_end(text, at)
    return at, at + len(text[at:stop].rstrip(TRAILING))


def _secret(value: str, kind: str) -> bool:
    """Whether a value that a name announces is a credential, and not a word, a reference or a placeholder."""
    if stands_for(value):
        return False
    if kind == "password" and len(value) >= 4 and value.isdecimal():
        return True
    if len(value) < SHORTEST[kind] or any(blank in value for blank in " \t"):
        return False
    if kind == "password" and any(not c.isalnum() and c not in PLAIN for c in value.rstrip("!?")):
        return True
    pieces = "".join(c if c.isalnum() else " " for c in value).split()
    least = SHORTEST[kind] if kind == "password" else 8
    return any(not _ordinary(piece, least) for piece in pieces)


def _ordinary(piece: str, least: int) -> bool:
    """Whether letters and digits without a sign between them are a word, a name or a number."""
    if len(piece) < least or piece.isdecimal() or piece.lower() in known.ORDINARY:
        return True
    if piece.isalpha():
        turns = sum(a.islower() and b.isupper() for a, b in zip(piece, piece[1:]))  # noqa: B905, RUF007
        whole = piece.isascii() and (piece.islower() or piece.isupper()) and len(piece) >= 20
        return not whole and (not piece.isascii() or turns <= len(piece) // 5)
    return False


def stands_for(value: str) -> bool:
    """Whether the value only stands for a secret."""
    low = value.lower()
    return len(set(low)) <= 2 or any(word in low for word in known.STANDS_FOR)


def reference(value: str) -> bool:
    """Whether the value says where a secret is kept: a variable, a path, a call, an address, a link."""
    if value[:1] in "/~<{[" or value[:2] in ("./", "$(", "${", "%(", "@/") or "://" in value:
        return True
    if value[:1] == "$" and value[1:].replace("_", "").isalnum() and value[1:].upper() == value[1:]:
        return True
    called, bracket, _ = value.partition("(")
    if bracket and called == called.lower() and called.replace("_", "").replace(".", "").isalpha():
        return True
    if value[:1] == "%" == value[-1:]:
        return True
    if "/" in value and "." in value.rpartition("/")[2]:
        return True
    return value.startswith(("os.environ", "os.getenv", "process.env", "env.", "secrets.", "vars.", "getenv("))


def run(text: str, at: int, characters: str) -> int:
    """How many of these characters follow."""
    here, size = at, 64
    while True:
        piece = text[here : here + size]
        passed = len(piece) - len(piece.lstrip(characters))
        here += passed
        if passed < size:
            return here - at
        size *= 2


def _skip(text: str, at: int) -> int:
    """The index after the blanks there, at most 80."""
    piece = text[at : at + 80]
    return at + len(piece) - len(piece.lstrip(BLANKS))


def word_end(text: str, at: int) -> int:
    """Where a bare value ends: at a blank, a quote, a tag's bracket, a cell's border, or the bound of a judgement."""
    piece = text[at : at + JUDGED]
    word = "" if piece[:1].isspace() else next(iter(piece.split(None, 1)), "")
    return at + min((p for p in map(word.find, STOPS) if p >= 0), default=len(word))
