"""Keeps one port's device up: opens it, hands it to the workers, notices its loss, and tries again until it is back.

States and what leads from one to another:

    opening --opened--> up <--link goes down / comes up--> down
       ^                 |                                   |
       |                 +---- device lost (deleted, its namespace gone, a worker says so) ----+
       +--retry_s, or the watcher sees it come back-- waiting <------------------------------- +

Invariants: workers hold the device's descriptor in `up` and `down` and in no other state; frames are sent to the port
in `up` alone. A loss concerns this port only.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from control.agent.namespaces import Namespaces
from control.agent.system import LinkChange, System, Watch
from control.agent.worker import PortDescriptor
from control.agent.workers import WorkerPool
from control.errors import UserError
from control.reconcile import Device

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Waits between attempts to open a device that was lost; the last one repeats."""


LINK_IS_DOWN = "its link is down"


class PortState(StrEnum):
    """What a user sees of a port's device."""

    OPENING = "opening"
    UP = "up"
    DOWN = "down"
    WAITING = "waiting"


class SetLink(Protocol):
    """Tells the tables whether frames can leave by a port."""

    def __call__(self, port: str, up: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all keepers share."""

    system: System
    namespaces: Namespaces
    workers: WorkerPool
    watch: Watch
    set_link: SetLink
    on_change: Callable[[], None]


class PortKeeper:
    """The keeper of one port. ``index`` is the port's number in the tables."""

    def __init__(self, device: Device, index: int, around: Surroundings) -> None:
        self.device = device
        self.index = index
        self.state = PortState.OPENING
        self.reason = ""
        self._around = around
        self._lost = asyncio.Event()
        self._maybe_back = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._has_been_up = False

    @property
    def is_open(self) -> bool:
        """Whether the workers hold the device."""
        return self.state in (PortState.UP, PortState.DOWN)

    async def open(self) -> None:
        """Open the device for the first time; UserError if it cannot be, and then nothing is left of the attempt."""
        try:
            await self._open()
        except BaseException:
            self._unwatch()
            raise
        self._task = asyncio.create_task(self._keep())

    def wait_for_device(self, reason: str) -> None:
        """Begin without the device: it is opened as soon as it can be."""
        self._become(PortState.WAITING, reason)
        self._watch()
        self._lost.set()
        self._task = asyncio.create_task(self._keep())

    def adopt(self) -> None:
        """Begin with a device that the workers hold already."""
        self._see(self._watch())
        if not self.is_open:
            self._become(PortState.DOWN, LINK_IS_DOWN)
        self._around.set_link(self.device.port, self.state is PortState.UP)
        self._task = asyncio.create_task(self._keep())

    async def reconfigure(self, device: Device) -> None:
        """Change the device's settings; one that is not there gets them when it is back."""
        before, self.device = self.device, device
        if self.is_open:
            try:
                await asyncio.to_thread(self._around.system.reconfigure_device, before, device)
            except UserError as error:
                log.warning("port %s: %s", device.port, error)

    async def close(self) -> None:
        """Let go of the device: when this returns nobody holds it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._unwatch()
        await self._release(PortState.OPENING, "")

    def hear_link(self, change: LinkChange) -> None:
        """Take in what the watcher saw of the device."""
        if not self.is_open:
            self._maybe_back.set()
        else:
            self._see(change)

    def hear_failure(self, error_number: int) -> None:
        """Take in that a worker could not use the device any more."""
        if self.is_open and not self._lost.is_set():
            self._lose(f"the device failed: {os.strerror(error_number)}")

    @property
    def _place(self) -> tuple[str | None, str]:
        return self.device.netns, self.device.ifname

    def _watch(self) -> LinkChange:
        """Follow the device's link from now on; return how it is. What has no link is up for as long as it is open."""
        if not self.device.has_link:
            return LinkChange(*self._place, is_there=True, passes_frames=True)
        return self._around.watch.watch(*self._place)

    def _unwatch(self) -> None:
        if self.device.has_link:
            self._around.watch.unwatch(*self._place)

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            await self._release(PortState.WAITING, self.reason)
            # What was told of the old device up to here is answered for; the new one has told nothing yet.
            self._lost.clear()
            await self._reopen()

    async def _reopen(self) -> None:
        attempt = 0
        while True:
            delay_s = RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S) - 1)]
            attempt += 1
            self._maybe_back.clear()
            try:
                await self._open()
            except (UserError, OSError) as error:
                self._become(PortState.WAITING, str(error))
            else:
                log.info("port %s is back", self.device.port)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._maybe_back.wait()

    async def _open(self) -> None:
        """Open the device and give it to the workers; UserError or OSError, and nothing is held, if that fails."""
        around = self._around
        descriptor = await self._open_in_thread()
        try:
            await around.workers.open_port(self.index, descriptor)
            link = self._watch()
        except BaseException:
            await around.workers.close_port(self.index)
            raise
        self._become(PortState.DOWN, LINK_IS_DOWN)
        self._has_been_up = False
        self._see(link)

    async def _open_in_thread(self) -> PortDescriptor:
        """Open the device in a thread; a cancelled caller does not leave it open."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._open_device))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(UserError, OSError):
                (await opening).close()
            raise

    def _open_device(self) -> PortDescriptor:
        around = self._around
        if self.device.make_netns and self.device.netns is not None:
            around.namespaces.ensure([self.device.netns])
        return around.system.open_device(self.device)

    async def _release(self, state: PortState, reason: str) -> None:
        self._become(state, reason)
        await self._around.workers.close_port(self.index)

    def _see(self, change: LinkChange) -> None:
        if change.namespace_gone:
            self._lose(f"namespace '{self.device.netns}' is gone")
            if self.device.make_netns and self.device.netns is not None:
                self._around.namespaces.forget(self.device.netns)
        elif change.is_there:
            is_back = change.passes_frames and self._has_been_up and self.state is PortState.DOWN
            self._become(*((PortState.UP, "") if change.passes_frames else (PortState.DOWN, LINK_IS_DOWN)))
            self._has_been_up |= change.passes_frames
            if is_back:
                self._restoring = asyncio.create_task(self._restore_settings())
        elif not self._still_holds_device():
            self._lose(f"'{self.device.ifname}' is gone")

    async def _restore_settings(self) -> None:
        """Set MAC, MTU and addresses again: the kernel forgets IPv6 addresses while a link is down."""
        try:
            await asyncio.to_thread(self._around.system.reconfigure_device, self.device, self.device)
        except (UserError, OSError) as error:
            log.warning("port %s: %s", self.device.port, error)

    def _still_holds_device(self) -> bool:
        """A device that was moved elsewhere is not lost."""
        port = self._around.workers.open_ports().get(self.index)
        return port is not None and self._around.system.still_holds(port)

    def _lose(self, reason: str) -> None:
        log.warning("port %s: %s; it comes back by itself when it can", self.device.port, reason)
        self.reason = reason
        self._lost.set()

    def _become(self, state: PortState, reason: str) -> None:
        if (state, reason) == (self.state, self.reason):
            return
        was_up, was_open = self.state is PortState.UP, self.is_open
        self.state, self.reason = state, reason
        if was_up != (state is PortState.UP):
            self._around.set_link(self.device.port, state is PortState.UP)
        if was_open != self.is_open:
            self._around.on_change()
