"""Headers that no kernel writes: whoever owns a namespace may send what he likes. None harms; each frame ends once."""

from dataclasses import replace
from random import Random

import pytest
from scapy.packet import Packet

from control.model import Publish
from tests.offloads.place import place
from tests.offloads.wire import Virtio, offloaded
from tests.rows.router.world import (
    B1,
    FAR,
    FAR6,
    OUTSIDE,
    R1,
    UPLINK,
    G,
    Station,
    W,
    met,
    ping,
    sent,
    tcp,
    udp,
    world,
)
from tests.rows.router.world import pcap as behind
from tests.scale import scaled

pytestmark = pytest.mark.kernel

NARROW = world(behind(B1, publish=(Publish(8080, 8080, 80),)), uplink=replace(UPLINK, mtu=1280))
LENGTHS = (0, 1, 100, 1400, 3000, 60_000)
CORNERS = (0, 1, 13, 14, 33, 34, 53, 54, 319, 320, 1400, 9216, 0xFFFE, 0xFFFF)


def random_packet(random: Random) -> tuple[Station, Packet]:
    """Return a packet of a station's for the router, or for who is behind it."""
    sender = random.choice([B1, R1, G])
    target = random.choice([FAR, FAR6, OUTSIDE, B1.ip4, B1.ip6, R1.ip4, W.ip4])
    source = sender.ip6 if ":" in target else sender.ip4
    ttl, body = random.choice([1, 2, 64]), random.randbytes(random.choice(LENGTHS))
    make = random.choice([tcp, udp])
    if random.random() < 0.2:
        return sender, ping(source, target, ttl=ttl)
    return sender, make(source, target, dport=random.choice([53, 80, 8080]), body=body, ttl=ttl)


def random_header(random: Random) -> Virtio:
    """Return a header with anything in it, likely what matters."""

    def number() -> int:
        return random.choice(CORNERS) if random.random() < 0.7 else random.getrandbits(16)

    kind = random.choice([0, 1, 3, 4, 5, 0x81, random.getrandbits(8)])
    return Virtio(random.choice([0, 1, 1, 1, 3]), kind, number(), number(), number(), number())


def test_no_header_harms(seed: int) -> None:
    random, given = Random(seed), 0
    with place(NARROW, *met(B1, R1, G, W)) as here:
        before = sum(each.rx_packets for each in here.rig.fabric.port_counters().values())
        for _ in range(scaled(3000, jit_off=150)):
            station, packet = random_packet(random)
            header, frame = random_header(random), sent(station, packet)
            if random.random() < 0.3 and packet.haslayer("TCP"):
                honest, frame = offloaded(frame, random.choice([1, 536, 1460]))
                header = honest._replace(checksum_from=header.checksum_from)
            here.carry(station.port, frame, header)
            given += 1
        counted = here.rig.fabric.port_counters().values()
        assert sum(each.rx_packets for each in counted) == before + given
        assert given >= sum(each.drops for each in counted)
