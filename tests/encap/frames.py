"""Inner and outer frames, by scapy."""

from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from tests.encap.node import LINK4, RED, UDP_PORT, Link
from tests.packets import mac, mac_text

ALICE, BOB = mac(0xA), mac(0xB)
UNDERLAY_MAC = mac(0x999)
SOURCE_PORT = 50_000


def inner4(source: str = "10.20.0.9", destination: str = "10.20.0.1", tos: int = 0, payload: bytes = b"data") -> bytes:
    """Return a UDP datagram from Bob, somewhere else, to Alice."""
    packet = IP(src=source, dst=destination, tos=tos, id=7) / UDP(sport=4000, dport=53) / Raw(payload)
    return bytes(Ether(dst=mac_text(ALICE), src=mac_text(BOB)) / packet)


def inner6(source: str = "fd00:20::9", destination: str = "fd00:20::1", tos: int = 0) -> bytes:
    """Return the same over IPv6."""
    packet = IPv6(src=source, dst=destination, tc=tos) / UDP(sport=4000, dport=53) / Raw(b"data")
    return bytes(Ether(dst=mac_text(ALICE), src=mac_text(BOB)) / packet)


def inner_tcp4(payload: bytes, **fields: Any) -> bytes:
    """Return a TCP segment from Bob to Alice."""
    packet = IP(src="10.20.0.9", dst="10.20.0.1", id=7) / TCP(sport=4000, dport=80, seq=1000, **fields) / Raw(payload)
    return bytes(Ether(dst=mac_text(ALICE), src=mac_text(BOB)) / packet)


def arp(sender: str, claimed: bytes = BOB) -> bytes:
    """Return an ARP reply that says who has an address."""
    message = ARP(op=2, hwsrc=mac_text(claimed), psrc=sender, hwdst=mac_text(ALICE), pdst="10.20.0.1")
    return bytes(Ether(dst=mac_text(ALICE), src=mac_text(BOB)) / message)


def advertisement(target: str) -> bytes:
    """Return a neighbour advertisement about an address, from a link-local one."""
    message = ICMPv6ND_NA(tgt=target, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac_text(BOB))
    packet = IPv6(src="fe80::9", dst="fd00:20::1", hlim=255) / message
    return bytes(Ether(dst=mac_text(ALICE), src=mac_text(BOB)) / packet)


def header(vni: int = RED, flags: int = 0x08, **fields: int) -> bytes:
    """Return a VXLAN header; ``group`` is that of the policy extension, ``reserved`` its other bits."""
    group, reserved = fields.get("group", 0), fields.get("reserved", 0)
    return bytes((flags, reserved)) + group.to_bytes(2, "big") + vni.to_bytes(3, "big") + bytes((reserved,))


def carried(
    to: bytes,
    inner: bytes,
    sender: str = "",
    link: Link = LINK4,
    vxlan: bytes = b"",
    port: int = UDP_PORT,
    destination: str = "",
    **fields: Any,
) -> Packet:
    """Return ``inner`` as a peer sends it to this node's MAC ``to``; ``fields`` are of the outer IP header, but for
    ``udp``: those of the UDP header (chksum 0 unless given)."""
    sender, destination = sender or link.peers[1], destination or link.own
    udp = {"sport": SOURCE_PORT, "dport": port, "chksum": 0} | fields.pop("udp", {})
    if "." in sender:
        network: Packet = IP(**{"src": sender, "dst": destination, "flags": "DF", "id": 0} | fields)
    else:
        network = IPv6(src=sender, dst=destination, **fields)
    outer = Ether(dst=mac_text(to), src=mac_text(UNDERLAY_MAC)) / network / UDP(**udp)
    return outer / Raw((vxlan or header()) + inner)


def with_checksum(packet: Packet) -> bytes:
    """Return a carried frame with the outer UDP checksum that it should have."""
    del packet[UDP].chksum
    return bytes(packet)


def opened(frame: bytes) -> Packet:
    """Return an encapsulated frame as scapy reads it, down to the inner Ethernet header."""
    outer = Ether(frame)
    assert isinstance(outer[UDP].payload, VXLAN)
    return outer
