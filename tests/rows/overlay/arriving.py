"""Frames that come from other nodes: what is taken off, and what is not let in."""

import struct

from scapy.layers.inet import UDP
from scapy.packet import Raw

from tests.checkers import came_out_of, carries, dropped, forwarded
from tests.packets import tag, tagged
from tests.rows.overlay.world import (
    BLUE,
    NODE2,
    NODE3,
    Q2,
    RED,
    S2,
    S3,
    STRANGER,
    Underlay,
    calls,
    says,
)
from tests.rows.router.world import B1, B2, R1, G, W, ether, router_mac
from tests.rows.row import Row, step

FROM_S2 = says(S2, B1)
ARRIVED = forwarded(("b1", FROM_S2))
GREETED = step("b1", calls(B1))


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    world = under.world()

    def bent(flags: int = 0x08, before: int = 0, behind: int = 0, checksum: int = 0) -> bytes:
        """Return the frame from S2 with other bits in the VXLAN header: before the VNI, or behind it."""
        header = under.header(under.vtep(NODE2), under.own) / UDP(sport=50123, dport=4789, chksum=checksum)
        vxlan = struct.pack("!II", flags << 24 | before, BLUE << 8 | behind)
        return ether(router_mac(G), W.mac, header / Raw(vxlan + FROM_S2))

    return [
        Row(
            "a frame from another node comes out as it went in there",
            world,
            (
                GREETED,
                under.comes(FROM_S2, NODE2, ARRIVED),
                under.comes(says(S2, B1, version=6), NODE2, forwarded(("b1", says(S2, B1, version=6)))),
                under.comes(calls(S2, B1.mac)[:14], NODE2, forwarded(("b1", calls(S2, B1.mac)[:14]))),
                under.comes(calls(S3), NODE3, came_out_of("b1", "b2"), carries(calls(S3))),
            ),
            counters={"learned": 1},
        ),
        Row(
            "each VNI leads to its own network, and to no other",
            world,
            (
                under.comes(calls(S2), NODE2, came_out_of("b1", "b2")),
                under.comes(calls(Q2), NODE2, came_out_of("r1"), vni=RED),
                under.comes(says(Q2, R1), NODE2, came_out_of("r1"), vni=RED),
            ),
        ),
        Row(
            "the same MAC may be in two networks at two places",
            world,
            (
                GREETED,
                under.comes(calls(Q2, B1.mac), NODE2, came_out_of("r1"), vni=RED),
                under.comes(calls(S2, B1.mac), NODE2, came_out_of("b1")),
            ),
        ),
        Row(
            "a source port means nothing",
            world,
            (GREETED, *(under.comes(FROM_S2, NODE2, ARRIVED, sport=sport) for sport in (0, 53, 4789, 65535))),
        ),
        Row(
            "a checksum of zero is none, and one that is there must be right",
            world,
            (
                GREETED,
                under.comes(FROM_S2, NODE2, ARRIVED, checksum=False),
                under.comes(FROM_S2, NODE2, ARRIVED, checksum=True),
                step("wan", bent(checksum=0x1234), dropped("vxlan_checksum")),
            ),
        ),
        Row(
            "reserved bits mean nothing",
            world,
            (
                GREETED,
                step("wan", bent(flags=0xFF), ARRIVED),
                step("wan", bent(flags=0x88, before=77), ARRIVED),
                step("wan", bent(before=0xFFFFFF), ARRIVED),
                step("wan", bent(behind=0xFF), ARRIVED),
            ),
        ),
        Row(
            "without the I flag there is no VNI",
            world,
            (
                step("wan", bent(flags=0), dropped("vxlan_no_vni")),
                step("wan", bent(flags=0xF7), dropped("vxlan_no_vni")),
            ),
        ),
        Row(
            "who is no peer is not heard",
            world,
            (
                under.comes(FROM_S2, STRANGER, dropped("unknown_peer")),
                under.comes(FROM_S2, NODE2._replace(ip4=under.own, ip6=under.own), dropped("unknown_peer")),
            ),
        ),
        Row(
            "nor what is of no network's VNI",
            world,
            tuple(under.comes(FROM_S2, NODE2, dropped("unknown_vni"), vni=vni) for vni in (0, 41, 44, 0xFFFFFF)),
        ),
        Row(
            "a tagged frame ends at the tunnel",
            world,
            (
                under.comes(tagged(FROM_S2, tag(7)), NODE2, dropped("inner_vlan")),
                under.comes(tagged(FROM_S2, tag(0)), NODE2, dropped("inner_vlan")),
            ),
        ),
        Row(
            "unless its network keeps tags",
            under.world(blue={"inner_vlan": "keep"}),
            (
                GREETED,
                under.comes(tagged(FROM_S2, tag(7)), NODE2, came_out_of("b1"), carries(tagged(FROM_S2, tag(7)))),
            ),
        ),
        Row(
            "an inner frame with an impossible address ends as it would at any port",
            world,
            (
                under.comes(b"\xff" * 6 + b"\x03" + FROM_S2[7:], NODE2, dropped("source_mac_multicast")),
                under.comes(FROM_S2[:6] + bytes(6) + FROM_S2[12:], NODE2, dropped("source_mac_zero")),
                under.comes(bytes.fromhex("0180c2000000") + FROM_S2[6:], NODE2, dropped("reserved_multicast")),
            ),
        ),
        Row(
            "of several flaws the first counts",
            world,
            (
                step("wan", bent(flags=0, checksum=0x1234), dropped("vxlan_checksum")),
                under.comes(FROM_S2, STRANGER, dropped("unknown_peer"), vni=7),
                under.comes(tagged(FROM_S2, tag(7)), NODE2, dropped("unknown_vni"), vni=7),
                under.comes(tagged(says(S2, B1), tag(7)), NODE3, dropped("inner_vlan"), tos=3),
            ),
        ),
        Row(
            "what is not for the VTEP is any packet for the router",
            world,
            (
                under.comes(FROM_S2, NODE2, dropped("unsolicited"), dport=4790),
                step(
                    "wan",
                    ether(B2.mac, W.mac, under.envelope(under.vtep(NODE2), under.own, FROM_S2)),
                    dropped("no_receiver"),
                ),
            ),
        ),
    ]
