"""VLAN-aware networks: access and plain ports, trunks, native VLANs, priority tags, opaque tags, truncated ones."""

from tests.checkers import at, came_out_of, carries, dropped, tagged, untagged, untouched
from tests.configurations import access, port, switch, trunk
from tests.packets import BROADCAST, mac, plain, service_tag, tag
from tests.packets import tagged as with_tags
from tests.rows.row import Row, step
from tests.runs import Conditions

OFFICE = switch(
    [
        port("a10", vlan=access(10)),
        port("b10", vlan=access(10)),
        port("a20", vlan=access(20)),
        port("t", vlan=trunk(10, 20)),
        port("n", vlan=trunk(10, 20, native=20)),
        "plain",
        port("a1", vlan=access(1)),
    ]
)
"""a10 and b10 share VLAN 10; a20 is alone on an access port; t and n carry both; plain is in VLAN 1, as a1 is."""

HELLO = plain(BROADCAST, mac(1))
TRUNKS = switch([port("t", vlan=trunk(10)), port("u", vlan=trunk(10, 4094))])


def hello_in(vid: int, pcp: int = 0, dei: int = 0) -> bytes:
    """Return the broadcast with an 802.1Q tag."""
    return with_tags(HELLO, tag(vid, pcp, dei))


ACCESS = [
    Row(
        "an access port's broadcast stays in its VLAN: untagged at access ports, tagged at trunks",
        OFFICE,
        (
            step(
                "a10",
                HELLO,
                came_out_of("b10", "t", "n"),
                at("b10", untouched()),
                at("t", carries(hello_in(10))),
                at("n", carries(hello_in(10))),
            ),
        ),
        counters={"learned": 1},
    ),
    Row(
        "a trunk does not tag its native VLAN",
        OFFICE,
        (step("a20", HELLO, came_out_of("t", "n"), at("t", carries(hello_in(20))), at("n", untouched())),),
    ),
    Row(
        "an access port takes no tag but a priority tag, not even its own VLAN's",
        OFFICE,
        (
            step("a10", hello_in(10), dropped("vlan_not_member")),
            step("a10", hello_in(20), dropped("vlan_not_member")),
            step("a10", hello_in(4095), dropped("vlan_not_member")),
            step("plain", hello_in(1), dropped("vlan_not_member")),
            step("plain", hello_in(10), dropped("vlan_not_member")),
        ),
        counters={},
    ),
    Row(
        "a port that says nothing is in VLAN 1",
        OFFICE,
        (
            step("plain", HELLO, came_out_of("a1"), untouched()),
            step("a1", plain(mac(1), mac(2)), came_out_of("plain"), untouched()),
        ),
    ),
    Row(
        "one port with a VLAN makes its whole network aware, and no other",
        switch(["p1", "p2", port("p3", vlan=access(10)), port("b1", "red"), port("b2", "red")]),
        (
            step("p1", hello_in(5), dropped("vlan_not_member")),
            step("p1", HELLO, came_out_of("p2")),
            step("b1", hello_in(5), came_out_of("b2"), untouched()),
        ),
    ),
    Row(
        "two access ports of different VLANs do not meet",
        switch([port("p1", vlan=access(10)), port("p2", vlan=access(20))]),
        (
            step("p1", HELLO, dropped("no_receiver")),
            step("p2", plain(mac(1), mac(2)), dropped("no_receiver")),
        ),
        counters={"learned": 2},
    ),
]

LEARNING = [
    Row(
        "each VLAN learns on its own",
        OFFICE,
        (
            step("a10", HELLO),
            step("a20", plain(mac(1), mac(2)), came_out_of("t", "n")),
            step("t", with_tags(plain(mac(1), mac(3)), tag(20)), came_out_of("a20", "n")),
            step("t", with_tags(plain(mac(1), mac(3)), tag(10)), came_out_of("a10"), untagged()),
        ),
        counters={"learned": 4},
    ),
    Row(
        "one MAC may live at two ports in two VLANs",
        OFFICE,
        (
            step("a10", HELLO),
            step("a20", HELLO),
            step("t", with_tags(plain(mac(1), mac(3)), tag(10)), came_out_of("a10")),
            step("t", with_tags(plain(mac(1), mac(3)), tag(20)), came_out_of("a20")),
        ),
        counters={"learned": 4},
    ),
    Row(
        "a port's limit counts its MACs in all VLANs",
        switch([port("t", vlan=trunk(10, 20), max_macs=2), port("u", vlan=trunk(10, 20))]),
        (
            step("t", hello_in(10)),
            step("t", hello_in(20)),
            step("t", with_tags(plain(BROADCAST, mac(2)), tag(10))),
        ),
        counters={"learned": 2, "refused_port": 1},
    ),
    Row(
        "a static MAC is fixed in every VLAN of its port",
        switch(
            [port("t", vlan=trunk(10, 20, native=30), static_macs=(mac(1),)), port("u", vlan=trunk(10, 20, 30, 40))]
        ),
        (
            step("u", with_tags(plain(mac(1), mac(2)), tag(10)), came_out_of("t"), tagged(10)),
            step("u", with_tags(plain(mac(1), mac(2)), tag(30)), came_out_of("t"), untagged()),
            step("u", hello_in(20), dropped("static_mac_elsewhere")),
            step("u", hello_in(40), dropped("no_receiver")),
        ),
        counters={"learned": 3},
    ),
]

TRUNKING = [
    Row(
        "from trunk to trunk the tag is kept with its priority",
        OFFICE,
        (
            step(
                "t",
                hello_in(10, pcp=5, dei=1),
                came_out_of("a10", "b10", "n"),
                at("a10", carries(HELLO)),
                at("n", untouched(), tagged(10, pcp=5, dei=1)),
            ),
            step("t", hello_in(20, pcp=7), came_out_of("a20", "n"), untagged(), carries(HELLO)),
        ),
    ),
    Row(
        "a trunk carries its own VLANs only",
        OFFICE,
        (
            step("t", hello_in(30), dropped("vlan_not_member")),
            step("t", hello_in(1), dropped("vlan_not_member")),
            step("n", hello_in(1), dropped("vlan_not_member")),
        ),
        counters={},
    ),
    Row(
        "what is untagged on a trunk belongs to its native VLAN, or nowhere",
        OFFICE,
        (
            step("n", HELLO, came_out_of("a20", "t"), at("a20", untouched()), at("t", carries(hello_in(20)))),
            step("t", HELLO, dropped("vlan_not_member")),
            step("t", hello_in(0, pcp=3), dropped("vlan_not_member")),
        ),
    ),
    Row(
        "a trunk takes its native VLAN tagged as well",
        OFFICE,
        (
            step(
                "n", hello_in(20, pcp=2), came_out_of("a20", "t"), at("t", tagged(20, pcp=2)), at("a20", carries(HELLO))
            ),
        ),
    ),
    Row(
        "a native VLAN need not be in the list",
        switch([port("t", vlan=trunk(10, native=99)), port("a", vlan=access(99))]),
        (
            step("t", HELLO, came_out_of("a"), untouched()),
            step("t", with_tags(plain(BROADCAST, mac(2)), tag(99)), came_out_of("a"), untagged()),
            step("a", plain(mac(1), mac(3)), came_out_of("t"), untouched()),
        ),
    ),
    Row(
        "VID 4095 belongs to nobody",
        TRUNKS,
        (step("t", hello_in(4095), dropped("vlan_not_member")), step("u", hello_in(4095), dropped("vlan_not_member"))),
        counters={},
    ),
    Row(
        "VIDs 1 and 4094 are the first and the last",
        switch([port("t", vlan=trunk(1, 4094)), port("u", vlan=trunk(1, 4094))]),
        (
            step("t", hello_in(1), came_out_of("u"), untouched()),
            step("t", hello_in(4094, pcp=7, dei=1), came_out_of("u"), untouched()),
            step("t", hello_in(2), dropped("vlan_not_member")),
            step("t", hello_in(4093), dropped("vlan_not_member")),
        ),
    ),
    Row(
        "a hairpin trunk returns the frame as it came",
        switch([port("t", vlan=trunk(10, native=20), hairpin=True), port("u", vlan=trunk(10, 20))]),
        (
            step("t", hello_in(10, pcp=6), came_out_of("t", "u"), untouched()),
            step("t", plain(BROADCAST, mac(2)), came_out_of("t", "u"), at("t", untouched()), at("u", tagged(20))),
            step("t", with_tags(plain(mac(1), mac(3)), tag(10)), came_out_of("t"), untouched()),
        ),
    ),
    Row(
        "a dead trunk and a VLAN with nobody else in it",
        OFFICE,
        (
            step("a20", HELLO, dropped("no_receiver")),
            step("a10", HELLO, came_out_of("b10")),
        ),
        conditions=Conditions(down=frozenset({"t", "n"})),
    ),
]

PRIORITY_AND_OPAQUE_TAGS = [
    Row(
        "a priority tag is taken off, its priority kept where the frame leaves tagged",
        OFFICE,
        (
            step("a10", hello_in(0, pcp=4, dei=1), came_out_of("b10", "t", "n"), at("t", tagged(10, pcp=4, dei=1))),
            step("a10", hello_in(0, pcp=4), at("b10", carries(HELLO))),
            step("n", hello_in(0, pcp=6), came_out_of("a20", "t"), at("t", carries(hello_in(20, pcp=6)))),
            step("plain", hello_in(0, pcp=1), came_out_of("a1"), carries(HELLO)),
        ),
    ),
    Row(
        "the priority of one frame does not stick to the next",
        OFFICE,
        (
            step("t", hello_in(10, pcp=7, dei=1), at("n", tagged(10, pcp=7, dei=1))),
            step("a10", HELLO, at("t", tagged(10))),
        ),
    ),
    Row(
        "a service tag (802.1ad) is payload",
        OFFICE,
        (
            step("a10", with_tags(HELLO, service_tag(20)), came_out_of("b10", "t", "n"), at("b10", untouched())),
            step(
                "a10",
                with_tags(HELLO, service_tag(20, pcp=3)),
                at("t", carries(with_tags(HELLO, tag(10), service_tag(20, pcp=3)))),
            ),
            step("t", with_tags(HELLO, tag(10), service_tag(7)), at("a10", carries(with_tags(HELLO, service_tag(7))))),
            step("t", with_tags(HELLO, service_tag(10)), dropped("vlan_not_member")),
        ),
    ),
    Row(
        "only the outermost tag counts",
        OFFICE,
        (
            step("t", with_tags(HELLO, tag(10), tag(20)), at("a10", carries(hello_in(20)))),
            step("t", with_tags(HELLO, tag(20), tag(10)), came_out_of("a20", "n"), carries(hello_in(10))),
            step(
                "a10", with_tags(HELLO, tag(0), tag(20)), came_out_of("b10", "t", "n"), at("b10", carries(hello_in(20)))
            ),
            step("n", with_tags(HELLO, tag(20), tag(10)), at("t", untouched())),
        ),
    ),
    Row(
        "a frame that ends inside its tag is dropped",
        OFFICE,
        tuple(
            step(name, hello_in(10)[:length], dropped("truncated_vlan"))
            for name in ("a10", "t", "plain")
            for length in (14, 15, 16, 17)
        ),
        counters={},
    ),
    Row(
        "a tag and nothing behind it is a frame",
        OFFICE,
        (
            step("t", hello_in(10)[:18], came_out_of("a10", "b10", "n"), at("a10", carries(HELLO[:14]))),
            step("a10", HELLO[:14], at("t", carries(hello_in(10)[:18]))),
            step("t", with_tags(HELLO[:14], tag(10), tag(10))[:18], at("a10", carries(hello_in(10)[:14]))),
        ),
    ),
    Row(
        "an untagged frame that ends after its service tag's ethertype goes through",
        OFFICE,
        (step("a10", with_tags(HELLO, service_tag(20))[:14], at("b10", untouched())),),
    ),
    Row(
        "the largest frame may grow by a tag",
        OFFICE,
        (
            step("a10", plain(BROADCAST, mac(1), 9216), at("b10", untouched()), at("t", tagged(10))),
            step(
                "a10",
                plain(BROADCAST, mac(1), 9216),
                at("t", carries(with_tags(plain(BROADCAST, mac(1), 9216), tag(10)))),
            ),
            step("t", with_tags(plain(BROADCAST, mac(1), 9212), tag(10)), at("n", untouched())),
            step("t", with_tags(plain(BROADCAST, mac(1), 9213), tag(10)), dropped("oversize")),
        ),
    ),
    Row(
        "tags are moved without touching what lies behind them, whatever the length",
        OFFICE,
        tuple(
            step(
                "t",
                with_tags(plain(BROADCAST, mac(1), length), tag(10)),
                came_out_of("a10", "b10", "n"),
                at("a10", carries(plain(BROADCAST, mac(1), length))),
                at("n", untouched()),
            )
            for length in (14, 15, 60, 315, 316, 317, 320, 321, 1514, 2047, 2048, 2049)
        ),
    ),
]

ROWS = [*ACCESS, *LEARNING, *TRUNKING, *PRIORITY_AND_OPAQUE_TAGS]
