"""A real sshd on loopback, all of it in a folder of a test, and a real ssh that knows nothing but that folder.

OpenSSH asks the account for its home, not HOME: so a wrapper hands ssh its settings file, and sshd sets HOME and PATH
of who logs in.
"""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
SSH = shutil.which("ssh", path="/usr/bin:/usr/local/bin")
KEYGEN = shutil.which("ssh-keygen", path="/usr/bin:/usr/local/bin")
needs_sshd = pytest.mark.skipif(not (SSHD and SSH and KEYGEN), reason="the OpenSSH server or client is not installed")
PATIENCE = 20.0

SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv {env}
"""
CLIENT = """
IdentityFile {folder}/key
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {folder}/known_hosts
GlobalKnownHostsFile none
UpdateHostKeys no
ForwardAgent yes
"""


@dataclass
class Sshd:
    """One server. `url`: how to get there. `known` and `authorized`: files that a test may empty."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}"

    @property
    def known(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def authorized(self) -> Path:
        return self.folder / "authorized_keys"

    @property
    def bin(self) -> Path:
        """Where `ssh` is the wrapper."""
        return self.folder / "bin"

    def restore(self) -> None:
        """Known and let in."""
        public = (self.folder / "host_key.pub").read_text()
        self.known.write_text(f"[127.0.0.1]:{self.port} {public}")
        self.authorized.write_text((self.folder / "key.pub").read_text())


@contextlib.contextmanager
def serving(folder: Path, env: Mapping[str, str]) -> Iterator[Sshd]:
    """Until the block ends. `env`: of who logs in."""
    assert SSHD and SSH and KEYGEN
    (folder / "bin").mkdir(parents=True)
    for name in ("host_key", "key"):
        subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    made = Sshd(folder, free_port())
    made.restore()
    words = " ".join(f'{name}="{value}"' for name, value in env.items())
    (folder / "server").write_text(SERVER.format(port=made.port, folder=folder, env=words))
    (folder / "client").write_text(CLIENT.format(folder=folder))
    wrapper = made.bin / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {SSH} -F {folder}/client "$@"\n')
    wrapper.chmod(0o755)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "server")], stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        _listens(made, server)
        yield made
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _listens(made: Sshd, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", made.port), timeout=1).close()
            return
        except OSError:
            said = (made.folder / "server.log").read_text()
            if server.poll() is not None:
                pytest.skip(f"sshd cannot run here: {said.strip()}")
            assert time.monotonic() < end, said
            time.sleep(0.02)
