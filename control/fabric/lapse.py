"""What conversations rested on, and a change has taken away: they end with it, and may begin anew where they may.

A flow, once it is made, is asked nothing any more. So whoever is no longer published, no longer translated, or no
longer let out, would go on for as long as it spoke.
"""

from collections.abc import Iterator

from control.fabric.rows import address_number
from control.fabric.translation import plan_translation
from control.model import Configuration, Network, Route, Subnet
from dataplane.flow.build import Lapsed, Prefix
from nat.build import NatPlan

_BITS = 128
Row = tuple[int, int, int, int, int, int]


def lapsed_between(before: Configuration, after: Configuration) -> Lapsed:
    """Return what conversations under ``before`` may have rested on that ``after`` does not have."""
    was, now = plan_translation(before), plan_translation(after)
    ends = {*_addresses_gone(before, after), *_networks_changed(before, after), *_routes_changed(before, after)}
    outside = (_outside(before) | set(was.static)) - (_outside(after) | set(now.static))
    published = set(_rows(was)) - set(_rows(now))
    return Lapsed(frozenset(ends), frozenset(address for address, _ in outside), frozenset(published))


def _prefix(subnet: Subnet) -> Prefix:
    return address_number(subnet.network_address), _BITS - subnet.max_prefixlen + subnet.prefixlen


def _outside(configuration: Configuration) -> set[tuple[int, int]]:
    uplink = configuration.uplink
    return {(address_number(each.ip), 0) for each in uplink.addresses} if uplink else set()


def _rows(plan: NatPlan) -> Iterator[Row]:
    for each in plan.published:
        for outside in each.outside:
            yield each.protocol, outside, each.first, each.last, each.inside, each.target


def _addresses_gone(before: Configuration, after: Configuration) -> Iterator[Prefix]:
    """Yield the addresses of ports that have gone, or have others now: whoever gets them next is somebody else."""
    present = {(port.name, port.network, each.ip) for port in after.ports for each in port.addresses}
    for port in before.ports:
        for each in port.addresses:
            if (port.name, port.network, each.ip) not in present:
                yield address_number(each.ip), _BITS


def _networks_changed(before: Configuration, after: Configuration) -> Iterator[Prefix]:
    """Yield the subnets that have gone, or whose network has other rules now."""
    networks = {network.name: network for network in after.networks}
    for network in before.networks:
        now = networks.get(network.name)
        kept = set(now.subnets) if now is not None and _rules(now) == _rules(network) else set()
        yield from (_prefix(subnet) for subnet in network.subnets if subnet not in kept)


def _rules(network: Network) -> tuple[str, bool, bool]:
    return network.mode, network.masquerade, network.internal


def _routes_changed(before: Configuration, after: Configuration) -> Iterator[Prefix]:
    """Yield the destinations to which a written route leads elsewhere now; another next hop there is no matter."""
    gone, come = set(before.routes) - set(after.routes), set(after.routes) - set(before.routes)
    was = {route.to: frozenset(_links(route, before)) for route in gone}
    now = {route.to: frozenset(_links(route, after)) for route in come}
    yield from (_prefix(to) for to in was.keys() | now.keys() if was.get(to) != now.get(to))


def _links(route: Route, configuration: Configuration) -> Iterator[str]:
    """Yield the networks that a route leads to: "" is the uplink, or nowhere."""
    if route.network:
        yield route.network
    for address, _ in route.via:
        holders = (each.name for each in configuration.networks for subnet in each.subnets if address in subnet)
        yield next(holders, "")
