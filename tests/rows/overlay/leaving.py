"""Frames that leave for other nodes: every byte of the headers around them."""

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from tests.checkers import dropped, forwarded
from tests.packets import tag, tagged
from tests.rows.overlay.world import BLUE, NODE2, NODE3, Q2, RED, S2, S3, Underlay, calls, says
from tests.rows.router.world import B1, R1, ether, pcap, udp
from tests.rows.row import Row, step

TO_S2 = says(B1, S2)


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    world = under.world()
    return [
        Row(
            "a frame for a station at another node leaves by the uplink in VXLAN, as it is",
            world,
            (
                *under.met(),
                step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2))),
                step("b1", says(B1, S2, version=6), forwarded(under.wrapped(says(B1, S2, version=6), NODE2))),
                step("b1", calls(B1, S2.mac), forwarded(under.wrapped(calls(B1, S2.mac), NODE2))),
                step("b1", calls(B1, S2.mac)[:14], forwarded(under.wrapped(calls(B1, S2.mac)[:14], NODE2))),
            ),
        ),
        Row(
            "to a node behind the underlay's gateway it goes by the gateway's MAC",
            world,
            (*under.met(), step("b1", says(B1, S3), forwarded(under.wrapped(says(B1, S3), NODE3)))),
        ),
        Row(
            "each network has its own VNI",
            world,
            (
                *under.met(),
                step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2, vni=BLUE))),
                step("r1", says(R1, Q2), forwarded(under.wrapped(says(R1, Q2), NODE2, vni=RED))),
            ),
        ),
        Row(
            "a VNI may have any 24 bits",
            under.world(blue={"vni": 0}, red={"vni": 0xFFFFFF}),
            (
                *under.met(),
                step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2, vni=0))),
                step("r1", says(R1, Q2), forwarded(under.wrapped(says(R1, Q2), NODE2, vni=0xFFFFFF))),
            ),
        ),
        Row(
            "the checksum of the outer UDP header is written or not, as it is asked for",
            under.world(checksum=under.version == 4),
            (
                *under.met(),
                step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2, checksum=under.version == 4))),
                step(
                    "b1",
                    odd := says(B1, S2, body=b"odd"),
                    forwarded(under.wrapped(odd, NODE2, checksum=under.version == 4)),
                ),
            ),
        ),
        Row(
            "another UDP port and time to live are used when they are asked for",
            under.world(port=8472, ttl=5),
            (*under.met(), step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2, dport=8472, ttl=5)))),
        ),
        Row(
            "the traffic class of the packet becomes that of the header around it",
            world,
            (
                *under.met(),
                *(
                    step("b1", frame, forwarded(under.wrapped(frame, NODE2, tos=tos)))
                    for tos in (0xB8, 0x03, 0xFF, 0x01)
                    for frame in (classified(tos, 4), classified(tos, 6))
                ),
            ),
        ),
        Row(
            "a DSCP of the configuration's takes its place, and leaves the congestion field alone",
            under.world(dscp=10),
            (
                *under.met(),
                *(
                    step("b1", frame, forwarded(under.wrapped(frame, NODE2, tos=10 << 2 | tos & 3)))
                    for tos in (0xB8, 0x02, 0xFF)
                    for frame in (classified(tos, 4), classified(tos, 6))
                ),
                step("b1", calls(B1, S2.mac), forwarded(under.wrapped(calls(B1, S2.mac), NODE2, tos=10 << 2))),
            ),
        ),
        Row(
            "the group of the port is written where group-based policy is on",
            under.world(pcap(B1, group=0x1234), gbp=True),
            (
                *under.met(),
                step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2, group=0x1234))),
            ),
        ),
        Row(
            "where it is off, no group is written",
            under.world(pcap(B1, group=0x1234)),
            (*under.met(), step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2)))),
        ),
        Row(
            "nor for a port without a group",
            under.world(gbp=True),
            (*under.met(), step("b1", TO_S2, forwarded(under.wrapped(TO_S2, NODE2)))),
        ),
        Row(
            "a tagged frame does not leave the node",
            world,
            (
                *under.met(),
                step("b1", tagged(TO_S2, tag(7)), dropped("inner_vlan")),
                step("b1", tagged(calls(B1), tag(7)), forwarded(("b2", tagged(calls(B1), tag(7))))),
            ),
        ),
        Row(
            "unless its network keeps tags",
            under.world(blue={"inner_vlan": "keep"}),
            (
                *under.met(),
                step(
                    "b1",
                    with_tag := tagged(TO_S2, tag(7)),
                    forwarded(under.wrapped(with_tag, NODE2)),
                ),
                step(
                    "b1",
                    shout := tagged(calls(B1), tag(7)),
                    forwarded(("b2", shout), under.wrapped(shout, NODE2), under.wrapped(shout, NODE3)),
                ),
            ),
        ),
    ]


def classified(tos: int, version: int) -> bytes:
    """Return a datagram from B1 to S2 with a traffic class."""
    if version == 4:
        return ether(S2.mac, B1.mac, IP(src=B1.ip4, dst=S2.ip4, tos=tos, id=7) / udp(B1.ip4, S2.ip4).payload)
    return ether(S2.mac, B1.mac, IPv6(src=B1.ip6, dst=S2.ip6, tc=tos) / udp(B1.ip6, S2.ip6).payload)
