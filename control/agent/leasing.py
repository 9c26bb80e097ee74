"""The lease of a NIC uplink that states no address: asked for as long as the configuration wants one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from control.errors import UserError
from control.model import Address, Configuration, Interface, Uplink

if TYPE_CHECKING:
    from control.uplink.dhcp.client import DhcpClient, Lease

log = logging.getLogger(__name__)

RETRY_S = 1.0
PATIENCE_S = 10.0
"""So long without an answer, and it is told."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was given for an interface."""

    ifname: str
    addresses: tuple[Interface, ...] = ()
    gateway: tuple[Address, ...] = ()


class Leasing:
    """Asks, renews, gives back. ``on_change`` is awaited when ``complete`` has something else to add."""

    def __init__(self, present: Uplink | None, on_change: Callable[[], Awaitable[None]]) -> None:
        """``present`` is the uplink in force when an earlier agent's fabric is taken over."""
        is_leased = present is not None and present.leased
        self._given = Given(present.ifname, present.addresses, present.gateway) if present and is_leased else Given("")
        self._on_change = on_change
        self._asking: tuple[str, bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._held: tuple[DhcpClient, Lease] | None = None

    def complete(self, configuration: Configuration) -> Configuration:
        """Return the configuration with the uplink's lease, if it has none of its own."""
        uplink = configuration.uplink
        if uplink is None or uplink.mode != "nic" or (uplink.addresses and not uplink.leased):
            return configuration
        given = self._given if self._given.ifname == uplink.ifname else Given(uplink.ifname)
        leased = replace(uplink, addresses=given.addresses, gateway=given.gateway, leased=True)
        return replace(configuration, uplink=leased)

    def settle(self, configuration: Configuration, *, anew: bool) -> None:
        """Ask if the configuration wants a lease; ``anew``: the link has been down, it may be another one."""
        from control.fabric.interfaces import router_mac

        uplink = configuration.uplink
        wanted = (uplink.ifname, router_mac(configuration.node, "")) if uplink is not None and uplink.leased else None
        if wanted == self._asking and not anew:
            return
        self.leave()
        self._asking = wanted
        if wanted is not None:
            self._task = asyncio.create_task(self._ask(*wanted))

    async def close(self) -> None:
        """Give the address back."""
        held = self._held
        if held is not None:
            await held[0].release(held[1])
        self.leave()

    def leave(self) -> None:
        """Stop asking; the address stays ours for the next agent."""
        if self._task is not None:
            self._task.cancel()
        self._task, self._asking, self._held = None, None, None

    async def _ask(self, ifname: str, mac: bytes) -> None:
        from control.uplink.dhcp.client import DhcpClient, RealClock, keep_lease
        from control.uplink.dhcp.link import DhcpLink

        while True:
            try:
                link = DhcpLink(ifname)
                break
            except UserError:  # The port's keeper says what is wrong with the interface.
                await asyncio.sleep(RETRY_S)
        telling = asyncio.get_running_loop().call_later(
            PATIENCE_S, log.warning, "uplink: nobody has answered DHCP at %s so far; it goes on asking", ifname
        )
        try:
            client = DhcpClient(link, mac, RealClock())

            async def take(lease: "Lease | None") -> None:
                telling.cancel()
                await self._take(ifname, client, lease)

            await keep_lease(client, self._address_before(ifname), take)
        finally:
            telling.cancel()
            link.close()

    def _address_before(self, ifname: str) -> IPv4Address | None:
        if self._given.ifname != ifname:
            return None
        return next((each.ip for each in self._given.addresses if isinstance(each.ip, IPv4Address)), None)

    async def _take(self, ifname: str, client: "DhcpClient", lease: "Lease | None") -> None:
        if lease is None:
            log.warning("uplink: the address at %s has run out, and is asked for again", ifname)
            self._held, self._given = None, Given(ifname)
        else:
            log.info("uplink: %s at %s, by DHCP from %s", lease.interface, ifname, lease.server)
            router = (lease.router,) if lease.router is not None and lease.router in lease.interface.network else ()
            self._held, self._given = (client, lease), Given(ifname, (lease.interface,), router)
        # Whoever ends us does not end a change half-way.
        await asyncio.shield(asyncio.ensure_future(self._on_change()))
