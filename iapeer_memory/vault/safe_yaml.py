"""One scalar of a frontmatter line, made so that every YAML reader takes it as the text that it was meant to be. Pure.

Works on the text after `key:`; never changes what a sound value says. Source: the reference core's YAML-safe rule.
"""

from __future__ import annotations

from iapeer_memory.vault import scalar
from iapeer_memory.vault.block import is_block_scalar

STARTS = ("!", "&", "*", "?", "|", ">", "%", "@", "`", '"', "'", "#", ",", "[", "]", "{", "}", ":", "- ")
NAMED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def plain(text: str) -> str:
    """A text as a scalar: as it is where YAML reads it so, else in double quotes."""
    return quoted(text) if not text or text == "-" or text != text.strip() or is_unsafe(text) else text


def item(text: str) -> str:
    """A text as an item of a one-line list: also free of the list's own signs."""
    return quoted(text) if any(sign in text for sign in ",[]{}") else plain(text)


def quoted(text: str) -> str:
    """A text in double quotes; control characters and line breaks of any script are escaped."""
    if text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return '"' + "".join(NAMED.get(char) or (_code(char) if _is_control(char) else char) for char in text) + '"'


def safe(raw: str, *, comments: bool = False) -> str:
    """A raw value (no blanks around it) as it should stand; the same text where nothing is wrong.

    `comments`: a ` #` begins a comment, not a part of the text.
    """
    if is_clean(raw) or not is_unsafe(raw, comments=comments):
        return raw
    if raw.startswith("«") and raw.endswith("»") and _closes_at_end(raw):
        return quoted(raw[1:-1].strip())
    if raw[0] not in "\"'":
        return quoted(raw)
    end = scalar.string_end(raw)
    if end > 0 and scalar.only_comment(raw[end:]):
        return quoted(scalar.read(raw[:end])) + raw[end:]
    return quoted(raw[1:].strip() if raw.count(raw[0]) == 1 else raw)


def is_clean(raw: str) -> bool:
    """Whether the value needs nothing: empty, a block scalar, a sound quoted string or a complete flow collection."""
    if not raw or is_block_scalar(raw):
        return True
    if raw[0] in "\"'":
        end = scalar.string_end(raw)
        return end > 0 and scalar.only_comment(raw[end:]) and _is_sound(raw[:end])
    return raw[0] in "[{" and not raw.startswith("[[") and scalar.only_comment(raw[_flow_end(raw) :])


def is_unsafe(text: str, *, comments: bool = False) -> bool:
    """Whether YAML would take a plain text for something else."""
    if text.startswith(STARTS) or ": " in text or text.endswith(":") or (" #" in text and not comments):
        return True
    return not text.isprintable() and any(map(_is_control, text))


def _flow_end(raw: str) -> int:
    """The offset after the bracket that closes the one at the start; 0 when there is none."""
    return scalar.flow_items(raw)[1] + 1


def _is_sound(text: str) -> bool:
    """Whether a quoted string holds no control character and no escape that YAML does not know."""
    if not text.isprintable() and any(map(_is_control, text.replace("\t", ""))):
        return False
    at = 0
    while text[0] == '"' and (at := text.find("\\", at)) >= 0:
        size = scalar.escape_size(text, at)
        if not size:
            return False
        at += size
    return True


def _closes_at_end(text: str) -> bool:
    """Whether the guillemet that opens a text is closed by the one that ends it: not so in `«X» and «Y»`."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "«") - (char == "»")
        if depth == 0:
            return at == len(text) - 1
    return False


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f" or char in "\u2028\u2029\ufeff\ufffe\uffff"


def _code(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
