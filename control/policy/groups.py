"""Peers by address, not by labels: nodes, names, and blocks where the ports of pods are asked for by name.

Who has such an address is of another identity than who has not.
"""

from collections.abc import Iterable, Mapping

from control.model import Address
from control.policy.model import BlockPeer, NamePeer, Node, NodePeer
from control.policy.parties import AddressPeer
from control.policy.selectors import selects

NO_PEERS: frozenset[AddressPeer] = frozenset()


class Groups:
    """The peers that rules ask for, and who is one of them. ``nodes`` and ``names`` are told by ``tell``."""

    def __init__(self) -> None:
        self.nodes: tuple[Node, ...] = ()
        self.names: Mapping[str, frozenset[Address]] = {}
        self.addresses: dict[NodePeer | NamePeer, frozenset[Address]] = {}
        self.blocks: dict[BlockPeer, None] = {}
        self.listed: dict[Address, frozenset[AddressPeer]] = {}

    def of(self, address: Address) -> frozenset[AddressPeer]:
        """Return the peers that an address is one of."""
        found = self.listed.get(address, NO_PEERS)
        if self.blocks:
            found |= {peer for peer in self.blocks if is_inside(address, peer)}
        return found

    def tell(self, nodes: tuple[Node, ...], names: Mapping[str, frozenset[Address]]) -> set[Address]:
        """Say which nodes there are, and which addresses names have; return the addresses that this changes."""
        if nodes == self.nodes and names == self.names:
            return set()
        self.nodes, self.names = nodes, names
        touched: set[Address] = set()
        for peer in self.addresses:
            touched |= self._list(peer, self._find(peer))
        return touched

    def begin(self, peers: Iterable[AddressPeer]) -> set[Address]:
        """Ask for some more peers; return the addresses of whom more is known now. Blocks have none of themselves."""
        touched: set[Address] = set()
        for peer in peers:
            if isinstance(peer, BlockPeer):
                self.blocks[peer] = None
            else:
                self.addresses[peer] = frozenset()
                touched |= self._list(peer, self._find(peer))
        return touched

    def end(self, peer: AddressPeer) -> set[Address]:
        """Ask for a peer no longer; return as ``begin``."""
        if isinstance(peer, BlockPeer):
            del self.blocks[peer]
            return set()
        touched = self._list(peer, frozenset())
        del self.addresses[peer]
        return touched

    def _list(self, peer: NodePeer | NamePeer, addresses: frozenset[Address]) -> set[Address]:
        before = self.addresses[peer]
        self.addresses[peer] = addresses
        for address in before - addresses:
            left = self.listed[address] - {peer}
            if left:
                self.listed[address] = left
            else:
                del self.listed[address]
        for address in addresses - before:
            self.listed[address] = self.listed.get(address, NO_PEERS) | {peer}
        return set(before ^ addresses)

    def _find(self, peer: NodePeer | NamePeer) -> frozenset[Address]:
        if isinstance(peer, NodePeer):
            chosen = (node for node in self.nodes if selects(peer.nodes, dict(node.labels)))
            return frozenset(address for node in chosen for address in node.addresses)
        found = (addresses for name, addresses in self.names.items() if is_named(name, peer.name))
        return frozenset().union(*found)


def is_inside(address: Address, peer: BlockPeer) -> bool:
    """Whether an address is in a block."""
    return address in peer.cidr and not any(address in hole for hole in peer.excepts)


def is_named(name: str, wanted: str) -> bool:
    """Whether a name is the one that is wanted, or, for ``*.example.com``, below it."""
    name, wanted = name.lower().rstrip("."), wanted.lower().rstrip(".")
    return name.endswith(wanted[1:]) if wanted.startswith("*.") else name == wanted
