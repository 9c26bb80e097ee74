"""This node's end of the tunnels (VTEP): frames that come in wrapped, who is known to be where, frames wrapped.

What comes by a tunnel is held, in this order, against: its lengths, its outer checksums, its VNI flag, whether its
sender is a peer, whether a network has its VNI, inner VLAN tags, congestion (``ecn``), and whose addresses its inner
sender claims. Reserved bits mean nothing (RFC 7348 section 5).

Nobody is known to be in a network by what is said of another: all look-ups are a network's own.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from control.model import TUNNEL, Configuration, Network, Overlay, Peer, Port, RemoteEndpoint
from tests.naive.discovery import ADVERTISEMENT, ARP_BYTES
from tests.naive.domains import Domain
from tests.naive.ecn import combine, outer_class
from tests.naive.forwarding import is_within
from tests.naive.interfaces import Interface
from tests.naive.spoof import MOST_TAGS, TAG_BYTES, TAGS
from tests.naive.vxlan import FIRST_SOURCE_PORT, HAS_VNI, Outer, read_datagram, wrap
from tests.naive.wire import ICMPV6, Address


@dataclass(frozen=True)
class Remote:
    """A place in the forwarding database: behind the tunnel, at the node of that name."""

    node: str


@dataclass(frozen=True)
class Unwrapped:
    """What came by a tunnel: the frame inside, its domain, and whose it is."""

    frame: bytes
    domain: Domain
    peer: Peer


class Vtep:
    """The tunnels of a node whose transport is raw: what is wrapped leaves by the ``uplink``."""

    def __init__(self, configuration: Configuration, uplink: Interface) -> None:
        assert configuration.overlay
        self.overlay: Overlay = configuration.overlay
        self.uplink = uplink
        self.ports = configuration.ports
        self.port = next(port for port in configuration.ports if port.name == TUNNEL)
        self.networks = {network.name: network for network in configuration.networks if network.vni is not None}

    def has(self, domain: Domain) -> bool:
        """Whether a domain goes on at other nodes."""
        return domain.network in self.networks and not domain.port

    def peers_of(self, domain: Domain) -> list[Peer]:
        """Return the peers that take part in a network."""
        return [peer for peer in self.overlay.peers if not peer.networks or domain.network in peer.networks]

    # What comes in

    def is_addressed(self, port: Port, frame: bytes) -> bool:
        """Whether a frame at the uplink is one of a tunnel: by its MAC, its address and its port."""
        if Domain(port.network, None, port.name) not in self.uplink.domains or frame[12:14] not in (
            b"\x08\x00",
            b"\x86\xdd",
        ):
            return False
        found = read_datagram(frame[14:])
        if found is None or (frame[12:14] == b"\x08\x00") != (found.source.version == 4):
            return False
        own = found.destination == self.overlay.address and frame[0:6] == self.uplink.mac
        group = found.destination == self.overlay.group and frame[0:6] == group_mac(found.destination)
        return (own or group) and found.dport == self.overlay.port

    def unwrap(self, frame: bytes) -> Unwrapped | str:
        """Return what is in a frame that is addressed to the VTEP, or the reason to drop it."""
        found = read_datagram(frame[14:])
        assert found
        if not found.is_whole:
            return "vxlan_truncated"
        if not found.has_right_checksums:
            return "vxlan_checksum"
        header, inner = found.payload[:8], found.payload[8:]
        if not header[0] & HAS_VNI:
            return "vxlan_no_vni"
        peer = next((each for each in self.overlay.peers if each.address == found.source), None)
        if peer is None:
            return "unknown_peer"
        vni = int.from_bytes(header[4:7], "big")
        network = next((each for each in self.networks.values() if each.vni == vni), None)
        if network is None or peer not in self.peers_of(Domain(network.name)):
            return "unknown_vni"
        if not may_be_tagged(network, inner):
            return "inner_vlan"
        combined = combine(inner, found.tos)
        if combined is None:
            return "ecn_conflict"
        domain = Domain(network.name)
        return self.find_spoofing(domain, peer, combined) or Unwrapped(combined, domain, peer)

    def find_spoofing(self, domain: Domain, peer: Peer, frame: bytes) -> str | None:
        """Return the reason to drop a frame of a peer that claims to be somebody of another's."""
        macs, addresses = claims(frame)
        for mac in macs:
            if self.is_mac_here(domain, mac) or self.with_mac(domain, mac) not in (None, peer):
                return "spoofed_mac"
        for address in addresses:
            if self.is_address_here(domain, address) or self.with_address(domain, address) not in (None, peer):
                return "spoofed_address"
        return None

    # Who is where

    def is_mac_here(self, domain: Domain, mac: bytes) -> bool:
        """Whether a port here is told to have a MAC."""
        return any(port.network == domain.network and mac in (port.mac, *port.static_macs) for port in self.ports)

    def is_address_here(self, domain: Domain, address: Address) -> bool:
        """Whether a port here is told to have an address."""
        held = [each.ip for port in self.ports if port.network == domain.network for each in port.addresses]
        return address in held

    def endpoint(self, domain: Domain, address: Address) -> tuple[Peer, RemoteEndpoint] | None:
        """Return the endpoint at another node that has an address."""
        for peer in self.overlay.peers:
            for each in peer.endpoints:
                if (each.network, each.address) == (domain.network, address):
                    return peer, each
        return None

    def with_mac(self, domain: Domain, mac: bytes) -> Peer | None:
        """Return the peer whose endpoint has a MAC."""
        for peer in self.overlay.peers:
            if any((each.network, each.mac) == (domain.network, mac) for each in peer.endpoints):
                return peer
        return None

    def with_address(self, domain: Domain, address: Address) -> Peer | None:
        """Return the peer that has an address: as an endpoint's, else in the longest of the peers' subnets."""
        found = self.endpoint(domain, address)
        if found:
            return found[0]
        subnets = self.networks[domain.network].subnets
        around = [
            (subnet.prefixlen, peer)
            for peer in self.overlay.peers
            for subnet in peer.subnets
            if address in subnet and any(is_within(subnet, own) for own in subnets)
        ]
        return max(around, key=lambda each: each[0])[1] if around else None

    # What goes out

    def may_carry(self, domain: Domain, frame: bytes) -> bool:
        """Whether a frame of a network may enter the tunnel with the tags that it has."""
        return may_be_tagged(self.networks[domain.network], frame)

    def receivers(self, domain: Domain) -> list[Address]:
        """Return where a frame for every peer goes: to the group that they are in, or to each."""
        peers = self.peers_of(domain)
        if self.overlay.group:
            return [self.overlay.group]
        return [peer.address for peer in peers]

    def wrap(self, domain: Domain, frame: bytes, to: Address, group: int) -> bytes:
        """Return the packet by which a frame goes to a VTEP's address. Its source port is always the first one."""
        overlay, network = self.overlay, self.networks[domain.network]
        assert network.vni is not None
        tos = outer_class(frame, overlay.dscp)
        ends = overlay.address, to, FIRST_SOURCE_PORT, overlay.port
        outer = Outer(*ends, tos, overlay.ttl, overlay.checksum)
        return wrap(outer, network.vni, group if overlay.gbp and group else None, frame)


def may_be_tagged(network: Network, frame: bytes) -> bool:
    """Whether a frame has no VLAN tag, or its network's tunnels keep them."""
    return network.inner_vlan == "keep" or frame[12:14] not in TAGS


def group_mac(address: Address) -> bytes:
    """Return the MAC of a multicast group (RFC 1112 section 6.4, RFC 2464 section 7)."""
    if address.version == 6:
        return b"\x33\x33" + address.packed[12:]
    return b"\x01\x00\x5e" + bytes([address.packed[1] & 0x7F]) + address.packed[2:]


def claims(frame: bytes) -> tuple[list[bytes], list[Address]]:
    """Return the MACs and addresses that a frame's sender says are its own. Messages need not be valid otherwise."""
    ethertype, payload = behind_tags(frame)
    macs, addresses = [frame[6:12]], list[Address]()
    if ethertype == b"\x08\x06" and len(payload) >= ARP_BYTES:
        macs.append(payload[8:14])
        addresses.append(ip_address(payload[14:18]))
    elif ethertype == b"\x08\x00" and len(payload) >= 20:
        addresses.append(ip_address(payload[12:16]))
    elif ethertype == b"\x86\xdd" and len(payload) >= 40:
        addresses.append(ip_address(payload[8:24]))
        if payload[6] == ICMPV6 and payload[40:41] == bytes([ADVERTISEMENT]) and len(payload) >= 64:
            addresses.append(ip_address(payload[48:64]))
    unspecified = (IPv4Address(0), IPv6Address(0))
    return macs, [each for each in addresses if each not in unspecified]


def behind_tags(frame: bytes) -> tuple[bytes, bytes]:
    """Return the EtherType behind a frame's tags, and what follows."""
    ethertype, payload = frame[12:14], frame[14:]
    for _ in range(MOST_TAGS):
        if ethertype in TAGS and len(payload) >= TAG_BYTES:
            ethertype, payload = payload[2:4], payload[4:]
    return ethertype, payload


def destination_of(frame: bytes) -> Address | None:
    """Return where the packet in an untagged frame goes, None if it carries none."""
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        return ip_address(frame[30:34])
    if frame[12:14] == b"\x86\xdd" and len(frame) >= 54:
        return ip_address(frame[38:54])
    return None


def vtep_of(configuration: Configuration, interfaces: list[Interface]) -> Vtep | None:
    """Return a node's VTEP, None where it has none of its own."""
    uplink = next((each for each in interfaces if each.is_uplink), None)
    return Vtep(configuration, uplink) if configuration.overlay and uplink else None
