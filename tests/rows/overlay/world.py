"""The router's small world with two other nodes in it: both of its networks go on there.

blue  VNI 42; B1 and B2 are here, S2 is at node2, S3 at node3; 10.1.0.64/26 is node2's, 10.1.0.128/25 node3's
red   VNI 43; R1 is here, Q2 at node2
node2 is on the underlay's link, where W is; node3 is behind its gateway, G
"""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from control.model import TUNNEL, Configuration, Overlay, Peer, Port, RemoteEndpoint, Vtep
from tests.checkers import Check
from tests.naive.vxlan import FIRST_SOURCE_PORT
from tests.packets import mac, mac_text
from tests.rows.router.world import (
    FAR,
    FAR6,
    OUTSIDE,
    OUTSIDE6,
    G,
    Station,
    W,
    ether,
    met,
    network,
    router_mac,
    udp,
    world,
)
from tests.rows.row import Step, step

BLUE, RED = 42, 43
S2 = Station("wan", mac(0x52), "10.1.0.22", "fd00:1::22", "blue")
S3 = Station("wan", mac(0x53), "10.1.0.33", "fd00:1::33", "blue")
Q2 = Station("wan", mac(0x62), "10.2.0.22", "fd00:2::22", "red")
SILENT2 = Station("wan", mac(0x5A), "10.1.0.24", "fd00:1::24", "blue")
"""At node2; its MAC nobody told us."""
NEW2 = Station("wan", mac(0x5B), "10.1.0.70", "fd00:1::2:70", "blue")
NEW3 = Station("wan", mac(0x5C), "10.1.0.130", "fd00:1::3:130", "blue")
"""In node2's and node3's subnet; nobody told us of them."""
NOBODY = mac(0x99)


class Remote(NamedTuple):
    """Another node: its VTEP's addresses, and the station on the underlay's link by which it is reached."""

    node: str
    ip4: str
    ip6: str
    by: Station


NODE2 = Remote("node2", W.ip4, W.ip6, W)
NODE3 = Remote("node3", FAR, FAR6, G)
STRANGER = Remote("stranger", "198.51.100.66", "2001:db8:9::66", G)


def endpoint(station: Station, version: int, has_mac: bool = True) -> RemoteEndpoint:
    """Return what is told of a station at another node."""
    address = station.ip4 if version == 4 else station.ip6
    return RemoteEndpoint(station.network, ip_address(address), station.mac if has_mac else b"")


def told(*stations: Station, silent: Sequence[Station] = ()) -> tuple[RemoteEndpoint, ...]:
    """Return what is told of stations, both families; of the ``silent`` ones no MAC."""
    known = [endpoint(each, version) for each in stations for version in (4, 6)]
    return (*known, *(endpoint(each, version, has_mac=False) for each in silent for version in (4, 6)))


SUBNETS2 = ip_network("10.1.0.64/26"), ip_network("fd00:1::2:0/112")
SUBNETS3 = ip_network("10.1.0.128/25"), ip_network("fd00:1::3:0/112")
ENDPOINTS2 = told(S2, Q2, silent=[SILENT2])
ENDPOINTS3 = told(S3)


class Underlay(NamedTuple):
    """The rows' world over IPv4 or IPv6."""

    version: int

    @property
    def own(self) -> str:
        """This node's VTEP."""
        return OUTSIDE if self.version == 4 else OUTSIDE6

    @property
    def overhead(self) -> int:
        """What VXLAN puts around a packet, in bytes of the underlay's MTU."""
        return 50 if self.version == 4 else 70

    def vtep(self, node: Remote) -> str:
        """Return another node's VTEP."""
        return node.ip4 if self.version == 4 else node.ip6

    def peer(self, node: Remote, **fields: Any) -> Peer:
        """Return what is told of another node."""
        return Peer(node.node, ip_address(self.vtep(node)), **fields)

    def peers(self) -> tuple[Peer, ...]:
        """Return both other nodes, with all that is known of them."""
        return (
            self.peer(NODE2, subnets=SUBNETS2, endpoints=ENDPOINTS2),
            self.peer(NODE3, subnets=SUBNETS3, endpoints=ENDPOINTS3),
        )

    def world(
        self,
        *ports: Port,
        peers: Sequence[Peer] | None = None,
        blue: dict[str, Any] | None = None,
        red: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Configuration:
        """Return the configuration; ``fields`` are the overlay's, ``blue`` and ``red`` those of the networks."""
        plain = world(*ports)
        common = {"mode": "overlay", "mtu": 1500 - self.overhead}
        overlay = Overlay(
            ip_address(self.own),
            transport="raw",
            peers=tuple(self.peers() if peers is None else peers),
            **({"checksum": self.version == 6} | fields),
        )
        return replace(
            plain,
            networks=(
                network("blue", 1, **(common | {"vni": BLUE} | (blue or {}))),
                network("red", 2, **(common | {"vni": RED} | (red or {}))),
            ),
            ports=(*plain.ports, Port(TUNNEL, "", Vtep("raw"), mac=mac(0xFFF), endpoint=False)),
            overlay=overlay,
        )

    def header(self, source: str, destination: str, tos: int = 0, ttl: int = 64, **fields: Any) -> Packet:
        """Return an outer IP header as a VTEP writes it: not to be fragmented."""
        if self.version == 6:
            return IPv6(src=source, dst=destination, hlim=ttl, tc=tos, **fields)
        return IP(src=source, dst=destination, ttl=ttl, tos=tos, **({"id": 0, "flags": "DF"} | fields))

    def envelope(
        self,
        source: str,
        destination: str,
        frame: bytes,
        vni: int = BLUE,
        group: int | None = None,
        checksum: bool | None = None,
        sport: int = FIRST_SOURCE_PORT,
        dport: int = 4789,
        **fields: Any,
    ) -> Packet:
        """Return the packet in which a frame travels. ``checksum``: that of UDP is written; by default over IPv6.
        ``fields`` are those of the IP header."""
        has_checksum = self.version == 6 if checksum is None else checksum
        udp_fields = {} if has_checksum else {"chksum": 0}
        vxlan = VXLAN(vni=vni, flags=0x08) if group is None else VXLAN(vni=vni, flags=0x88, gpid=group)
        header = self.header(source, destination, **fields)
        return header / UDP(sport=sport, dport=dport, **udp_fields) / vxlan / Raw(frame)

    def wrapped(self, frame: bytes, to: Remote, **fields: Any) -> tuple[str, bytes]:
        """Return how a frame leaves for another node, and by which port."""
        packet = self.envelope(self.own, self.vtep(to), frame, **fields)
        return "wan", ether(to.by.mac, router_mac(G), packet)

    def arriving(self, frame: bytes, node: Remote, **fields: Any) -> bytes:
        """Return how a frame comes from another node."""
        packet = self.envelope(self.vtep(node), self.own, frame, **({"sport": 50123} | fields))
        return ether(router_mac(G), node.by.mac, packet)

    def comes(self, frame: bytes, node: Remote, *checks: Check, **fields: Any) -> Step:
        """Return the step in which a frame comes from another node; ``after_…`` say when, all else what it is in."""
        after = {name: fields.pop(name) for name in ("after_s", "after_ticks", "after_ns") if name in fields}
        return step("wan", self.arriving(frame, node, **fields), *checks, **after)

    def met(self) -> tuple[Step, ...]:
        """Return the steps after which the way to both nodes is known."""
        return met(G, W)


UNDERLAYS = Underlay(4), Underlay(6)


def says(source: Station, to: Station, body: bytes = b"data", version: int = 4, **fields: Any) -> bytes:
    """Return a datagram of one station to another of its network."""
    ends = (source.ip4, to.ip4) if version == 4 else (source.ip6, to.ip6)
    return ether(to.mac, source.mac, udp(*ends, body=body, **fields))


def calls(source: Station, destination: bytes = b"\xff" * 6, body: bytes = b"to all") -> bytes:
    """Return a frame of a station that is no packet."""
    return bytes(Ether(dst=mac_text(destination), src=mac_text(source.mac), type=0x88B5) / Raw(body.ljust(46, b"\0")))
