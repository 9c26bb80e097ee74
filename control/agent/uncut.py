"""Keeps uncut superframes away from a firewall that comes after the start: see ``control/host/uncut.py``.

The kernel says when nftables' rules change. Of older rules and of settings it says nothing: those are looked at now and
then.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from subprocess import SubprocessError

from control.agent.system import System
from control.model import Configuration

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
SETTLE_S = 0.2
"""Who changes rules changes many: so long they are left to it."""
NEWS_BYTES = 65536


class UncutGuard:
    """Looks after the TAP by which superframes go uncut, for as long as a configuration has one."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._news: socket.socket | None = None
        self._told = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def settle(self, configuration: Configuration) -> None:
        """Begin to look, or stop."""
        overlay = configuration.overlay
        is_wanted = overlay is not None and overlay.transport == "socket" and overlay.uncut
        if not is_wanted:
            self.close()
        elif self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if self._news is not None:
            asyncio.get_running_loop().remove_reader(self._news)
            self._news.close()
            self._news = None

    async def _look(self) -> None:
        self._listen()
        while True:
            try:
                if changed := await asyncio.to_thread(self._system.look_after_uncut):
                    log.warning("overlay: %s", changed)
            except (OSError, SubprocessError, ValueError) as error:
                log.warning("overlay: cannot tell whether superframes may go uncut: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._told.wait()
                    await asyncio.sleep(SETTLE_S)
            self._told.clear()

    def _listen(self) -> None:
        with suppress(OSError):  # Without it, changes are seen a little later.
            self._news = self._system.open_rule_news()
            asyncio.get_running_loop().add_reader(self._news, self._hear)

    def _hear(self) -> None:
        """Take in that rules have changed."""
        assert self._news is not None
        with suppress(OSError):  # All was read; or it was more than fits, which says as much.
            while self._news.recv(NEWS_BYTES):
                pass
        self._told.set()
