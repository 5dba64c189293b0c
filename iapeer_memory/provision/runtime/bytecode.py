"""Compiled modules that need no check at import: header of PEP 552 with an unchecked source hash. Pure.

An import then reads one file instead of two, and a copied tree stays valid whatever its times are. Code objects of
an installer's own `.pyc` are taken over where they provably belong to the source; the interpreter corrects their
file names while it loads them.
"""

from __future__ import annotations

import marshal
import warnings
from importlib.util import MAGIC_NUMBER, source_hash
from posixpath import basename, dirname, join

TIMESTAMP, UNCHECKED = 0, 1
HEADER = 16


def pyc_path(source: str, cache_tag: str) -> str:
    """Where the compiled form of a module lies: `a/b.py` → `a/__pycache__/b.cpython-311.pyc`."""
    return join(dirname(source), "__pycache__", f"{basename(source)[:-3]}.{cache_tag}.pyc")


def taken_over(pyc: bytes | None, source: bytes, mtime: int) -> bytes | None:
    """An existing compiled file with our header; None when it does not belong to this source.

    `mtime`: the source's, in whole seconds.
    """
    if pyc is None or len(pyc) <= HEADER or pyc[:4] != MAGIC_NUMBER:
        return None
    flags = int.from_bytes(pyc[4:8], "little")
    if flags == TIMESTAMP:
        same = pyc[8:12] == (mtime & 0xFFFFFFFF).to_bytes(4, "little") and pyc[12:16] == (
            len(source) & 0xFFFFFFFF
        ).to_bytes(4, "little")
    else:
        same = pyc[8:16] == source_hash(source)
    return header(source) + pyc[HEADER:] if same else None


def compiled(source: bytes, path: str) -> bytes | None:
    """The compiled file for a source; None when it does not compile (a template, another language version)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return header(source) + marshal.dumps(code)


def header(source: bytes) -> bytes:
    """Magic, flag `unchecked hash`, hash."""
    return MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + source_hash(source)
