"""Watch folders for files that come, go and are saved, from the agent's event loop.

Theory of operation: one inotify descriptor for all folders. A file that is being written is no news until it is closed:
from its first write on it is ``being_written``, so that whoever reads then can wait, and does not take half of it for
the whole. A folder is watched by what its path leads to; ``follow`` again notices that it leads elsewhere by now.

Limits: what is written through a file system of another machine is not told of.
"""

import asyncio
import os
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from control.host.syscalls import inotify_add_watch, inotify_init, inotify_remove_watch

# linux/inotify.h
IN_MODIFY = 0x0002
IN_CLOSE_WRITE = 0x0008
IN_MOVED_FROM = 0x0040
IN_MOVED_TO = 0x0080
IN_CREATE = 0x0100
IN_DELETE = 0x0200
IN_DELETE_SELF = 0x0400
IN_MOVE_SELF = 0x0800
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x0100_0000

EVENTS = (
    IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
)
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, bytes of the name that follows
_BUFFER_BYTES = 65536

_Identity = tuple[int, int]


class FolderWatcher:
    """Follows folders; ``on_change`` is called from the loop after each batch of changes."""

    def __init__(self, on_change: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """OSError where the kernel gives out no more watches."""
        self._on_change = on_change
        self._loop = loop
        self._fd = inotify_init()
        self._watches: dict[Path, tuple[int, _Identity]] = {}
        self._writing: set[tuple[int, bytes]] = set()
        self._changed: set[Path] | None = set()
        loop.add_reader(self._fd, self._read)

    @property
    def being_written(self) -> bool:
        """Whether a file is open in which something has been written."""
        return bool(self._writing)

    def take_changes(self) -> frozenset[Path] | None:
        """Return the paths at which something was told of since the last call; None if that may not be all."""
        changed, self._changed = self._changed, set()
        return None if changed is None else frozenset(changed)

    def follow(self, folders: Iterable[Path]) -> bool:
        """Watch these folders and no others from now on; return whether any is another than before.

        One that is not there is watched once it is, after another ``follow``. OSError where the kernel gives out no
        more watches.
        """
        wanted = {folder: identity for folder in folders if (identity := _identity(folder)) is not None}
        stale = [folder for folder, (_, identity) in self._watches.items() if wanted.get(folder) != identity]
        for folder in stale:
            self._forget(folder)
        fresh = [folder for folder in wanted if folder not in self._watches]
        for folder in fresh:
            watch = inotify_add_watch(self._fd, str(folder), EVENTS | IN_ONLYDIR)
            self._watches[folder] = (watch, wanted[folder])
        return bool(stale or fresh)

    def close(self) -> None:
        """Stop; nothing is called back after this."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _forget(self, folder: Path) -> None:
        watch, _ = self._watches.pop(folder)
        self._writing = {each for each in self._writing if each[0] != watch}
        if all(other != watch for other, _ in self._watches.values()):  # Two paths may lead to one folder.
            with suppress(OSError):  # A folder that was removed took its watch along.
                inotify_remove_watch(self._fd, watch)

    def _read(self) -> None:
        is_news = False
        with suppress(BlockingIOError):
            while data := os.read(self._fd, _BUFFER_BYTES):
                is_news |= self._take(data)
        if is_news:
            self._on_change()

    def _take(self, data: bytes) -> bool:
        """Take in events; return whether there is anything but writes that go on."""
        is_news, at = False, 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            file = (watch, data[at - length : at].rstrip(b"\0"))
            self._note_change(*file)
            if mask & IN_MODIFY:
                self._writing.add(file)
            else:
                self._writing.discard(file)
                is_news |= not mask & IN_IGNORED
        return is_news

    def _note_change(self, watch: int, name: bytes) -> None:
        """Note where an event was. One without a name is of a folder itself, or says that events were lost."""
        if not name:
            self._changed = None
        elif self._changed is not None:
            file = os.fsdecode(name)
            self._changed |= {folder / file for folder, (number, _) in self._watches.items() if number == watch}


def _identity(folder: Path) -> _Identity | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
