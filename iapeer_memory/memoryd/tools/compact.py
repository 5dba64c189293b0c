"""JSON on one line, that every parser takes. Pure."""

from __future__ import annotations

import json
from typing import Any


def compact(value: Any) -> str:
    """JSON without blanks. Half characters (of a file name that is not UTF-8) become `?`. Raises ValueError for NaN."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
