"""Addresses and MACs for the ports that state none.

Goals: nobody's stated address is given away, wherever in the file it stands; a port that is in force keeps the
addresses it has when the file is read again, whatever was added, removed or moved around it; a port has the same MAC
every time. Ports that are new get the lowest free addresses in the order of the file, one a subnet, of this node's own
parts of it where it has any.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

from control.config.claims import Claims
from control.config.subnets import free_hosts, is_host, on_subnet, subnet_of
from control.model import Address, Interface, Network, Port, Subnet
from control.overlay.claims import PeerClaims

_GROUP_BIT = 0x01
_LOCAL_BIT = 0x02


class AddressPool:
    """The free addresses of one network. Reserve what is stated, then keep what is in force, then fill up."""

    def __init__(self, network: Network, attached: Iterable[Port] = (), elsewhere: PeerClaims | None = None) -> None:
        """Begin with the network's gateway taken, what ports that are in force have, and what is at other nodes."""
        remote = elsewhere or PeerClaims()
        self._subnets = network.subnets
        self._elsewhere = remote.subnets
        self._own = {subnet: [part for part, _ in remote.own.parts.within(subnet)] for subnet in network.subnets}
        self._taken: set[Address] = {*network.gateway, *remote.addresses_of(network.name)}
        for port in attached:
            if port.network == network.name:
                self.reserve(port.addresses)
        self._free: dict[Subnet, Iterator[Address]] = {s: self._hosts(s) for s in network.subnets}

    def reserve(self, addresses: Iterable[Interface]) -> None:
        self._taken.update(interface.ip for interface in addresses)

    def parts_of(self, subnet: Subnet) -> list[Subnet]:
        """Return where the next free addresses of a subnet lie: in this node's parts, or, without any, all over it."""
        return self._own[subnet] or [subnet]

    @property
    def shared(self) -> list[Subnet]:
        """The subnets that this node has no part of its own in."""
        return [subnet for subnet in self._subnets if not self._own[subnet]]

    def _hosts(self, subnet: Subnet) -> Iterator[Address]:
        for part in self.parts_of(subnet):
            yield from free_hosts(subnet, self._taken, (held for held, _ in self._elsewhere.within(part)), part)

    def keep(self, present: tuple[Interface, ...]) -> dict[Subnet, Interface]:
        """Reserve and return those of a port's present addresses that are still good, one a subnet."""
        kept: dict[Subnet, Interface] = {}
        for address in (interface.ip for interface in present):
            subnet = subnet_of(address, self._subnets)
            if subnet and subnet not in kept and is_host(address, subnet) and self._is_free(address):
                kept[subnet] = on_subnet(address, subnet)
        self.reserve(kept.values())
        return kept

    def fill(self, kept: Mapping[Subnet, Interface]) -> tuple[tuple[Interface, ...], Subnet | None]:
        """Return one address a subnet, new where ``kept`` has none, and the first subnet that had none left."""
        addresses: list[Interface] = []
        exhausted: Subnet | None = None
        for subnet in self._subnets:
            if subnet in kept:
                addresses.append(kept[subnet])
            elif (address := next(self._free[subnet], None)) is not None:
                self._taken.add(address)
                addresses.append(on_subnet(address, subnet))
            else:
                exhausted = exhausted or subnet
        return tuple(addresses), exhausted

    def _is_free(self, address: Address) -> bool:
        return address not in self._taken and self._elsewhere.around(address) is None


def derive_mac(node: str, network: str, port: str, attempt: int = 0) -> bytes:
    """Return the MAC of a port that states none: a hash of where it is and what it is called.

    Six bytes, big-endian, unicast and locally administered (IEEE 802 section 8.4). The node is part of it, so that
    ports of one name on two nodes of a network differ.
    """
    text = "\0".join((node, network, port, str(attempt) if attempt else ""))
    octets = bytearray(blake2b(text.encode(), digest_size=6).digest())
    octets[0] = (octets[0] | _LOCAL_BIT) & ~_GROUP_BIT
    return bytes(octets)


def claim_derived_mac(claims: Claims, node: str, network: str, port: str, vlans: frozenset[int], owner: str) -> bytes:
    """Return a derived MAC that nobody else has, and claim it."""
    attempt = 0
    while True:
        mac = derive_mac(node, network, port, attempt)
        if claims.claim_mac(network, vlans, mac, owner) is None:
            return mac
        attempt += 1
