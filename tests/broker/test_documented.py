"""The example of the documentation, as a reader would run it."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.verify import Proved, verify
from tests.support.backends import ROOT, announced, bed, started, until

EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_daemon_of_the_page_runs_and_is_proved(tmp_path: Path) -> None:
    (text,) = EXAMPLE.findall((ROOT / "docs/broker.md").read_text())
    assert len(text.strip().splitlines()) <= 20
    script = tmp_path / "echo.py"
    script.write_text(text)
    with bed() as made:
        around = replace(made, name="echo")
        with started([sys.executable, str(script)], around.environment()) as process:
            until(lambda: announced(around, process))
            claim = around.sidecar()
            assert claim is not None
            found = verify(around.door, ExecutableHashes(), claim, around.wanted())
            assert isinstance(found, Proved)
            found.close()
            process.terminate()
            assert process.wait(timeout=20) == 0
        assert around.sidecar() is None
