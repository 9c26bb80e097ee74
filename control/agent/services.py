"""The agent's own services: the port that they live behind, and the answerer of names there."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING

from control.agent.system import System
from control.errors import UserError
from control.model import ROUTED_GATEWAYS, Address, Configuration, Port, Tap

if TYPE_CHECKING:
    from control.dns.server import NameServer, OnAnswer

log = logging.getLogger(__name__)

NAME = "services"
IFNAME = "services"


def with_services(configuration: Configuration, run_dir: Path) -> Configuration:
    """Return the configuration with the port of the services, if there is a gateway to reach them at.

    The namespace is named after the run directory, which is one instance's alone.
    """
    from control.config.allocate import derive_mac

    addresses = service_addresses(configuration)
    if configuration.services or not addresses:
        return configuration
    taken = {port.name for port in configuration.ports}
    name = next(each for each in _candidates() if each not in taken)
    netns = f"tapestry-{blake2b(str(run_dir).encode(), digest_size=6).hexdigest()}"
    port = Port(
        name=name,
        network="",
        attachment=Tap(IFNAME, netns, make_netns=True),
        addresses=tuple(ip_interface(address) for address in addresses),
        mac=derive_mac(configuration.node, "", NAME),
        mac_known=True,
        endpoint=False,
    )
    return replace(configuration, ports=(*configuration.ports, port), services=name)


def service_addresses(configuration: Configuration) -> tuple[Address, ...]:
    """Return the addresses that names are asked for at: every gateway's, once."""
    routed = [network for network in configuration.networks if network.mode == "routed"]
    gateways = [gateway for network in configuration.networks if network.mode != "none" for gateway in network.gateway]
    found = dict.fromkeys([*gateways, *(ROUTED_GATEWAYS if routed else ())])
    return tuple(address for address in found if address.version == 4 or not address.is_link_local)


class Services:
    """The answerer, as long as there is a port for it. ``settle`` and ``close`` are not called at the same time."""

    def __init__(self, system: System, on_answer: "OnAnswer") -> None:
        """``on_answer`` is told of every answer before the asker has it."""
        self._system = system
        self._on_answer = on_answer
        self._server: NameServer | None = None
        self._addresses: tuple[Address, ...] = ()

    async def settle(self, configuration: Configuration, *, anew: bool = False) -> None:
        """Serve what the configuration says; ``anew``: the device has been made again, and so may the namespace."""
        port = next((port for port in configuration.ports if port.name == configuration.services), None)
        if port is None:
            self.close()
            return
        from control.dns.forward import Forwarder
        from control.dns.names import Names
        from control.dns.resolvers import Resolvers
        from control.dns.server import NameServer

        names = Names(configuration)
        if self._server is None:
            self._server = NameServer(names, Forwarder(Resolvers()), self._on_answer)
        self._server.names = names
        addresses = tuple(interface.ip for interface in port.addresses)
        if anew or addresses != self._addresses:
            await self._move(port, configuration.node, addresses)

    async def _move(self, port: Port, node: str, addresses: tuple[Address, ...]) -> None:
        from control.fabric.interfaces import services_mac

        assert isinstance(port.attachment, Tap)
        assert self._server is not None
        place, mac = port.attachment, services_mac(node)
        self._server.close()  # Before others are bound to the same addresses.
        self._addresses = ()
        try:
            sockets = await asyncio.to_thread(
                self._system.open_services, place.netns or "", place.ifname, mac, addresses
            )
        except (UserError, OSError) as error:
            log.warning("names are not answered: %s", error)  # As soon as the device is back we are asked again.
            return
        await self._server.serve(sockets)
        self._addresses = addresses

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.close()
        self._server, self._addresses = None, ()


def _candidates() -> Iterable[str]:
    yield NAME
    number = 2
    while True:
        yield f"{NAME}-{number}"
        number += 1
