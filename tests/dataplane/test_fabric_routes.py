"""Configurations into the router's tables: what kernels find there is what the configuration says, however it was
reached, whoever takes the tables over; what does not fit changes nothing."""

import json
import os
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from random import Random
from typing import Any

import pytest

from control.errors import UserError
from control.fabric import Fabric
from control.fabric.interfaces import router_mac
from control.model import Address, Configuration, Limits, Network, Route, Uplink
from dataplane.interfaces.tables import ANSWERS_NAMES, INTERNAL, MASQUERADES, PROXIES, SERVES, UPLINK
from dataplane.route.hops.spread import shares
from tests.configurations import access, port
from tests.dataplane.fabrics import (
    NOWHERE,
    OUT,
    WAY_OUT,
    Found,
    as_number,
    blue,
    find,
    group_of,
    interfaces_in_force,
    node,
    red,
)
from tests.generate.routers import GATEWAYS, SMALL, UPLINKS, random_addresses, random_router
from tests.naive.forwarding import Forwarding, Hop
from tests.naive.interfaces import LINK_LOCAL, interfaces_of
from tests.packets import mac
from tests.scale import scaled

pytestmark = [pytest.mark.kernel, pytest.mark.limits(SMALL)]


def domain_number(fabric: Fabric, *key: Any) -> int:
    return next(number for each, number in fabric.plan.domain_numbers.items() if each[: len(key)] == key)


def expected_hop(hop: Hop) -> Found:
    """Return what a look-up must find where the naive router finds ``hop``."""
    if hop.interface is None or hop.kind == "unreachable":
        return Found(hop.kind)
    domain = tuple(hop.domain) if hop.domain else ()
    via = as_number(hop.via) if hop.via else 0
    return Found(hop.kind, hop.interface.name, domain, via, hop.is_open, hop.interface.mtu)


def check_routes(fabric: Fabric, random: Random, count: int) -> None:
    naive = Forwarding(fabric.configuration, interfaces_of(fabric.configuration))
    for address in random_addresses(random, fabric.configuration, count):
        found = {each._replace(domain=()) if each.kind == "local" else each for each in find(fabric, address)}
        assert found == (set(map(expected_hop, naive.find(address))) or {NOWHERE}), address


def check_interfaces(fabric: Fabric) -> None:
    rows, naive = interfaces_in_force(fabric), interfaces_of(fabric.configuration)
    assert sorted(rows) == sorted(each.name for each in naive)
    for interface in naive:
        row = rows[interface.name]
        own4, own6 = (
            next((as_number(a) for a in interface.addresses if a.version == v and a not in LINK_LOCAL), 0)
            for v in (4, 6)
        )
        assert (row["mac"], row["mtu"]) == (int.from_bytes(interface.mac, "little"), interface.mtu)
        assert (row["address4"], row["address6_high"] << 64 | row["address6_low"]) == (own4, own6)
        assert row["link_local_low"] == int(interface.link_local) & (1 << 64) - 1
        assert row["domains"] == sorted(map(tuple, interface.domains))
        prefixes = zip(row["prefix_high"], row["prefix_low"], row["prefix_length"], strict=True)
        expected = [(int(p[0]) >> 64, int(p[0]) & (1 << 64) - 1, p.prefixlen) for p in interface.prefixes]
        assert list(prefixes)[: row["prefixes"]] == expected


def test_every_address_leads_where_the_configuration_says_after_every_change(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(60, jit_off=8)):
        fabric.apply(random_router(random))
        check_routes(fabric, random, 30)


def test_interfaces_are_those_of_the_configuration_after_every_change(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(60, jit_off=8)):
        fabric.apply(random_router(random))
        check_interfaces(fabric)


def test_a_later_agent_finds_routes_as_they_were_and_goes_on(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    agents = [fabric]
    for _ in range(scaled(15, jit_off=4)):
        configuration = random_router(random)
        agents[-1].apply(configuration)
        before = [find(agents[-1], address) for address in random_addresses(Random(7), configuration, 40)]
        snapshot = json.loads(json.dumps(agents[-1].snapshot()))
        heir = Fabric.attach(os.dup(fabric.memory_fd), configuration, snapshot)
        assert heir.plan == agents[-1].plan
        assert [find(heir, address) for address in random_addresses(Random(7), configuration, 40)] == before
        agents.append(heir)
        heir.apply(random_router(random))
        check_routes(heir, random, 20)
    for heir in agents[1:]:
        heir.close()


def test_a_worker_that_died_in_a_burst_keeps_nobody_from_taking_over(fabric: Fabric, seed: int) -> None:
    configuration = random_router(Random(seed))
    fabric.apply(configuration)
    snapshot, control = fabric.snapshot(), fabric.state.control[0]
    control.in_use[0], control.noted_turn[0] = control.active[0], 0
    heir = Fabric.attach(os.dup(fabric.memory_fd), configuration, snapshot, gone=[0])
    check_routes(heir, Random(seed), 20)
    heir.close()


def test_an_agent_that_died_within_a_change_leaves_routes_that_the_next_puts_right(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    old, new = random_router(random), random_router(random)
    fabric.apply(old)
    snapshot = fabric.snapshot()
    fabric.apply(new)
    heir = Fabric.attach(os.dup(fabric.memory_fd), old, snapshot)
    heir.apply(old)
    check_routes(heir, random, 40)
    heir.apply(new)
    check_routes(heir, random, 40)
    heir.close()


def test_a_gateway_lies_in_vlan_1_of_a_network_that_reads_vlans(fabric: Fabric) -> None:
    fabric.apply(node(port("a", vlan=access(10)), port("b", "red")))
    rows = interfaces_in_force(fabric)
    assert rows["blue"]["domains"] == [("blue", 1, "")], "although no port carries it"
    assert rows["red"]["domains"] == [("red", None, "")]
    assert next(iter(find(fabric, ip_address("10.10.0.7")))).domain == ("blue", 1, "")


def test_an_interface_says_what_the_router_is_there(fabric: Fabric) -> None:
    networks = (blue(masquerade=True, mtu=9000), red(mode="routed", internal=True), Network("plain"))
    ports = (port("a"), port("b", "red"), port("c", "red"), OUT, port("s", "", mac=mac(0x5E)))
    fabric.apply(node(*ports, networks=networks, services="s", **WAY_OUT))
    rows = interfaces_in_force(fabric)
    assert rows.keys() == {"blue", "red", "uplink", "services"}, "a network without a subnet is a switch and no more"
    assert [rows[name]["traits"] for name in rows] == [
        MASQUERADES | ANSWERS_NAMES,
        INTERNAL | PROXIES | ANSWERS_NAMES,
        UPLINK,
        SERVES | PROXIES,
    ]
    here = rows["blue"]
    assert here["mac"] == int.from_bytes(router_mac("test", "blue"), "little")
    assert (here["address4"], here["mtu"]) == (as_number(ip_address("10.10.0.1")), 9000)
    assert (here["address6_high"], here["address6_low"]) == (0xFD00_0010 << 32, 1)
    assert (here["prefixes"], here["prefix_high"][0], here["prefix_length"][0]) == (1, 0xFD00_0010 << 32, 64)
    assert rows["red"]["domains"] == [("red", None, "b"), ("red", None, "c")]
    assert (rows["red"]["domain"], rows["red"]["address6_low"], rows["red"]["prefixes"]) == ((), 0, 0)
    assert rows["uplink"]["address4"] == as_number(UPLINKS[0].ip)
    table = fabric.state.interfaces[fabric.state.control[0].active[0] % 2]
    assert int(table.service_mac) == int.from_bytes(mac(0x5E), "little")
    assert int(table.service_domain) == domain_number(fabric, "", None, "s")


def test_link_local_addresses_are_the_routers_own(fabric: Fabric) -> None:
    fabric.apply(node(port("a")))
    for name, plan in ((key.network, plan) for key, plan in fabric.plan.interfaces.items()):
        assert plan.link_local in ip_network("fe80::/64")
        assert [found[:2] for found in find(fabric, plan.link_local)] == [("local", name)]
        assert interfaces_in_force(fabric)[name]["link_local_low"] == int(plan.link_local) & (1 << 64) - 1


def test_routers_macs_are_unicast_and_local_and_differ() -> None:
    macs = {router_mac(node, network) for node in ("n1", "n2") for network in ("", "blue", "red")}
    assert len(macs) == 6
    assert {each[0] & 3 for each in macs} == {2}


def test_a_port_of_a_routed_network_is_alone_and_so_is_the_uplinks(fabric: Fabric) -> None:
    ports = [port("a", "red"), port("b", "red"), port("out", "blue", endpoint=False), port("c"), port("d")]
    fabric.apply(node(*ports, networks=(blue(icc=False), red(mode="routed", icc=False)), **WAY_OUT))
    plan = fabric.plan
    members = {key: plan.domains[number].members for key, number in plan.domain_numbers.items()}
    names = {key[1:] and tuple(key): [fabric.name_of(index) for index in found] for key, found in members.items()}
    assert names == {
        ("red", None, "a"): ["a"],
        ("red", None, "b"): ["b"],
        ("blue", None, "out"): ["out"],
        ("blue", None, ""): ["c", "d"],
    }
    assert [name for name, each in plan.ports.items() if each.isolated] == ["a", "b", "c", "d"]


def test_interfaces_keep_their_numbers(fabric: Fabric) -> None:
    fabric.apply(node(port("a"), OUT, **WAY_OUT))
    before = {key: plan.number for key, plan in fabric.plan.interfaces.items()}
    fabric.apply(node(port("a"), OUT, networks=(red(), blue()), **WAY_OUT))
    assert {key: plan.number for key, plan in fabric.plan.interfaces.items()} == before
    fabric.apply(node(port("a"), networks=(blue(),)))
    green = Network("green", subnets=(ip_network("10.30.0.0/24"),))
    fabric.apply(node(port("a"), networks=(green, blue())))
    numbers = {key.network: plan.number for key, plan in fabric.plan.interfaces.items()}
    assert numbers["blue"] == before["network", "blue"]
    assert numbers["green"] == before["network", "red"], "free since the change before"


def test_flows_are_spread_by_the_weights_that_are_written(fabric: Fabric) -> None:
    hops = tuple((ip_address(f"10.10.0.{n}"), n) for n in (20, 30, 50))
    fabric.apply(node(port("a"), routes=(Route(ip_network("10.99.0.0/16"), via=hops),)))
    found = find(fabric, ip_address("10.99.0.1"))
    fair = shares({n: weight for n, (_, weight) in enumerate(hops)})
    assert {each.via: places for each, places in found.items()} == {
        as_number(hop): fair[n] for n, (hop, _) in enumerate(hops)
    }


def test_flows_stay_with_their_next_hop_when_another_leaves(fabric: Fabric) -> None:
    hops = tuple((ip_address(f"10.10.0.{n}"), 1) for n in range(20, 24))
    to = ip_network("10.99.0.0/16")
    fabric.apply(node(port("a"), routes=(Route(to, via=hops),)))
    group, before = group_places(fabric, to[1])
    fabric.apply(node(port("a"), routes=(Route(to, via=hops[1:]),)))
    same_group, after = group_places(fabric, to[1])
    moved = [was for was, now in zip(before, after, strict=True) if was != now]
    assert (same_group, len(moved), len(set(moved))) == (group, 64, 1)


def group_places(fabric: Fabric, address: Address) -> tuple[int, list[int]]:

    group = group_of(fabric, address)
    word = int(fabric.state.hop_groups[group])
    return group, fabric.state.hop_spreads[word & 0x7FFF_FFFF].tolist()


WRONG: dict[str, tuple[Route, str]] = {
    "off link": (Route(ip_network("10.99.0.0/16"), via=((ip_address("10.98.0.1"), 1),)), "on a link of the router's"),
    "own": (Route(ip_network("10.99.0.0/16"), via=((ip_address("10.10.0.1"), 1),)), "the router's own"),
    "no port's": (Route(ip_network("10.99.0.0/16"), via=((ip_address("10.20.0.9"), 1),)), "on a link of the router's"),
    "routed": (Route(ip_network("10.99.0.0/16"), network="red"), "expected a bridged network"),
    "many": (Route(ip_network("10.99.0.0/16"), via=tuple((ip_address("10.10.0.20") + n, 1) for n in range(65))), "64"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_route_that_leads_nowhere_changes_nothing(fabric: Fabric, name: str, seed: int) -> None:
    route, message = WRONG[name]
    networks = (blue(), red(mode="routed"))
    good = node(port("a"), networks=networks, routes=(Route(ip_network("10.50.0.0/16"), blackhole=True),))
    fabric.apply(good)
    with pytest.raises(UserError, match=message):
        fabric.apply(node(port("b"), networks=networks, routes=(route,)))
    assert fabric.configuration == good
    check_routes(fabric, Random(seed), 50)


def many_routes(count: int, third: int = 0) -> tuple[Route, ...]:
    return tuple(Route(ip_network((0xAC10_0000 + (third << 16) + 4 * n, 30)), network="blue") for n in range(count))


def test_more_routes_than_fit_change_nothing(fabric: Fabric, seed: int) -> None:
    fabric.apply(node(port("a")))
    with pytest.raises(UserError, match=r"limits.routes is 200; use fewer"):
        fabric.apply(node(port("a"), routes=many_routes(200)))
    check_routes(fabric, Random(seed), 50)


def test_a_full_table_is_exchanged_for_another(fabric: Fabric) -> None:
    room = SMALL.routes - len(fabric_routes(fabric, node(port("a"))))
    for third in range(3):
        fabric.apply(node(port("a"), routes=many_routes(room, third)))
        assert [found[:2] for found in find(fabric, ip_address(0xAC10_0001 + (third << 16)))] == [("connected", "blue")]
        assert find(fabric, ip_address(0xAC10_0001 + ((third + 1) << 16))) == {NOWHERE: 1}


def fabric_routes(fabric: Fabric, configuration: Configuration) -> list[Any]:
    fabric.apply(configuration)
    return [prefix for prefix in fabric.router.routes if prefix.version == 4]


def test_many_routes_come_and_go_at_once() -> None:
    fabric = Fabric(Limits(fdb=1000, flows=1000, routes=4000))
    for count in (1000, 10, 3000, 0):
        fabric.apply(node(port("a"), routes=many_routes(count)))
        for n in (0, 9, 10, 999, 1000, 2999):
            found = find(fabric, ip_address(0xAC10_0001 + 4 * n))
            assert [each.kind for each in found] == ["connected" if n < count else "none"]
    fabric.close()


def test_when_there_is_no_room_for_next_hops_all_stays_as_it_was(fabric: Fabric, seed: int) -> None:
    numbers = fabric.router.hops.group_numbers
    first = node(port("a"), routes=(Route(ip_network("10.50.0.0/16"), via=((ip_address("10.10.0.20"), 1),)),))
    fabric.apply(first)
    numbers.end = numbers.next + 1
    several = tuple(
        Route(ip_network(f"10.{50 + n}.0.0/16"), via=((ip_address(f"10.10.0.{21 + n}"), 1),)) for n in range(3)
    )
    with pytest.raises(UserError, match="groups are in use; use fewer"):
        fabric.apply(node(port("a"), routes=several))
    assert fabric.configuration == first
    check_routes(fabric, Random(seed), 50)


def test_subnets_that_two_networks_have_are_the_firsts(fabric: Fabric) -> None:
    fabric.apply(node(port("a"), networks=(blue(), replace(blue(), name="again"))))
    for address in ("10.10.0.1", "10.10.0.77"):
        assert [found.interface for found in find(fabric, ip_address(address))] == ["blue"]


def test_an_uplink_without_addresses_yet_is_there(fabric: Fabric) -> None:
    fabric.apply(node(port("a"), OUT, uplink=Uplink("nic", port="out", ifname="eth0")))
    assert interfaces_in_force(fabric)["uplink"]["address4"] == 0
    assert find(fabric, ip_address("192.0.2.1")) == {NOWHERE: 1}
    later = Uplink("nic", (ip_interface("192.0.2.5/24"),), (GATEWAYS[0],), "out", "eth0")
    fabric.apply(node(port("a"), OUT, uplink=later))
    assert [found.kind for found in find(fabric, ip_address("8.8.8.8"))] == ["via"]
