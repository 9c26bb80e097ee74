"""When to read the configuration file again: on SIGHUP, and under `--watch` when it has been saved."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from control.errors import UserError

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.25

Signature = tuple[int, int, int] | None


class FileWatch:
    """Tells saves of a file from its metadata. A change counts once two looks in a row agree: half a file is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._last = self._look()

    def has_been_saved(self) -> bool:
        """Look; return whether the file is another than at the last True, and at rest."""
        now, before = self._look(), self._last
        self._last = now
        if now is None or now != before or now == self._known:
            return False
        self._known = now
        return True

    def _look(self) -> Signature:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


async def reload_on_save(path: Path, reload: Callable[[], Awaitable[None]]) -> None:
    """Call ``reload`` whenever the file has been saved, for ever."""
    watch = FileWatch(path)
    while True:
        await asyncio.sleep(POLL_INTERVAL_S)
        if watch.has_been_saved():
            await reload_or_refuse(path, reload)


async def reload_or_refuse(path: Path, reload: Callable[[], Awaitable[None]]) -> None:
    """Call ``reload``; a wrong file is told of and changes nothing."""
    try:
        await reload()
    except UserError as error:
        log.error("%s is refused, what was in force stays in force:\n%s", path, error)
    else:
        log.info("%s is in force", path)


def terminal_is_gone() -> bool:
    """Return whether the process has no terminal any more: then SIGHUP meant that, not a reload."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return True
    return False
