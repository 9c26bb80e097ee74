"""Become an ordinary user on a machine that is kind to it, and run a command: `python as_ordinary_user.py CMD…`.

Run by root, in a mount namespace of its own, so nothing changes for anyone else: /dev/net/tun may be opened by everyone
(as on a usual Linux; where only root may, there is no rootless TAP), and the interpreter and this tree can be reached
even if they lie below a folder that only root may enter.
"""

import os
import stat
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE))

from control.host import syscalls  # noqa: E402

NOBODY = 65534


def main() -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    make_reachable([Path(sys.base_prefix).resolve(), TREE])
    offer_tun_device()
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    os.execvp(sys.argv[1], sys.argv[1:])


def make_reachable(paths: list[Path]) -> None:
    """Lay an open folder over each one that only root may enter, and bind back what is needed below."""
    hidden = {path: gate for path in paths if (gate := closed_ancestor(path)) is not None}
    opened = {path: os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in hidden}
    for gate in set(hidden.values()):
        syscalls.mount("tmpfs", str(gate), "tmpfs", 0, "mode=755")
    for path, fd in opened.items():
        path.mkdir(parents=True, exist_ok=True)
        syscalls.mount(f"/proc/self/fd/{fd}", str(path), flags=syscalls.MS_BIND | syscalls.MS_REC)
        os.close(fd)


def closed_ancestor(path: Path) -> Path | None:
    """Return the uppermost folder on the way to ``path`` that others may not enter, or None."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & stat.S_IXOTH), None)


def offer_tun_device() -> None:
    syscalls.mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=755")
    os.mknod("/dev/net/tun", stat.S_IFCHR | 0o666, os.makedev(10, 200))
    os.chmod("/dev/net/tun", 0o666)


if __name__ == "__main__":
    main()
