"""Carries out what reconcile planned: keepers come and go, namespaces are made and removed."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from control.agent.keeper import PortKeeper, Surroundings
from control.agent.system import LinkChange
from control.errors import UserError
from control.reconcile import (
    Action,
    ClosePort,
    Committed,
    Device,
    MakeNamespace,
    OpenPort,
    ReconfigurePort,
    RemoveNamespace,
)

log = logging.getLogger(__name__)


class Executor:
    """The keepers of all ports. ``applied`` is what they keep up, step by step as steps are done."""

    def __init__(self, around: Surroundings, index_of: Callable[[str], int], applied: Committed) -> None:
        """``applied``: namespaces that are answered for already; its devices are handed to ``adopt``."""
        self.applied = Committed({}, applied.namespaces)
        self.keepers: dict[str, PortKeeper] = {}
        self._around = around
        self._index_of = index_of

    def adopt(self, devices: Iterable[Device]) -> None:
        """Keep devices that the workers hold already."""
        for device in devices:
            keeper = self._new_keeper(device)
            keeper.adopt()

    def check(self, plan: Sequence[Action]) -> None:
        """Raise UserError if the plan cannot work: a port's namespace is not there, and we do not make it."""
        made = {action.name for action in plan if isinstance(action, MakeNamespace)} | self.applied.namespaces
        opened = [action.device for action in plan if isinstance(action, OpenPort)]
        missing = []
        for device in opened:
            if device.netns is None or device.netns in made:
                continue
            try:
                self._around.system.require_namespace(device.netns)
            except UserError as error:
                missing.append(f"port {device.port}: {error}")
        if missing:
            raise UserError("\n".join(missing))

    async def execute(self, plan: Sequence[Action], *, strict: bool) -> None:
        """Take the steps in the plan's order, those of a kind side by side.

        A device that cannot be opened is a UserError when ``strict``, after the others were opened; else it is waited
        for.
        """
        await asyncio.gather(*(self._close(action.device) for action in plan if isinstance(action, ClosePort)))
        await self._settle_namespaces(
            removed=[action.name for action in plan if isinstance(action, RemoveNamespace)],
            made=[action.name for action in plan if isinstance(action, MakeNamespace)],
        )
        changes = [action.after for action in plan if isinstance(action, ReconfigurePort)]
        await asyncio.gather(*(self._reconfigure(device) for device in changes))
        devices = [action.device for action in plan if isinstance(action, OpenPort)]
        results = await asyncio.gather(*(self._open(device, strict) for device in devices), return_exceptions=True)
        refused = []
        for device, result in zip(devices, results, strict=True):
            if isinstance(result, UserError | OSError):
                refused.append(f"port {device.port}: {result}")
            elif isinstance(result, BaseException):
                raise result
        if refused:
            raise UserError("\n".join(refused))

    async def close(self) -> None:
        """Let go of every device, and remove every namespace that was made."""
        await asyncio.gather(*(keeper.close() for keeper in self.keepers.values()))
        self.keepers.clear()
        await asyncio.to_thread(self._around.namespaces.remove, self._around.namespaces.made)
        self.applied = Committed()

    def hear_link(self, change: LinkChange) -> None:
        """Pass on what the watcher saw to whose device it is."""
        for keeper in list(self.keepers.values()):
            if keeper.device.place == (change.netns, change.ifname):
                keeper.hear_link(change)

    def hear_failure(self, index: int, error_number: int) -> None:
        """Pass on that a worker lost a device."""
        for keeper in list(self.keepers.values()):
            if keeper.index == index:
                keeper.hear_failure(error_number)

    async def _close(self, device: Device) -> None:
        await self.keepers.pop(device.port).close()
        self._forget_device(device.port)

    async def _settle_namespaces(self, *, removed: list[str], made: list[str]) -> None:
        await asyncio.to_thread(self._around.namespaces.remove, removed)
        self.applied = replace(self.applied, namespaces=self.applied.namespaces.difference(removed))
        await asyncio.to_thread(self._around.namespaces.ensure, made)
        self.applied = replace(self.applied, namespaces=self.applied.namespaces.union(made))

    async def _reconfigure(self, device: Device) -> None:
        await self.keepers[device.port].reconfigure(device)
        self._note_device(device)

    async def _open(self, device: Device, strict: bool) -> None:
        keeper = self._new_keeper(device)
        try:
            await keeper.open()
        except (UserError, OSError) as error:
            if strict:
                del self.keepers[device.port]
                self._forget_device(device.port)
                raise
            log.warning("port %s: %s; it is opened as soon as it can be", device.port, error)
            keeper.wait_for_device(str(error))

    def _new_keeper(self, device: Device) -> PortKeeper:
        keeper = PortKeeper(device, self._index_of(device.port), self._around)
        self.keepers[device.port] = keeper
        self._note_device(device)
        return keeper

    def _note_device(self, device: Device) -> None:
        self.applied = replace(self.applied, devices={**self.applied.devices, device.port: device})

    def _forget_device(self, port: str) -> None:
        devices = {name: device for name, device in self.applied.devices.items() if name != port}
        self.applied = replace(self.applied, devices=devices)
