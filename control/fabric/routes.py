"""From the plan to routes: every prefix that the router knows, where it leads, and why.

One prefix may have several reasons. The router's own addresses come first, then what is written as a route, then the
networks' subnets, or ports' addresses where they are routed; then the uplink's gateway. Of two networks with one subnet
the first has it.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal, NamedTuple

from control.errors import UserError
from control.fabric.interfaces import SERVICES_KEY, UPLINK_KEY, InterfacePlan
from control.fabric.plan import Plan, PortPlan
from control.fabric.rows import address_number
from control.model import Address, Route, Subnet
from dataplane.route.hops.build import NextHop
from dataplane.route.hops.tables import BLACKHOLE, CONNECTED, LOCAL, MEMBERS, UNREACHABLE, VIA

Way = dict[NextHop, int]
"""Next hops, and the weight of each."""
Origin = Literal["local", "static", "peer", "connected", "uplink"]


class PlannedRoute(NamedTuple):
    """Where a prefix leads, and what says so."""

    way: Way
    origin: Origin


def plan_routes(plan: Plan) -> dict[Subnet, PlannedRoute]:
    """Return the routes of ``plan``, one a prefix. UserError for a written route that leads nowhere."""
    connected: dict[Subnet, Way] = {}
    for prefix, hop in _connected(plan):
        connected.setdefault(prefix, {hop: 1})
    own = dict(_local(plan))
    local = {whole(address): {hop: 1} for address, hop in own.items()}
    links = _Links(plan, connected, own)
    static = {route.to: links.way_of(route) for route in plan.configuration.routes}
    uplink = {prefix: {hop: 1} for prefix, hop in _through_uplink(plan)}
    ways: list[tuple[Origin, dict[Subnet, Way]]] = [
        ("local", local),
        ("static", static),
        ("connected", connected),
        ("uplink", uplink),
    ]
    routes: dict[Subnet, PlannedRoute] = {}
    for origin, found in ways:
        for prefix, way in found.items():
            routes.setdefault(prefix, PlannedRoute(way, origin))
    return routes


def whole(address: Address) -> Subnet:
    """Return the prefix of one address."""
    return ip_network(address)


def _local(plan: Plan) -> Iterator[tuple[Address, NextHop]]:
    """Yield the router's own addresses, the ones that count last: of interfaces that share one, the first's."""
    for interface in reversed(plan.interfaces.values()):
        hop = NextHop(LOCAL, interface.number, mtu=interface.mtu, domain=interface.domain)
        for address in (*interface.addresses, interface.link_local):
            yield address, hop
    if (uplink := plan.interfaces.get(UPLINK_KEY)) is not None:
        for outside, _ in plan.configuration.nat.static:
            yield outside, NextHop(LOCAL, uplink.number, mtu=uplink.mtu, domain=uplink.domain)


def _connected(plan: Plan) -> Iterator[tuple[Subnet, NextHop]]:
    """Yield the prefixes whose hosts are on a link of the router's."""
    for interface in plan.interfaces.values():
        if interface.key == UPLINK_KEY:
            yield from _around_uplink(plan, interface)
        elif interface.key == SERVICES_KEY:
            yield from _at_port(plan.ports[plan.configuration.services], interface)
        else:
            yield from _in_network(plan, interface)


def _around_uplink(plan: Plan, interface: InterfacePlan) -> Iterator[tuple[Subnet, NextHop]]:
    uplink = plan.configuration.uplink
    if uplink is None:
        return
    for address in uplink.addresses:
        yield address.network, connected_hop(interface, interface.domain)


def _in_network(plan: Plan, interface: InterfacePlan) -> Iterator[tuple[Subnet, NextHop]]:
    network = plan.configuration.network(interface.key.network)
    if network.mode != "routed":
        for subnet in network.subnets:
            yield subnet, connected_hop(interface, interface.domain)
        return
    for port in plan.ports.values():
        if port.native_domain in interface.domains:
            yield from _at_port(port, interface)
    for subnet in network.subnets:  # An address that no port has is nowhere else either.
        yield subnet, NextHop(UNREACHABLE)


def _at_port(port: PortPlan, interface: InterfacePlan) -> Iterator[tuple[Subnet, NextHop]]:
    for address in port.port.addresses:
        yield whole(address.ip), connected_hop(interface, port.native_domain)


def _through_uplink(plan: Plan) -> Iterator[tuple[Subnet, NextHop]]:
    """Yield the routes to everywhere else."""
    uplink, interface = plan.configuration.uplink, plan.interfaces.get(UPLINK_KEY)
    if uplink is None or interface is None:
        return
    for gateway in uplink.gateway:
        everything = IPv4Network((0, 0)) if gateway.version == 4 else IPv6Network((0, 0))
        yield everything, via_hop(gateway, connected_hop(interface, interface.domain))


def connected_hop(interface: InterfacePlan, domain: int, is_open: bool = False) -> NextHop:
    """Return the hop to a host that is in ``domain`` itself."""
    return NextHop(CONNECTED, interface.number, mtu=interface.mtu, domain=domain, is_open=is_open)


def via_hop(address: Address, link: NextHop) -> NextHop:
    """Return the hop to the neighbour ``address`` on a link."""
    return link._replace(kind=VIA, address=address_number(address))


class _Links:
    """Finds out where written routes lead: they are open to all networks. Each next hop is looked for once."""

    def __init__(self, plan: Plan, connected: dict[Subnet, Way], own: dict[Address, NextHop]) -> None:
        self._plan = plan
        self._connected = connected
        self._own = own
        self._by: dict[Address, NextHop] = {}
        self._into: dict[str, NextHop] = {}

    def way_of(self, route: Route) -> Way:
        """Return the next hops of a route; UserError if there are none, or too many."""
        if route.blackhole:
            return {NextHop(BLACKHOLE): 1}
        if route.network:
            if route.network not in self._into:
                self._into[route.network] = self._find_network(route)
            return {self._into[route.network]: 1}
        if len(route.via) > MEMBERS:
            raise UserError(f"route to {route.to}: expected at most {MEMBERS} next hops, found {len(route.via)}")
        for address, _ in route.via:
            if address not in self._by:
                self._by[address] = via_hop(address, self._find_link(route, address))._replace(is_open=True)
        return {self._by[address]: weight for address, weight in route.via}

    def _find_network(self, route: Route) -> NextHop:
        for interface in self._plan.interfaces.values():
            if interface.key.network == route.network and interface.domain:
                return connected_hop(interface, interface.domain, is_open=True)
        raise UserError(f"route to {route.to}: expected a bridged network with a gateway, found {route.network}")

    def _find_link(self, route: Route, address: Address) -> NextHop:
        if address in self._own:
            expected = "expected another's address to go by"
            raise UserError(f"route to {route.to}: {expected}, found {address}, the router's own")
        around = [prefix for prefix in self._connected if prefix.version == address.version and address in prefix]
        longest = max(around, key=lambda prefix: prefix.prefixlen, default=None)
        link = None if longest is None else next(iter(self._connected[longest]))
        if link is None or link.kind != CONNECTED:
            raise UserError(f"route to {route.to}: expected an address on a link of the router's, found {address}")
        return link
