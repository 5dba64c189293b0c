"""Stands between a client and a router, and loses answers."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

from iapeer_memory.attach.envelope import GOODBYE, V1

KIND = 5
"""Where a frame says what it is."""
ALL = 1 << 20


class Between:
    """Lets requests through, and keeps back as many answers as it is told to, hanging up instead. The answer to an
    attach is let through. `requests`: bodies of what was asked on a route."""

    def __init__(self, path: str, router: str) -> None:
        self.keeps = 0
        self.requests: list[bytes] = []
        self.path = path
        self._router = router
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def vanish(self) -> None:
        """Nobody finds it any more; who is connected stays so."""
        os.unlink(self.path)

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            router = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            router.connect(self._router)
            with client, router, suppress(OSError):
                attached = False
                while asked := client.recv(ALL):
                    router.sendall(asked)
                    if asked[KIND] == GOODBYE:
                        continue
                    answer = router.recv(ALL)
                    if attached:
                        self.requests.append(asked[V1.length :])
                        if self.keeps:
                            self.keeps -= 1
                            break
                    attached = True
                    client.sendall(answer)
