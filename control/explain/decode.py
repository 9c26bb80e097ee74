"""A frame -> the words for it: what left the fabric, said as the user says what comes in."""

import struct
from ipaddress import IPv4Address, IPv6Address

from control.explain.packet import TCP_FLAGS
from control.model import Address
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV6_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_VLAN,
)

_NAMES = {
    PROTOCOL_TCP: "tcp",
    PROTOCOL_UDP: "udp",
    PROTOCOL_SCTP: "sctp",
    PROTOCOL_ICMP: "icmp",
    PROTOCOL_ICMPV6: "icmp",
}
_WITH_PORTS = (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)
_ICMP = {
    0: "echo reply",
    3: "unreachable",
    8: "echo request",
    11: "time exceeded",
}
_ICMPV6 = {
    1: "unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
}


class Decoded:
    """What one frame says. ``destination``: a packet's; ``address_asked``: whom an ARP request or a neighbour
    solicitation asks for."""

    def __init__(self, frame: bytes) -> None:
        self.destination_mac, self.source_mac = frame[:6], frame[6:12]
        self.vlan: int | None = None
        self.text = ""
        self.ttl: int | None = None
        self.length = len(frame) - ETHERNET_BYTES
        self.destination: Address | None = None
        self.address_asked: Address | None = None
        (kind,) = struct.unpack_from("!H", frame, 12)
        payload = frame[ETHERNET_BYTES:]
        if kind == TYPE_VLAN:
            self.vlan = struct.unpack_from("!H", payload)[0] & 0xFFF
            (kind,) = struct.unpack_from("!H", payload, 2)
            payload = payload[4:]
        if kind == TYPE_ARP:
            self._read_arp(payload)
        elif kind in (TYPE_IPV4, TYPE_IPV6):
            self._read_packet(payload, kind == TYPE_IPV6)
        else:
            self.text = f"type 0x{kind:04x}"

    def _read_arp(self, payload: bytes) -> None:
        sender, target = IPv4Address(payload[14:18]), IPv4Address(payload[24:28])
        if payload[7] == 1:
            self.address_asked = target
            self.text = f"arp who has {target}, tell {sender}"
        else:
            self.text = f"arp {sender} is at {payload[8:14].hex(':')}"

    def _read_packet(self, packet: bytes, is_ipv6: bool) -> None:
        source: Address
        destination: Address
        if is_ipv6:
            protocol, self.ttl = packet[6], packet[7]
            self.length = IPV6_BYTES + struct.unpack_from("!H", packet, 4)[0]
            source, destination = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
            transport, is_later = packet[IPV6_BYTES:], False
        else:
            protocol, self.ttl = packet[9], packet[8]
            self.length, fragment = struct.unpack_from("!H2xH", packet, 2)
            source, destination = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
            transport, is_later = packet[(packet[0] & 0xF) * 4 :], bool(fragment & 0x1FFF)
        self.destination = destination
        name = _NAMES.get(protocol, str(protocol))
        if protocol in _WITH_PORTS and not is_later and len(transport) >= 4:
            source_port, destination_port = struct.unpack_from("!HH", transport)
            self.text = f"{name} {end_text(source, source_port)} > {end_text(destination, destination_port)}"
        else:
            self.text = f"{name} {source} > {destination}"
        if is_later:
            self.text += " later fragment"
        elif protocol == PROTOCOL_TCP and len(transport) >= 14:
            names = [flag for flag, bit in TCP_FLAGS.items() if transport[13] & bit]
            self.text += " " + ",".join(names) if names else ""
        elif name == "icmp" and len(transport) >= 8:
            self._read_icmp(transport, is_ipv6)

    def _read_icmp(self, message: bytes, is_ipv6: bool) -> None:
        what = (_ICMPV6 if is_ipv6 else _ICMP).get(message[0], f"type {message[0]}")
        self.text += f" {what}" + (f" code {message[1]}" if message[1] else "")
        if is_ipv6 and message[0] == 135 and len(message) >= 24:
            self.address_asked = IPv6Address(message[8:24])


def end_text(address: Address, port: int) -> str:
    """Return an address and a port as the user writes them."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
