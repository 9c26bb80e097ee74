"""Frames for tests, crafted by scapy and handed over as bytes.

MACs and addresses are numbered: ``mac(2)`` is 02:00:00:00:00:02 and belongs with ``ip4(2)``, 10.0.0.2, and ``ip6(2)``,
fd00::2. Frames carry no FCS.
"""

from ipaddress import IPv4Address, IPv6Address

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

conf.verb = 0

BROADCAST = b"\xff" * 6
GROUP = bytes.fromhex("01005e000001")
UNKNOWN = bytes.fromhex("02eeeeeeeeee")


def mac(number: int) -> bytes:
    """Return the locally administered MAC of that number."""
    return b"\x02" + number.to_bytes(5, "big")


def mac_text(address: bytes) -> str:
    """Return ``address`` as people write it."""
    return address.hex(":")


def ip4(number: int) -> str:
    """Return the IPv4 address of that number in 10.0.0.0/8."""
    return str(IPv4Address("10.0.0.0") + number)


def ip6(number: int) -> str:
    """Return the IPv6 address of that number in fd00::/64."""
    return str(IPv6Address("fd00::") + number)


def header(destination: bytes, source: bytes, **fields: int) -> Packet:
    """Return a scapy Ethernet header; with ``type=…`` it says what follows, else the next layer does."""
    return Ether(dst=mac_text(destination), src=mac_text(source), **fields)


def plain(destination: bytes, source: bytes, length: int = 60, ethertype: int = 0x88B5) -> bytes:
    """Return an opaque frame of ``length`` bytes (IEEE 802 local experimental ethertype), its payload counting up."""
    payload = bytes(i & 0xFF for i in range(length - 14))
    return bytes(header(destination, source, type=ethertype) / Raw(payload))


def tag(vid: int, pcp: int = 0, dei: int = 0) -> Packet:
    """Return an 802.1Q tag for ``tagged``."""
    return Dot1Q(vlan=vid, prio=pcp, dei=dei)


def service_tag(vid: int, pcp: int = 0) -> Packet:
    """Return an 802.1ad service tag for ``tagged``."""
    return Dot1AD(vlan=vid, prio=pcp)


def tagged(frame: bytes, *tags: Packet) -> bytes:
    """Return ``frame`` with ``tags`` put behind its MACs, the first one outermost."""
    inner = frame
    for each in reversed(tags):
        ethertype = b"\x88\xa8" if isinstance(each, Dot1AD) else b"\x81\x00"
        inner = inner[:12] + ethertype + bytes(each)[:2] + inner[12:]
    return inner


def arp_request(target: int, sender: int, **fields: str) -> bytes:
    """Return who-has ``ip4(target)`` tell ``ip4(sender)``; ``fields`` (hwsrc, psrc) override what the sender claims."""
    claim = {"hwsrc": mac_text(mac(sender)), "psrc": ip4(sender)} | fields
    return bytes(header(BROADCAST, mac(sender)) / ARP(op=1, pdst=ip4(target), **claim))


def udp4(destination: int, source: int, payload: bytes = b"data", source_address: str | None = None) -> bytes:
    """Return a UDP datagram over IPv4; ``source_address`` overrides the sender's own."""
    packet = IP(dst=ip4(destination), src=source_address or ip4(source), id=1) / UDP(sport=4000, dport=53)
    return bytes(header(mac(destination), mac(source)) / packet / Raw(payload))


def tcp4(destination: int, source: int, payload: bytes = b"") -> bytes:
    """Return a TCP SYN over IPv4."""
    packet = IP(dst=ip4(destination), src=ip4(source), id=1) / TCP(sport=4000, dport=80, seq=1)
    return bytes(header(mac(destination), mac(source)) / packet / Raw(payload))


def ping4(destination: int, source: int) -> bytes:
    """Return an ICMP echo request."""
    packet = IP(dst=ip4(destination), src=ip4(source), id=1) / ICMP(id=7, seq=1)
    return bytes(header(mac(destination), mac(source)) / packet)


def ping6(destination: int, source: int, source_address: str | None = None) -> bytes:
    """Return an ICMPv6 echo request; ``source_address`` overrides the sender's own."""
    packet = IPv6(dst=ip6(destination), src=source_address or ip6(source)) / ICMPv6EchoRequest(id=7, seq=1)
    return bytes(header(mac(destination), mac(source)) / packet)


def neighbour_solicitation(target: int, source: int, source_address: str | None = None) -> bytes:
    """Return an ND solicitation to the target's solicited-node group."""
    group = bytes.fromhex("3333ff") + target.to_bytes(3, "big")
    group_address = f"ff02::1:ff{target >> 16:02x}:{target & 0xFFFF:x}"
    packet = IPv6(dst=group_address, src=source_address or ip6(source)) / ICMPv6ND_NS(tgt=ip6(target))
    return bytes(header(group, mac(source)) / packet)
