"""Which filesystem a path lies on."""

from __future__ import annotations

import pytest

from iapeer_memory.egress.filesystem import SHARED, kind_of, shared_filesystem

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /mnt/team rw - nfs4 server:/x rw
31 22 0:26 / /mnt/with\\040blank rw - cifs //server/y rw
32 30 0:27 / /mnt/team/local rw - xfs /dev/vdb rw
33 22 0:28 / /home rw - ext4 /dev/vdc rw
34 22 0:29 / /home rw - fuse.sshfs host: rw
broken line
""".splitlines(keepends=True)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/x", "ext4"),
        ("/mnt/team/index.db", "nfs4"),
        ("/mnt/teams/index.db", "ext4"),
        ("/mnt/team/local/a", "xfs"),
        ("/mnt/with blank/a", "cifs"),
        ("/home/me", "fuse.sshfs"),
    ],
)
def test_the_longest_and_latest_mount_counts(path: str, kind: str) -> None:
    assert kind_of(path, MOUNTS) == kind
    assert (kind in SHARED) is (kind in ("nfs4", "cifs", "fuse.sshfs"))


def test_a_test_folder_is_local(tmp_path: object) -> None:
    assert shared_filesystem(f"{tmp_path}/not/there/yet") is None
