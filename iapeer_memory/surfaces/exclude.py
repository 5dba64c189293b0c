"""Keeping `git status` as it was: lines for files of ours in the exclude file of a peer's work tree.

Only files that we are about to create get a line; the lines are remembered and go when the files go. The exclude
file is given back to the byte when the last of them is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from os.path import dirname, join

from iapeer_memory.egress.foreign import Change, edit_foreign
from iapeer_memory.surfaces.folders import drop_folders, missing_folders
from iapeer_memory.surfaces.git import WorkTree, exclude_line, with_lines, without_lines
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.ledger import FileRecord, digest


