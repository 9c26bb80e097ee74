"""To whom a frame goes: what is known of other nodes, what is learned, who moves, and what is for all."""

from dataclasses import replace

from control.model import Configuration, Port, Timeouts
from tests.checkers import Check, came_out_of, dropped, forwarded, untouched
from tests.rows.overlay.world import (
    BLUE,
    NEW2,
    NEW3,
    NOBODY,
    NODE2,
    NODE3,
    Q2,
    RED,
    S2,
    S3,
    SILENT2,
    Remote,
    Underlay,
    calls,
    says,
)
from tests.rows.router.world import B1, B2, R1, Station, pcap
from tests.rows.row import LIFETIME_TICKS, Row, Step, step


def only_at(under: Underlay, frame: bytes, node: Remote) -> Check:
    """The frame goes to that node, and nowhere else."""
    return forwarded(under.wrapped(frame, node))


def everywhere(under: Underlay, frame: bytes, *ports: str, vni: int = BLUE) -> Check:
    """The frame goes to these ports, and to both nodes."""
    nodes = (under.wrapped(frame, node, vni=vni) for node in (NODE2, NODE3))
    return forwarded(*((port, frame) for port in ports), *nodes)


def told_nothing(under: Underlay, *ports: Port, **fields: object) -> Configuration:
    """Return a world that knows its peers' addresses, and nothing that is there."""
    return under.world(*ports, peers=[under.peer(NODE2), under.peer(NODE3)], **fields)  # type: ignore[arg-type]


def moved(station: Station, mac: bytes) -> Station:
    """Return a station with another MAC."""
    return station._replace(mac=mac)


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    return [*known_rows(under), *flood_rows(under), *learning_rows(under), *apart_rows(under)]


def known_rows(under: Underlay) -> list[Row]:
    """Return rows about what is told of other nodes."""
    world = under.world()

    def goes(to: Station, node: Remote, version: int = 4) -> Step:
        frame = says(B1, to, version=version)
        return step("b1", frame, only_at(under, frame, node))

    return [
        Row(
            "a known MAC leads to its node alone, whatever the frame carries",
            world,
            (
                *under.met(),
                goes(S2, NODE2),
                goes(S3, NODE3),
                step("b1", calls(B1, S3.mac), only_at(under, calls(B1, S3.mac), NODE3)),
            ),
        ),
        Row(
            "where the MAC tells nothing a known address does",
            world,
            (*under.met(), goes(SILENT2, NODE2), goes(SILENT2, NODE2, version=6)),
        ),
        Row(
            "and after that the subnet that the address is in",
            world,
            (
                *under.met(),
                goes(NEW2, NODE2),
                goes(NEW2, NODE2, version=6),
                goes(NEW3, NODE3),
                goes(NEW3, NODE3, version=6),
            ),
        ),
        Row(
            "a MAC counts for more than an address",
            world,
            (
                *under.met(),
                step(
                    "b1",
                    both := says(B1, moved(NEW3, S2.mac)),
                    only_at(under, both, NODE2),
                ),
            ),
        ),
        Row(
            "what was heard here counts for more than what is told",
            world,
            (
                *under.met(),
                step("b2", says(moved(B2, S2.mac), B1)),
                step("b1", says(B1, S2), came_out_of("b2"), untouched()),
            ),
        ),
        Row(
            "until it is heard from where it is told to be",
            world,
            (
                *under.met(),
                step("b2", says(moved(B2, S2.mac), B1)),
                under.comes(calls(S2), NODE2, came_out_of("b1", "b2")),
                step("b1", says(B1, S2), only_at(under, says(B1, S2), NODE2)),
            ),
        ),
        Row(
            "or until it is too old",
            world,
            (
                *under.met(),
                step("b2", says(moved(B2, S2.mac), B1)),
                step("b1", says(B1, S2), came_out_of("b2"), after_ticks=LIFETIME_TICKS),
                *met_again(under, LIFETIME_TICKS + 1),
                step("b1", says(B1, S2), only_at(under, says(B1, S2), NODE2), after_ticks=LIFETIME_TICKS + 1),
            ),
        ),
        Row(
            "what is told of one network says nothing of another",
            world,
            (
                *under.met(),
                step("r1", calls(R1, S2.mac), everywhere(under, calls(R1, S2.mac), vni=RED)),
                step("b1", calls(B1, Q2.mac), everywhere(under, calls(B1, Q2.mac), "b2")),
            ),
        ),
    ]


def met_again(under: Underlay, ticks: int) -> tuple[Step, ...]:
    """Return the steps by which the way to both nodes is known at a later time."""
    return tuple(each._replace(checks=(), after_ns=ticks << 27) for each in under.met())


def flood_rows(under: Underlay) -> list[Row]:
    """Return rows about frames for all."""
    world = under.world()
    group = calls(B1, bytes.fromhex("01005e000009"))
    unknown = calls(B1, NOBODY)
    only_blue = [under.peer(NODE2, networks=("blue",)), under.peer(NODE3, networks=("red",))]
    return [
        Row(
            "a broadcast, a multicast and an unknown unicast go to all ports here and to every node",
            world,
            (
                *under.met(),
                step("b1", calls(B1), everywhere(under, calls(B1), "b2")),
                step("b1", group, everywhere(under, group, "b2")),
                step("b1", unknown, everywhere(under, unknown, "b2")),
            ),
        ),
        Row(
            "but only to nodes that take part in the network",
            under.world(peers=only_blue),
            (
                *under.met(),
                step("b1", calls(B1), forwarded(("b2", calls(B1)), under.wrapped(calls(B1), NODE2))),
                step("r1", calls(R1), forwarded(under.wrapped(calls(R1), NODE3, vni=RED))),
            ),
        ),
        Row(
            "what came by the tunnel does not go back into it",
            world,
            (
                *under.met(),
                under.comes(calls(S2), NODE2, came_out_of("b1", "b2")),
                under.comes(calls(S2, NOBODY), NODE2, came_out_of("b1", "b2")),
                under.comes(says(S2, S3), NODE2, dropped("same_port")),
                under.comes(says(S2, NEW3), NODE2, dropped("same_port")),
                under.comes(says(S2, S2), NODE2, dropped("same_port")),
            ),
        ),
        Row(
            "where nobody else is, a frame for all reaches nobody",
            under.world(peers=[]),
            (
                step("r1", calls(R1), dropped("no_receiver")),
                step("b1", calls(B1), came_out_of("b2")),
            ),
        ),
        Row(
            "from another node to a network without ports a frame reaches nobody",
            replace(world, ports=tuple(port for port in world.ports if port.network != "red")),
            (under.comes(calls(Q2), NODE2, dropped("no_receiver"), vni=RED),),
        ),
    ]


def learning_rows(under: Underlay) -> list[Row]:
    """Return rows about learning from frames."""
    learning = told_nothing(under, learning=True)
    mute = told_nothing(under)
    to_s2 = says(B1, S2)
    back = says(S2, B1)
    return [
        Row(
            "where nothing is learned from other nodes, who is there stays unknown",
            mute,
            (
                *under.met(),
                under.comes(back, NODE2),
                step("b1", to_s2, everywhere(under, to_s2, "b2")),
            ),
        ),
        Row(
            "a node that learns sends answers to where the question came from",
            learning,
            (
                *under.met(),
                step("b1", to_s2, everywhere(under, to_s2, "b2")),
                under.comes(back, NODE2, forwarded(("b1", back))),
                step("b1", to_s2, only_at(under, to_s2, NODE2)),
            ),
        ),
        Row(
            "a MAC that moves from node to node is followed",
            learning,
            (
                *under.met(),
                under.comes(back, NODE2),
                step("b1", to_s2, only_at(under, to_s2, NODE2)),
                under.comes(back, NODE3),
                step("b1", to_s2, only_at(under, to_s2, NODE3)),
            ),
        ),
        Row(
            "so is one that moves here, and one that leaves",
            learning,
            (
                *under.met(),
                step("b1", calls(B1)),
                under.comes(back, NODE2),
                step("b2", says(S2, B1), came_out_of("b1")),
                step("b1", to_s2, came_out_of("b2"), untouched()),
                under.comes(back, NODE3),
                step("b1", to_s2, only_at(under, to_s2, NODE3)),
            ),
        ),
        Row(
            "what was learned of a node is forgotten like all else",
            replace(learning, timeouts=Timeouts(fdb_s=1)),
            (
                *under.met(),
                under.comes(back, NODE2),
                step("b1", to_s2, only_at(under, to_s2, NODE2), after_ticks=8),
                step("b1", to_s2, everywhere(under, to_s2, "b2"), after_ticks=9),
            ),
        ),
        Row(
            "what is learned of one network says nothing of another",
            learning,
            (
                *under.met(),
                under.comes(calls(S2), NODE2),
                step("r1", calls(R1, S2.mac), everywhere(under, calls(R1, S2.mac), vni=RED)),
            ),
        ),
        Row(
            "a MAC that is fixed to a port here is nobody else's",
            told_nothing(under, pcap(B2, static_macs=(S2.mac,)), learning=True),
            (
                *under.met(),
                under.comes(back, NODE2, dropped("spoofed_mac")),
                step("b1", to_s2, came_out_of("b2")),
            ),
        ),
    ]


def apart_rows(under: Underlay) -> list[Row]:
    """Return rows about what keeps frames apart."""
    return [
        Row(
            "a network whose endpoints are kept apart keeps them apart from those at other nodes",
            under.world(blue={"icc": False}),
            (
                *under.met(),
                step("b1", says(B1, S2), dropped("isolated")),
                step("b1", calls(B1), dropped("isolated")),
                under.comes(says(S2, B1), NODE2, dropped("isolated")),
            ),
        ),
    ]
