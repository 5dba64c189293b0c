"""Where in a text something looks like a credential. Pure; reads a text, changes none.

Three ways to tell: its form (`ghp_…`, a JSON web token, a key block), its place (the password of an address), the word
that announces it (`announced`). Time grows with the length of the text, whatever it holds: every loop goes on behind
what it has looked at. A hook loads this: nothing is imported that is not plain data, and no regular expression is
compiled.
"""

from __future__ import annotations

from iapeer_memory.vault import credential_rules as known
from iapeer_memory.vault.announced import named, reference, run, stands_for, word_end

LONGEST_KEY = 50_000
SHORTEST_KEY = 32
LEAST = 9
"""A text that is shorter holds no credential."""


def credentials(text: str) -> list[tuple[int, int, str]]:
    """(start, end, kind) of everything that looks like a credential, in order, without overlaps."""
    if len(text) < LEAST:
        return []
    low = lower(text)
    if "@" not in text and low == text.upper():
        return []  # a number or a date: without a letter only an address may hold a credential
    spans = [*_key_blocks(text), *_tokens(text), *_addresses(text), *named(text, low)]
    spans.sort(key=lambda s: (s[0], -s[1]))
    apart: list[tuple[int, int, str]] = []
    for start, end, kind in spans:
        if apart and start < apart[-1][1]:
            if end > apart[-1][1]:
                apart[-1] = (apart[-1][0], end, apart[-1][2])
        else:
            apart.append((start, end, kind))
    return apart


def _key_blocks(text: str) -> list[tuple[int, int, str]]:
    """Armoured private keys; one without an end goes to the next blank line."""
    spans: list[tuple[int, int, str]] = []
    at = text.find(known.KEY_BEGIN)
    tail = gap = -1
    while at >= 0:
        head = text.find(known.KEY_RULE, at + len(known.KEY_BEGIN), at + 80)
        after = at + len(known.KEY_BEGIN)
        if head >= 0 and known.KEY_MARK in text[after:head]:
            body = head + len(known.KEY_RULE)
            tail = following(text, known.KEY_END, body, tail)
            gap = following(text, "\n\n", body, gap)
            after = tail if tail < min(len(text), body + LONGEST_KEY) else gap
            whole = len(text[body:after].strip(" \t\r\n.…")) >= SHORTEST_KEY
            if after == tail:
                closing = text.find(known.KEY_RULE, tail + len(known.KEY_END), tail + 80)
                after = closing + len(known.KEY_RULE) if closing >= 0 else tail + len(known.KEY_END)
            if whole:
                spans.append((at, after, "private key"))
        at = text.find(known.KEY_BEGIN, after)
    return spans


def _tokens(text: str) -> list[tuple[int, int, str]]:
    """Tokens that say by their form what they are."""
    spans: list[tuple[int, int, str]] = []
    words = text.split()
    if max(map(len, words), default=0) < known.SHORTEST_TOKEN:
        return spans
    long = "\n".join([word for word in words if len(word) >= known.SHORTEST_TOKEN])
    for kind, prefix, characters, least in known.PREFIXES:
        at = text.find(prefix) if prefix in long else -1
        while at >= 0:
            body = at + len(prefix)
            length = run(text, body, characters)
            if length >= least and _begins_word(text, at) and _random(text[body : body + length]):
                spans.append((at, body + length, kind))
            at = text.find(prefix, body + length)
    at = text.find(known.JWT)
    while at >= 0:
        length = run(text, at, known.DOTTED)
        parts = text[at : at + length].rstrip(".").split(".")
        if _begins_word(text, at) and len(parts) in (3, 5) and min(map(len, parts[:2])) > 8 and parts[1][:2] != "..":
            spans.append((at, at + length, "JSON web token"))
        at = text.find(known.JWT, at + length)
    mark, characters, least, digits = known.TELEGRAM
    at = text.find(mark)
    while at >= 0:
        length = run(text, at + 1, characters)
        number = text[max(0, at - 12) : at]
        number = number[len(number.rstrip(known.DIGITS)) :]
        if length >= least and digits <= len(number) <= 11:
            spans.append((at - len(number), at + 1 + length, "Telegram token"))
        at = text.find(mark, at + 1 + length)
    return spans


def _addresses(text: str) -> list[tuple[int, int, str]]:
    """The password of `scheme://user:password@host`."""
    spans: list[tuple[int, int, str]] = []
    at = text.find("://")
    while at >= 0:
        start = at + 3
        account, sign, _ = text[start : word_end(text, start)].partition("/")[0].rpartition("@")
        user, colon, password = account.partition(":")
        if sign and colon and not stands_for(password) and password.lower() not in (user.lower(), "password", "pass"):
            first = start + len(user) + 1
            if len(password) >= 3 and not reference(password):
                spans.append((first, first + len(password), "password in an address"))
        at = text.find("://", start)
    return spans


def _random(body: str) -> bool:
    """Whether what follows a prefix looks drawn by lot: enough different characters, digits among them."""
    return len(set(body)) >= 8 and any(c.isdecimal() for c in body) and not stands_for(body)


def _begins_word(text: str, at: int) -> bool:
    """Whether nothing that belongs to a word stands before."""
    before = text[at - 1 : at] if at else ""
    return not (before.isalnum() or before in ("_", "-", "+"))


def following(text: str, mark: str, at: int, known_place: int) -> int:
    """The first place of the mark from `at`, its length for none; looked for only where the one known lies before."""
    if known_place >= at:
        return known_place
    found = text.find(mark, at)
    return found if found >= 0 else len(text)


def lower(text: str) -> str:
    """The text in lower case, each character at its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
