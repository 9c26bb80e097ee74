"""Where the packets for an address go, read off the configuration: every prefix looked at, the longest taken."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from control.model import Address, Configuration, Network, Port, Subnet


class Candidate(NamedTuple):
    """A prefix, how much its reason counts among equal ones, and where it leads: kind, interface, port, neighbours."""

    prefix: Subnet
    rank: int
    kind: str
    interface: str = ""
    port: str = ""
    via: tuple[tuple[Address, int], ...] = ()
    is_open: bool = False


def destination_of(configuration: Configuration, address: Address) -> Candidate | None:
    """Return what the longest prefix that covers the address says; None if there is none."""
    covering = [
        each for each in candidates(configuration) if each.prefix.version == address.version and address in each.prefix
    ]
    return max(covering, key=lambda each: (each.prefix.prefixlen, each.rank), default=None)


def candidates(configuration: Configuration) -> Iterator[Candidate]:
    """Yield every reason for a packet to go anywhere."""
    for network in configuration.networks:
        if network.mode == "bridge" and (network.subnets or network.gateway):
            yield from in_bridged(network)
        elif network.mode == "routed":
            yield from in_routed(network, [port for port in configuration.ports if port.network == network.name])
    yield from at_uplink(configuration)
    for route in configuration.routes:
        if route.blackhole:
            yield Candidate(route.to, 3, "blackhole")
        elif route.network:
            yield Candidate(route.to, 3, "connected", route.network, is_open=True)
        else:
            yield Candidate(route.to, 3, "via", via=route.via, is_open=True)


def in_bridged(network: Network) -> Iterator[Candidate]:
    for subnet in network.subnets:
        yield Candidate(subnet, 2, "connected", network.name)
    for gateway in network.gateway:
        yield Candidate(ip_network(gateway), 4, "local", network.name)


def in_routed(network: Network, ports: list[Port]) -> Iterator[Candidate]:
    for subnet in network.subnets:
        yield Candidate(subnet, 2, "unreachable")
    for port in ports:
        for address in port.addresses:
            yield Candidate(ip_network(address.ip), 2, "connected", network.name, port.name)
    for gateway in (*network.gateway, ip_address("169.254.1.1"), ip_address("fe80::1")):
        yield Candidate(ip_network(gateway), 4, "local", network.name)


def at_uplink(configuration: Configuration) -> Iterator[Candidate]:
    uplink = configuration.uplink
    if uplink is None:
        return
    for interface in uplink.addresses:
        yield Candidate(interface.network, 2, "connected", "uplink")
        yield Candidate(ip_network(interface.ip), 4, "local", "uplink")
    for outside, _ in configuration.nat.static:
        yield Candidate(ip_network(outside), 4, "local", "uplink")
    for gateway in uplink.gateway:
        everything = ip_network("0.0.0.0/0" if gateway.version == 4 else "::/0")
        yield Candidate(everything, 1, "via", "uplink", via=((gateway, 1),))
