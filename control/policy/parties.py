"""Who is there, in numbers: identities, which pods alike share, and blocks of addresses."""

from collections.abc import Iterator
from typing import NamedTuple

from control.model import Subnet
from control.policy.model import BlockPeer, Labels, NamePeer, NodePeer
from control.policy.spans import NamedPorts

AddressPeer = NodePeer | NamePeer | BlockPeer
BY_LABELS = 0
BLOCK = 1
"""Kinds of parties, as cells have them."""
_BITS = {4: 32, 6: 128}


class IdentityKey(NamedTuple):
    """All that rules can tell of an end but its block: nothing of who is no pod (``namespace`` None) but the peers,
    by address, that it is one of."""

    namespace: str | None = None
    labels: Labels = ()
    named_ports: NamedPorts = ()
    groups: frozenset[AddressPeer] = frozenset()


STRANGER = IdentityKey()


class Identity:
    """One identity; ``users`` counts the ends that have it."""

    kind = BY_LABELS
    __slots__ = ("key", "labels", "number", "users")

    def __init__(self, key: IdentityKey) -> None:
        self.key = key
        self.labels = dict(key.labels)
        self.users = 0
        self.number = 0

    @property
    def named_ports(self) -> NamedPorts:
        """The pod's named ports."""
        return self.key.named_ports


class BlockParty:
    """One prefix; ``users`` counts the blocks, or exceptions to them, that are written so and that rules ask for."""

    kind = BLOCK
    __slots__ = ("end", "number", "subnet", "users")

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.users = 0
        self.number = 0
        self.end = 0


Party = Identity | BlockParty


def is_within(subnet: Subnet, peer: BlockPeer) -> bool:
    """Whether all addresses whose longest prefix is ``subnet`` are in a block; all are or none, as the block's own
    prefixes count too."""
    return covers(peer.cidr, subnet) and not any(covers(hole, subnet) for hole in peer.excepts)


def covers(around: Subnet, subnet: Subnet) -> bool:
    """Whether a prefix is another one, or around it."""
    return (
        around.version == subnet.version
        and around.prefixlen <= subnet.prefixlen
        and (int(around.network_address) ^ int(subnet.network_address)) >> _BITS[around.version] - around.prefixlen == 0
    )


class Prefixes:
    """Blocks by prefix, to find the longest around an address."""

    def __init__(self) -> None:
        self._at: dict[int, dict[int, dict[int, BlockParty]]] = {4: {}, 6: {}}

    def put(self, block: BlockParty) -> None:
        """Have one more block."""
        length, number = _place(block.subnet)
        self._at[block.subnet.version].setdefault(length, {})[number] = block

    def drop(self, block: BlockParty) -> None:
        """Have it no longer."""
        length, number = _place(block.subnet)
        at = self._at[block.subnet.version]
        del at[length][number]
        if not at[length]:
            del at[length]

    def around(self, version: int, address: int, length: int) -> Iterator[BlockParty]:
        """Yield the blocks that are a prefix, given as its first address and length, or around it; the longest
        first."""
        at, bits = self._at[version], _BITS[version]
        for shorter in sorted((each for each in at if each <= length), reverse=True):
            block = at[shorter].get(address >> bits - shorter)
            if block is not None:
                yield block

    def longest(self, version: int, address: int) -> BlockParty | None:
        """Return the longest block around an address."""
        return next(self.around(version, address, _BITS[version]), None)


def _place(subnet: Subnet) -> tuple[int, int]:
    return subnet.prefixlen, int(subnet.network_address) >> _BITS[subnet.version] - subnet.prefixlen
