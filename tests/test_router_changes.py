"""A configuration that changes under conversations: those end that rested on what is no more, the others go on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest

from control.model import Configuration, Nat, Publish, Route
from tests.drive import run_naive_phases, run_phases
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    OUTSIDE,
    OUTSIDE6,
    R1,
    UPLINK,
    WORLD,
    G,
    Station,
    W,
    arp_reply,
    gives,
    met,
    pcap,
    tcp,
    udp,
    world,
)
from tests.rows.row import EPOCH_NS, Step, step
from tests.runs import Arrival, Phase, Run

Runner = Callable[[Sequence[Phase]], Run]
each_router = pytest.mark.parametrize(
    "run",
    [pytest.param(run_naive_phases, id="twin"), pytest.param(run_phases, id="pipeline", marks=pytest.mark.kernel)],
)

ALL_KNOWN = met(B1, B2, R1, G, W)
BARE = {"masquerade": False}
WEB = Publish(8080, 8080, 80, "udp")
PUBLISHED = world(pcap(B1, publish=(WEB,)))
OUT, OUT6 = gives(B1, udp(B1.ip4, FAR)), gives(B1, udp(B1.ip6, FAR6))
BACK, BACK6 = gives(G, udp(FAR, OUTSIDE, 5353, 4000)), gives(G, udp(FAR6, OUTSIDE6, 5353, 4000))
IN, IN6 = gives(G, udp(FAR, OUTSIDE, 4000, 8080)), gives(G, udp(FAR6, OUTSIDE6, 4000, 8080))
ACROSS = gives(B1, udp(B1.ip4, R1.ip4))
STATIC = (ip_address("192.0.2.20"), ip_address(B1.ip4))


def moved(station: Station, address: str) -> Any:
    """Return the port of a station that has another IPv4 address."""
    return pcap(station._replace(ip4=address))


def route(to: str, *via: str, network: str = "") -> Route:
    """Return a static route."""
    return Route(ip_network(to), tuple((ip_address(each), 1) for each in via), network)


def fates(run: Runner, before: Configuration, first: Sequence[Step], after: Configuration, then: Sequence[Step]) -> Any:
    """Return the reasons of the frames ``then``, None for those that went on, after a change from one to the other."""
    phases = [
        Phase(configuration, [Arrival(each.port, each.frame, EPOCH_NS + each.after_ns) for each in steps])
        for configuration, steps in ((before, [*ALL_KNOWN, *first]), (after, then))
    ]
    outcomes = run(phases).outcomes[len(ALL_KNOWN) :]
    assert all(outcome.verdict == "forward" for outcome in outcomes[: len(first)])
    return [outcome.reason for outcome in outcomes[len(first) :]]


@each_router
@pytest.mark.parametrize(
    ("before", "first", "after", "then", "reasons"),
    [
        pytest.param(PUBLISHED, [IN, IN6], WORLD, [IN, IN6], ["unsolicited"] * 2, id="a publication"),
        pytest.param(
            PUBLISHED,
            [IN],
            world(pcap(B2, publish=(WEB,))),
            [gives(B1, udp(B1.ip4, FAR, 80, 4001)), gives(G, udp(FAR, OUTSIDE, 4001, 80)), BACK],
            [None, None, "unsolicited"],
            id="a publication to another port",
        ),
        pytest.param(
            WORLD,
            [OUT, OUT6],
            world(blue={"internal": True}),
            [OUT, OUT6, BACK, BACK6],
            ["network_internal"] * 2 + ["unsolicited"] * 2,
            id="the way out",
        ),
        pytest.param(
            WORLD,
            [OUT],
            world(uplink=replace(UPLINK, addresses=(ip_interface("192.0.2.99/24"), *UPLINK.addresses[1:]))),
            [BACK, OUT6],
            ["unsolicited", None],
            id="the uplink's address",
        ),
        pytest.param(
            world(nat=Nat(static=(STATIC,))),
            [gives(G, udp(FAR, "192.0.2.20"))],
            WORLD,
            [gives(G, udp(FAR, "192.0.2.20"))],
            ["unsolicited"],
            id="a static pair",
        ),
        pytest.param(
            PUBLISHED,
            [IN],
            world(moved(B1, "10.1.0.77"), moved(B2, B1.ip4)),
            [step("b2", arp_reply(B2._replace(ip4=B1.ip4))), IN],
            [None, "unsolicited"],
            id="the address, now another's",
        ),
        pytest.param(
            world(routes=[route("10.2.0.0/24", network="red")]),
            [ACROSS],
            WORLD,
            [ACROSS, gives(R1, udp(R1.ip4, B1.ip4, 5353, 4000))],
            ["networks_isolated"] * 2,
            id="leave to another network",
        ),
        pytest.param(
            world(blue=BARE),
            [OUT, gives(G, udp(FAR, B1.ip4))],
            WORLD,
            [OUT, BACK, gives(G, udp(FAR, B1.ip4))],
            [None, None, "unsolicited"],
            id="an address of its own",
        ),
    ],
)
def test_what_rested_on_it_ends(
    run: Runner,
    before: Configuration,
    first: Sequence[Step],
    after: Configuration,
    then: Sequence[Step],
    reasons: list[str | None],
) -> None:
    assert fates(run, before, first, after, then) == reasons


@each_router
def test_without_its_route_nobody_leaves_by_an_inside_address(run: Runner) -> None:
    before = world(routes=[route("198.51.100.0/24", R1.ip4)])
    phases = [
        Phase(configuration, [Arrival(each.port, each.frame, EPOCH_NS) for each in steps])
        for configuration, steps in ((before, [*ALL_KNOWN, OUT]), (WORLD, [OUT]))
    ]
    outcomes = run(phases).outcomes
    assert [name for name, _ in outcomes[-2].out] == ["r1"]
    ((name, frame),) = outcomes[-1].out
    assert name == "wan"
    assert frame[26:30] == ip_address(OUTSIDE).packed


@each_router
@pytest.mark.parametrize(
    "after",
    [
        pytest.param(world(pcap(B1, publish=(WEB, Publish(9090, 9090, 90)))), id="another publication"),
        pytest.param(world(pcap(B1, publish=(WEB,)), moved(B2, "10.1.0.77")), id="another's address"),
        pytest.param(world(pcap(B1, publish=(WEB,)), red={"internal": True}), id="another network"),
        pytest.param(world(pcap(B1, publish=(WEB,)), blue={"icc": False}), id="what is no matter of the router's"),
        pytest.param(world(pcap(B1, publish=(WEB,)), routes=[route("203.0.113.0/24", R1.ip4)]), id="a route elsewhere"),
        pytest.param(
            world(
                pcap(B1, publish=(WEB,)),
                uplink=replace(UPLINK, addresses=(*UPLINK.addresses, ip_interface("192.0.2.99/24"))),
            ),
            id="one more address",
        ),
    ],
)
def test_a_change_elsewhere_disturbs_no_conversation(run: Runner, after: Configuration) -> None:
    syn = gives(B1, tcp(B1.ip4, FAR))
    answer = gives(G, tcp(FAR, OUTSIDE, 80, 4000, "SA", seq=900, ack=101))
    then = [IN, IN6, BACK, BACK6, answer]
    assert fates(run, PUBLISHED, [OUT, OUT6, IN, IN6, syn], after, then) == [None] * 5


@each_router
def test_another_next_hop_on_the_same_link_disturbs_no_conversation(run: Runner) -> None:
    before, after = (world(routes=[route("198.51.100.0/24", via)]) for via in (G.ip4, W.ip4))
    assert fates(run, before, [OUT], after, [BACK, OUT]) == [None, None]
