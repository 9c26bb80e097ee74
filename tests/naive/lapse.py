"""Which conversations a change of the configuration ends: those that rested on what it has taken away."""

from control.model import Configuration, Publish, Route
from tests.naive.flows import Flow
from tests.naive.packet import Tuple
from tests.naive.wire import SCTP, TCP, UDP, Address

NUMBERS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}


def lapses(flow: Flow, before: Configuration, after: Configuration) -> bool:
    """Whether a flow of ``before`` is not to be found any more under ``after``."""
    ends = {flow.original.source, flow.reply.source}
    seen = {flow.original.destination, flow.reply.destination}
    return (
        any(was_moved(end, before, after) for end in ends)
        or bool(seen & (outside_of(before) - outside_of(after)))
        or publisher(flow, before) not in (None, publisher(flow, after))
        or any(seen & {pair[0]} for pair in before.nat.static if pair not in after.nat.static)
    )


def was_moved(end: Address, before: Configuration, after: Configuration) -> bool:
    """Whether an end is somebody else's now, is treated otherwise, or lies elsewhere."""
    return (
        bool(holders(end, before) - holders(end, after))
        or bool(rules_about(end, before) - rules_about(end, after))
        or ways_to(end, before, after)
    )


def outside_of(configuration: Configuration) -> set[Address]:
    """Return as whom the node appears outside."""
    uplink = configuration.uplink
    return {each.ip for each in uplink.addresses} if uplink else set()


def holders(end: Address, configuration: Configuration) -> set[tuple[str, str]]:
    """Return who has an address."""
    return {(port.name, port.network) for port in configuration.ports if end in {each.ip for each in port.addresses}}


def rules_about(end: Address, configuration: Configuration) -> set[object]:
    """Return the subnets that an address is in, with what holds for them."""
    return {
        (network.name, network.mode, network.masquerade, network.internal, subnet)
        for network in configuration.networks
        for subnet in network.subnets
        if end in subnet
    }


def ways_to(end: Address, before: Configuration, after: Configuration) -> bool:
    """Whether a written route about an address leads to another link than before."""

    def links(configuration: Configuration) -> dict[object, set[str]]:
        return {route.to: links_of(route, configuration) for route in configuration.routes if end in route.to}

    return links(before) != links(after)


def links_of(route: Route, configuration: Configuration) -> set[str]:
    """Return the networks that a route leads to, "" for the uplink."""
    links = {route.network} - {""}
    for address, _ in route.via:
        found = [each.name for each in configuration.networks if any(address in subnet for subnet in each.subnets)]
        links.add(found[0] if found else "")
    return links


def publisher(flow: Flow, configuration: Configuration) -> tuple[str, Publish] | None:
    """Return by which published port a flow came inside."""
    to, end = flow.original, flow.reply
    for port in configuration.ports:
        if end.source in {each.ip for each in port.addresses}:
            for publish in port.publish:
                if leads(publish, to, end) and to.destination in outside_of(configuration):
                    return port.name, publish
    return None


def leads(publish: Publish, to: Tuple, end: Tuple) -> bool:
    """Whether a published range leads what is sent as ``to`` to where ``end`` answers."""
    return (
        NUMBERS[publish.protocol] == to.protocol
        and publish.first <= to.dport <= publish.last
        and end.sport == publish.target + to.dport - publish.first
        and publish.host in (None, to.destination)
    )
