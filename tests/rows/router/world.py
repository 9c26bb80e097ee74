"""A small world for the router's rows: two networks, a way out, and stations that say who they are.

blue  10.1.0.0/24, fd00:1::/64   b1 and b2 with the stations B1 and B2, .2 and .3
red   10.2.0.0/24, fd00:2::/64   r1 with the station R1, .2
wan   192.0.2.0/24, 2001:db8::/64, the router has .10; its next hop G is .1, and W is .7
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv6Address, ip_address, ip_interface, ip_network
from typing import Any, NamedTuple

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    in6_chksum,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw
from scapy.utils import checksum as scapy_checksum

from control.model import Configuration, Limits, Nat, Network, Pcap, Port, Route, Timeouts, Uplink
from tests.checkers import Check, consumed
from tests.naive.interfaces import Interface, interfaces_of
from tests.packets import BROADCAST, mac, mac_text
from tests.rows.row import Step, step

NODE = "test"
FAR, FAR6 = "198.51.100.9", "2001:db8:9::9"
"""Somebody behind the uplink's gateway."""


class Station(NamedTuple):
    """Somebody on a link: behind which port, and who."""

    port: str
    mac: bytes
    ip4: str
    ip6: str
    network: str


B1 = Station("b1", mac(0x12), "10.1.0.2", "fd00:1::2", "blue")
B2 = Station("b2", mac(0x13), "10.1.0.3", "fd00:1::3", "blue")
R1 = Station("r1", mac(0x22), "10.2.0.2", "fd00:2::2", "red")
G = Station("wan", mac(0x31), "192.0.2.1", "2001:db8::1", "uplink")
W = Station("wan", mac(0x37), "192.0.2.7", "2001:db8::7", "uplink")
OUTSIDE, OUTSIDE6 = "192.0.2.10", "2001:db8::10"
UPLINK = Uplink(
    "port",
    (ip_interface("192.0.2.10/24"), ip_interface("2001:db8::10/64")),
    (ip_address("192.0.2.1"), ip_address("2001:db8::1")),
    port="wan",
)


def network(name: str, number: int, **fields: Any) -> Network:
    """Return network ``number``: 10.NUMBER.0.0/24 and fd00:NUMBER::/64, the router first in each."""
    subnets = ip_network(f"10.{number}.0.0/24"), ip_network(f"fd00:{number}::/64")
    gateway = ip_address(f"10.{number}.0.1"), ip_address(f"fd00:{number}::1")
    return Network(name, subnets=subnets, gateway=gateway, **({"masquerade": True} | fields))


def pcap(station: Station, **fields: Any) -> Port:
    """Return the port behind which a station is."""
    if station.network == "uplink":
        return Port(station.port, "", Pcap(), endpoint=False, **fields)
    addresses = ip_interface(f"{station.ip4}/24"), ip_interface(f"{station.ip6}/64")
    return Port(station.port, station.network, Pcap(), addresses, station.mac, **fields)


def world(
    *ports: Port,
    blue: dict[str, Any] | None = None,
    red: dict[str, Any] | None = None,
    uplink: Uplink | None = UPLINK,
    routes: Sequence[Route] = (),
    nat: Nat | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> Configuration:
    """Return the configuration; ``ports`` take the place of those of the same name."""
    given = {port.name: port for port in ports}
    usual = {each.port: pcap(each) for each in (B1, B2, R1, G)}
    return Configuration(
        node=NODE,
        networks=(network("blue", 1, **(blue or {})), network("red", 2, **(red or {}))),
        ports=tuple((usual | given).values()),
        uplink=uplink,
        routes=tuple(routes),
        nat=nat or Nat(),
        limits=limits or Limits(fdb=4096, flows=4096),
        timeouts=timeouts or Timeouts(),
    )


WORLD = world()
PLAIN = world(blue={"masquerade": False}, red={"masquerade": False})
"""A world in which nothing is translated, and so nothing tracked."""


def interface(name: str, configuration: Configuration = WORLD) -> Interface:
    """Return the router's interface in a network, or ``uplink``."""
    return next(each for each in interfaces_of(configuration) if each.name == name)


def router_mac(station: Station) -> bytes:
    """Return the router's MAC on a station's link."""
    return interface(station.network).mac


def gateway(station: Station, version: int = 4) -> str:
    """Return the router's address on a station's link."""
    return str(interface(station.network).own_address(version))


def own(station: Station, version: int) -> str:
    """Return the station's address."""
    return station.ip4 if version == 4 else station.ip6


def ether(to: bytes, source: bytes, packet: Packet) -> bytes:
    """Return a frame that carries ``packet``."""
    return bytes(Ether(dst=mac_text(to), src=mac_text(source)) / packet)


def ip(source: str, destination: str, ttl: int = 64, **fields: Any) -> Packet:
    """Return an IP header."""
    if ip_address(source).version == 6:
        return IPv6(src=source, dst=destination, hlim=ttl, **fields)
    return IP(src=source, dst=destination, ttl=ttl, **({"id": 7} | fields))


def udp(
    source: str, destination: str, sport: int = 4000, dport: int = 5353, body: bytes = b"data", **fields: Any
) -> Packet:
    """Return a UDP datagram."""
    return ip(source, destination, **fields) / UDP(sport=sport, dport=dport) / Raw(body)


def tcp(source: str, destination: str, sport: int = 4000, dport: int = 80, flags: str = "S", **fields: Any) -> Packet:
    """Return a TCP segment; ``seq``, ``ack`` and ``body`` are its own, all else the IP header's."""
    seq, ack, body = fields.pop("seq", 100), fields.pop("ack", 0), fields.pop("body", b"")
    segment = TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack, window=1000)
    return ip(source, destination, **fields) / segment / Raw(body)


def ping(source: str, destination: str, identifier: int = 77, reply: bool = False, **fields: Any) -> Packet:
    """Return an echo request or reply."""
    if ip_address(source).version == 6:
        kind = ICMPv6EchoReply if reply else ICMPv6EchoRequest
        return ip(source, destination, **fields) / kind(id=identifier, seq=1, data=b"hello")
    return ip(source, destination, **fields) / ICMP(type=0 if reply else 8, id=identifier, seq=1) / Raw(b"hello")


def sent(station: Station, packet: Packet) -> bytes:
    """Return the frame by which a station gives the router a packet."""
    return ether(router_mac(station), station.mac, packet)


def delivered(station: Station, packet: Packet) -> bytes:
    """Return the frame by which the router gives a station a packet."""
    return ether(station.mac, router_mac(station), packet)


def arp(station: Station, op: int, target: str, to: bytes, **fields: Any) -> bytes:
    """Return an ARP message of a station; ``fields`` override what it claims."""
    claim = {"hwsrc": mac_text(station.mac), "psrc": station.ip4} | fields
    return bytes(Ether(dst=mac_text(to), src=mac_text(station.mac)) / ARP(op=op, pdst=target, **claim))


def arp_reply(station: Station, target: str | None = None, **fields: Any) -> bytes:
    """Return a station's answer to the router."""
    return arp(station, 2, target or gateway(station), router_mac(station), **fields)


def arp_asked(station: Station, to: bytes = BROADCAST) -> bytes:
    """Return how the router asks for a station."""
    source = router_mac(station)
    return bytes(
        Ether(dst=mac_text(to), src=mac_text(source))
        / ARP(op=1, hwsrc=mac_text(source), psrc=gateway(station), hwdst=mac_text(bytes(6)), pdst=station.ip4)
    )


def link_local(station: Station) -> str:
    """Return the router's link-local address on a station's link."""
    return str(interface(station.network).link_local)


def solicited_group(address: str) -> tuple[bytes, str]:
    """Return the MAC and the address of an address's solicited-node group."""
    last = int(IPv6Address(address)) & 0xFFFFFF
    return b"\x33\x33\xff" + last.to_bytes(3, "big"), str(IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | last))


def ns(station: Station, target: str, source: str | None = None, option: bool = True) -> bytes:
    """Return a neighbour solicitation of a station's."""
    to, group = solicited_group(target)
    message = IPv6(src=source or station.ip6, dst=group, hlim=255) / ICMPv6ND_NS(tgt=target)
    return ether(to, station.mac, message / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(station.mac)) if option else message)


def ns_asked(station: Station, by: bytes | None = None) -> bytes:
    """Return how the router asks for a station: all who may have the address, or who has the MAC ``by``."""
    to, group = solicited_group(station.ip6) if by is None else (by, station.ip6)
    message = IPv6(src=link_local(station), dst=group, hlim=255) / ICMPv6ND_NS(tgt=station.ip6)
    option = ICMPv6NDOptSrcLLAddr(lladdr=mac_text(router_mac(station)))
    return ether(to, router_mac(station), message / option)


def ns_unicast(station: Station, target: str) -> bytes:
    """Return a solicitation that a station sends to the router alone."""
    message = IPv6(src=station.ip6, dst=target, hlim=255) / ICMPv6ND_NS(tgt=target)
    return ether(router_mac(station), station.mac, message / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(station.mac)))


def na(station: Station, target: str | None = None, solicited: int = 1, override: int = 1, **fields: Any) -> bytes:
    """Return a station's advertisement to the router; ``lladdr`` is what it claims to have."""
    claim = fields.get("lladdr", station.mac)
    message = IPv6(src=station.ip6, dst=fields.get("dst", gateway(station, 6)), hlim=255)
    body = ICMPv6ND_NA(tgt=target or station.ip6, R=0, S=solicited, O=override)
    option = ICMPv6NDOptDstLLAddr(lladdr=mac_text(claim))
    return ether(fields.get("to", router_mac(station)), station.mac, message / body / option)


def na_from_router(station: Station, target: str) -> bytes:
    """Return how the router answers a station's solicitation."""
    source = router_mac(station)
    message = IPv6(src=target, dst=station.ip6, hlim=255) / ICMPv6ND_NA(tgt=target, R=1, S=1, O=1)
    return ether(station.mac, source, message / ICMPv6NDOptDstLLAddr(lladdr=mac_text(source)))


def met(*stations: Station) -> tuple[Step, ...]:
    """Return the steps after which the router knows these stations, IPv4 and IPv6, as reachable."""
    steps = []
    for each in stations:
        steps += [
            step(each.port, arp_reply(each), consumed()),
            step(each.port, ns(each, gateway(each, 6))),
            step(each.port, na(each), consumed()),
        ]
    return tuple(steps)


def gives(station: Station, packet: Packet, *checks: Check, **after: int) -> Step:
    """Return the step in which a station gives the router a packet."""
    return step(station.port, sent(station, packet), *checks, **after)


def error(station: Station, packet: Packet, kind: int, code: int, rest: int = 0) -> bytes:
    """Return the ICMP error by which the router tells a station about a packet it gave."""
    quoted = bytes(packet)
    if quoted[0] >> 4 == 6:
        message = struct.pack("!BBHI", kind, code, 0, rest) + quoted[: 1280 - 48]
        header = IPv6(src=gateway(station, 6), dst=packet.src, hlim=64, nh=58)
        checksum = in6_chksum(58, header, message)
        whole = bytes(header / Raw(message[:2] + checksum.to_bytes(2, "big") + message[4:]))
    else:
        message = struct.pack("!BBHI", kind, code, 0, rest) + quoted[: 576 - 28]
        header = IP(src=gateway(station), dst=packet.src, ttl=64, id=0, flags="DF", tos=0xC0, proto=1)
        whole = bytes(header / Raw(message[:2] + scapy_checksum(message).to_bytes(2, "big") + message[4:]))
    type_ = 0x86DD if quoted[0] >> 4 == 6 else 0x0800
    return bytes(Ether(dst=mac_text(station.mac), src=mac_text(router_mac(station)), type=type_)) + whole


def later(packet: Packet, hops: int = 1) -> Packet:
    """Return a packet as it is some hops further."""
    further: Any = packet.copy()
    if isinstance(further, IPv6):
        further.hlim -= hops
    else:
        further.ttl -= hops
    return further


def without_gateway(configuration: Configuration, version: int) -> Configuration:
    """Return a configuration whose networks have no router of one family."""
    networks = tuple(
        replace(
            each,
            subnets=tuple(subnet for subnet in each.subnets if subnet.version != version),
            gateway=tuple(address for address in each.gateway if address.version != version),
        )
        for each in configuration.networks
    )
    return replace(configuration, networks=networks)
