"""Other nodes in a fabric's tables: after any changes of peers and networks they hold what a naive reading of the
configuration says, and a change of peers alone comes into force at once."""

import json
import os
from dataclasses import replace
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

import pytest

from control.errors import UserError
from control.fabric import Fabric
from control.fabric.others import FILE
from control.model import (
    TUNNEL,
    Configuration,
    Peer,
    RemoteEndpoint,
    Route,
)
from control.overlay.claims import clashes_within
from dataplane.fdb.tables import PLACES
from dataplane.generation.tables import COPIES
from dataplane.interfaces.tables import SPANS
from dataplane.route.hops.tables import CONNECTED, VIA
from dataplane.vector import MAX_PORTS
from encap.build import address_key
from encap.index import find_domain
from encap.tables import RAW, SOCKET
from tests.dataplane.fabrics import copy_in_force, group_of, hops_in_force
from tests.dataplane.peered import (
    NETWORKS,
    SMALL,
    check,
    domain_of,
    endpoint,
    expected_here,
    generation,
    node,
    number_of,
    peer,
    peer_at,
)
from tests.scale import scaled

pytestmark = [pytest.mark.kernel, pytest.mark.limits(SMALL)]


def random_peers(random: Random) -> tuple[Peer, ...]:
    """Return nodes that clash neither with one another nor with us."""
    subnets = random.sample([f"10.{net}.{n}.0/24" for net in (20, 30, 40) for n in range(1, 9)], 12)
    addresses = random.sample([f"10.{net}.200.{n}" for net in (20, 30) for n in range(2, 30)], 20)
    macs = random.sample(range(1, 90), 20)
    peers = []
    for number in random.sample(range(2, 9), random.randrange(7)):
        endpoints = []
        for _ in range(random.randrange(4)):
            address, has_mac = addresses.pop(), random.random() < 0.7
            network = "red" if address.startswith("10.20") else "green"
            endpoints.append(endpoint(network, address, f"0200000000{macs.pop():02x}" if has_mac else ""))
            if has_mac and network == "red" and random.random() < 0.5:
                both = ip_address(f"fd00:20::{address.rpartition('.')[2]}")
                endpoints.append(RemoteEndpoint("red", both, endpoints[-1].mac))
        held = tuple(ip_network(subnets.pop()) for _ in range(random.randrange(3)) if subnets)
        networks = random.choice([(), (), ("red", "green"), ("red", "green", "bare")])
        made = peer(number, *endpoints, subnets=held, networks=networks)
        moved = ip_address(f"192.0.2.{number + 100 * random.randrange(2)}")
        assert not list(clashes_within(made))
        peers.append(replace(made, address=moved))
    return tuple(peers)


def random_node(random: Random) -> Configuration:
    networks = tuple(each for each in NETWORKS if random.random() < 0.85)
    return node(*random_peers(random), networks=networks, port=random.choice([4789, 4789, 8472]))


def test_after_any_changes_the_tables_hold_what_the_configuration_says(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    configuration = random_node(random)
    for _ in range(scaled(50, jit_off=15)):
        if random.random() < 0.6 and configuration.overlay is not None:
            peers = random_peers(random)
            configuration = replace(configuration, overlay=replace(configuration.overlay, peers=peers))
        else:
            configuration = random_node(random)
        fabric.apply(configuration)
        check(fabric)


def test_a_later_agent_finds_other_nodes_as_they_were_and_goes_on(fabric: Fabric, seed: int) -> None:
    random, agents = Random(seed), [fabric]
    for _ in range(scaled(8, jit_off=3)):
        configuration = random_node(random)
        agents[-1].apply(configuration)
        check(agents[-1])
        before, routes = agents[-1].state.remotes.tobytes(), agents[-1].routes()
        known = agents[-1].others.store.known.values()
        snapshot = json.loads(json.dumps(agents[-1].snapshot()))
        store = type(agents[-1].others.store)()
        plans = [store.plan_upsert(each.peer, FILE, 0.0) for each in known]
        heir = Fabric.attach(os.dup(fabric.memory_fd), configuration, snapshot, known=plans)
        assert heir.state.remotes.tobytes() == before
        assert heir.routes() == routes
        agents.append(heir)
        heir.apply(random_node(random))
        check(heir)
    for heir in agents[1:]:
        heir.close()


def test_an_heir_that_knows_nothing_puts_the_tables_right(fabric: Fabric, seed: int) -> None:
    random = Random(seed)
    fabric.apply(random_node(random))
    heir = Fabric.attach(os.dup(fabric.memory_fd), fabric.configuration, fabric.snapshot())
    assert heir.others.tables.writer.read() == expected_here(heir)
    heir.apply(random_node(random))
    check(heir)
    heir.close()


def test_a_change_of_peers_alone_leaves_the_generation_as_it_is(fabric: Fabric) -> None:
    fabric.apply(node())
    before = generation(fabric)
    fabric.apply(node(peer(2, endpoint("red", "10.20.2.5", "020000000205"), subnets=(ip_network("10.20.2.0/24"),))))
    assert generation(fabric) == before
    check(fabric)
    assert peer_at(fabric, "10.20.2.77")[:2] == (CONNECTED, "node2")
    assert peer_at(fabric, "10.20.3.77")[:2] == (CONNECTED, "")
    assert fabric.configuration.overlay is not None
    assert [each.node for each in fabric.configuration.overlay.peers] == ["node2"]


def test_an_endpoint_that_moves_is_at_one_node_at_every_moment(fabric: Fabric, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker would look it up between any two stores."""
    one = endpoint("red", "10.20.9.9", "020000000909")
    fabric.apply(node(peer(2, one), peer(3)))
    writer, seen = fabric.others.tables.writer, []
    for name in ("put", "drop"):
        change = getattr(writer, name)

        def watched(*args: Any, change: Any = change) -> None:
            change(*args)
            key = address_key(domain_of(fabric, "red"), one.address)
            seen.append(writer.read().get(key, 0) >> 48)

        monkeypatch.setattr(writer, name, watched)
    fabric.apply(node(peer(2), peer(3, one)))
    nodes = [fabric.others.names[number] for number in seen]
    assert nodes[0] in ("node2", "node3")
    assert nodes == sorted(nodes)
    assert nodes[-1] == "node3"


def test_what_does_not_fit_changes_nothing(fabric: Fabric) -> None:
    fabric.apply(node(peer(2, endpoint("red", "10.20.2.5", "020000000205"))))
    before, routes = fabric.state.remotes.tobytes(), fabric.routes()
    many = tuple(ip_network(f"10.20.{n}.{32 * part}/27") for n in range(4, 70) for part in range(8))
    with pytest.raises(UserError, match="routes"):
        fabric.apply(node(peer(2), peer(3, endpoint("red", "10.20.3.5", "020000000305"), subnets=many)))
    check(fabric)
    assert fabric.routes() == routes
    assert sum(a != b for a, b in zip(before, fabric.state.remotes.tobytes(), strict=True)) < 200
    with pytest.raises(UserError, match="routes"):
        fabric.apply(node(peer(3, subnets=many), networks=NETWORKS[:2]))
    check(fabric)
    assert fabric.routes() == routes


def test_a_written_route_comes_before_a_peers_and_gives_way_to_it_when_it_goes(fabric: Fabric) -> None:
    held = peer(2, subnets=(ip_network("10.20.2.0/24"),))
    written = Route(ip_network("10.20.2.0/24"), ((ip_address("192.0.2.9"), 1),))
    fabric.apply(replace(node(held), routes=(written,)))
    assert peer_at(fabric, "10.20.2.7")[0] == VIA
    fabric.apply(node(held))
    assert peer_at(fabric, "10.20.2.7")[:2] == (CONNECTED, "node2")
    fabric.apply(replace(node(), routes=(written,)))
    assert peer_at(fabric, "10.20.2.7")[0] == VIA


def test_what_a_written_route_opens_is_open_where_peers_have_it_too(fabric: Fabric) -> None:
    def is_open(address: str) -> bool:
        hops = hops_in_force(fabric)
        return bool(hops.hop[int(hops.group[group_of(fabric, ip_address(address))])].is_open)

    held = peer(2, subnets=(ip_network("10.20.2.0/24"), ip_network("10.20.64.0/24")))
    fabric.apply(node(held))
    assert not is_open("10.20.2.7")
    fabric.apply(replace(node(held), routes=(Route(ip_network("10.20.0.0/18"), network="red"),)))
    assert (is_open("10.20.1.7"), is_open("10.20.2.7"), is_open("10.20.64.7")) == (True, True, False)


def test_a_node_has_a_part_of_a_routed_network_by_a_plain_route(fabric: Fabric) -> None:
    """What flannel calls host-gw: no tunnel, no translation, the node itself is the next hop."""
    fabric.apply(node(peer(2, subnets=(ip_network("10.40.2.0/24"),))))
    assert peer_at(fabric, "10.40.2.9") == (VIA, "", 0xFFFF << 32 | int(ip_address("192.0.2.2")))
    entry = next(each for each in fabric.routes() if each.to == ip_network("10.40.2.0/24"))
    assert (entry.kind, entry.origin) == ("via", "peer")
    assert [(hop.network, str(hop.via)) for hop in entry.hops] == [("uplink", "192.0.2.2")]


def test_routes_name_the_node_behind_them(fabric: Fabric) -> None:
    fabric.apply(node(peer(2, subnets=(ip_network("10.20.2.0/24"),))))
    entry = next(each for each in fabric.routes() if each.to == ip_network("10.20.2.0/24"))
    assert (entry.kind, entry.origin) == ("connected", "peer")
    assert [(hop.network, hop.peer) for hop in entry.hops] == [("red", "node2")]


def test_the_tunnel_is_in_every_network_that_has_a_vni(fabric: Fabric) -> None:
    fabric.apply(node(gbp=True, dscp=12))
    table, tunnel = fabric.state.overlay[copy_in_force(fabric)], fabric.index_of(TUNNEL)
    assert (int(table.is_on), int(table.port), int(table.transport), int(table.dscp)) == (1, tunnel, SOCKET, 12)
    for network in NETWORKS:
        domain = domain_of(fabric, network.name)
        is_overlay = network.mode == "overlay"
        assert (tunnel in fabric.plan.domains[domain].members) == is_overlay
        assert int(table.vni_of_domain[domain]) == (network.vni + 1 if network.vni is not None else 0)
        if network.vni is not None:
            assert find_domain(table, network.vni) == domain
            assert (int(table.mtu_of_domain[domain]), bool(table.keeps_tags[domain])) == (
                network.mtu,
                network.inner_vlan == "keep",
            )
    spanning = {key.network for key, each in fabric.plan.interfaces.items() if each.traits & SPANS}
    assert spanning == {"red", "green"}


def test_raw_frames_leave_by_the_uplinks_port_domain_and_interface(fabric: Fabric) -> None:
    fabric.apply(node(transport="raw"))
    table = fabric.state.overlay[copy_in_force(fabric)]
    wan = fabric.plan.ports["wan"]
    interface = next(each for key, each in fabric.plan.interfaces.items() if key.kind == "uplink")
    assert int(table.transport) == RAW
    assert (int(table.underlay_port), int(table.underlay_domain)) == (wan.index, wan.native_domain)
    assert int(table.underlay_interface) == interface.number
    assert fabric.link_is_up(TUNNEL)


def test_ports_have_their_groups(fabric: Fabric) -> None:
    configuration = node(gbp=True)
    ports = tuple(replace(each, group=77) if each.name == "web" else each for each in configuration.ports)
    fabric.apply(replace(configuration, ports=ports))
    table = fabric.state.overlay[copy_in_force(fabric)]
    assert int(table.group_of_port[fabric.index_of("web")]) == 77
    assert int(table.group_of_port.sum()) == 77


def test_without_an_overlay_there_is_nothing_of_it(fabric: Fabric) -> None:
    fabric.apply(node(peer(2, endpoint("red", "10.20.2.5", "020000000205"), subnets=(ip_network("10.20.2.0/24"),))))
    plain = replace(node(networks=NETWORKS[3:]), overlay=None)
    fabric.apply(replace(plain, ports=tuple(each for each in plain.ports if each.name != TUNNEL)))
    assert not fabric.state.overlay[copy_in_force(fabric)].is_on
    assert fabric.others.tables.writer.read() == {}
    assert not fabric.state.remotes[0].members.any()
    assert not any(each.origin == "peer" for each in fabric.routes())


def test_what_was_learned_of_a_node_that_goes_counts_no_more(fabric: Fabric) -> None:
    fabric.apply(node(peer(2), peer(3), learning=True))
    gone, stays = (MAX_PORTS + number_of(fabric, ip_address(f"192.0.2.{n}")) for n in (2, 3))

    def epochs() -> list[list[int]]:
        copies = fabric.state.fdb_rules
        return [[int(copies[copy].ports[place].epoch) for copy in range(COPIES)] for place in (gone, stays)]

    before = epochs()
    fabric.apply(node(peer(3), learning=True))
    after = epochs()
    assert after == [[epoch + 1 for epoch in before[0]], before[1]]
    fabric.apply(node(peer(3), learning=True, ttl=9))
    assert int(fabric.state.fdb_rules[copy_in_force(fabric)].ports[gone].epoch) == after[0][0]
    assert int(fabric.state.fdb_rules[copy_in_force(fabric)].ports[PLACES - 1].max_macs) == SMALL.macs_per_port
