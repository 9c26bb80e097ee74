"""Keep policies as their files are: read them again when one is saved, comes or goes.

A change is taken in when the folders have been at rest for a moment, so that files which are replaced one by one, or
removed and written again, count as they are in the end; not as they are in between, when a policy may be missing. What
is wrong with one file leaves all of them as they were.
"""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from control.errors import UserError
from control.host.folders import FolderWatcher

if TYPE_CHECKING:
    from control.agent.instance import Instance

log = logging.getLogger(__name__)

REST_S = 0.05
MAX_UNREST_S = 5.0
LOOK_AGAIN_S = 1.0
"""How often folders are looked for that were not there, or are others by now; and, where the kernel tells nothing of
changes, their files."""


async def keep_policies(instance: "Instance") -> None:
    """Read the manifests again whenever they have changed, for ever."""
    changed = asyncio.Event()
    watcher = _watcher(changed)
    try:
        while True:
            are_others = _follow(watcher, instance)
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await changed.wait()
                is_news = True
            except TimeoutError:
                is_news = are_others
            if is_news or watcher is None:
                await _come_to_rest(changed, watcher)
                files = watcher.take_changes() if watcher is not None else None
                await read_again(instance, None if are_others else files)
    finally:
        if watcher is not None:
            watcher.close()


async def read_again(instance: "Instance", changed: frozenset[Path] | None = None) -> None:
    """Put the manifests in force as they are now; what is wrong with them is told, and changes nothing.

    ``changed``: the only files that may be others than they were, None if nobody knows.
    """
    refused_before = instance.refused_manifests
    try:
        has_changed = await instance.reload_manifests(changed)
    except UserError as error:
        if instance.refused_manifests != refused_before:
            log.error("manifests are refused, the policies that were in force stay in force:\n%s", error)
        return
    if has_changed or refused_before:
        log.info("manifests are in force as they are now")


def _watcher(changed: asyncio.Event) -> FolderWatcher | None:
    try:
        return FolderWatcher(changed.set, asyncio.get_running_loop())
    except OSError as error:
        log.warning("manifests are looked at every %g s, since the kernel tells of no changes: %s", LOOK_AGAIN_S, error)
        return None


def _follow(watcher: FolderWatcher | None, instance: "Instance") -> bool:
    """Watch the folders that manifests are in; return whether others are watched now."""
    if watcher is None:
        return False
    try:
        return watcher.follow(set(_folders(instance)))
    except OSError as error:
        log.warning("changes of manifests may be missed until the next reload: %s", error)
        return False


def _folders(instance: "Instance") -> Iterator[Path]:
    for path in map(Path, instance.configuration.manifest_paths):
        yield path if path.is_dir() else path.parent


async def _come_to_rest(changed: asyncio.Event, watcher: FolderWatcher | None) -> None:
    """Wait until nothing has changed for a moment and no file is half written, but not for ever."""
    loop = asyncio.get_running_loop()
    end = loop.time() + MAX_UNREST_S
    while True:
        changed.clear()
        await asyncio.sleep(REST_S)
        is_busy = changed.is_set() or (watcher is not None and watcher.being_written)
        if not is_busy or loop.time() >= end:
            break
    changed.clear()
