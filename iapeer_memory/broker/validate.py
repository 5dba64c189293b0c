"""What names and versions must look like on the broker's wires and in its files. Pure; never changes what it is given.

Each check answers None, or the reason in one line. Nothing is lower-cased or trimmed: two spellings that some file
system takes for one are refused instead.

Source: the running-process broker, `validate_service_name` and `validate_version`.
"""

from __future__ import annotations

NAME_BYTES = 64
HELLO_VERSION_BYTES = 64
"""How long a version may be in a Hello; in files it may be longer."""
HASH_DIGITS = 16
NAME_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
TAIL_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.")
HEX_SIGNS = frozenset("0123456789abcdef")
DIGITS = frozenset("0123456789")

VersionKey = tuple[tuple[int, str], tuple[int, str], tuple[int, str]]


def service_name(text: str) -> str | None:
    """Why this is no name of a service, a program or an instance: 1 to 64 of `a-z`, `0-9` and `-`."""
    if not text:
        return "service name must be at least 1 character"
    if len(text.encode("utf-8", "surrogatepass")) > NAME_BYTES:
        return "service name must be 64 characters or fewer"
    if any("A" <= sign <= "Z" for sign in text):
        return "uppercase letters are not allowed: names that differ by case alone are one name on some systems"
    if not NAME_SIGNS.issuperset(text):
        return "only lowercase ASCII letters, digits, and '-' allowed"
    return None


def version(text: str) -> str | None:
    """Why this is no version: `MAJOR.MINOR.PATCH` in digits, then perhaps `-` and a tail of `a-z`, `0-9` and `.`."""
    core, dash, tail = text.partition("-")
    groups = core.split(".")
    if len(groups) != 3 or not all(group and DIGITS.issuperset(group) for group in groups):
        return "version must be MAJOR.MINOR.PATCH in digits"
    if dash and not (tail and TAIL_SIGNS.issuperset(tail)):
        return "after '-' a version has lowercase ASCII letters, digits and '.' only, at least one"
    return None


def sid_hash(text: str) -> str | None:
    """Why this is no hash of a user: exactly 16 lowercase hex digits."""
    if len(text) != HASH_DIGITS or not HEX_SIGNS.issuperset(text):
        return "a user's hash is 16 lowercase hexadecimal digits"
    return None


def endpoint_path(text: str, *, platform: str) -> str | None:
    """Why this is no endpoint: empty, or on Windows a pipe's full path instead of its bare name."""
    if not text:
        return "endpoint path must not be empty"
    if "\0" in text:
        return "endpoint path must not hold a NUL"
    if platform == "win32" and text.lower().startswith(("\\\\.\\pipe\\", "//./pipe/")):
        return "endpoint path must be the bare pipe name"
    return None


def version_key(text: str) -> VersionKey:
    """What orders the numeric cores of two valid versions; the tail does not count. Raises ValueError.

    Digits are compared as text of their length, so that a core of any size costs no more than reading it.
    """
    reason = version(text)
    if reason is not None:
        raise ValueError(reason)
    major, minor, patch = (group.lstrip("0") for group in text.partition("-")[0].split("."))
    return (len(major), major), (len(minor), minor), (len(patch), patch)
