"""The same daemon on running-process."""

from __future__ import annotations

import os

from running_process_service import ServiceSpec, serve  # type: ignore[import-untyped]

serve(ServiceSpec(os.environ["NAME"], "1.0.0", 0xF0B7), lambda payload: b"pong:" + payload)
