"""This router, with the same stations around it: the compiled pipeline, one frame a vector, on a clock of its own."""

from ipaddress import ip_interface, ip_network
from types import TracebackType

import numpy as np
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from control.fabric import Fabric
from control.model import Configuration, Network, Pcap, Port, Uplink
from dataplane.generation.kernels import leave_generation
from dataplane.pipeline import begin_burst, carry_vector
from dataplane.ports.memory.kernels import load_frame
from dataplane.settle import settle_vector
from dataplane.vector import SPILL_BYTES, make_arena, make_egress, make_vector
from tests.kernelnat.place import INSIDE_MTU, IPV4, IPV6, OUTSIDE_MTU, Family, Side, mac_of, stations

PORTS = {Side.INSIDE: "lan", Side.OUTSIDE: "wan"}
TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
STEP_NS = 100_000
"""How far the clock goes on with each frame: a run takes seconds, as it does in the kernel."""
WORKER = 0


def configuration() -> Configuration:
    """Return what `kernel.py` sets up, in this router's words."""
    families = (IPV4, IPV6)
    inside = Network(
        name="inside",
        subnets=tuple(ip_network(family.inside_network) for family in families),
        gateway=tuple(ip_interface(family.inside_router).ip for family in families),
        masquerade=True,
        mtu=INSIDE_MTU,
    )
    uplink = Uplink(
        mode="port",
        port="wan",
        addresses=tuple(ip_interface(f"{family.outside_router}/{family.prefix[1]}") for family in families),
        gateway=tuple(ip_interface(family.gateway).ip for family in families),
        mtu=OUTSIDE_MTU,
    )
    ports = (
        Port(name="lan", network="inside", attachment=Pcap(), mac=b"\x02\0\0\0\0\xee", endpoint=False),
        Port(name="wan", network="", attachment=Pcap(), mac=b"\x02\0\0\0\0\xef", endpoint=False),
    )
    return Configuration(node="node", networks=(inside,), ports=ports, uplink=uplink)


class Fabricated:
    """A router that answers a packet, sent to one side, with what comes out."""

    def __init__(self, seed: int) -> None:
        self.fabric = Fabric(configuration().limits, seed=seed)
        self.fabric.apply(configuration())
        self.sides = {}
        for side, name in PORTS.items():
            self.fabric.set_link(name, True)
            self.sides[self.fabric.index_of(name)] = side
        self.vector, self.arena, self.egress = make_vector(), make_arena(1), make_egress()
        self.now_ns = STEP_NS
        self.macs: dict[tuple[Side, int], bytes] = {}
        for family in (IPV4, IPV6):
            for side in Side:
                self.introduce(side, family)

    def __enter__(self) -> "Fabricated":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.fabric.close()

    def introduce(self, side: Side, family: Family) -> None:
        """Let every station of a side ask for the router's MAC."""
        for station in stations(family)[side]:
            for out, answer in self.carry(side, question(family, side, station)):
                assert out is side
                self.macs[side, family.version] = answer[6:12]

    def send(self, side: Side, source: bytes, packet: bytes) -> list[tuple[Side, bytes]]:
        """Send an IP packet to the router from the station with MAC ``source``; return what packets leave it."""
        version = packet[0] >> 4
        waiting = [(side, self.macs[side, version] + source + TYPES[version] + packet)]
        packets = []
        while waiting:
            for out, frame in self.carry(*waiting.pop(0)):
                answer = answer_to(frame)
                if answer:
                    waiting.append((out, answer))
                else:
                    assert frame[12:14] in TYPES.values()
                    packets.append((out, frame[14:]))
        return packets

    def carry(self, side: Side, frame: bytes) -> list[tuple[Side, bytes]]:
        """Let one frame come in; return the frames that leave."""
        state, vector, arena = self.fabric.state, self.vector, self.arena
        generation = begin_burst(state, WORKER)
        load_frame(vector, arena, 0, np.frombuffer(frame, np.uint8), 0, len(frame))
        self.now_ns += STEP_NS
        vector.count = vector.received = 1
        vector.in_port[0] = self.fabric.index_of(PORTS[side])
        vector.timestamp_ns[0] = self.now_ns
        carry_vector(vector, arena, state, generation, WORKER, self.egress)
        out = self.take_queued()
        settle_vector(vector, state.port_counters[WORKER])
        leave_generation(state.control[0], WORKER)
        return out

    def take_queued(self) -> list[tuple[Side, bytes]]:
        """Empty the egress queues; return the frames by the order of their ports and queues."""
        egress, frames = self.egress, []
        for port in map(int, egress.active[: egress.ports]):
            for i in map(int, egress.queue[port, : egress.count[port]]):
                self.vector.copies[i] += 1
                frames.append((self.sides[port], self.frame_bytes(i)))
            egress.count[port] = 0
        egress.ports = 0
        return frames

    def frame_bytes(self, i: int) -> bytes:
        """Return frame ``i`` of the vector."""
        vector, arena = self.vector, self.arena
        at, head, tail = int(vector.head_at[i]), int(vector.head_length[i]), int(vector.tail_length[i])
        assert head + tail == vector.length[i]
        spill = i * SPILL_BYTES
        return bytes(arena.heads[at : at + head].tobytes() + arena.tails[spill : spill + tail].tobytes())


def question(family: Family, side: Side, station: str) -> bytes:
    """Return a station's question for the router's MAC."""
    router = family.inside_router if side is Side.INSIDE else family.outside_router
    mac = mac_of(station).hex(":")
    if family.version == 4:
        return bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=mac) / ARP(op=1, hwsrc=mac, psrc=station, pdst=router))
    packet = IPv6(src=station, dst=router, hlim=255) / ICMPv6ND_NS(tgt=router) / ICMPv6NDOptSrcLLAddr(lladdr=mac)
    return bytes(Ether(dst="33:33:ff:00:00:01", src=mac) / packet)


def answer_to(frame: bytes) -> bytes | None:
    """Return the answer of the station that the router asks for its MAC; None if it does not."""
    if frame[12:14] == b"\x08\x06":
        asked = Ether(frame)[ARP]
        mac = mac_of(asked.pdst).hex(":")
        reply = ARP(op=2, hwsrc=mac, psrc=asked.pdst, hwdst=asked.hwsrc, pdst=asked.psrc)
        return bytes(Ether(dst=asked.hwsrc, src=mac) / reply)
    if frame[12:14] == TYPES[6] and frame[20] == 58 and frame[54] == 135:
        asked = Ether(frame)
        target = asked[ICMPv6ND_NS].tgt
        mac = mac_of(target).hex(":")
        packet = IPv6(src=target, dst=asked[IPv6].src, hlim=255) / ICMPv6ND_NA(tgt=target, S=1, O=1, R=0)
        return bytes(Ether(dst=asked.src, src=mac) / packet / ICMPv6NDOptDstLLAddr(lladdr=mac))
    return None
