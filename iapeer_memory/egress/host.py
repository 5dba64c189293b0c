"""Facts of the host and of this process that never change while we run. Read-only."""

from __future__ import annotations

import os
import pwd
import socket
import sys
import tempfile


def account_home() -> str | None:
    """The home folder of the account that we run as, whatever HOME says; None where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir or None
    except KeyError:
        return None


def uid() -> int:
    """Who we are."""
    return os.getuid()


def hostname() -> str:
    """This host's name."""
    return socket.gethostname()


def platform() -> str:
    """As `sys.platform`: linux, darwin."""
    return sys.platform


def temporary_folder() -> str:
    """Where this account keeps temporary files."""
    return tempfile.gettempdir()
