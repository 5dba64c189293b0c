"""Reading one YAML value of a line: quoted strings, one-line lists, comments. Tolerant, linear, pure.

Offsets point into the text that was given. Never raises.
"""

from __future__ import annotations

SIMPLE = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b"}
SIMPLE |= {" ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}
WIDTH = {"x": 2, "u": 4, "U": 8}
HEX = frozenset("0123456789abcdefABCDEF")


def read(raw: str) -> str:
    """The text that a raw value says: quotes taken off, a comment cut. A quote that nothing closes is dropped."""
    if raw[:1] in ('"', "'"):
        end = string_end(raw)
        if end > 0 and only_comment(raw[end:]):
            return unescaped(raw[1 : end - 1]) if raw[0] == '"' else raw[1 : end - 1].replace("''", "'")
        if raw.count(raw[0]) == 1:
            raw = raw[1:].lstrip()
    return uncommented(raw)


def uncommented(raw: str) -> str:
    """A plain value without its comment: `#` at the start or after a blank."""
    if raw.startswith("#"):
        return ""
    cuts = [at for at in (raw.find(" #"), raw.find("\t#")) if at >= 0]
    return raw[: min(cuts)].rstrip() if cuts else raw


def only_comment(rest: str) -> bool:
    """Whether what follows a value is nothing but blanks or a comment."""
    text = rest.lstrip(" \t\r")
    return not text or (text[0] == "#" and text is not rest and rest[0] in " \t")


def string_end(raw: str, at: int = 0) -> int:
    """The offset after the quoted string that begins at `at`; -1 when nothing closes it."""
    quote, at = raw[at], at + 1
    if quote == "'":
        while (at := raw.find("'", at)) >= 0:
            if raw[at + 1 : at + 2] != "'":
                return at + 1
            at += 2
        return -1
    end = raw.find('"', at)
    while end >= 0:
        slash = raw.find("\\", at, end)
        if slash < 0:
            return end + 1
        at = slash + 2
        end = raw.find('"', at) if at > end else end
    return -1


def unescaped(text: str) -> str:
    """What stands between double quotes; an escape that YAML does not know stays as it is."""
    at = text.find("\\")
    if at < 0:
        return text
    out = [text[:at]]
    while at < len(text):
        code = text[at + 1 : at + 2]
        size = escape_size(text, at)
        if not size:
            out.append("\\")
            size = 1
        elif code in WIDTH:
            number = int(text[at + 2 : at + size], 16)
            out.append(chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd")
        else:
            out.append(SIMPLE[code])
        at += size
        end = text.find("\\", at)
        end = len(text) if end < 0 else end
        out.append(text[at:end])
        at = end
    return "".join(out)


def escape_size(text: str, at: int) -> int:
    """How many characters the escape at `at` takes; 0 when YAML knows none such."""
    code = text[at + 1 : at + 2]
    if code in WIDTH:
        digits = text[at + 2 : at + 2 + WIDTH[code]]
        return 2 + WIDTH[code] if len(digits) == WIDTH[code] and HEX.issuperset(digits) else 0
    return 2 if code in SIMPLE else 0


def flow_items(raw: str) -> tuple[tuple[str, ...], int]:
    """The raw items of `[a, "b, c", [d]]` or `{a: 1}`, and the offset of its closing bracket (-1: it is missing)."""
    items: list[str] = []
    closing = "}" if raw[0] == "{" else "]"
    depth, begin, at, fresh = 0, 1, 1, True
    while at < len(raw):
        char = raw[at]
        if fresh and char in "\"'" and (end := string_end(raw, at)) > 0:
            at, fresh = end, False
            continue
        if char in "[{":
            depth += 1
        elif char in "]}" and depth:
            depth -= 1
        elif char == closing or (char == "," and not depth):
            items.append(raw[begin:at].strip())
            begin = at + 1
            if char == closing:
                return tuple(item for item in items if item), at
        fresh = char in "[{,:" or (fresh and char in " \t\n")
        at += 1
    items.append(raw[begin:].strip())
    return tuple(item for item in items if item), -1
