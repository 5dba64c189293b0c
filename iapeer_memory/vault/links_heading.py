"""The links section of a body: its heading as the vault spells it. Line surgery on bytes; pure.

Two places count: the heading that the body begins with (the section ends at a rule), and the heading below which
nothing but list items stands. Nothing is moved or inserted. Source: the reference core's links heading.
"""

from __future__ import annotations

from iapeer_memory.vault.block import decode

BLANKS = b" \t\r"
RULES = (b"***", b"___", b"---")


def canonical(body: bytes, heading: str) -> bytes:
    """The body with its links heading spelled `## <heading>`, and `---` as the rule that ends a leading section."""
    cuts = [*_leading(body, heading), *_trailing(body, heading)]
    for begin, end, text in sorted(set(cuts), reverse=True):
        body = body[:begin] + text + body[end:]
    return body


def _leading(body: bytes, heading: str) -> list[tuple[int, int, bytes]]:
    begin, end = 0, 0
    while begin < len(body):
        end = _line_end(body, begin)
        if body[begin:end].strip(BLANKS):
            break
        begin = end + 1
    if not _is_heading(body[begin:end], heading):
        return []
    cuts = [(begin, _text_end(body, begin, end), f"## {heading}".encode())]
    while (begin := end + 1) < len(body):
        end = _line_end(body, begin)
        text = body[begin:end].strip(BLANKS)
        if _is_rule(text):
            return [*cuts, (begin, _text_end(body, begin, end), b"---")]
        if text and not _is_item(text) and body[begin : begin + 1] not in (b" ", b"\t"):
            break
    return cuts


def _trailing(body: bytes, heading: str) -> list[tuple[int, int, bytes]]:
    end = len(body)
    while end > 0:
        begin = body.rfind(b"\n", 0, end) + 1
        text = body[begin:end].strip(BLANKS)
        if _is_heading(body[begin:end], heading):
            return [(begin, _text_end(body, begin, end), f"## {heading}".encode())]
        if text and not _is_item(text) and body[begin : begin + 1] not in (b" ", b"\t"):
            break
        end = begin - 1
    return []


def _line_end(body: bytes, begin: int) -> int:
    end = body.find(b"\n", begin)
    return len(body) if end < 0 else end


def _text_end(body: bytes, begin: int, end: int) -> int:
    """Where a line's text ends: its carriage return is kept."""
    return end - 1 if body[begin:end].endswith(b"\r") else end


def _is_heading(line: bytes, heading: str) -> bool:
    """`#` signs and exactly the section's name. `#Name` alone is a tag, not a heading."""
    text = line.rstrip(BLANKS)
    name = text.lstrip(b"#")
    marks = len(text) - len(name)
    if not marks or (marks == 1 and name[:1] not in (b" ", b"\t")) or len(name) > 200:
        return False
    return decode(name).strip().casefold() == heading.casefold()


def _is_item(text: bytes) -> bool:
    return text[:2] in (b"- ", b"* ", b"+ ", b"-", b"*", b"+")


def _is_rule(text: bytes) -> bool:
    bare = text.replace(b" ", b"").replace(b"\t", b"")
    return len(bare) >= 3 and bare[:3] in RULES and not bare.strip(bare[:1])
