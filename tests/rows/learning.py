"""Learning, flooding, moves, static entries, limits and hairpin, on networks without VLANs."""

from tests.checkers import came_out_of, dropped, untouched
from tests.configurations import port, switch
from tests.packets import BROADCAST, GROUP, UNKNOWN, arp_request, mac, neighbour_solicitation, plain, tag, tagged, udp4
from tests.rows.row import Row, step
from tests.runs import Conditions

TRIO = switch(["p1", "p2", "p3"])


def hello(source: int) -> bytes:
    """Return a broadcast from ``mac(source)``, which teaches the switch where that is."""
    return plain(BROADCAST, mac(source))


ROWS = [
    Row(
        "what nobody knows is flooded to every other port, then the answer goes straight back",
        TRIO,
        (
            step("p1", plain(mac(2), mac(1)), came_out_of("p2", "p3"), untouched()),
            step("p2", plain(mac(1), mac(2)), came_out_of("p1"), untouched()),
            step("p1", plain(mac(2), mac(1)), came_out_of("p2"), untouched()),
        ),
        counters={"learned": 2},
    ),
    Row(
        "broadcast and multicast are flooded however often they were sent",
        TRIO,
        (
            step("p2", arp_request(3, 2), came_out_of("p1", "p3"), untouched()),
            step("p2", plain(GROUP, mac(2)), came_out_of("p1", "p3"), untouched()),
            step("p2", neighbour_solicitation(3, 2), came_out_of("p1", "p3"), untouched()),
            step("p3", plain(GROUP, mac(3)), came_out_of("p1", "p2"), untouched()),
        ),
        counters={"learned": 2},
    ),
    Row(
        "a frame to its own sender has learned its destination already",
        TRIO,
        (step("p1", plain(mac(1), mac(1)), dropped("same_port")),),
        counters={"learned": 1},
    ),
    Row(
        "two stations behind one port do not need the switch",
        TRIO,
        (
            step("p1", hello(1), came_out_of("p2", "p3")),
            step("p1", plain(mac(1), mac(4)), dropped("same_port")),
            step("p1", plain(mac(4), mac(1)), dropped("same_port")),
        ),
        counters={"learned": 2},
    ),
    Row(
        "hairpin sends back what lies behind the port, and floods to it as well",
        switch([port("p1", hairpin=True), "p2"]),
        (
            step("p1", hello(1), came_out_of("p1", "p2"), untouched()),
            step("p1", plain(mac(1), mac(4)), came_out_of("p1"), untouched()),
            step("p1", plain(UNKNOWN, mac(1)), came_out_of("p1", "p2")),
            step("p2", hello(2), came_out_of("p1")),
        ),
    ),
    Row(
        "hairpin alone on its network gets its own broadcast",
        switch([port("p1", hairpin=True)]),
        (step("p1", hello(1), came_out_of("p1"), untouched()),),
    ),
    Row(
        "a station that moves is found at its new port from that frame on",
        TRIO,
        (
            step("p1", hello(1)),
            step("p2", hello(2)),
            step("p2", plain(mac(1), mac(2)), came_out_of("p1")),
            step("p3", hello(1)),
            step("p2", plain(mac(1), mac(2)), came_out_of("p3")),
            step("p1", hello(1)),
            step("p2", plain(mac(1), mac(2)), came_out_of("p1")),
        ),
        counters={"learned": 2, "moved": 2},
    ),
    Row(
        "a station may move twice between two frames to it",
        TRIO,
        (
            step("p1", hello(9)),
            step("p2", hello(9)),
            step("p3", hello(9)),
            step("p1", plain(mac(9), mac(1)), came_out_of("p3")),
        ),
        counters={"learned": 2, "moved": 2},
    ),
    Row(
        "networks do not see each other, not even the same MAC",
        switch(["a1", "a2", port("b1", "red"), port("b2", "red")]),
        (
            step("a1", hello(1), came_out_of("a2")),
            step("b1", hello(1), came_out_of("b2")),
            step("a2", plain(mac(1), mac(2)), came_out_of("a1")),
            step("b2", plain(mac(1), mac(2)), came_out_of("b1")),
            step("b2", plain(mac(3), mac(2)), came_out_of("b1")),
        ),
        counters={"learned": 4},
    ),
    Row(
        "a network of one has no receiver",
        switch(["p1", port("b1", "red")]),
        (
            step("p1", hello(1), dropped("no_receiver")),
            step("p1", plain(mac(2), mac(1)), dropped("no_receiver")),
            step("p1", plain(mac(1), mac(1)), dropped("same_port")),
        ),
        counters={"learned": 1},
    ),
    Row(
        "tags are payload where no port speaks of VLANs",
        TRIO,
        (
            step("p1", tagged(hello(1), tag(10, pcp=5)), came_out_of("p2", "p3"), untouched()),
            step("p2", tagged(plain(mac(1), mac(2)), tag(20)), came_out_of("p1"), untouched()),
            step("p1", tagged(plain(mac(2), mac(1)), tag(0), tag(10)), came_out_of("p2"), untouched()),
            step("p1", plain(mac(2), mac(1), 14, ethertype=0x8100), came_out_of("p2"), untouched()),
            step("p1", plain(mac(2), mac(1), 17, ethertype=0x8100), came_out_of("p2"), untouched()),
        ),
        counters={"learned": 2},
    ),
    Row(
        "a static MAC is known from the start, and stays",
        switch(["p1", port("p2", static_macs=(mac(2), mac(3))), "p3"]),
        (
            step("p1", plain(mac(2), mac(1)), came_out_of("p2")),
            step("p1", plain(mac(3), mac(1)), came_out_of("p2")),
            step("p2", plain(mac(1), mac(2)), came_out_of("p1")),
            step("p1", plain(mac(3), mac(1)), came_out_of("p2"), after_s=10_000),
        ),
        counters={"learned": 2},
    ),
    Row(
        "a static MAC elsewhere is a lie and teaches nothing",
        switch(["p1", port("p2", static_macs=(mac(2),)), "p3"]),
        (
            step("p1", hello(2), dropped("static_mac_elsewhere")),
            step("p3", plain(mac(1), mac(2)), dropped("static_mac_elsewhere")),
            step("p3", plain(mac(2), mac(3)), came_out_of("p2")),
        ),
        counters={"learned": 1},
    ),
    Row(
        "a static MAC belongs to its network alone",
        switch([port("p1", static_macs=(mac(2),)), "p2", port("b1", "red"), port("b2", "red")]),
        (
            step("b1", hello(2), came_out_of("b2")),
            step("b2", plain(mac(2), mac(1)), came_out_of("b1")),
        ),
        counters={"learned": 2},
    ),
    Row(
        "a known station behind a dead link is not flooded",
        TRIO,
        (
            step("p2", hello(2), came_out_of("p1")),
            step("p1", plain(mac(2), mac(1)), came_out_of("p2")),
            step("p3", hello(3), came_out_of("p1", "p2")),
            step("p1", plain(mac(3), mac(1)), dropped("port_down")),
        ),
        conditions=Conditions(down=frozenset({"p3"})),
    ),
    Row(
        "a flood leaves out dead links, and ends where all are dead",
        switch(["p1", "p2"]),
        (
            step("p1", hello(1), dropped("no_receiver")),
            step("p1", plain(UNKNOWN, mac(1)), dropped("no_receiver")),
        ),
        conditions=Conditions(down=frozenset({"p2"})),
        counters={"learned": 1},
    ),
    Row(
        "a copy that is refused is lost, and a frame all of whose copies are is dropped",
        TRIO,
        (
            step("p1", hello(1), came_out_of("p3")),
            step("p2", hello(2), came_out_of("p1", "p3")),
            step("p1", plain(mac(2), mac(1)), dropped("transmit_failed")),
        ),
        conditions=Conditions(refusing=frozenset({"p2"})),
    ),
    Row(
        "a real datagram goes through as it is",
        TRIO,
        (
            step("p1", udp4(2, 1), came_out_of("p2", "p3"), untouched()),
            step("p2", udp4(1, 2, payload=b"x" * 1400), came_out_of("p1"), untouched()),
        ),
    ),
]
