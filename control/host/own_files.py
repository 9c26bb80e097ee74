"""Files of the machine that one process and its children see with other contents: /etc/resolv.conf and /etc/hosts.

A mount namespace of the process' own has the new contents bound over the old files. What others mount meanwhile comes
in, what is mounted here stays in. Needs a process with a single thread.
"""

import os
import tempfile
from collections.abc import Mapping

from control.host import syscalls

FILE_MODE = 0o644


def show_own_files(contents: Mapping[str, str]) -> None:
    """Do as `replace_files`; what cannot be is a sentence on stderr, and the machine's own file is seen."""
    try:
        missing = replace_files(contents)
    except OSError as error:
        missing = [f"{path} ({error.strerror})" for path in contents]
    for path in missing:
        os.write(2, os.fsencode(f"tapestry: the command has no {path} of its own\n"))


def replace_files(contents: Mapping[str, str]) -> list[str]:
    """Show the calling process ``contents`` at their paths; return the paths where there is no file to show it at.

    OSError where the kernel refuses.
    """
    if not contents:
        return []
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("", "/", flags=syscalls.MS_SLAVE | syscalls.MS_REC)
    missing = [path for path in contents if not os.path.exists(path)]
    place = tempfile.gettempdir()
    syscalls.mount("tmpfs", place, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755")
    try:
        for number, path in enumerate(path for path in contents if path not in missing):
            source = f"{place}/{number}"
            with open(source, "w", encoding="utf-8") as stream:
                stream.write(contents[path])
            os.chmod(source, FILE_MODE)
            syscalls.mount(source, path, flags=syscalls.MS_BIND)
    finally:
        syscalls.unmount(place)  # Detached: the files stay for as long as they are bound.
    return missing
