"""ARP (RFC 826) and neighbour discovery (RFC 4861): messages read, answered and asked."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from tests.naive.interfaces import Interface
from tests.naive.packet import Packet
from tests.naive.wire import ICMPV6, Address, ethernet, icmp_packet, pseudo_header, sum_words

ARP_BYTES = 28
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, SOLICITATION, ADVERTISEMENT = 133, 134, 135, 136
FIXED = {ROUTER_SOLICITATION: 8, ROUTER_ADVERTISEMENT: 16, SOLICITATION: 24, ADVERTISEMENT: 24}
SOURCE_OPTION, TARGET_OPTION = 1, 2
ALL_NODES = IPv6Address("ff02::1")
ALL_NODES_MAC = bytes.fromhex("333300000001")
SOLICITED_NODES = IPv6Network("ff02::1:ff00:0/104")
LINK_LOCAL = IPv6Network("fe80::/10")
UNSPECIFIED = IPv6Address(0)
HEAD_BYTES = 320
FROM_ROUTER, SOLICITED, OVERRIDES = 0x80, 0x40, 0x20


@dataclass(frozen=True)
class Arp:
    """A request or reply."""

    is_request: bool
    sender_mac: bytes
    sender: IPv4Address
    target: IPv4Address


def read_arp(frame: bytes) -> Arp | None:
    """Return the ARP message in an untagged ``frame``, None if it is none in full."""
    body = frame[14 : 14 + ARP_BYTES]
    if frame[12:14] != b"\x08\x06" or len(body) < ARP_BYTES or body[:6] != b"\0\x01\x08\0\x06\x04":
        return None
    operation = int.from_bytes(body[6:8], "big")
    if operation not in (1, 2):
        return None
    return Arp(operation == 1, body[8:14], IPv4Address(body[14:18]), IPv4Address(body[24:28]))


def write_arp(operation: int, mac: bytes, sender: Address, target_mac: bytes, target: Address, to: bytes) -> bytes:
    """Return an ARP frame from ``mac`` to the MAC ``to``."""
    begin = b"\0\x01\x08\0\x06\x04" + operation.to_bytes(2, "big")
    return ethernet(to, mac, 0x0806, begin + mac + sender.packed + target_mac + target.packed)


@dataclass(frozen=True)
class Discovery:
    """A valid message of neighbour discovery; ``link_address`` is what its source or target option names."""

    kind: int
    target: IPv6Address
    says: int
    link_address: bytes | None


def read_discovery(packet: Packet) -> Discovery | str | None:
    """Return the message in a packet, "malformed" if RFC 4861 has it discarded, None if it is no such message."""
    if packet.version != 6 or packet.tuple.protocol != ICMPV6 or packet.fragment != "whole" or packet.transport != 40:
        return None
    message = packet.data[40:]
    kind = message[0]
    if kind not in FIXED:
        return None
    if len(message) < FIXED[kind] or 14 + len(packet.data) > HEAD_BYTES or packet.ttl != 255 or message[1]:
        return "malformed"
    options = read_options(message[FIXED[kind] :])
    if options is None:
        return "malformed"
    source, destination = packet.tuple.source, packet.tuple.destination
    if sum_words(pseudo_header(source, destination, len(message), ICMPV6) + message) != 0xFFFF:
        return "malformed"
    target = IPv6Address(message[8:24]) if kind in (SOLICITATION, ADVERTISEMENT) else UNSPECIFIED
    wanted = TARGET_OPTION if kind == ADVERTISEMENT else SOURCE_OPTION
    link_address = options.get(wanted, bytes(6))
    found = Discovery(kind, target, message[4], link_address if any(link_address) else None)
    return found if is_sane(found, source, destination) else "malformed"


def read_options(data: bytes) -> dict[int, bytes] | None:
    """Return the first link-layer address of each kind; None if the options do not fill the message."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(data):
        length = data[at + 1] * 8
        if length == 0:
            return None
        if length == 8:
            found.setdefault(data[at], data[at + 2 : at + 8])
        at += length
    return found if at == len(data) else None


def is_sane(message: Discovery, source: Address, destination: Address) -> bool:
    """Whether the addresses of a message go together (RFC 4861 sections 6.1 and 7.1)."""
    unspecified, to_group = source == UNSPECIFIED, destination.packed[0] == 0xFF
    if message.kind == ROUTER_SOLICITATION:
        return not unspecified or message.link_address is None
    if message.kind == ROUTER_ADVERTISEMENT:
        return source in LINK_LOCAL
    if message.target.packed[0] == 0xFF:
        return False
    if message.kind == ADVERTISEMENT:
        return not to_group or not message.says & SOLICITED
    return not unspecified or (destination in SOLICITED_NODES and message.link_address is None)


def link_option(kind: int, mac: bytes) -> bytes:
    """Return an option that names a MAC."""
    return bytes([kind, 1]) + mac


def advertise(frame: bytes, packet: Packet, message: Discovery, mac: bytes, kind: int = FROM_ROUTER) -> bytes:
    """Return the frame that answers a neighbour solicitation: ``kind`` is 0 if its target is no router."""
    to, to_mac = packet.tuple.source, message.link_address or frame[6:12]
    says = kind | OVERRIDES | SOLICITED
    if to == UNSPECIFIED:
        to, to_mac, says = ALL_NODES, ALL_NODES_MAC, kind | OVERRIDES
    body = (
        struct.pack("!BBHI", ADVERTISEMENT, 0, 0, says << 24) + message.target.packed + link_option(TARGET_OPTION, mac)
    )
    return ethernet(to_mac, mac, 0x86DD, icmp_packet(message.target, to, body, ttl=255))


def solicit(mac: bytes, source: Address, target: Address, to: bytes | None = None) -> bytes:
    """Return the frame that asks for ``target``'s MAC: all who may have it, or the one with the MAC ``to``."""
    body = struct.pack("!BBHI", SOLICITATION, 0, 0, 0) + target.packed + link_option(SOURCE_OPTION, mac)
    if to is not None:
        return ethernet(to, mac, 0x86DD, icmp_packet(source, target, body, ttl=255))
    group = IPv6Address(int(SOLICITED_NODES.network_address) | int(target) & 0xFFFFFF)
    return ethernet(b"\x33\x33" + group.packed[12:], mac, 0x86DD, icmp_packet(source, group, body, ttl=255))


def advertise_router(frame: bytes, packet: Packet, message: Discovery, interface: Interface) -> bytes:
    """Return the frame that answers a router solicitation."""
    to, to_mac = packet.tuple.source, message.link_address or frame[6:12]
    if to == UNSPECIFIED:
        to, to_mac = ALL_NODES, ALL_NODES_MAC
    body = struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, 1800, 0, 0)
    body += link_option(SOURCE_OPTION, interface.mac) + struct.pack("!BBHI", 5, 1, 0, interface.mtu)
    for prefix in interface.prefixes:
        flags = 0xC0 if prefix.prefixlen == 64 else 0x80
        body += struct.pack("!BBBBIII", 3, 4, prefix.prefixlen, flags, 2_592_000, 604_800, 0)
        body += prefix.network_address.packed
    own = interface.own_address(6)
    if interface.answers_names and own and own != interface.link_local:
        body += struct.pack("!BBHI", 25, 3, 0, 1800) + own.packed
    return ethernet(to_mac, interface.mac, 0x86DD, icmp_packet(interface.link_local, to, body, ttl=255))
