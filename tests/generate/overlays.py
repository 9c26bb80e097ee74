"""Random nodes of an overlay, and what comes to them: from stations here, and from other nodes.

Of other nodes the configuration tells something, not all: endpoints with and without MACs, subnets, or nothing. Who
comes from there is mostly who should, and mostly in headers that are right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface, ip_network
from random import Random
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from control.model import (
    TUNNEL,
    Address,
    Configuration,
    Limits,
    Network,
    Overlay,
    Pcap,
    Peer,
    Port,
    RemoteEndpoint,
    Timeouts,
    Uplink,
    Vtep,
)
from tests.generate.routed import FAR, TCP_TIMEOUTS, Talk, random_pause_ns
from tests.generate.routers import GATEWAYS, UPLINKS, host, subnets_of
from tests.naive.interfaces import router_mac
from tests.naive.overlay import group_mac
from tests.naive.vxlan import Outer, wrap
from tests.naive.wire import ethernet, ethertype_of
from tests.packets import BROADCAST, mac, mac_text, tag, tagged
from tests.rows.overlay.malformed import patched, summed
from tests.runs import Arrival
from tests.scale import scaled

VNIS = (0, 42, 43, 0xFFFFFF)
GROUPS = {4: ip_address("239.1.1.1"), 6: ip_address("ff05::1")}
ON_LINK = {4: ("192.0.2.7", "192.0.2.21", "192.0.2.22"), 6: ("2001:db8::7", "2001:db8::21", "2001:db8::22")}
BEYOND = {4: ("198.51.100.9", "198.51.100.21"), 6: ("2001:db8:9::9", "2001:db8:9::21")}
BY_ITSELF, BY_GATEWAY = mac(0x37), mac(0x31)
PLACES_A_NODE = 8
"""Of each network a node has eight addresses, one of which nobody has told of."""


def remote_mac(node: int, number: int, station: int) -> bytes:
    """Return the MAC of a station of network ``number`` at another node."""
    return mac(0x50000 + (node << 12) + (number << 8) + station)


def remote_addresses(node: int, number: int, station: int) -> tuple[Address, Address]:
    """Return a station's addresses."""
    return host(number, 0x40 + node * PLACES_A_NODE + station)


def random_overlay(random: Random) -> Configuration:
    """Return a node with two networks that go on at two to four other nodes."""
    version = random.choice((4, 6))
    overhead = 50 if version == 4 else 70
    vnis = random.sample(VNIS, 2)
    networks = tuple(random_network(random, number, vni, overhead) for number, vni in enumerate(vnis, start=1))
    ports = [
        random_port(random, f"p{station}", random.randint(1, 2), station)
        for station in range(2, 2 + random.randint(2, 5))
    ]
    ports += [Port("out", "", Pcap(), endpoint=False), Port(TUNNEL, "", Vtep("raw"), mac=mac(0xFFF), endpoint=False)]
    random.shuffle(ports)
    addresses = random.sample((*ON_LINK[version], *BEYOND[version]), random.randint(2, 4))
    overlay = Overlay(
        UPLINKS[version == 6].ip,
        port=random.choice((4789, 4789, 8472)),
        transport="raw",
        learning=random.random() < 0.5,
        group=GROUPS[version] if random.random() < 0.2 else None,
        checksum=random.random() < 0.5,
        ttl=random.choice((64, 64, 5)),
        dscp=random.choice((None, None, 10)),
        gbp=random.random() < 0.3,
        peers=tuple(random_peer(random, node, ip_address(address)) for node, address in enumerate(addresses)),
    )
    return Configuration(
        node="random",
        networks=networks,
        ports=tuple(ports),
        uplink=Uplink("port", UPLINKS, GATEWAYS, "out"),
        overlay=overlay,
        timeouts=Timeouts(fdb_s=random.choice((7, 300)), sctp_established_s=30, **TCP_TIMEOUTS),
        limits=Limits(fdb=scaled(4096, jit_off=256), flows=scaled(4096, jit_off=256), routes=200),
    )


def random_network(random: Random, number: int, vni: int, overhead: int) -> Network:
    """Return an overlay network, mostly one with gateways."""
    return Network(
        f"n{number}",
        mode="overlay",
        subnets=subnets_of(number),
        gateway=random.choice((host(number, 1), host(number, 1), host(number, 1)[:1])),
        masquerade=random.random() < 0.3,
        icc=random.random() < 0.8,
        mtu=random.choice((1500 - overhead, 1280)),
        vni=vni,
        inner_vlan=random.choice(("discard", "discard", "keep")),
    )


def random_port(random: Random, name: str, number: int, station: int) -> Port:
    """Return a port here, with a station behind it."""
    pairs = zip(host(number, station), subnets_of(number), strict=True)
    addresses = tuple(ip_interface(f"{address}/{subnet.prefixlen}") for address, subnet in pairs)
    is_held = random.random() < 0.3
    claim: dict[str, Any] = {"mac": mac(station), "mac_known": is_held, "spoof_check": is_held}
    return Port(name, f"n{number}", Pcap(), addresses, endpoint=random.random() < 0.9, **claim)


def random_peer(random: Random, node: int, address: Address) -> Peer:
    """Return what is told of another node."""
    endpoints: list[RemoteEndpoint] = []
    subnets: list[Any] = []
    for number in (1, 2):
        for station in range(random.randint(0, PLACES_A_NODE - 1)):
            known = remote_mac(node, number, station) if random.random() < 0.7 else b""
            told = [each for each in remote_addresses(node, number, station) if random.random() < 0.8]
            endpoints += [RemoteEndpoint(f"n{number}", each, known) for each in told]
        if random.random() < 0.5:
            first = remote_addresses(node, number, 0)
            subnets += [ip_network(f"{first[0]}/29"), ip_network(f"{first[1]}/125")]
    networks = random.choice(((), (), (), ("n1",), ("n1", "n2")))
    return Peer(f"node{node}", address, tuple(subnets), tuple(endpoints), networks)


@dataclass(frozen=True)
class Somebody:
    """A station of a network: here behind a port, or at another node."""

    number: int
    mac: bytes
    addresses: tuple[Address, Address]
    port: str = ""
    node: int = -1


@dataclass
class Crowd:
    """Random frames among the stations of a node and of others. ``talk`` has what they say to routers."""

    random: Random
    node: Configuration
    stations: list[Somebody] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.node.overlay
        self.overlay = self.node.overlay
        self.talk = Talk(self.random, replace(self.node, ports=tuple(p for p in self.node.ports if p.name != TUNNEL)))
        for port in self.node.ports:
            if port.network:
                own = port.addresses[0].ip, port.addresses[1].ip
                self.stations.append(Somebody(int(port.network[1:]), port.mac, own, port=port.name))
        for node in range(len(self.overlay.peers)):
            for number in (1, 2):
                for station in range(PLACES_A_NODE):
                    own = remote_addresses(node, number, station)
                    self.stations.append(Somebody(number, remote_mac(node, number, station), own, node=node))

    def underlay(self) -> Iterator[tuple[str, bytes]]:
        """Yield how next hops of the underlay say who they are."""
        own = router_mac(self.node.node, "")
        for hop, addresses in ((BY_GATEWAY, GATEWAYS), *((BY_ITSELF, self.on_link()),)):
            for address in addresses:
                yield "out", told_by(hop, address, own)

    def on_link(self) -> list[Address]:
        """Return the peers' addresses that are on the underlay's link."""
        texts = ON_LINK[self.overlay.address.version]
        return [peer.address for peer in self.overlay.peers if str(peer.address) in texts]

    def arrival(self) -> list[tuple[str, bytes]]:
        """Return where the next frames come in, and what they are: mostly one."""
        random = self.random
        kind = random.random()
        if kind < 0.06:
            return [random.choice(list(self.underlay()))]
        if kind < 0.3:
            port, frames = self.talk.frame()
            return [(port, frame) for frame in frames]
        somebody = random.choice(self.stations)
        if random.random() < 0.35:
            somebody = random.choice([each for each in self.stations if each.port])
        frame = self.frame(somebody)
        if somebody.port:
            return [(somebody.port, frame)]
        return [("out", self.wrapped(somebody, frame))]

    def frame(self, somebody: Somebody) -> bytes:
        """Return a frame of a station's, to whom it may know."""
        random = self.random
        others = [each for each in self.stations if each.number == somebody.number]
        other = random.choice(others if random.random() < 0.97 else self.stations)
        near = [each for each in others if bool(each.port) != bool(somebody.port)]
        if near and random.random() < 0.6:
            other = random.choice(near)
        kind = random.random()
        if kind < 0.2:
            frame = self.question(somebody, other)
        elif kind < 0.3:
            to = random.choice((BROADCAST, BROADCAST, bytes.fromhex("01005e000009"), mac(0xEEEEE), other.mac))
            frame = to + somebody.mac + b"\x88\xb5" + bytes(random.choice((2, 46, 1400, 1480)))
        else:
            frame = self.datagram(somebody, other)
        if random.random() < 0.05:
            frame = tagged(frame, tag(random.randrange(4)))
        return self.talk.damaged(frame)

    def question(self, somebody: Somebody, other: Somebody) -> bytes:
        """Return an ARP or neighbour discovery message about another station, or the gateway."""
        random, version = self.random, random_version(self.random)
        network = self.node.networks[somebody.number - 1]
        targets = [other.addresses[version == 6]]
        targets += [address for address in network.gateway if address.version == version and random.random() < 0.3]
        target, own = random.choice(targets), somebody.addresses[version == 6]
        claimed = own if random.random() < 0.95 else random.choice(targets)
        is_probe = random.random() < 0.1
        if version == 4:
            op, to = random.choice(((1, BROADCAST), (1, BROADCAST), (1, other.mac), (2, other.mac), (2, BROADCAST)))
            source = "0.0.0.0" if is_probe else str(claimed)
            body = ARP(op=op, hwsrc=mac_text(somebody.mac), psrc=source, pdst=str(target))
            return bytes(Ether(dst=mac_text(to), src=mac_text(somebody.mac)) / body)
        option = {"lladdr": mac_text(somebody.mac)}
        if random.random() < 0.6:
            group = int(target) & 0xFFFFFF
            to = b"\x33\x33\xff" + group.to_bytes(3, "big") if random.random() < 0.8 else other.mac
            header = IPv6(
                src="::" if is_probe else str(claimed), dst=f"ff02::1:ff{group >> 16:02x}:{group & 0xFFFF:x}", hlim=255
            )
            message = ICMPv6ND_NS(tgt=str(target))
            message = message if is_probe else message / ICMPv6NDOptSrcLLAddr(**option)
        else:
            to = other.mac
            header = IPv6(src=str(own), dst=str(target), hlim=255)
            message = ICMPv6ND_NA(tgt=str(claimed), S=random.randrange(2), O=random.randrange(2), R=0)
            message = message / ICMPv6NDOptDstLLAddr(**option)
        return bytes(Ether(dst=mac_text(to), src=mac_text(somebody.mac)) / header / message)

    def datagram(self, somebody: Somebody, other: Somebody) -> bytes:
        """Return a packet from one station to another."""
        random, version = self.random, random_version(self.random)
        ends = {"src": str(somebody.addresses[version == 6]), "dst": str(other.addresses[version == 6])}
        if random.random() < 0.04:
            ends["src"] = str(random.choice(self.stations).addresses[version == 6])
        tos = random.choice((0, 0, 1, 2, 3, 0xB8, 0xFF))
        if version == 4:
            header: Packet = IP(**ends, tos=tos, id=random.randrange(5), flags=random.choice(("", "DF")))
        else:
            header = IPv6(**ends, tc=tos)
        body = Raw(bytes(random.choice((0, 1, 18, 300, 1232, 1252, 1382, 1402, 1422, 1472, 2000))))
        layers = (
            UDP(sport=4000, dport=random.choice((53, 5353))),
            TCP(flags="S"),
            ICMP() if version == 4 else ICMPv6EchoRequest(),
        )
        to = other.mac if random.random() < 0.95 else random.choice(self.stations).mac
        return bytes(Ether(dst=mac_text(to), src=mac_text(somebody.mac)) / header / random.choice(layers) / body)

    def wrapped(self, somebody: Somebody, frame: bytes) -> bytes:
        """Return a frame as another node sends it, mostly the one where its sender is."""
        random, overlay = self.random, self.overlay
        node = somebody.node if random.random() < 0.93 else random.randrange(len(overlay.peers))
        source = overlay.peers[node].address
        if random.random() < 0.03:
            source = random.choice([each for each in (*FAR, *GATEWAYS) if each.version == source.version])
        vni = self.node.networks[somebody.number - 1].vni or 0
        if random.random() < 0.04:
            vni = random.choice((*VNIS, 7))
        to, destination = router_mac(self.node.node, ""), overlay.address
        if overlay.group and random.random() < 0.3:
            to, destination = group_mac(overlay.group), overlay.group
        tos = random.choice((0, 0, 0, 1, 2, 3, 0xB8))
        outer = Outer(source, destination, random.randrange(65536), overlay.port, tos, 64, random.random() < 0.4)
        packet = wrap(outer, vni, random.choice((None, None, 7)), frame)
        by = BY_ITSELF if source in self.on_link() else BY_GATEWAY
        return self.damaged(ethernet(to, by, ethertype_of(source.version), packet))

    def damaged(self, frame: bytes) -> bytes:
        """Return a frame with headers of the underlay's, seldom cut, lengthened or changed."""
        random = self.random
        kind = random.random()
        headers = 14 + (20 if frame[12:14] == b"\x08\x00" else 40) + 16
        if kind < 0.02:
            return frame[: random.randrange(14, len(frame) + 1)]
        if kind < 0.04:
            return frame + bytes(random.randrange(1, 20))
        if kind < 0.1:
            changed = patched(frame, random.randrange(headers), random.randrange(256))
            return summed(changed) if random.random() < 0.7 and changed[14] == 0x45 else changed
        return frame


def random_version(random: Random) -> int:
    """Return a family."""
    return random.choice((4, 4, 6))


def told_by(station: bytes, address: Address, to: bytes) -> bytes:
    """Return how a station says to the router at the uplink that it has an address."""
    router = UPLINKS[address.version == 6].ip
    if address.version == 4:
        body: Packet = ARP(op=2, hwsrc=mac_text(station), psrc=str(address), pdst=str(router))
    else:
        body = IPv6(src=str(address), dst=str(router), hlim=255) / ICMPv6ND_NS(tgt=str(router))
        body = body / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(station))
    return bytes(Ether(dst=mac_text(to), src=mac_text(station)) / body)


def random_overlay_traffic(random: Random, node: Configuration, count: int) -> Iterator[Arrival]:
    """Yield ``count`` frames or a few more, in time order."""
    crowd = Crowd(random, node)
    now_ns = 1_700_000_000_000_000_000
    done = 0
    greeting = [*crowd.underlay(), *crowd.talk.greeting()] if random.random() < 0.8 else []
    for port, frame in greeting:
        yield Arrival(port, frame, now_ns)
    while done < count:
        now_ns += random_pause_ns(random)
        for port, frame in crowd.arrival():
            yield Arrival(port, frame, now_ns)
            done += 1
