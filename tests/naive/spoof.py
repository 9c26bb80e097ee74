"""Port security: a port speaks for its own MAC and addresses only.

The ethertype is the one after the tag that a VLAN-aware network took off, and after up to four more tags (802.1Q or
802.1ad): a receiver may look through those. A frame of more tags, or that ends inside one, is refused. Headers are
read at fixed offsets from there; one that ends too early is as bad as a wrong one. The order within ARP: length,
sender MAC, sender address.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

from control.model import Port

ARP, IPV4, IPV6 = b"\x08\x06", b"\x08\x00", b"\x86\xdd"
ARP_BYTES, IPV4_BYTES, IPV6_BYTES = 28, 20, 40
TAGS, TAG_BYTES, MOST_TAGS = (b"\x81\x00", b"\x88\xa8"), 4, 4
UNSPECIFIED_IPV4, UNSPECIFIED_IPV6 = IPv4Address(0), IPv6Address(0)
LINK_LOCAL = IPv6Network("fe80::/10")


def find_spoofing(port: Port, frame: bytes) -> str | None:
    """Return the reason to drop an untagged ``frame`` that came in at ``port``, or None."""
    if not port.spoof_check:
        return None
    if port.mac_known and frame[6:12] != port.mac:
        return "spoofed_mac"
    ethertype, payload = frame[12:14], frame[14:]
    for _ in range(MOST_TAGS):
        if ethertype in TAGS and len(payload) >= TAG_BYTES:
            ethertype, payload = payload[2:4], payload[4:]
    if ethertype in TAGS:
        return "spoofed_address"
    if ethertype == ARP:
        return check_arp(port, payload)
    if ethertype == IPV4:
        return check_ipv4(port, payload)
    if ethertype == IPV6:
        return check_ipv6(port, payload)
    return None


def check_arp(port: Port, payload: bytes) -> str | None:
    """RFC 826: sender hardware address at byte 8, sender protocol address at byte 14."""
    if len(payload) < ARP_BYTES:
        return "spoofed_address"
    if port.mac_known and payload[8:14] != port.mac:
        return "spoofed_mac"
    sender = IPv4Address(payload[14:18])
    return None if sender == UNSPECIFIED_IPV4 or owns(port, sender) else "spoofed_address"


def check_ipv4(port: Port, payload: bytes) -> str | None:
    """RFC 791: source address at byte 12."""
    if len(payload) < IPV4_BYTES:
        return "spoofed_address"
    source = IPv4Address(payload[12:16])
    return None if source == UNSPECIFIED_IPV4 or owns(port, source) else "spoofed_address"


def check_ipv6(port: Port, payload: bytes) -> str | None:
    """RFC 8200: source address at byte 8."""
    if len(payload) < IPV6_BYTES:
        return "spoofed_address"
    source = IPv6Address(payload[8:24])
    is_free = source == UNSPECIFIED_IPV6 or source in LINK_LOCAL
    return None if is_free or owns(port, source) else "spoofed_address"


def owns(port: Port, address: IPv4Address | IPv6Address) -> bool:
    """Return whether ``address`` is one of the port's own."""
    return any(interface.ip == address for interface in port.addresses)
