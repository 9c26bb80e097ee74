"""Where addresses lead: every prefix that the router knows, asked for the longest one.

Of several reasons for one prefix the first counts: the router's own addresses, written routes, the subnets of other
nodes, the networks' subnets (in routed networks the addresses of ports), the uplink's gateway. Of two networks with one
subnet the first has it.
"""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal

from control.model import Configuration, Route, Subnet
from tests.naive.domains import Domain, domains_of
from tests.naive.interfaces import Interface
from tests.naive.wire import Address

Kind = Literal["local", "connected", "via", "blackhole", "unreachable", "unknown"]


@dataclass(frozen=True)
class Hop:
    """One way on: by ``interface`` into ``domain``, to ``via`` or the packet's own destination. ``is_open``: to all
    networks."""

    kind: Kind
    interface: Interface | None = None
    domain: Domain | None = None
    via: Address | None = None
    is_open: bool = False


Way = tuple[Hop, ...]


class Forwarding:
    """The routes of a node."""

    def __init__(self, configuration: Configuration, interfaces: list[Interface]) -> None:
        self.configuration = configuration
        self.interfaces = interfaces
        self.ways: dict[Subnet, Way] = {}
        self._add_own()
        connected = self._connected()
        for route in configuration.routes:
            self._add(route.to, *self._written(route, connected))
        self._add_peers(connected)
        for prefix, hop in connected.items():
            self._add(prefix, hop)
        self._add_default()

    def find(self, address: Address) -> Way:
        """Return the way of the longest prefix that holds the address, empty if none does."""
        for length in range(address.max_prefixlen, -1, -1):
            way = self.ways.get(ip_network((address, length), strict=False))
            if way is not None:
                return way
        return ()

    def is_local(self, address: Address, interface: Interface) -> bool:
        """Whether the address is the router's own on that interface."""
        return any(hop.kind == "local" and hop.interface == interface for hop in self.find(address))

    def is_on_link(self, address: Address, interface: Interface, domain: Domain) -> bool:
        """Whether the address is a station's on that interface's link."""
        way = self.find(address)
        return bool(way) and (way[0].kind, way[0].interface, way[0].domain) == ("connected", interface, domain)

    def _add(self, prefix: Subnet, *way: Hop) -> None:
        self.ways.setdefault(prefix, way)

    def _add_own(self) -> None:
        for interface in self.interfaces:
            for address in (*interface.addresses, interface.link_local):
                self._add(ip_network(address), Hop("local", interface))
            if interface.is_uplink:
                for outside, _ in self.configuration.nat.static:
                    self._add(ip_network(outside), Hop("local", interface))

    def _connected(self) -> dict[Subnet, Hop]:
        found: dict[Subnet, Hop] = {}
        uplink = self.configuration.uplink
        for interface in self.interfaces:
            if interface.is_uplink and uplink:
                for own in uplink.addresses:
                    found.setdefault(own.network, Hop("connected", interface, interface.domains[0]))
            elif interface.proxies:
                self._connect_ports(interface, found)
            elif interface.network:
                for subnet in interface.network.subnets:
                    found.setdefault(subnet, Hop("connected", interface, interface.domains[0]))
        return found

    def _add_peers(self, connected: dict[Subnet, Hop]) -> None:
        """Add the subnets of other nodes, each on the link of the network that it is part of."""
        for peer in self.configuration.overlay.peers if self.configuration.overlay else ():
            for subnet in peer.subnets:
                for prefix, hop in connected.items():
                    is_overlay = hop.interface and hop.interface.network and hop.interface.network.vni is not None
                    if is_overlay and is_within(subnet, prefix):
                        self._add(subnet, hop)

    def _connect_ports(self, interface: Interface, found: dict[Subnet, Hop]) -> None:
        for port in self.configuration.ports:
            for domain in domains_of(self.configuration, port):
                if domain in interface.domains:
                    for own in port.addresses:
                        found.setdefault(ip_network(own.ip), Hop("connected", interface, domain))
        for subnet in interface.network.subnets if interface.network else ():
            found.setdefault(subnet, Hop("unreachable", interface))

    def _written(self, route: Route, connected: dict[Subnet, Hop]) -> Way:
        if route.blackhole:
            return (Hop("blackhole"),)
        if route.network:
            interface = next(each for each in self.interfaces if each.name == route.network)
            return (Hop("connected", interface, interface.domains[0], is_open=True),)
        hops = []
        for via, _ in route.via:
            around = [prefix for prefix in connected if prefix.version == via.version and via in prefix]
            link = connected[max(around, key=lambda prefix: prefix.prefixlen)]
            hops.append(Hop("via", link.interface, link.domain, via, is_open=True))
        return tuple(hops)

    def _add_default(self) -> None:
        uplink = self.configuration.uplink
        for interface in self.interfaces:
            if interface.is_uplink and uplink:
                for gateway in uplink.gateway:
                    everything = ip_network(("0.0.0.0" if gateway.version == 4 else "::", 0))
                    self._add(everything, Hop("via", interface, interface.domains[0], gateway))


def is_within(subnet: Subnet, other: Subnet) -> bool:
    """Whether a subnet is part of another."""
    return subnet.version == other.version and subnet.subnet_of(other)  # type: ignore[arg-type]
