"""Random traffic for nodes that route: stations that ask, answer and talk, and what should not be said.

Few addresses and ports, so that conversations meet: what is sent is remembered, and answered, quoted by errors and sent
again, as whoever is outside would see it too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface
from random import Random

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet, Raw

from control.model import Address, Configuration, Limits, Port, Publish, Timeouts
from tests.generate.routers import GATEWAYS, OUTSIDE, UPLINKS, random_router
from tests.naive.domains import domains_of
from tests.naive.interfaces import Interface, interfaces_of
from tests.packets import BROADCAST, mac, mac_text
from tests.runs import Arrival
from tests.scale import scaled

TICK_NS = 1 << 27
FAR = (ip_address("198.51.100.9"), ip_address("198.51.100.10"), ip_address("2001:db8:9::9"))
ODD = tuple(
    ip_address(text)
    for text in ("127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "fe80::1", "fe80::99", "ff02::1", "::", "::1")
)
PORTS = (53, 80, 4000, 4001, 8080, 8081)
LONG_S = 10**6
TCP_TIMEOUTS = {f"tcp_{name}_s": LONG_S for name in ("syn_sent", "syn_received", "established", "fin_wait")} | {
    f"tcp_{name}_s": LONG_S for name in ("close_wait", "last_ack", "time_wait", "close")
}
"""Which states segments leave a connection in is ``tests/flow``'s to show; here they make no difference."""


def random_node(random: Random) -> Configuration:
    """Return a node that routes, with a way out by a port of its own, and no choice of next hops."""
    while True:
        drawn = random_router(random)
        if drawn.uplink is None or drawn.uplink.mode == "port":
            break
    ports = tuple(replace(port, publish=random_publish(random, port, drawn)) for port in drawn.ports)
    uplink = drawn.uplink
    if uplink and random.random() < 0.3:
        uplink = replace(uplink, addresses=(*UPLINKS, ip_interface("192.0.2.11/24")), mtu=random.choice((1280, 1500)))
    return replace(
        drawn,
        ports=ports,
        uplink=uplink,
        services="" if random.random() < 0.5 else drawn.services,
        routes=tuple(replace(route, via=route.via[:1]) for route in drawn.routes),
        nat=replace(drawn.nat, endpoint_independent=random.random() < 0.3),
        timeouts=Timeouts(fdb_s=random.choice((7, 300)), sctp_established_s=30, **TCP_TIMEOUTS),
        limits=Limits(fdb=scaled(4096, jit_off=256), flows=scaled(4096, jit_off=256), routes=200),
    )


def random_publish(random: Random, port: Port, node: Configuration) -> tuple[Publish, ...]:
    """Return what a port publishes, mostly nothing."""
    if node.uplink is None or not port.addresses or random.random() < 0.7:
        return ()
    number = 8080 + 2 * int("".join(filter(str.isdigit, port.name)) or 0)
    return (Publish(number, number + 1, 80, random.choice(("tcp", "udp", "sctp"))),)


@dataclass
class Station:
    """Somebody behind a port."""

    port: str
    mac: bytes
    addresses: tuple[Address, ...]
    interface: Interface | None


@dataclass
class Talk:
    """A random conversation among stations; ``said`` are packets that were sent."""

    random: Random
    node: Configuration
    stations: list[Station] = field(default_factory=list)
    said: list[Packet] = field(default_factory=list)

    def __post_init__(self) -> None:
        interfaces = interfaces_of(self.node)
        for port in self.node.ports:
            found = [each for each in interfaces if set(each.domains) & domains_of(self.node, port)]
            own = tuple(address.ip for address in port.addresses)
            interface = found[0] if found else None
            if interface and interface.is_uplink:
                self.stations += [
                    Station(port.name, mac(0x31), GATEWAYS, interface),
                    Station(port.name, mac(0x37), (ip_address("192.0.2.7"), ip_address("2001:db8::7")), interface),
                ]
            else:
                self.stations.append(Station(port.name, port.mac or mac(0x55), own, interface))

    def everybody(self) -> list[Address]:
        """Return all addresses that mean something."""
        known = [address for station in self.stations for address in station.addresses]
        known += [address for each in interfaces_of(self.node) for address in (*each.addresses, each.link_local)]
        return [*known, *FAR, *OUTSIDE, ip_address("10.1.0.77"), ip_address("172.16.0.1"), *ODD[:2]]

    def somebody(self, version: int) -> Address:
        """Return an address to send to: mostly far away, another station's, or the uplink's."""
        kind = self.random.random()
        known: list[Address] = list(FAR)
        if 0.4 < kind < 0.7:
            known = [address for station in self.stations for address in station.addresses]
        elif 0.7 < kind < 0.85:
            known = [UPLINKS[0].ip, UPLINKS[1].ip]
        elif kind > 0.85:
            known = self.everybody()
        return self.random.choice(
            [each for each in known if each.version == version] or [FAR[-1 if version == 6 else 0]]
        )

    def greeting(self) -> Iterator[tuple[str, bytes]]:
        """Yield where and how every station says who it is."""
        for station in self.stations:
            for own in station.addresses if station.interface else ():
                yield station.port, self.greets(station, own)

    def greets(self, station: Station, own: Address) -> bytes:
        """Return how a station says to the router that it has an address."""
        assert station.interface
        router = station.interface.own_address(own.version) or own
        if own.version == 4:
            message = ARP(op=1, hwsrc=mac_text(station.mac), psrc=str(own), pdst=str(router))
        else:
            message = IPv6(src=str(own), dst=str(router), hlim=255) / ICMPv6ND_NS(tgt=str(router))
            message = message / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(station.mac))
        return bytes(Ether(dst=mac_text(station.interface.mac), src=mac_text(station.mac)) / message)

    def frame(self) -> tuple[str, list[bytes]]:
        """Return where the next frames come in, and what they are: mostly one."""
        random = self.random
        station = random.choice(self.stations)
        kind = random.random()
        if station.interface is None or kind < 0.04:
            to = random.choice([each.mac for each in self.stations] + [BROADCAST])
            return station.port, [to + station.mac + b"\x88\xb5" + bytes(46)]
        router = station.interface.mac
        if kind < 0.15:
            return station.port, [self.neighbourly(station, router)]
        packets = self.packets(station)
        to = router if random.random() < 0.98 else random.choice(self.stations).mac
        header = bytes(Ether(dst=mac_text(to), src=mac_text(station.mac), type=0x0800))[:12]
        return station.port, [self.damaged(header + ethertype(data) + data) for data in packets]

    def neighbourly(self, station: Station, router: bytes) -> bytes:
        """Return an ARP or neighbour discovery message."""
        random, interface = self.random, station.interface
        assert interface
        own = [*station.addresses] or [random.choice(FAR)]
        claimed = random.choice(own) if random.random() < 0.93 else random.choice(self.everybody())
        version = claimed.version
        ours = [address for address in (*interface.addresses, interface.link_local) if address.version == version]
        others = [address for address in self.everybody() if address.version == version]
        target = random.choice(ours if ours and random.random() < 0.8 else others or [claimed])
        hardware = station.mac if random.random() < 0.95 else mac(random.randrange(2, 12))
        to = random.choice((router, router, BROADCAST, random.choice(self.stations).mac))
        if version == 4:
            message = ARP(op=random.choice((1, 2)), hwsrc=mac_text(hardware), psrc=str(claimed), pdst=str(target))
            return bytes(Ether(dst=mac_text(to), src=mac_text(station.mac)) / message)
        if to == BROADCAST:
            to = bytes.fromhex("333300000001")
        option = {"lladdr": mac_text(hardware)}
        kind = random.random()
        header = IPv6(src=str(claimed), dst=str(target), hlim=255 if random.random() < 0.95 else 64)
        if kind < 0.45:
            body = ICMPv6ND_NS(tgt=str(target)) / ICMPv6NDOptSrcLLAddr(**option)
        elif kind < 0.9:
            said = {"S": random.randrange(2), "O": random.randrange(2), "R": 0}
            body = ICMPv6ND_NA(tgt=str(claimed), **said)
            body = body / ICMPv6NDOptDstLLAddr(**option) if random.random() < 0.8 else body
        else:
            body = ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(**option)
            to = bytes.fromhex("333300000002")
        return bytes(Ether(dst=mac_text(to), src=mac_text(station.mac)) / header / body)

    def packets(self, station: Station) -> list[bytes]:
        """Return one packet, or the fragments of one in some order."""
        random = self.random
        packet = self.answer(station) if self.said and random.random() < 0.45 else self.opening(station)
        self.said.append(packet)
        del self.said[:-40]
        packet = packet.copy()
        if random.random() < 0.05:
            packet.setfieldval("ttl" if packet.version == 4 else "hlim", random.choice((0, 1, 2)))
        if packet.version == 4 and random.random() < 0.1:
            pieces = [bytes(piece) for piece in fragment(IP(bytes(packet)), random.choice((16, 24, 1000)))][:6]
            if random.random() < 0.4:
                random.shuffle(pieces)
            return pieces
        return [bytes(packet)]

    def opening(self, station: Station) -> Packet:
        """Return a packet from a station to anybody."""
        random = self.random
        own = [*station.addresses]
        if station.interface and station.interface.is_uplink:
            own += FAR
        source = random.choice(own or list(FAR))
        if random.random() < 0.04:
            source = random.choice((*self.everybody(), *ODD))
        return self.packet(source, self.somebody(source.version), random.choice(PORTS), random.choice(PORTS))

    def packet(self, source: Address, destination: Address, sport: int, dport: int) -> Packet:
        """Return a packet of any protocol."""
        random = self.random
        if source.version == 4:
            flags = random.choice(("", "", "DF"))
            header: Packet = IP(src=str(source), dst=str(destination), id=random.randrange(5), flags=flags, ttl=64)
        else:
            header = IPv6(src=str(source), dst=str(destination), hlim=64)
        body = Raw(bytes(random.choice((0, 1, 8, 33, 300, 1240, 1452, 1472, 2000))))
        kind = random.random()
        if kind < 0.35:
            return header / UDP(sport=sport, dport=dport, **({"chksum": 0} if random.random() < 0.05 else {})) / body
        if kind < 0.7:
            flags = random.choice(("S", "S", "A", "PA", "FA", "R"))
            return header / TCP(sport=sport, dport=dport, flags=flags, seq=100) / body
        if kind < 0.77:
            return header / SCTP(sport=sport, dport=dport, tag=5) / SCTPChunkData(data=b"abcd")
        if kind < 0.95:
            request = random.random() < 0.8
            if source.version == 4:
                return header / ICMP(type=8 if request else 0, id=sport, seq=1) / body
            return header / (ICMPv6EchoRequest if request else ICMPv6EchoReply)(id=sport, seq=1, data=bytes(body))
        header.lastlayer().setfieldval("proto" if source.version == 4 else "nh", random.choice((47, 50, 89)))
        return header / body

    def answer(self, station: Station) -> Packet:
        """Return something about a packet that was said: it again, its answer, or an error, as inside or outside."""
        random = self.random
        said = random.choice(self.said).copy()
        kind = random.random()
        if kind < 0.3:
            return said
        version = said.version
        outside = [address for address in (UPLINKS[0].ip, UPLINKS[1].ip, *OUTSIDE) if address.version == version]
        seen = said.copy()
        if station.interface and station.interface.is_uplink:
            seen.src = str(random.choice(outside))
        forget_checksums(seen)
        if kind < 0.8:
            return turned(seen)
        far = random.choice([address for address in (*FAR, *GATEWAYS) if address.version == version])
        quoted = bytes(seen)[: random.choice((20, 28, 48, 60, 100, 500))]
        if version == 4:
            return IP(src=str(far), dst=seen.src) / ICMP(type=random.choice((3, 11)), code=1) / Raw(quoted)
        return IPv6(src=str(far), dst=seen.src) / ICMPv6DestUnreach(code=3) / Raw(quoted)

    def damaged(self, frame: bytes) -> bytes:
        """Return a frame, seldom cut, lengthened or changed."""
        random = self.random
        kind = random.random()
        if kind < 0.02:
            return frame[: random.randrange(14, len(frame) + 1)]
        if kind < 0.04:
            return frame + bytes(random.randrange(1, 20))
        if kind < 0.05:
            at = random.randrange(14, min(len(frame), 60))
            return frame[:at] + bytes([random.randrange(256)]) + frame[at + 1 :]
        return frame


def ethertype(packet: bytes) -> bytes:
    """Return the EtherType of a packet."""
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"


def forget_checksums(packet: Packet) -> None:
    """Let scapy compute checksums and lengths again."""
    for layer in packet.layers():
        for name in ("chksum", "cksum"):
            if name in packet[layer].fields:
                packet[layer].delfieldval(name)


def turned(packet: Packet) -> Packet:
    """Return the answer to a packet: ends exchanged, a request's reply."""
    answer = packet.copy()
    answer.src, answer.dst = packet.dst, packet.src
    for layer in (TCP, UDP, SCTP):
        if layer in answer:
            answer[layer].sport, answer[layer].dport = packet[layer].dport, packet[layer].sport
    if TCP in answer:
        answer[TCP].flags = "SA" if packet[TCP].flags == "S" else "A"
        answer[TCP].ack = 101
    if ICMP in answer and answer[ICMP].type == 8:
        answer[ICMP].type = 0
    if ICMPv6EchoRequest in answer:
        request = answer[ICMPv6EchoRequest]
        reply = ICMPv6EchoReply(id=request.id, seq=request.seq, data=request.data)
        answer = IPv6(src=answer.src, dst=answer.dst, hlim=answer.hlim) / reply
    forget_checksums(answer)
    return answer


def random_traffic(random: Random, node: Configuration, count: int) -> Iterator[Arrival]:
    """Yield ``count`` frames or a few more, in time order."""
    if not node.ports:
        return
    talk = Talk(random, node)
    now_ns = 1_700_000_000_000_000_000
    done = 0
    if random.random() < 0.7:
        for port, frame in talk.greeting():
            yield Arrival(port, frame, now_ns)
    while done < count:
        now_ns += random_pause_ns(random)
        port, frames = talk.frame()
        done += len(frames)
        for frame in frames:
            yield Arrival(port, frame, now_ns)


def random_pause_ns(random: Random) -> int:
    """Return the time to the next frame: mostly little, sometimes about what something waits for."""
    kind = random.random()
    if kind < 0.6:
        return 0
    if kind < 0.85:
        return random.randrange(1_000_000)
    if kind < 0.985:
        return random.choice((1_000_000, 99_000_000, TICK_NS, 10**9))
    return random.choice((3, 8, 23, 24, 29, 31)) * 10**9
