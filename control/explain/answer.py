"""What stations say: the frames by which the fabric gets to know them."""

import struct
from ipaddress import IPv4Address, IPv6Address

from control.explain.packet import checksum, frame_bytes
from control.explain.place import BROADCAST
from control.model import Address
from dataplane.wire import (
    ARP_ETHERNET,
    ARP_REPLY,
    NEIGHBOUR_ADVERTISEMENT,
    PROTOCOL_ICMPV6,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
)

TYPE_EXPERIMENTAL = 0x88B5
"""IEEE 802's local experimental EtherType: a frame of it says nothing but who sends it."""

_SOLICITED_AND_OVERRIDES = 0x6000_0000
_TARGET_LINK_ADDRESS = 2
_SMALLEST = 46


def presence(mac: bytes, vlan: int | None) -> bytes:
    """Return a frame by which a switch learns where ``mac`` is."""
    return frame_bytes(BROADCAST, mac, bytes(_SMALLEST), TYPE_EXPERIMENTAL, vlan)


def neighbour_answer(asked: Address, mac: bytes, asker: bytes, asker_mac: bytes, vlan: int | None) -> bytes:
    """Return the frame by which ``asked`` says that it has ``mac``; ``asker`` is the packed address of who asks."""
    if isinstance(asked, IPv4Address):
        begin = struct.pack("!HHBBH", ARP_ETHERNET, TYPE_IPV4, 6, 4, ARP_REPLY)
        payload = begin + mac + asked.packed + asker_mac + asker
        return frame_bytes(asker_mac, mac, payload.ljust(_SMALLEST, b"\0"), TYPE_ARP, vlan)
    return frame_bytes(asker_mac, mac, _advertisement(asked, mac, asker), TYPE_IPV6, vlan)


def _advertisement(asked: IPv6Address, mac: bytes, asker: bytes) -> bytes:
    """Return a solicited neighbour advertisement (RFC 4861 section 4.4) as an IPv6 packet."""
    option = bytes((_TARGET_LINK_ADDRESS, 1)) + mac
    rest = struct.pack("!I", _SOLICITED_AND_OVERRIDES) + asked.packed + option
    message = struct.pack("!BBH", NEIGHBOUR_ADVERTISEMENT, 0, 0) + rest
    found = checksum(asked.packed + asker + struct.pack("!II", len(message), PROTOCOL_ICMPV6) + message)
    message = struct.pack("!BBH", NEIGHBOUR_ADVERTISEMENT, 0, found) + rest
    return struct.pack("!IHBB", 6 << 28, len(message), PROTOCOL_ICMPV6, 255) + asked.packed + asker + message
