"""The ``routes`` and ``nat`` of the file -> the model's."""

from collections.abc import Sequence
from typing import NamedTuple

from control.config.check import Networks
from control.config.mistakes import Mistakes, Path, describe
from control.config.schema import NatFields, RouteFields, StaticFields
from control.config.subnets import subnet_of
from control.config.uplink import WayOut
from control.model import Address, Nat, Route, Subnet

_WAYS = ("via", "network", "blackhole")


class Reach(NamedTuple):
    """What the router reaches by itself: the subnets on its links, and its own addresses.

    ``is_known``: nothing is missing, whether because its place in the file is wrong or because DHCP will tell.
    """

    on_link: frozenset[Subnet]
    own: frozenset[Address]
    is_known: bool

    @classmethod
    def of(cls, networks: Networks, all_networks: bool, way_out: WayOut) -> "Reach":
        routers = [network for network in networks.values() if network is not None and network.mode != "none"]
        on_link = {subnet for network in routers for subnet in network.subnets}
        own = {gateway for network in routers for gateway in network.gateway}
        is_known = all_networks and None not in networks.values()
        if way_out.uplink is not None:
            on_link |= {address.network for address in way_out.uplink.addresses}
            own |= {address.ip for address in way_out.uplink.addresses}
        is_known = is_known and bool(way_out.uplink.addresses if way_out.uplink is not None else not way_out.is_written)
        return cls(frozenset(on_link), frozenset(own), is_known)


def resolve_routes(
    items: Sequence[object], networks: Networks, all_networks: bool, way_out: WayOut, mistakes: Mistakes
) -> tuple[Route, ...]:
    """Return the routes that are right. ``all_networks``: ``networks`` lacks none whose name is wrong."""
    routes: list[Route] = []
    reach = Reach.of(networks, all_networks, way_out)
    lines: dict[Subnet, int] = {}
    for index, item in enumerate(items):
        path: Path = ("routes", index)
        fields = None if mistakes.touch(path) else RouteFields.read(item, path, mistakes)
        if fields is None:
            continue
        _check_route(fields, path, mistakes)
        _check_hops(fields, path, reach, mistakes)
        if fields.network is not None and all_networks:
            _check_network(fields.network, path, networks, mistakes)
        if fields.to is None:
            continue
        if fields.to in lines:
            found = f"{fields.to}, which line {lines[fields.to]} has"
            mistakes.add((*path, "to"), "a destination that no other route has", found)
        lines.setdefault(fields.to, mistakes.line_of((*path, "to")))
        if not mistakes.touch(path):
            hops = tuple(hop for hop in fields.via or () if hop is not None)
            routes.append(Route(fields.to, hops, fields.network or "", bool(fields.blackhole)))
    return tuple(routes)


def _check_route(fields: RouteFields, path: Path, mistakes: Mistakes) -> None:
    written = [way for way in _WAYS if getattr(fields, way) is not None or mistakes.touch((*path, way))]
    if len(written) != 1:
        mistakes.add(path, "one of via, network and blackhole", ", ".join(written) or "none of them")
    if fields.blackhole is False:
        mistakes.add((*path, "blackhole"), "true, or no blackhole", "false")


def _check_hops(fields: RouteFields, path: Path, reach: Reach, mistakes: Mistakes) -> None:
    if fields.via is not None and not fields.via:
        mistakes.add((*path, "via"), "at least one next hop", "an empty list")
    seen: set[Address] = set()
    for index, hop in enumerate(fields.via or ()):
        if hop is None:
            continue
        address, where = hop[0], (*path, "via", index)
        if fields.to is not None and address.version != fields.to.version:
            mistakes.add(where, f"an IPv{fields.to.version} address, as {fields.to} is", str(address))
        elif address in reach.own:
            mistakes.add(where, "another machine's address", f"{address}, the router's own")
        elif reach.is_known and subnet_of(address, reach.on_link) is None:
            mistakes.add(where, "an address on a link: in a subnet of a network or of the uplink", str(address))
        elif fields.to is not None and _is_taken_in(address, fields.to, reach):
            mistakes.add(where, "an address that the route itself does not lead away", f"{address}, within {fields.to}")
        if address in seen:
            mistakes.add(where, "a next hop once", f"{address}, again")
        seen.add(address)


def _is_taken_in(hop: Address, to: Subnet, reach: Reach) -> bool:
    """Whether a route to ``to`` would take the hop's own address from its link."""
    link = subnet_of(hop, reach.on_link)
    return link is not None and hop in to and to.prefixlen >= link.prefixlen


def _check_network(name: str, path: Path, networks: Networks, mistakes: Mistakes) -> None:
    if name not in networks:
        mistakes.add((*path, "network"), "a network of the file", describe(name))
    elif (network := networks[name]) is not None and not (network.is_bridged and network.subnets):
        what = "without subnets" if network.is_bridged else f"of mode {network.mode}"
        mistakes.add((*path, "network"), "a bridged network with a router in it", f"{name}, {what}")


def resolve_nat(data: object, networks: Networks, all_networks: bool, way_out: WayOut, mistakes: Mistakes) -> Nat:
    path: Path = ("nat",)
    fields = None if data is None else NatFields.read(data, path, mistakes)
    if fields is None:
        return Nat()
    reach = Reach.of(networks, all_networks, way_out)
    pairs: list[tuple[Address, Address]] = []
    taken: dict[tuple[str, Address], int] = {}
    for index, item in enumerate(fields.static or ()):
        where = (*path, "static", index)
        pair = StaticFields.read(item, where, mistakes)
        if pair is None:
            continue
        for side, address in (("outside", pair.outside), ("inside", pair.inside)):
            if address is None:
                continue
            if (side, address) in taken:
                found = f"{address}, which line {taken[side, address]} has"
                mistakes.add((*where, side), "an address of one pair only", found)
            taken.setdefault((side, address), mistakes.line_of(where))
        if pair.outside is None or pair.inside is None:
            continue
        if pair.outside.version != pair.inside.version:
            mistakes.add(where, "two addresses of one family", f"{pair.outside} and {pair.inside}")
        if pair.inside in reach.own:
            mistakes.add((*where, "inside"), "another machine's address", f"{pair.inside}, the router's own")
        for network in networks.values():
            if network is not None and network.internal and any(pair.inside in subnet for subnet in network.subnets):
                mistakes.add(
                    (*where, "inside"), "no address of an internal network", f"{pair.inside}, of {network.name}"
                )
        pairs.append((pair.outside, pair.inside))
    if pairs and not way_out.is_written:
        mistakes.add((*path, "static"), "an uplink to be known outside by", "none")
    return Nat(bool(fields.endpoint_independent), tuple(pairs))
