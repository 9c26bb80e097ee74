"""A node of an overlay, whose two stages a test drives frame by frame, with scapy on the other side.

Two networks, ``red`` (VNI 100, 10.20.0.0/16) and ``green`` (VNI 200), each with a local port and the tunnel's; an
uplink, ``wan``, with the VTEP's address, on a link that has three peers. What the agent would write of the overlay is
written here by hand.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, NamedTuple

import numpy as np
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from control.fabric import Fabric
from control.fabric.interfaces import UPLINK_KEY
from control.model import Configuration, Limits, Network, Route, Uplink
from dataplane.fdb.tables import Fdb
from dataplane.generation.tables import COPIES
from dataplane.parse.kernels import parse_frames
from dataplane.pipeline import begin_burst, carry_vector
from dataplane.route.hops.tables import CONNECTED
from dataplane.settle import settle_vector
from dataplane.state import Tables
from dataplane.vector import FRAME_AT, SLOT_BYTES, SPILL_BYTES, VIRTIO_BYTES, make_arena, make_egress, make_vector
from dataplane.verdict import DROP, REASON_NAMES, VERDICT_NAMES
from dataplane.wire import VXLAN_BYTES
from encap.index import home_of
from encap.tables import ADDRESS, EMPTY, INHERIT, LINK, RAW, VNI_SLOTS, VTEP
from encap.tunnel.kernels import decap_frames
from tests.configurations import port
from tests.icmp.slots import number
from tests.packets import mac, mac_text

RED, GREEN = 100, 200
VNIS = {"red": RED, "green": GREEN}
UDP_PORT = 4789
GROUP4, GROUP6 = "239.1.1.1", "ff05::4789"
NEXT_SUBNET = "10.20.7.0/24"
"""Of the red network: all at the third peer."""

SLOTS = 64
_vector, _arena, _egress = make_vector(), make_arena(SLOTS), make_egress()


@dataclass(frozen=True)
class Link:
    """The underlay: this node's address, and the peers' by number."""

    own: str
    peers: dict[int, str]
    uplink: Uplink = field(compare=False)


LINK4 = Link(
    "192.0.2.1",
    {1: "192.0.2.2", 2: "192.0.2.3", 3: "192.0.2.4"},
    Uplink("port", (ip_interface("192.0.2.1/24"),), (ip_address("192.0.2.254"),), "wan"),
)
LINK6 = Link(
    "2001:db8::1",
    {1: "2001:db8::2", 2: "2001:db8::3", 3: "2001:db8::4"},
    Uplink("port", (ip_interface("2001:db8::1/64"),), (ip_address("2001:db8::fe"),), "wan"),
)


@dataclass(frozen=True)
class Met:
    """What became of a frame: verdict, or the reason if it was dropped; the frame as it is now, and its columns."""

    end: str
    frame: bytes
    port: str
    remote: int
    network: str
    group: int
    virtio: bytes


class Sent(NamedTuple):
    """What leaves by a port; of the tunnel's also which peer gets it, and its group."""

    port: str
    frame: bytes
    remote: int
    group: int
    virtio: bytes


def peer_mac(number: int) -> bytes:
    """Return the MAC of a peer on the underlay's link."""
    return mac(0x500 + number)


def greeting(own_mac: bytes, sender_mac: bytes, sender: str, own: str) -> bytes:
    """Return the question for this node's address by which somebody on the underlay's link makes itself known."""
    if "." in sender:
        message = ARP(op=1, hwsrc=mac_text(sender_mac), psrc=sender, pdst=own)
        return bytes(Ether(dst=mac_text(own_mac), src=mac_text(sender_mac)) / message)
    asks = ICMPv6ND_NS(tgt=own) / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(sender_mac))
    packet = IPv6(src=sender, dst=own, hlim=255) / asks
    return bytes(Ether(dst=mac_text(own_mac), src=mac_text(sender_mac)) / packet)


def halves(address: str) -> tuple[np.uint64, np.uint64]:
    """Return an address as tables hold it."""
    high, low = number(address)
    return np.uint64(high), np.uint64(low)


def column(address: bytes) -> int:
    """Return a MAC as columns hold it."""
    return int.from_bytes(address, "little")


class Node:
    """The fabric of one node, and one worker's vector."""

    def __init__(self, link: Link = LINK4, transport: int = RAW, router: bool = True) -> None:
        self.link = link
        subnets = {"red": ("10.20.0.0/16", "fd00:20::/64"), "green": ("10.20.0.0/16",)}
        networks = tuple(self.network(name, subnets[name] if router and name == "red" else ()) for name in VNIS)
        ports = (*(port(name, name, endpoint=False) for name in VNIS), port("wan", "", endpoint=False))
        tunnel = port("tunnel", "red", endpoint=False)
        configuration = Configuration(
            "node1",
            networks=networks,
            ports=(*ports, tunnel),
            uplink=link.uplink,
            routes=(Route(ip_network(NEXT_SUBNET), network="red"),) if router else (),
            limits=Limits(fdb=4096, flows=1024, neighbours=64, routes=1024, fragments=16),
        )
        self.fabric = Fabric(configuration.limits, seed=1)
        self.fabric.apply(configuration)
        for each in configuration.ports:
            self.fabric.set_link(each.name, True)
        self.names = {self.fabric.index_of(each.name): each.name for each in configuration.ports}
        self.state = self.fabric.state
        self.copy = int(self.state.control[0].active[0]) % COPIES
        self.domains = {name: int(self.state.admit[self.copy].ports[self.index(name)].native_domain) for name in VNIS}
        self.vector, self.arena, self.egress = _vector, _arena, _egress
        self.now_ns = 1 << 40
        self.write_overlay(transport)
        for peer, address in link.peers.items():
            self.add_peer(peer, address)
        if router:
            self.give_subnet(3)

    @staticmethod
    def network(name: str, subnets: tuple[str, ...]) -> Network:
        """Return a network, with a gateway if it has subnets."""
        found = tuple(ip_network(subnet) for subnet in subnets)
        return Network(name, subnets=found, gateway=tuple(subnet[1] for subnet in found), masquerade=False)

    def index(self, name: str) -> int:
        """Return a port's index."""
        return self.fabric.index_of(name)

    @property
    def overlay(self) -> Any:
        """The overlay's settings in force."""
        return self.state.overlay[self.copy]

    @property
    def remotes(self) -> Any:
        """What is known of other nodes."""
        return self.state.remotes[0]

    @property
    def own_mac(self) -> bytes:
        """The router's MAC at the uplink."""
        return self.fabric.plan.interfaces[UPLINK_KEY].mac

    def write_overlay(self, transport: int) -> None:
        """Write the settings: everything by default."""
        overlay = self.overlay
        interfaces = self.state.interfaces[self.copy]
        overlay.is_on, overlay.transport, overlay.port = 1, transport, self.index("tunnel")
        overlay.udp_port, overlay.ttl, overlay.dscp = UDP_PORT, 64, INHERIT
        overlay.checksums = self.link is LINK6
        overlay.underlay_port = self.index("wan")
        overlay.underlay_domain = self.state.admit[self.copy].ports[self.index("wan")].native_domain
        overlay.underlay_interface = interfaces.of_domain[overlay.underlay_domain]
        overlay.address_high, overlay.address_low = halves(self.link.own)
        for name, vni in VNIS.items():
            domain = self.domains[name]
            overlay.vni_of_domain[domain] = vni + 1
            overlay.mtu_of_domain[domain] = 1450 if "." in self.link.own else 1430
            overlay.slot_vni[vni % VNI_SLOTS], overlay.slot_domain[vni % VNI_SLOTS] = vni + 1, domain

    def use_group(self, address: str) -> None:
        """Let a multicast group stand for all peers."""
        self.overlay.group_high, self.overlay.group_low = halves(address)

    def add_peer(self, peer: int, address: str) -> None:
        """Make another node known, of both networks."""
        high, low = halves(address)
        self.remotes.peer[peer].address_high, self.remotes.peer[peer].address_low = high, low
        self.put(VTEP, high, low, peer, 0)
        for domain in self.domains.values():
            self.remotes.members[domain] += 1
            self.remotes.member_bits[domain, 0] |= np.uint64(1 << peer)

    def add_endpoint(self, network: str, peer: int, mac: bytes, address: str = "") -> None:
        """Make an endpoint of another node known, by its MAC and its address."""
        domain = np.uint64(self.domains[network])
        self.put(LINK | domain, np.uint64(0), np.uint64(column(mac)), peer, 0)
        if address:
            self.put(ADDRESS | domain, *halves(address), peer, column(mac))

    def give_subnet(self, peer: int) -> None:
        """Let NEXT_SUBNET be at a peer."""
        domain = self.domains["red"]
        of_route = [h for h in range(1, 64) if self.state.hops[h].domain == domain and self.state.hops[h].is_open]
        assert len(of_route) == 1
        assert self.state.hops[of_route[0]].kind == CONNECTED
        self.state.hops[of_route[0]].peer = peer

    def put(self, tag: Any, high: Any, low: Any, peer: int, link: int) -> None:
        """Insert an entry into the index."""
        entries = self.remotes.entry
        at = int(home_of(self.remotes, high, low, tag))
        while entries[at].tag != EMPTY:
            at += 1
        entries[at].high, entries[at].low, entries[at].value = high, low, peer << 48 | link
        entries[at].tag = tag

    def tables(self) -> Tables:
        """Return what the stages see."""
        state, copy = self.state, self.copy
        state.routers[0].in_force = copy
        fdb = Fdb(state.fdb_head[0], state.fdb_buckets, state.fdb_rules[copy], state.learning_counters[0])
        admit, forward = state.admit[copy], state.forward[copy]
        return Tables(admit, state.storms[0], fdb, forward, state.switches[0], self.overlay, self.remotes)

    def load(self, name: str, *frames: bytes, virtio: bytes = bytes(VIRTIO_BYTES), at: int = FRAME_AT) -> None:
        """Make a vector of frames that came in by a port; each begins at byte ``at`` of its slot."""
        vector, arena = self.vector, self.arena
        arena.heads[:] = 0xA5
        vector.count = len(frames)
        for i, frame in enumerate(frames):
            slot, start = i * SLOT_BYTES, i * SLOT_BYTES + at
            head, tail = frame[: SLOT_BYTES - at], frame[SLOT_BYTES - at :]
            arena.heads[slot : slot + VIRTIO_BYTES] = list(virtio)
            arena.heads[start : start + len(head)] = list(head)
            arena.tails[i * SPILL_BYTES : i * SPILL_BYTES + len(tail)] = list(tail)
            vector.head_at[i], vector.head_length[i], vector.tail_length[i] = start, len(head), len(tail)
            vector.length[i], vector.in_port[i], vector.timestamp_ns[i] = len(frame), self.index(name), self.now_ns
        parse_frames(vector, arena.heads)

    def receive(self, *frames: bytes, name: str = "wan", **how: Any) -> list[Met]:
        """Let frames come in by the underlay, and out of the tunnel."""
        self.load(name, *frames, **how)
        return self.decap()

    def receive_datagrams(self, sender: str, *payloads: bytes, tos: int = 0, **how: Any) -> list[Met]:
        """Let the tunnel's device receive datagrams of one sender: each a VXLAN header and what is behind it."""
        self.load("tunnel", *payloads, at=FRAME_AT - VXLAN_BYTES, **how)
        for i in range(len(payloads)):
            self.vector.source_high[i], self.vector.source_low[i] = halves(sender)
            self.vector.outer_tos[i] = tos
        return self.decap()

    def decap(self) -> list[Met]:
        """Run the stage, and return what it made of each frame."""
        counters = self.state.port_counters[0]
        decap_frames(self.vector, self.arena, self.tables(), self.state.routers[0], counters)
        return [self.met(i) for i in range(self.vector.received)]

    def meet_peers(self) -> None:
        """Let every peer, and the underlay's gateway, which is number 0, say what its MAC is."""
        gateway = str(self.link.uplink.gateway[0])
        for peer, address in {0: gateway, **self.link.peers}.items():
            self.carry("wan", greeting(self.own_mac, peer_mac(peer), address, self.link.own))

    def greeting_of(self, peer: int) -> bytes:
        """Return the frame by which a peer makes itself known on the underlay's link."""
        return greeting(self.own_mac, peer_mac(peer), self.link.peers[peer], self.link.own)

    def carry(self, name: str, *frames: bytes, later_ns: int = 0, **how: Any) -> list[Sent]:
        """Take frames from a port through the whole pipeline; return what leaves, in order, port by port."""
        self.now_ns += later_ns
        self.load(name, *frames, **how)
        generation = begin_burst(self.state, 0)
        carry_vector(self.vector, self.arena, self.state, generation, 0, self.egress)
        sent = []
        for index in map(int, self.egress.active[: self.egress.ports]):
            for i in map(int, self.egress.queue[index, : self.egress.count[index]]):
                slot = i * SLOT_BYTES
                virtio = self.arena.heads[slot : slot + VIRTIO_BYTES].tobytes()
                columns = int(self.vector.remote[i]), int(self.vector.group[i])
                sent.append(Sent(self.names[index], self.bytes_of(i), *columns, virtio))
                self.vector.copies[i] += 1
            self.egress.count[index] = 0
        self.egress.ports = 0
        settle_vector(self.vector, self.state.port_counters[0])
        return sent

    def ends(self) -> list[str]:
        """Return what became of the frames that came in last: verdicts, or the reasons of those that were dropped."""
        return [self.met(i).end for i in range(self.vector.received)]

    def met(self, i: int) -> Met:
        """Return frame ``i`` as it stands."""
        vector = self.vector
        verdict = int(vector.verdict[i])
        networks = {domain: name for name, domain in self.domains.items()}
        slot = i * SLOT_BYTES
        return Met(
            REASON_NAMES[int(vector.reason[i])] if verdict == DROP else VERDICT_NAMES[verdict],
            self.bytes_of(i),
            self.names[int(vector.in_port[i])],
            int(vector.remote[i]),
            networks.get(int(vector.domain[i]), ""),
            int(vector.group[i]),
            self.arena.heads[slot : slot + VIRTIO_BYTES].tobytes(),
        )

    def bytes_of(self, i: int) -> bytes:
        """Return the bytes of frame ``i``; its columns must say of it what its header does."""
        vector, arena = self.vector, self.arena
        at, tail = int(vector.head_at[i]), i * SPILL_BYTES
        assert vector.length[i] == vector.head_length[i] + vector.tail_length[i]
        assert i * SLOT_BYTES + VIRTIO_BYTES <= at
        assert at + vector.head_length[i] <= (i + 1) * SLOT_BYTES
        first = arena.heads[at : at + int(vector.head_length[i])].tobytes()
        return first + arena.tails[tail : tail + int(vector.tail_length[i])].tobytes()

    def counted(self, name: str) -> dict[str, int]:
        """Return what a port has counted, but what it has not."""
        counters = self.state.port_counters[0].ports[self.index(name)]
        fields = ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "transmit_errors", "consumed")
        return {field: int(counters[field]) for field in fields if counters[field]}
