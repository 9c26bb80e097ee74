"""What is read of the router's tables, in the configuration's words, is what kernels find there."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from random import Random

import numpy as np
import pytest

from control.fabric import Fabric, FlowTuple, RouteEntry, RouteHop
from control.model import Route
from dataplane.fdb.tables import TICK_SHIFT
from dataplane.flow.kernels import create_flow
from dataplane.flow.tables import AWAY, view_flows
from tests.configurations import port
from tests.dataplane.fabrics import OUT, WAY_OUT, as_number, blue, find, node, red
from tests.flow.tables import Key, conversation_of
from tests.generate.routers import SMALL, random_addresses, random_router
from tests.scale import scaled

pytestmark = pytest.mark.kernel


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made = Fabric(SMALL, shared=True)
    yield made
    made.close()


def test_routes_say_where_they_lead_and_why(fabric: Fabric) -> None:
    hops = ((ip_address("10.10.0.7"), 2), (ip_address("10.20.0.2"), 1))
    routes = (Route(ip_network("10.0.0.0/8"), blackhole=True), Route(ip_network("10.50.0.0/16"), via=hops))
    endpoint = port("b", "red", addresses=(ip_interface("10.20.0.2/24"),))
    networks = (replace(blue(), subnets=blue().subnets[:1], gateway=blue().gateway[:1]), red(mode="routed"))
    fabric.apply(node(port("a"), endpoint, OUT, networks=networks, routes=routes, **WAY_OUT))
    to_gateway = RouteHop("uplink", "out", ip_address("192.0.2.1"))
    expected = {
        "0.0.0.0/0": ("via", "uplink", (to_gateway,)),
        "10.0.0.0/8": ("blackhole", "static", ()),
        "10.10.0.0/24": ("connected", "connected", (RouteHop("blue"),)),
        "10.10.0.1/32": ("local", "local", (RouteHop("blue"),)),
        "10.20.0.0/24": ("unreachable", "connected", ()),
        "10.20.0.1/32": ("local", "local", (RouteHop("red"),)),
        "10.20.0.2/32": ("connected", "connected", (RouteHop("red", "b"),)),
        "10.50.0.0/16": ("via", "static", (RouteHop("blue", "", *hops[0]), RouteHop("red", "b", *hops[1]))),
        "169.254.1.1/32": ("local", "local", (RouteHop("red"),)),
        "192.0.2.0/24": ("connected", "connected", (RouteHop("uplink", "out"),)),
        "192.0.2.10/32": ("local", "local", (RouteHop("uplink", "out"),)),
    }
    found = [entry for entry in fabric.routes() if entry.to.version == 4]
    assert found == [RouteEntry(ip_network(to), *what) for to, what in expected.items()]


def longest(entries: list[RouteEntry], address: object) -> RouteEntry | None:
    covering = [entry for entry in entries if address in entry.to]
    return max(covering, key=lambda entry: entry.to.prefixlen, default=None)


def test_the_routes_that_are_read_are_those_that_are_found(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(20, jit_off=4)):
        configuration = random_router(random)
        fabric.apply(configuration)
        entries = fabric.routes()
        for address in random_addresses(random, configuration, 20):
            entry, found = longest(entries, address), find(fabric, address)
            assert {each.kind for each in found} == {entry.kind if entry else "none"}
            ways = (
                {(hop.network, hop.port, as_number(hop.via) if hop.via else 0) for hop in entry.hops} if entry else ()
            )
            assert {(each.interface, each.domain[2] if each.domain else "", each.via) for each in found} == (
                ways or {("", "", 0)}
            )


NOW_NS = 1_000_000_000_000
TICK = NOW_NS >> int(TICK_SHIFT)


def make_flow(
    fabric: Fabric, protocol: int, original: tuple[str, int, str, int], reply: tuple[str, int, str, int]
) -> int:
    """Make a flow that expires 100 ticks later, as a worker does."""
    state = fabric.state
    flows = view_flows(state.flow_head[0], state.flow_buckets, state.flow_ring, state.flow_records)
    keys = (key_of(protocol, *each) for each in (original, reply))
    return int(create_flow(flows, conversation_of(*keys), np.uint64(TICK), 100))


def key_of(protocol: int, source: str, source_port: int, destination: str, destination_port: int) -> Key:
    halves = (as_number(ip_address(address)) for address in (source, destination))
    words = [word for number in halves for word in (number >> 64, number & (1 << 64) - 1)]
    return words[0], words[1], words[2], words[3], source_port << 48 | destination_port << 32 | protocol << 24


def test_flows_are_read_and_ended(fabric: Fabric) -> None:
    web = ("10.10.0.2", 4000, "203.0.113.5", 80)
    answer = ("203.0.113.5", 80, "192.0.2.10", 61000)
    echo = ("fd00:10::2", 77, "2001:db8::5", 128)
    first = make_flow(fabric, 6, web, answer)
    second = make_flow(fabric, 58, echo, ("2001:db8::5", 128, "fd00:10::2", 77))
    fabric.state.flow_records[first].original.packets = 3
    fabric.state.flow_records[first].reply.bytes = 99
    later = NOW_NS + (40 << int(TICK_SHIFT))
    found = list(fabric.flows(later))
    assert [(flow.number, flow.protocol, flow.assured) for flow in found] == [
        (first, "tcp", False),
        (second, "icmp6", False),
    ]
    assert found[0].original == FlowTuple(ip_address(web[0]), web[1], ip_address(web[2]), web[3])
    assert found[0].reply == FlowTuple(ip_address(answer[0]), answer[1], ip_address(answer[2]), answer[3])
    assert (found[0].packets, found[0].bytes) == ((3, 0), (0, 99))
    assert found[1].original == FlowTuple(ip_address(echo[0]), 77, ip_address(echo[2]), 128)
    assert found[0].age_s == pytest.approx(40 * 2**27 / 1e9)
    assert found[0].expires_s == pytest.approx(60 * 2**27 / 1e9)
    assert not fabric.kill_flow(0, later)
    assert not fabric.kill_flow(3, later)
    assert not fabric.kill_flow(1 << 40, later)
    assert fabric.kill_flow(first, later)
    assert [flow.number for flow in fabric.flows(later)] == [second]
    assert not fabric.kill_flow(first, later)
    assert (fabric.flush_flows(later), list(fabric.flows(later))) == (1, [])


def test_a_worker_that_died_holds_no_flow(fabric: Fabric) -> None:
    fabric.state.flow_head[0].noted_turn[0] = 5
    fabric.forget_worker(0)
    assert fabric.state.flow_head[0].noted_turn[0] == AWAY
