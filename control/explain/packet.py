"""A packet as the user writes it: ``tcp 10.10.0.2:4000 > 10.10.0.3:80 syn ttl=3``, and the frame that carries it."""

import re
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from control.errors import UserError
from control.model import Address
from dataplane.wire import (
    IPV4_BYTES,
    IPV4_DONT_FRAGMENT,
    IPV6_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_VLAN,
)

PROTOCOLS = {"tcp": PROTOCOL_TCP, "udp": PROTOCOL_UDP, "sctp": PROTOCOL_SCTP}
TCP_FLAGS = {"fin": 0x01, "syn": 0x02, "rst": 0x04, "psh": 0x08, "ack": 0x10}
NUMBERS = {"ttl": 255, "length": 9198, "id": 0xFFFF, "vlan": 4094}
"""The options that take a number, and the largest."""

FORM = "'PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [OPTIONS]' such as 'tcp 10.10.0.2:4000 > 10.10.0.3:80'"
_END = re.compile(r"(?:\[(?P<v6>[^]]*)\]|(?P<plain>[^\[\]]*?))(?::(?P<port>[0-9]{1,5}))?\Z", re.ASCII)
_TRANSPORT = {PROTOCOL_TCP: 20, PROTOCOL_UDP: 8, PROTOCOL_SCTP: 12, PROTOCOL_ICMP: 8, PROTOCOL_ICMPV6: 8}
_ECHO = {PROTOCOL_ICMP: 8, PROTOCOL_ICMPV6: 128}
_DEFAULT_TTL = 64
_TCP_WINDOW = 64240


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. ``length`` is that of the IP packet in bytes; ``tcp_flags`` as the header has them; of ICMP it is an
    echo request whose id is ``id``; ``vlan``: the tag that it comes in with, None for what its port expects."""

    protocol: int
    source: Address
    destination: Address
    source_port: int = 0
    destination_port: int = 0
    tcp_flags: int = TCP_FLAGS["syn"]
    ttl: int = _DEFAULT_TTL
    length: int = 0
    id: int = 1
    may_be_cut: int = 0
    vlan: int | None = None


def parse_packet(text: str) -> Packet:
    """Return the packet that ``text`` writes; UserError says what was expected."""
    words = text.replace(">", " > ").split()
    if len(words) < 4 or words[2] != ">":
        raise UserError(f"packet: expected {FORM}, found {text!r}", status=2)
    source, source_port = _end(words[1])
    destination, destination_port = _end(words[3])
    if source.version != destination.version:
        raise UserError(f"packet: expected two addresses of one family, found {source} and {destination}", status=2)
    protocol = _protocol(words[0], source.version)
    has_ports = protocol in PROTOCOLS.values()
    if has_ports != (source_port is not None) or has_ports != (destination_port is not None):
        wanted = "a port behind each address" if has_ports else "no ports"
        raise UserError(f"packet: expected {wanted} for {words[0]}, as in {FORM}, found {text!r}", status=2)
    options = _options(words[4:], protocol)
    packet = Packet(protocol, source, destination, source_port or 0, destination_port or 0, **options)
    least = (IPV4_BYTES if source.version == 4 else IPV6_BYTES) + _TRANSPORT.get(protocol, 0)
    if packet.length and packet.length < least:
        raise UserError(f"packet: length: expected at least {least} for its headers, found {packet.length}", status=2)
    return packet


def _protocol(word: str, version: int) -> int:
    if word == "icmp" or (word == "icmp6" and version == 6):
        return PROTOCOL_ICMP if version == 4 else PROTOCOL_ICMPV6
    if word in PROTOCOLS:
        return PROTOCOLS[word]
    if word.isascii() and word.isdecimal() and int(word[:4]) <= 255:
        return int(word)
    raise UserError(f"packet: expected tcp, udp, sctp, icmp or a protocol's number, found {word!r}", status=2)


def _end(text: str) -> tuple[Address, int | None]:
    """Return an address and the port behind it. An IPv6 address with a port stands in brackets."""
    match = _END.match(text)
    plain = text if text.count(":") > 1 and not text.startswith("[") else None
    try:
        if plain is not None or match is None:
            return ip_address(text), None
        address = ip_address(match["plain"] if match["v6"] is None else match["v6"])
    except ValueError:
        example = "10.10.0.2:4000 or [fd00:10::2]:4000"
        raise UserError(f"packet: expected an address such as {example}, found {text!r}", status=2) from None
    port = None if match["port"] is None else int(match["port"])
    if port is not None and port > 0xFFFF:
        raise UserError(f"packet: expected a port from 0 to 65535, found {port}", status=2)
    return address, port


def _options(words: list[str], protocol: int) -> dict[str, int]:
    """Return the fields that the options set."""
    options: dict[str, int] = {}
    for word in words:
        name, equals, number = word.partition("=")
        if equals and name in NUMBERS and number.isascii() and number.isdecimal() and int(number) <= NUMBERS[name]:
            options[name] = int(number)
        elif word == "fragments":
            options["may_be_cut"] = 1
        elif protocol == PROTOCOL_TCP and set(word.split(",")) <= set(TCP_FLAGS):
            options["tcp_flags"] = sum(TCP_FLAGS[flag] for flag in set(word.split(",")))
        else:
            ranges = ", ".join(f"{known}=N (at most {most})" for known, most in NUMBERS.items())
            flags = f", or TCP's flags such as {','.join(('syn', 'ack'))}" if protocol == PROTOCOL_TCP else ""
            raise UserError(f"packet: expected {ranges} or fragments{flags}, found {word!r}", status=2)
    return options


def packet_bytes(packet: Packet) -> bytes:
    """Return the IP packet, its checksums right."""
    transport = _transport(packet)
    header = IPV4_BYTES if packet.source.version == 4 else IPV6_BYTES
    transport += bytes(max(0, packet.length - header - len(transport)))
    pseudo = packet.source.packed + packet.destination.packed + struct.pack("!II", len(transport), packet.protocol)
    transport = _with_checksum(packet.protocol, transport, pseudo)
    if packet.source.version == 6:
        return (
            struct.pack("!IHBB", 6 << 28, len(transport), packet.protocol, packet.ttl)
            + packet.source.packed
            + packet.destination.packed
            + transport
        )
    fragment = 0 if packet.may_be_cut else IPV4_DONT_FRAGMENT
    begin = struct.pack("!BBHHHBB", 0x45, 0, header + len(transport), packet.id, fragment, packet.ttl, packet.protocol)
    addresses = packet.source.packed + packet.destination.packed
    return begin + struct.pack("!H", checksum(begin + b"\0\0" + addresses)) + addresses + transport


def _transport(packet: Packet) -> bytes:
    ports = struct.pack("!HH", packet.source_port, packet.destination_port)
    if packet.protocol == PROTOCOL_TCP:
        return ports + struct.pack("!IIBBHHH", 1, 0, 5 << 4, packet.tcp_flags, _TCP_WINDOW, 0, 0)
    if packet.protocol == PROTOCOL_UDP:
        header = IPV4_BYTES if packet.source.version == 4 else IPV6_BYTES
        return ports + struct.pack("!HH", max(8, packet.length - header), 0)
    if packet.protocol == PROTOCOL_SCTP:
        return ports + struct.pack("!II", 0, 0)
    if packet.protocol in _ECHO:
        return struct.pack("!BBHHH", _ECHO[packet.protocol], 0, 0, packet.id, 1)
    return b""


def _with_checksum(protocol: int, transport: bytes, pseudo: bytes) -> bytes:
    """Return the transport with its checksum; SCTP's, a CRC over nothing that the fabric changes, is left zero."""
    at = {PROTOCOL_TCP: 16, PROTOCOL_UDP: 6, PROTOCOL_ICMP: 2, PROTOCOL_ICMPV6: 2}.get(protocol)
    if at is None:
        return transport
    found = checksum(transport if protocol == PROTOCOL_ICMP else pseudo + transport)
    if protocol == PROTOCOL_UDP and found == 0:
        found = 0xFFFF
    return transport[:at] + struct.pack("!H", found) + transport[at + 2 :]


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def frame_bytes(destination: bytes, source: bytes, payload: bytes, ether_type: int, vlan: int | None = None) -> bytes:
    """Return an Ethernet frame, tagged if it has a ``vlan``."""
    tag = b"" if vlan is None else struct.pack("!HH", TYPE_VLAN, vlan)
    return destination + source + tag + struct.pack("!H", ether_type) + payload


def ether_type_of(packet: Packet) -> int:
    return TYPE_IPV4 if packet.source.version == 4 else TYPE_IPV6
