"""What the tables of the router hold, in the words of the configuration: for whoever asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from control.fabric.plan import Plan
from control.fabric.routes import PlannedRoute
from control.model import Address, Subnet
from dataplane.route.hops.build import NextHop
from dataplane.route.hops.tables import KIND_NAMES

_MAPPED = 0xFFFF
_IPV4_BITS = 32


@dataclass(frozen=True)
class RouteHop:
    """One way on. ``network``: the network, or uplink or services, that it leads into; ``port``: the only port there,
    in a routed network; ``via``: the neighbour, None if that is the destination itself."""

    network: str
    port: str = ""
    via: Address | None = None
    weight: int = 1


@dataclass(frozen=True)
class RouteEntry:
    """One route: its ``kind`` is local, connected, via, blackhole or unreachable; its ``origin`` local, static,
    connected or uplink."""

    to: Subnet
    kind: str
    origin: str
    hops: tuple[RouteHop, ...]


def address_of(number: int) -> Address:
    """Return an address from its 128 bits, IPv4 mapped."""
    if number >> _IPV4_BITS == _MAPPED:
        return IPv4Address(number & ((1 << _IPV4_BITS) - 1))
    return IPv6Address(number)


class Names:
    """The names of what a plan has numbered."""

    def __init__(self, plan: Plan) -> None:
        self.of_interface = {interface.number: str(key) for key, interface in plan.interfaces.items()}
        only_port = {number: key.port for key, number in plan.domain_numbers.items()}
        self.of_domain = {
            domain: (str(key), only_port[domain])
            for key, interface in plan.interfaces.items()
            for domain in interface.domains
        }
        """The interface that lies in a domain, and the only port there, if there is but one by its nature."""


def route_entries(plan: Plan, routes: dict[Subnet, PlannedRoute]) -> Iterator[RouteEntry]:
    """Yield the routes in order: IPv4 first, then by address, the shorter prefix before the longer."""
    names = Names(plan)
    for prefix in sorted(routes, key=lambda each: (each.version, int(each.network_address), each.prefixlen)):
        way, origin = routes[prefix]
        kind = KIND_NAMES[next(iter(way)).kind]
        hops = (route_hop(names, hop, weight) for hop, weight in way.items() if hop.interface)
        yield RouteEntry(prefix, kind, origin, tuple(hops))


def route_hop(names: Names, hop: NextHop, weight: int) -> RouteHop:
    """Return a next hop with names."""
    port = names.of_domain.get(hop.domain, ("", ""))[1]
    via = address_of(hop.address) if hop.address else None
    return RouteHop(names.of_interface.get(hop.interface, ""), port, via, weight)
