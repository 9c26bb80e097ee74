"""What is read of the router's tables, in the configuration's words, is what kernels find there."""

from dataclasses import asdict, replace
from ipaddress import ip_address, ip_interface, ip_network
from random import Random

import numpy as np
import pytest

from control.errors import UserError
from control.fabric import Fabric, FlowTuple, RouteEntry, RouteHop
from control.model import Publish, Route, Timeouts
from dataplane.fdb.build import ticks_of
from dataplane.fdb.tables import TICK_SHIFT
from dataplane.flow.build import write_flow_rules
from dataplane.flow.kernels import create_flow
from dataplane.flow.tables import AWAY, view_flows
from dataplane.fragment.build import lifetime_ticks
from dataplane.neighbour.tables import AWAY as NEIGHBOUR_AWAY
from dataplane.neighbour.tables import CONFIRMED, view_neighbours
from tests.configurations import port
from tests.dataplane.fabrics import OUT, WAY_OUT, as_number, blue, copy_in_force, find, node, red
from tests.flow.tables import Key, conversation_of
from tests.generate.routers import SMALL, random_addresses, random_router
from tests.neighbour.rig import Rig
from tests.packets import mac, mac_text
from tests.scale import scaled

pytestmark = [pytest.mark.kernel, pytest.mark.limits(SMALL)]


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
    flows = view_flows(state.flow_head[0], state.flow_buckets, state.flow_ring, state.flow_records, state.flow_logs[0])
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


def test_a_worker_that_died_holds_no_flow_and_no_neighbour(fabric: Fabric) -> None:
    fabric.state.flow_head[0].noted_turn[0] = 5
    fabric.state.neighbour_head[0].noted_tick[0] = 5
    fabric.forget_worker(0)
    assert fabric.state.flow_head[0].noted_turn[0] == AWAY
    assert fabric.state.neighbour_head[0].noted_tick[0] == NEIGHBOUR_AWAY


def with_neighbours(fabric: Fabric, known: dict[tuple[int, str], int]) -> Rig:
    """Let workers learn MACs by domain and address."""
    state, rig = fabric.state, Rig()
    rules = state.neighbour_rules[copy_in_force(fabric)]
    rig.neighbours = view_neighbours(state.neighbour_head[0], state.neighbour_buckets, state.neighbour_void, rules)
    for key, number in known.items():
        rig.hear(key, number, CONFIRMED, True, TICK)
    return rig


def test_neighbours_are_read_and_forgotten(fabric: Fabric) -> None:
    networks = (blue(), red(mode="routed"))
    configuration = node(
        port("a"), port("b", "red"), OUT, networks=networks, timeouts=Timeouts(neighbour_s=5), **WAY_OUT
    )
    fabric.apply(configuration)
    within, behind, outside = (fabric.plan.ports[name].native_domain for name in ("a", "b", "out"))
    one, two = int.from_bytes(mac(1), "little"), int.from_bytes(mac(2), "little")
    known = {
        (within, "10.10.0.9"): one,
        (within, "fd00:10::9"): one,
        (behind, "10.20.0.2"): two,
        (outside, "192.0.2.1"): two,
    }
    with_neighbours(fabric, known)
    assert [
        (each.network, each.port, str(each.address), each.mac, each.state) for each in fabric.neighbours(NOW_NS)
    ] == [
        ("blue", "", "10.10.0.9", mac_text(mac(1)), "reachable"),
        ("blue", "", "fd00:10::9", mac_text(mac(1)), "reachable"),
        ("red", "b", "10.20.0.2", mac_text(mac(2)), "reachable"),
        ("uplink", "out", "192.0.2.1", mac_text(mac(2)), "reachable"),
    ]
    later = NOW_NS + 6_000_000_000
    assert {each.state for each in fabric.neighbours(later)} == {"stale"}
    assert fabric.neighbours(later)[0].age_s == pytest.approx(6, abs=0.3)
    assert fabric.forget_neighbours(ip_address("10.10.0.9")) == 1
    assert [str(each.address) for each in fabric.neighbours(later)] == ["fd00:10::9", "10.20.0.2", "192.0.2.1"]
    assert (fabric.forget_neighbours(), fabric.neighbours(later)) == (3, [])


def test_neighbours_go_with_their_network(fabric: Fabric) -> None:
    fabric.apply(node(port("a"), port("b", "red")))
    number = fabric.plan.ports["b"].native_domain
    with_neighbours(fabric, {(number, "10.20.0.9"): 1, (fabric.plan.ports["a"].native_domain, "10.10.0.9"): 2})
    fabric.apply(node(port("a"), networks=(blue(),)))
    fabric.apply(node(port("a"), port("c", "green"), networks=(blue(), replace(red(), name="green"))))
    assert fabric.plan.ports["c"].native_domain == number, "given away again"
    assert [each.network for each in fabric.neighbours(NOW_NS)] == ["blue"]


def test_timeouts_and_translation_are_in_force_with_the_rest(fabric: Fabric) -> None:
    endpoint = port("a", addresses=(ip_interface("10.10.0.2/24"),), publish=(Publish(80, 80, 8080),))
    for timeouts in (Timeouts(), Timeouts(udp_s=7, neighbour_s=9, fragment_s=3)):
        fabric.apply(node(endpoint, OUT, networks=(blue(masquerade=True),), timeouts=timeouts, **WAY_OUT))
        state, copy = fabric.state, copy_in_force(fabric)
        expected = np.zeros_like(state.flow_rules)
        write_flow_rules(expected[0], {name[:-2]: seconds for name, seconds in asdict(timeouts).items()})
        assert (state.flow_rules[copy].timeouts == expected[0].timeouts).all()
        assert state.neighbour_rules[copy].reachable_ticks == ticks_of(timeouts.neighbour_s)
        assert state.fragment_head[0].lifetime == lifetime_ticks(timeouts.fragment_s)
        assert (state.nat_rules[copy].published, list(state.nat_rules[copy].sources)) == (1, [1, 1])
        assert (state.nat_rules[copy].translates, state.interfaces[copy].tracks, state.interfaces[copy].routes) == (
            1,
            1,
            1,
        )


def test_ports_that_are_published_twice_change_nothing(fabric: Fabric) -> None:
    addresses = [(ip_interface(f"10.10.0.{n}/24"),) for n in (2, 3)]
    first = port("a", addresses=addresses[0], publish=(Publish(80, 90, 80),))
    good = node(first, OUT, **WAY_OUT)
    fabric.apply(good)
    second = port("b", addresses=addresses[1], publish=(Publish(90, 90, 80),))
    with pytest.raises(UserError, match="translation: port 90 is published twice"):
        fabric.apply(node(first, second, OUT, **WAY_OUT))
    assert fabric.configuration == good
