"""Two things that the standard library lacks: swap two names at once, and rename without replacing.

Imports nothing heavy, and the foreign-function machinery only when it is used: the post-write hook comes this way.
Never leaves a moment at which a name leads nowhere; says so where the system or the filesystem cannot.

Source: renameat2(2) on Linux, renameatx_np(2) on macOS (not yet run there).
"""

from __future__ import annotations

import posix
import sys

LINUX_KEEP, LINUX_SWAP = 1, 2
MACOS_SWAP, MACOS_KEEP = 2, 4
ENOENT, EEXIST, EINVAL, ENOSYS = 2, 17, 22, 78 if sys.platform == "darwin" else 38
CANNOT = (EINVAL, ENOSYS, 45, 95, 102)
"""What a system or a filesystem without the call says: EINVAL, ENOSYS, ENOTSUP of macOS and of Linux, EOPNOTSUPP."""
NO_HARD_LINKS = (1, 18, 31, *CANNOT)
"""EPERM, EXDEV, EMLINK, and the above."""
SYSCALL_NUMBERS = {"x86_64": 316, "aarch64": 276, "riscv64": 276}


def exchange(source_fd: int, source: str, target_fd: int, target: str) -> bool:
    """Swap two names, each in an open folder; False where that cannot be done here. Raises OSError."""
    try:
        return rename_with(MACOS_SWAP if sys.platform == "darwin" else LINUX_SWAP, source_fd, source, target_fd, target)
    except OSError as error:
        if error.errno in CANNOT:
            return False
        raise


def rename_new(source_fd: int, source: str, target_fd: int, target: str) -> None:
    """Rename, never replacing. Raises FileExistsError, OSError.

    Where the system cannot: a second name, then away with the first; a reader may see both for an instant.
    """
    try:
        keep = MACOS_KEEP if sys.platform == "darwin" else LINUX_KEEP
        if rename_with(keep, source_fd, source, target_fd, target):
            return
    except OSError as error:
        if error.errno not in CANNOT:
            raise
    posix.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    posix.unlink(source, dir_fd=source_fd)


def rename_with(flags: int, source_fd: int, source: str, target_fd: int, target: str) -> bool:
    """The call itself; False where there is no such call. Raises OSError."""
    from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, dlopen, dlsym, get_errno

    # The ctypes package would add a third to the start of a bare interpreter; what it is made of costs nothing.
    class Int(_SimpleCData):  # type: ignore[type-arg]
        _type_ = "i"

    class Call(CFuncPtr):
        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
        _restype_ = Int

    library = dlopen(None, 0)  # type: ignore[arg-type]  # the program itself, C library included
    words: tuple[object, ...] = (source_fd, encoded(source), target_fd, encoded(target), flags)
    try:
        call = Call(dlsym(library, "renameatx_np" if sys.platform == "darwin" else "renameat2"))
    except OSError:
        number = SYSCALL_NUMBERS.get(posix.uname().machine)
        if sys.platform != "linux" or number is None:
            return False
        call, words = Call(dlsym(library, "syscall")), (number, *words)
    if call(*words) == 0:
        return True
    number = get_errno()
    raise OSError(number, posix.strerror(number), source, None, target)


def encoded(name: str) -> bytes:
    """A name as the system takes it."""
    return name.encode(sys.getfilesystemencoding(), "surrogateescape")
