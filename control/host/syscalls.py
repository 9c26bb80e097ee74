"""The few system calls about namespaces and mounts that Python 3.11 lacks, as functions that raise OSError.

``setns`` and ``unshare`` of a network namespace act on the calling thread alone; of a user or mount namespace they need
a process with a single thread, and fail with EINVAL otherwise.
"""

import ctypes
import os

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MS_SLAVE = 0x8_0000
MS_SHARED = 0x10_0000
MS_NOSUID = 0x2
MS_NODEV = 0x4
MNT_DETACH = 0x2

PR_SET_PDEATHSIG = 1

SYS_PIDFD_GETFD = 438  # The same number on every architecture.

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def setns(fd: int, kind: int) -> None:
    """Move into the namespace behind ``fd``, which must be of ``kind`` (CLONE_NEW…)."""
    _checked(_libc.setns(fd, kind), "setns")


def unshare(kinds: int) -> None:
    """Move into new namespaces of ``kinds`` (CLONE_NEW… or-ed)."""
    _checked(_libc.unshare(kinds), "unshare")


def mount(source: str, target: str, filesystem: str = "none", flags: int = 0, data: str = "") -> None:
    """Mount as mount(2) does; a bind mount or a change of propagation ignores ``filesystem``."""
    options = data.encode() if data else None
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), filesystem.encode(), ctypes.c_ulong(flags), ctypes.c_char_p(options)
    )
    _checked(result, target)


def unmount(target: str) -> None:
    """Detach the mount at ``target`` at once; what still uses it keeps it."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), target)


def end_with_parent(number: int) -> None:
    """Have the kernel send this process the signal ``number`` when the thread that forked it ends, however it ends.

    It stays so across execve, except of a program that gives rights (setuid, file capabilities).
    """
    _checked(_libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0), "prctl")


def copy_descriptor_of(pid: int, fd: int) -> int:
    """Return a copy of another process' file descriptor; needs the right to trace that process."""
    pidfd = os.pidfd_open(pid)
    try:
        return _checked(_libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0), "pidfd_getfd")
    finally:
        os.close(pidfd)


def inotify_init() -> int:
    """Return a descriptor that tells of changes in what ``inotify_add_watch`` names; it never blocks."""
    return _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify")


def inotify_add_watch(fd: int, path: str, events: int) -> int:
    """Return the number by which events at ``path`` are told from others."""
    return _checked(_libc.inotify_add_watch(fd, os.fsencode(path), ctypes.c_uint32(events)), path)


def inotify_remove_watch(fd: int, watch: int) -> None:
    _checked(_libc.inotify_rm_watch(fd, watch), "inotify")
