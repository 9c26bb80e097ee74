"""The way to other nodes: their next hops are asked for, and what is for them waits."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from control.model import Route
from tests.checkers import Check, consumed, dropped, forwarded
from tests.rows.overlay.world import NOBODY, NODE2, NODE3, S2, S3, Remote, Underlay, calls, says
from tests.rows.router.world import B1, B2, R1, G, Station, W, arp_asked, arp_reply, met, na, ns_asked
from tests.rows.row import Row, Step, step

TO_S2, TO_S3 = says(B1, S2), says(B1, S3)


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    world = under.world()

    def asked(station: Station) -> tuple[str, bytes]:
        """Return how the next hop is asked for."""
        return "wan", arp_asked(station) if under.version == 4 else ns_asked(station)

    def told(station: Station, *checks: Check, **after: int) -> Step:
        """Return the step in which the next hop answers."""
        return step("wan", arp_reply(station) if under.version == 4 else na(station), *checks, **after)

    def out(frame: bytes, node: Remote) -> tuple[str, bytes]:
        return under.wrapped(frame, node)

    def routed(to: Remote, **fields: object) -> Route:
        return Route(ip_network(under.vtep(to)), **fields)  # type: ignore[arg-type]

    return [
        Row(
            "a node on the underlay's link is asked for, and the frame waits for the answer",
            world,
            (
                step("b1", TO_S2, consumed(asked(W))),
                step("b1", calls(B1, S2.mac), consumed()),
                told(W, consumed(out(TO_S2, NODE2), out(calls(B1, S2.mac), NODE2))),
                step("b1", TO_S2, forwarded(out(TO_S2, NODE2))),
            ),
        ),
        Row(
            "for a node behind the underlay's gateway that gateway is asked for",
            world,
            (
                step("b1", TO_S3, consumed(asked(G))),
                told(G, consumed(out(TO_S3, NODE3))),
                step("b1", TO_S3, forwarded(out(TO_S3, NODE3))),
            ),
        ),
        Row(
            "of the copies for all nodes those wait whose way is not known",
            world,
            (
                told(W),
                *met(W),
                step("b1", calls(B1), forwarded(("b2", calls(B1)), out(calls(B1), NODE2), asked(G))),
                told(G, consumed(out(calls(B1), NODE3))),
            ),
        ),
        Row(
            "a copy that waits goes where it was to go, whoever was heard meanwhile",
            world,
            (
                *met(W),
                step("b1", lost := calls(B1, NOBODY), forwarded(("b2", lost), out(lost, NODE2), asked(G))),
                step("b2", heard := calls(B2._replace(mac=NOBODY), B1.mac), forwarded(("b1", heard))),
                told(G, consumed(out(lost, NODE3))),
            ),
        ),
        Row(
            "a station's packet that waits goes where the station has gone",
            world,
            (
                step("b1", TO_S2, consumed(asked(W))),
                step(
                    "b2",
                    calls(B2._replace(mac=S2.mac), B1.mac),
                    forwarded(("b1", calls(B2._replace(mac=S2.mac), B1.mac))),
                ),
                told(W, consumed(("b2", TO_S2))),
            ),
        ),
        Row(
            "a frame of which all copies wait is kept",
            world,
            (
                step("r1", calls(R1), consumed(asked(W), asked(G))),
                told(W, consumed(under.wrapped(calls(R1), NODE2, vni=43))),
                told(G, consumed(under.wrapped(calls(R1), NODE3, vni=43))),
            ),
        ),
        Row(
            "who does not answer is asked three times, then what waits for him ends",
            world,
            (
                step("b1", TO_S2, consumed(asked(W))),
                step("b1", TO_S2, consumed(asked(W)), after_ticks=8),
                step("b1", TO_S2, consumed(asked(W)), after_ticks=16),
                step("b1", TO_S2, dropped("neighbour_unresolved"), after_ticks=24),
            ),
            dropped_late=3,
        ),
        Row(
            "sixteen frames wait",
            world,
            (
                *(step("b1", says(B1, S2, body=bytes([k]))) for k in range(16)),
                step("b1", says(B1, S2, body=b"late"), dropped("neighbour_unresolved")),
                told(W, consumed(*(out(says(B1, S2, body=bytes([k])), NODE2) for k in range(16)))),
            ),
        ),
        Row(
            "a written route to a node counts as any",
            replace(world, routes=(routed(NODE3, via=((ip_address(W.ip4 if under.version == 4 else W.ip6), 1),)),)),
            (
                *under.met(),
                step("b1", TO_S3, forwarded(out(TO_S3, NODE3._replace(by=W)))),
            ),
        ),
        Row(
            "to a node that no route leads to nothing goes",
            replace(world, routes=(routed(NODE3, blackhole=True),)),
            (*under.met(), step("b1", TO_S3, dropped("no_route"))),
        ),
    ]
