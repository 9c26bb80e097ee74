"""Ports that end with a process: tell when their owner is gone, however it went."""

import asyncio
from collections.abc import Awaitable, Callable

from control.agent.process import ProcessId, wait_for_end


class Owners:
    """Waits for the owners of ports; ``on_gone(port)`` is awaited once for each."""

    def __init__(self, on_gone: Callable[[str], Awaitable[None]]) -> None:
        self._on_gone = on_gone
        self._waits: dict[str, asyncio.Task[None]] = {}

    def watch(self, port: str, owner: ProcessId) -> None:
        """Wait for the end of ``owner``; one that is gone already ends its port at once."""
        self._waits[port] = asyncio.create_task(self._wait(port, owner))

    def forget(self, port: str) -> None:
        """Stop waiting: the port is gone by other ways."""
        wait = self._waits.pop(port, None)
        if wait is not None and wait is not asyncio.current_task():
            wait.cancel()

    def close(self) -> None:
        for port in list(self._waits):
            self.forget(port)

    async def _wait(self, port: str, owner: ProcessId) -> None:
        await wait_for_end(owner)
        await self._on_gone(port)
