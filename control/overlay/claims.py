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

    def overlapping(self, subnet: Subnet) -> Iterator[tuple[Subnet, str]]:
        """Yield the subnets that overlap one, and whose they are."""
        around = self.around(subnet.network_address)
        if around is not None and around[0].network_address < subnet.network_address:  # type: ignore[operator]
            yield around
        yield from self.within(subnet)

    def within(self, subnet: Subnet) -> Iterator[tuple[Subnet, str]]:
        """Yield the subnets that begin in one, in order."""
        starts = self._starts[subnet.version]
        first = bisect_left(starts, int(subnet.network_address))
        last = bisect_right(starts, int(subnet.broadcast_address))
        for start in starts[first:last]:
            yield self._held[subnet.version, start]


class OwnPorts:
    """What this node's ports have, by network, and the ``parts`` of networks that are this node's."""

    def __init__(self, ports: Iterable[Port] = (), parts: Iterable[Subnet] = ()) -> None:
        self.parts = Ranges()
        for part in parts:
            self.parts.add(part, "")
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


class Holder(NamedTuple):
    """Who has a ``field`` of an endpoint already: a node, in its endpoint at ``address``, or, where ``node`` is empty,
    our own port; ``name`` is what a sentence calls it."""

    field: str
    name: str
    node: str
    address: Address


class PeerClaims:
    """Who has what, of all peers; ``own`` is what this node has."""

    def __init__(self, own: OwnPorts | None = None) -> None:
        self.own = own or OwnPorts()
        self.subnets = Ranges()
        self._nodes: set[str] = set()
        self._vteps: dict[Address, str] = {}
        self._addresses: dict[str, dict[Address, str]] = {}
        self._macs: dict[tuple[str, bytes], list[tuple[str, Address]]] = {}

    def add(self, peer: Peer) -> None:
        """Take in a peer that clashes with none."""
        self._nodes.add(peer.node)
        self._vteps[peer.address] = peer.node
        for subnet in peer.subnets:
            self.subnets.add(subnet, peer.node)
        for endpoint in peer.endpoints:
            self.add_endpoint(peer.node, endpoint)

    def remove(self, peer: Peer) -> None:
        """Forget a peer that was taken in."""
        self._nodes.remove(peer.node)
        del self._vteps[peer.address]
        for subnet in peer.subnets:
            self.subnets.remove(subnet)
        for endpoint in peer.endpoints:
            self.remove_endpoint(peer.node, endpoint)

    def add_endpoint(self, node: str, endpoint: RemoteEndpoint) -> None:
        """Take in one more endpoint of a peer."""
        self._addresses.setdefault(endpoint.network, {})[endpoint.address] = node
        if endpoint.mac:
            self._macs.setdefault((endpoint.network, endpoint.mac), []).append((node, endpoint.address))

    def remove_endpoint(self, node: str, endpoint: RemoteEndpoint) -> None:
        """Forget an endpoint of a peer."""
        del self._addresses[endpoint.network][endpoint.address]
        if endpoint.mac:
            holders = self._macs[endpoint.network, endpoint.mac]
            holders.remove((node, endpoint.address))
            if not holders:
                del self._macs[endpoint.network, endpoint.mac]

    @property
    def has_nodes(self) -> bool:
        """Whether there is any peer."""
        return bool(self._nodes)

    def addresses_of(self, network: str) -> Mapping[Address, str]:
        """Return the endpoints of a network: the node that has each address."""
        return self._addresses.get(network, {})

    def node_at(self, address: Address) -> str | None:
        """Return the node whose VTEP has an address."""
        return self._vteps.get(address)

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

    def holders(self, endpoint: RemoteEndpoint) -> Iterator[Holder]:
        """Yield who has an endpoint's address or MAC."""
        network, address, mac = endpoint.network, endpoint.address, endpoint.mac
        if (port := self.own.addresses.get((network, address))) is not None:
            yield Holder("address", f"our port {port}", "", address)
        if (node := self._addresses.get(network, {}).get(address)) is not None:
            yield Holder("address", node, node, address)
        if not mac:
            return
        if (port := self.own.macs.get((network, mac))) is not None:
            yield Holder("mac", f"our port {port}", "", address)
        for node, other in self._macs.get((network, mac), ()):
            yield Holder("mac", node, node, other)

    def clashes(self, peer: Peer) -> Iterator[Clash]:
        """Yield what of a peer another has already, in the order of its fields."""
        if peer.node in self._nodes:
            yield Clash(("node",), "a name that no other peer has", peer.node)
        if (node := self.node_at(peer.address)) is not None:
            yield Clash(("address",), "an address that no other peer has", f"{peer.address}, which {node} has")
        for index, subnet in enumerate(peer.subnets):
            yield from (overlap(index, subnet, *other) for other in self.subnets.overlapping(subnet))
            yield from self.own_clashes(index, subnet)
        for index, endpoint in enumerate(peer.endpoints):
            for holder in self.holders(endpoint):
                if not _is_its_other_address(holder, peer.node, endpoint):
                    yield held(index, endpoint, holder)
        yield from clashes_within(peer)

    def own_clashes(self, index: int, subnet: Subnet) -> Iterator[Clash]:
        """Yield that a subnet, the one of that index, overlaps one of our own, or one of our ports is in it."""
        for other, _ in self.own.parts.overlapping(subnet):
            found = f"{subnet}, which overlaps our {other}"
            yield Clash(("subnets", index), "a subnet that is not this node's own", found)
        if (port := self.own.within(subnet)) is not None:
            found = f"{subnet}, in which port {port} is"
            yield Clash(("subnets", index), "a subnet without addresses of our own", found)


def overlap(index: int, subnet: Subnet, other: Subnet, node: str) -> Clash:
    """Return that a peer's subnet, the one of that index, overlaps another's."""
    found = f"{subnet}, which overlaps {other} of {node}"
    return Clash(("subnets", index), "a subnet that overlaps no other peer's", found)


def held(index: int, endpoint: RemoteEndpoint, holder: Holder) -> Clash:
    """Return that a field of a peer's endpoint, the one of that index, is another's."""
    article, value = ("an address", endpoint.address) if holder.field == "address" else ("a MAC", endpoint.mac.hex(":"))
    found = f"{value}, which {holder.name} has"
    return Clash(("endpoints", index, holder.field), f"{article} that nothing else has", found)


def clashes_within(peer: Peer) -> Iterator[Clash]:
    """Yield what a peer says twice. One MAC may have an address of each family."""
    seen = PeerClaims()
    for index, subnet in enumerate(peer.subnets):
        others = [str(other) for other, _ in seen.subnets.overlapping(subnet)]
        if others:
            found = f"{subnet}, which overlaps {' and '.join(others)}"
            yield Clash(("subnets", index), "subnets that do not overlap", found)
        else:
            seen.subnets.add(subnet, peer.node)
    for index, endpoint in enumerate(peer.endpoints):
        holders = [one for one in seen.holders(endpoint) if not _is_its_other_address(one, peer.node, endpoint)]
        for holder in holders:
            yield held(index, endpoint, holder._replace(name="another endpoint of the peer"))
        if not holders:
            seen.add_endpoint(peer.node, endpoint)


def _is_its_other_address(holder: Holder, node: str, endpoint: RemoteEndpoint) -> bool:
    return holder.field == "mac" and holder.node == node and holder.address.version != endpoint.address.version
