"""A multicast group of the underlay that stands for all other nodes."""

from ipaddress import ip_address

from tests.checkers import came_out_of, dropped, forwarded
from tests.packets import tag, tagged
from tests.rows.overlay.whereabouts import only_at
from tests.rows.overlay.world import NOBODY, NODE2, RED, S2, STRANGER, Underlay, calls, says
from tests.rows.router.world import B1, R1, G, W, ether, router_mac
from tests.rows.row import Row, step

GROUPS = {4: ("239.129.1.7", bytes.fromhex("01005e010107")), 6: ("ff05::42:1", bytes.fromhex("333300420001"))}


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    address, to = GROUPS[under.version]
    world = under.world(group=ip_address(address))

    def for_all(frame: bytes, **fields: int) -> tuple[str, bytes]:
        return "wan", ether(to, router_mac(G), under.envelope(under.own, address, frame, **fields))

    def from_group(frame: bytes, source: str, **fields: int) -> bytes:
        return ether(to, W.mac, under.envelope(source, address, frame, **fields))

    return [
        Row(
            "what is for all goes to the group, once",
            world,
            (
                step("b1", calls(B1), forwarded(("b2", calls(B1)), for_all(calls(B1)))),
                step("b1", calls(B1, NOBODY), forwarded(("b2", calls(B1, NOBODY)), for_all(calls(B1, NOBODY)))),
                step("r1", calls(R1), forwarded(for_all(calls(R1), vni=RED))),
            ),
        ),
        Row(
            "what is for one node goes there",
            world,
            (*under.met(), step("b1", says(B1, S2), only_at(under, says(B1, S2), NODE2))),
        ),
        Row(
            "what comes by the group is as if it came to us",
            world,
            (
                step("wan", from_group(calls(S2), under.vtep(NODE2)), came_out_of("b1", "b2")),
                step("wan", from_group(calls(S2), under.vtep(STRANGER)), dropped("unknown_peer")),
                step("wan", from_group(tagged(calls(S2), tag(7)), under.vtep(NODE2)), dropped("inner_vlan")),
            ),
        ),
    ]
