"""What belongs to one node only: its VTEP's address, its subnets, its endpoints' addresses and MACs.

Everything is found by its key, and subnets by bisection, so that one peer among thousands is checked at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from control.model import Address, Peer, Port, RemoteEndpoint, Subnet

Where = tuple[str | int, ...]
"""Which field of a peer: ``("endpoints", 2, "mac")``."""


class Clash(NamedTuple):
    """A field of a peer that cannot be as it is: what was expected there, and what it is."""

    where: Where
    expected: str
    found: str


class Ranges:
    """Subnets that do not overlap, by the node that has them."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {4: [], 6: []}
        self._held: dict[tuple[int, int], tuple[Subnet, str]] = {}

    def add(self, subnet: Subnet, node: str) -> None:
        """Add a subnet that overlaps none."""
        start = int(subnet.network_address)
        starts = self._starts[subnet.version]
        starts.insert(bisect_left(starts, start), start)
        self._held[subnet.version, start] = subnet, node

    def remove(self, subnet: Subnet) -> None:
        """Remove a subnet that was added."""
        start = int(subnet.network_address)
        starts = self._starts[subnet.version]
        del starts[bisect_left(starts, start)]
        del self._held[subnet.version, start]

    def around(self, address: Address) -> tuple[Subnet, str] | None:
        """Return the subnet that an address lies in, and whose it is."""
        starts = self._starts[address.version]
        at = bisect_right(starts, int(address)) - 1
        if at < 0:
            return None
        held = self._held[address.version, starts[at]]
        return held if address in held[0] else None

    def overlapping(self, subnet: Subnet) -> tuple[Subnet, str] | None:
        """Return the first of the subnets that overlap one, and whose it is."""
        return next(self.within(subnet), None) or self.around(subnet.network_address)

    def within(self, subnet: Subnet) -> Iterator[tuple[Subnet, str]]:
        """Yield the subnets that begin in one, in order."""
        starts = self._starts[subnet.version]
        first = bisect_left(starts, int(subnet.network_address))
        last = bisect_right(starts, int(subnet.broadcast_address))
        for start in starts[first:last]:
            yield self._held[subnet.version, start]


class OwnPorts:
    """What this node's ports have, by network."""

    def __init__(self, ports: Iterable[Port] = ()) -> None:
        self.addresses: dict[tuple[str, Address], str] = {}
        self.macs: dict[tuple[str, bytes], str] = {}
        sorted_addresses: dict[int, list[tuple[int, str]]] = {4: [], 6: []}
        for port in ports:
            if not port.network:
                continue
            for interface in port.addresses:
                self.addresses[port.network, interface.ip] = port.name
                sorted_addresses[interface.version].append((int(interface.ip), port.name))
            for mac in (port.mac, *port.static_macs):
                if mac:
                    self.macs[port.network, mac] = port.name
        self._sorted = {version: sorted(each) for version, each in sorted_addresses.items()}

    def within(self, subnet: Subnet) -> str | None:
        """Return a port that has an address in the subnet."""
        held = self._sorted[subnet.version]
        at = bisect_left(held, (int(subnet.network_address), ""))
        return held[at][1] if at < len(held) and held[at][0] <= int(subnet.broadcast_address) else None


class PeerClaims:
    """Who has what, of all peers; ``own`` is what this node has."""

    def __init__(self, own: OwnPorts | None = None) -> None:
        self.own = own or OwnPorts()
        self.subnets = Ranges()
        self._nodes: dict[str, Peer] = {}
        self._vteps: dict[Address, str] = {}
        self._addresses: dict[str, dict[Address, str]] = {}
        self._macs: dict[tuple[str, bytes], list[tuple[str, int]]] = {}

    def add(self, peer: Peer) -> None:
        """Take in a peer that clashes with none."""
        self._nodes[peer.node] = peer
        self._vteps[peer.address] = peer.node
        for subnet in peer.subnets:
            self.subnets.add(subnet, peer.node)
        for endpoint in peer.endpoints:
            self.add_endpoint(peer.node, endpoint)

    def remove(self, peer: Peer) -> None:
        """Forget a peer that was taken in."""
        del self._nodes[peer.node], self._vteps[peer.address]
        for subnet in peer.subnets:
            self.subnets.remove(subnet)
        for endpoint in peer.endpoints:
            self.remove_endpoint(peer.node, endpoint)

    def add_endpoint(self, node: str, endpoint: RemoteEndpoint) -> None:
        """Take in one more endpoint of a peer."""
        self._addresses.setdefault(endpoint.network, {})[endpoint.address] = node
        if endpoint.mac:
            holders = self._macs.setdefault((endpoint.network, endpoint.mac), [])
            holders.append((node, endpoint.address.version))

    def remove_endpoint(self, node: str, endpoint: RemoteEndpoint) -> None:
        """Forget an endpoint of a peer."""
        del self._addresses[endpoint.network][endpoint.address]
        if endpoint.mac:
            holders = self._macs[endpoint.network, endpoint.mac]
            holders.remove((node, endpoint.address.version))
            if not holders:
                del self._macs[endpoint.network, endpoint.mac]

    def addresses_of(self, network: str) -> Mapping[Address, str]:
        """Return the endpoints of a network: the node that has each address."""
        return self._addresses.get(network, {})

    def holder_of(self, network: str, address: Address) -> str | None:
        """Say who of the others has an address: "node2", or "10.20.2.0/24 of node2"; None if nobody has."""
        node = self._addresses.get(network, {}).get(address)
        if node is not None:
            return node
        around = self.subnets.around(address)
        return None if around is None else f"{around[0]} of {around[1]}"

    def holder_of_mac(self, network: str, mac: bytes) -> str | None:
        """Return the node that has a MAC."""
        holders = self._macs.get((network, mac))
        return holders[0][0] if holders else None

    def clashes(self, peer: Peer) -> Iterator[Clash]:
        """Yield what of a peer another has already, in the order of its fields."""
        if peer.node in self._nodes:
            yield Clash(("node",), "a name that no other peer has", peer.node)
        if peer.address in self._vteps:
            found = f"{peer.address}, which {self._vteps[peer.address]} has"
            yield Clash(("address",), "an address that no other peer has", found)
        for index, subnet in enumerate(peer.subnets):
            yield from self._subnet_clashes(("subnets", index), subnet)
        for index, endpoint in enumerate(peer.endpoints):
            yield from self.endpoint_clashes(("endpoints", index), peer.node, endpoint)
        yield from _clashes_within(peer)

    def _subnet_clashes(self, where: Where, subnet: Subnet) -> Iterator[Clash]:
        if (other := self.subnets.overlapping(subnet)) is not None:
            found = f"{subnet}, which overlaps {other[0]} of {other[1]}"
            yield Clash(where, "a subnet that overlaps no other peer's", found)
        if (port := self.own.within(subnet)) is not None:
            yield Clash(where, "a subnet without addresses of our own", f"{subnet}, in which port {port} is")

    def endpoint_clashes(self, where: Where, node: str, endpoint: RemoteEndpoint) -> Iterator[Clash]:
        """Yield what of an endpoint at ``node`` another has already. One MAC may have an address of each family."""
        network, address, mac = endpoint.network, endpoint.address, endpoint.mac
        holder = self._addresses.get(network, {}).get(address)
        if (port := self.own.addresses.get((network, address))) is not None:
            holder = f"our port {port}"
        if holder is not None:
            yield Clash(
                (*where, "address"), "an address that nothing else has", f"{address}, which {_again(holder, node)} has"
            )
        holder = None
        for other, version in self._macs.get((network, mac), ()):
            if other != node or version == address.version:
                holder = other
        if mac and (port := self.own.macs.get((network, mac))) is not None:
            holder = f"our port {port}"
        if holder is not None:
            yield Clash(
                (*where, "mac"), "a MAC that nothing else has", f"{mac.hex(':')}, which {_again(holder, node)} has"
            )


def _again(holder: str, node: str) -> str:
    return "another endpoint of the peer" if holder == node else holder


def _clashes_within(peer: Peer) -> Iterator[Clash]:
    """Yield what a peer says twice."""
    seen = PeerClaims()
    for index, subnet in enumerate(peer.subnets):
        if (other := seen.subnets.overlapping(subnet)) is not None:
            found = f"{subnet}, which overlaps {other[0]}"
            yield Clash(("subnets", index), "subnets that do not overlap", found)
        else:
            seen.subnets.add(subnet, peer.node)
    for index, endpoint in enumerate(peer.endpoints):
        clashes = list(seen.endpoint_clashes(("endpoints", index), peer.node, endpoint))
        yield from clashes
        if not clashes:
            seen.add_endpoint(peer.node, endpoint)
