"""What an instance has beside its fabric: the host's side of the uplink, the uplink's lease, the agent's services.

``complete`` adds to a configuration what only the agent knows; ``check`` refuses what the host cannot do, before
anything is changed; ``settle`` brings it about once the devices are there, and again whenever one comes back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from control.agent.leasing import Leasing
from control.agent.record import RecordFile
from control.agent.services import Services, with_services
from control.agent.system import HostSide, System
from control.agent.uncut import UncutGuard
from control.errors import UserError
from control.model import Configuration
from control.uplink.addresses import HOST_ADDRESSES, HOST_GATEWAYS
from control.uplink.plan import plan_host

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0


class Outside:
    """``configuration`` returns what is in force; ``is_open`` whether the workers hold a port's device; ``on_lease`` is
    awaited when the uplink's lease is another, so that what is in force is completed anew."""

    def __init__(
        self,
        system: System,
        record: RecordFile,
        configuration: Callable[[], Configuration],
        is_open: Callable[[str], bool],
        on_lease: Callable[[], Awaitable[None]],
        on_answer: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._system = system
        self._configuration = configuration
        self._is_open = is_open
        self._run_dir: Path = record.place
        self._host: HostSide = system.host_side(
            record.record.host_before, lambda before: record.update(host_before=dict(before))
        )
        self._services = Services(system, on_answer)
        self._leasing = Leasing(configuration().uplink, on_lease)
        self._uncut = UncutGuard(system)
        self._settling = asyncio.Lock()
        self._settled: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    def complete(self, configuration: Configuration) -> Configuration:
        """Return the configuration with what the agent adds to it."""
        return with_services(self._leasing.complete(self._without_ipv6(configuration)), self._run_dir)

    def check(self, before: Configuration, after: Configuration) -> None:
        """Raise UserError if the host cannot have what ``after`` asks of it; ``before`` is in force."""
        plan = plan_host(after)
        if plan is not None:
            present = plan_host(before)
            self._host.check(plan, present.leads if present else ())

    async def settle(self, configuration: Configuration, *, anew: bool = False) -> None:
        """Bring it about; ``anew``: a device has been made again. UserError where the host refuses."""
        async with self._settling:
            plan = plan_host(configuration)
            if plan is None:
                await asyncio.to_thread(self._host.remove)
            elif configuration.uplink is not None and self._is_open(configuration.uplink.port):
                await asyncio.to_thread(self._host.apply, plan)
                if self._looking is None:
                    self._looking = asyncio.create_task(self._look_after_host())
            await self._services.settle(configuration, anew=anew)
            self._leasing.settle(configuration, anew=anew)
            self._uncut.settle(configuration)
            self._settled = {configuration.services, configuration.uplink.port if configuration.uplink else ""}

    def hear_link(self, port: str, up: bool) -> None:
        """Take in that a device came up: what depends on it went with the one before it."""
        if up and port in self._settled:
            task = asyncio.create_task(self._settle_again())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Take everything away."""
        await self._leasing.close()
        self.leave()
        async with self._settling:
            await asyncio.to_thread(self._host.remove)

    def leave(self) -> None:
        """Stop looking after things, and leave them to the next agent."""
        for task in (*self._tasks, *([self._looking] if self._looking else [])):
            task.cancel()
        self._services.close()
        self._leasing.leave()
        self._uncut.close()

    async def _settle_again(self) -> None:
        try:
            await self.settle(self._configuration(), anew=True)
        except UserError as error:
            log.warning("uplink: %s", error)

    async def _look_after_host(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                async with self._settling:
                    undone = await asyncio.to_thread(self._host.look_after)
                if undone:
                    log.warning("%s", undone)
            except (UserError, OSError) as error:
                log.warning("uplink: %s", error)

    def _without_ipv6(self, configuration: Configuration) -> Configuration:
        """Return the configuration without IPv6 addresses that nobody stated, where the host has IPv6 turned off."""
        uplink = configuration.uplink
        if uplink is None or uplink.mode != "host" or uplink.addresses != HOST_ADDRESSES or self._system.has_ipv6():
            return configuration
        addresses = tuple(each for each in HOST_ADDRESSES if each.version == 4)
        gateway = tuple(each for each in HOST_GATEWAYS if each.version == 4)
        return replace(configuration, uplink=replace(uplink, addresses=addresses, gateway=gateway))
