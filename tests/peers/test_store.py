"""What several sources say of other nodes: what comes of it, as differences; who may take what from whom."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from math import inf
from random import Random

import pytest

from control.errors import UserError
from control.model import Peer, RemoteEndpoint
from control.overlay.store import PeerChange, PeerPlan, PeerStore
from tests.configurations import port
from tests.peers.nodes import endpoint, peer


def store_of(*peers: Peer, source: str = "api") -> PeerStore:
    store = PeerStore()
    for each in peers:
        store.take_in(store.plan_upsert(each, source, 0.0))
    return store


def known(store: PeerStore) -> dict[str, Peer]:
    return {node: each.peer for node, each in store.known.items()}


def bare(each: Peer) -> Peer:
    return replace(each, endpoints=())


def mistakes(store: PeerStore, each: Peer, source: str = "api") -> list[str]:
    before = known(store)
    with pytest.raises(UserError) as refused:
        store.plan_upsert(each, source, 0.0)
    assert known(store) == before
    return str(refused.value).splitlines()


def test_a_node_that_is_new_comes_whole() -> None:
    store, node = PeerStore(), peer(2, endpoint(2, 5))
    plan = store.plan_upsert(node, "api", 10.0)
    assert plan == PeerPlan("api", (PeerChange("node2", None, bare(node), come=node.endpoints),), {"node2": None})
    assert store.known == {}
    store.take_in(plan)
    assert known(store) == {"node2": node}


def test_what_is_told_again_changes_nothing() -> None:
    store = store_of(peer(2, endpoint(2, 5)))
    assert store.plan_upsert(peer(2, endpoint(2, 5)), "api", 0.0).changes == ()
    assert store.plan_endpoint("node2", endpoint(2, 5), "api").changes == ()


def test_only_the_endpoints_that_differ_go_and_come() -> None:
    store = store_of(peer(2, endpoint(2, 5), endpoint(2, 6), endpoint(2, 7)))
    after = peer(2, endpoint(2, 5), endpoint(2, 6, mac=b"\2\0\0\0\0\1"), endpoint(2, 8))
    (change,) = store.plan_upsert(after, "api", 0.0).changes
    assert change.gone == (endpoint(2, 6), endpoint(2, 7))
    assert change.come == (endpoint(2, 6, mac=b"\2\0\0\0\0\1"), endpoint(2, 8))
    assert change.before is change.after


def test_single_endpoints_come_change_and_go() -> None:
    store = store_of(peer(2))
    store.take_in(store.plan_endpoint("node2", endpoint(2, 5), "api"))
    store.take_in(store.plan_endpoint("node2", endpoint(2, 5, mac=b""), "api"))
    assert known(store) == {"node2": peer(2, endpoint(2, 5, mac=b""))}
    store.take_in(store.plan_endpoint_removal("node2", "red", ip_address("10.20.2.5"), "api"))
    assert known(store) == {"node2": peer(2)}
    assert store.plan_endpoint_removal("node2", "red", ip_address("10.20.2.5"), "api").changes == ()
    assert store.plan_endpoint_removal("node3", "red", ip_address("10.20.2.5"), "api").changes == ()


def test_an_endpoint_of_nobody_is_refused() -> None:
    with pytest.raises(UserError, match="peer node2: expected one that is known, found none of that name"):
        PeerStore().plan_endpoint("node2", endpoint(2, 5), "api")


def test_an_endpoint_goes_to_the_node_that_claims_it_last() -> None:
    """Whether the news that it left the other comes before, or after, or never."""
    store = store_of(peer(2, endpoint(2, 5), endpoint(2, 6)), peer(3))
    plan = store.plan_endpoint("node3", endpoint(2, 5), "api")
    assert [(change.node, change.gone, change.come) for change in plan.changes] == [
        ("node2", (endpoint(2, 5),), ()),
        ("node3", (), (endpoint(2, 5),)),
    ]
    store.take_in(plan)
    assert store.plan_endpoint_removal("node2", "red", ip_address("10.20.2.5"), "api").changes == ()
    assert known(store) == {"node2": peer(2, endpoint(2, 6)), "node3": peer(3, endpoint(2, 5))}


def test_a_mac_goes_along_from_one_address_to_another() -> None:
    store = store_of(peer(2, endpoint(2, 5)), peer(3))
    store.take_in(store.plan_upsert(peer(3, endpoint(3, 9, mac=endpoint(2, 5).mac)), "api", 0.0))
    assert known(store)["node2"] == peer(2)


def test_one_mac_may_have_several_addresses_at_a_node() -> None:
    other = RemoteEndpoint("red", ip_address("fd00::5"), endpoint(2, 5).mac)
    store = store_of(peer(2, endpoint(2, 5), other))
    store.take_in(store.plan_endpoint_removal("node2", "red", other.address, "api"))
    assert known(store) == {"node2": peer(2, endpoint(2, 5))}


def test_a_subnet_goes_to_the_node_that_claims_it_last() -> None:
    subnet = ip_network("10.20.9.0/24")
    store = store_of(peer(2, subnets=(ip_network("10.20.2.0/24"), subnet)), peer(3))
    store.take_in(store.plan_upsert(peer(3, subnets=(subnet,)), "api", 0.0))
    assert known(store) == {"node2": peer(2), "node3": peer(3, subnets=(subnet,))}


def test_a_part_of_anothers_subnet_is_refused() -> None:
    store = store_of(peer(2), peer(3))
    assert mistakes(store, peer(3, subnets=(ip_network("10.20.2.0/25"),))) == [
        (
            "peer node3: subnets[0]: expected a subnet that overlaps no other peer's, "
            "found 10.20.2.0/25, which overlaps 10.20.2.0/24 of node2"
        )
    ]


def test_a_node_that_moves_takes_all_it_has_along() -> None:
    store = store_of(peer(2, endpoint(2, 5), endpoint(2, 6)))
    (change,) = store.plan_upsert(
        replace(peer(2, endpoint(2, 5)), address=ip_address("192.0.2.99")), "api", 0.0
    ).changes
    assert change.gone == (endpoint(2, 5), endpoint(2, 6))
    assert change.come == (endpoint(2, 5),)


def test_two_nodes_at_one_address_are_refused() -> None:
    found = replace(peer(3), address=ip_address("192.0.2.2"))
    assert mistakes(store_of(peer(2)), found) == [
        "peer node3: address: expected an address that no other peer has, found 192.0.2.2, which node2 has"
    ]


def test_nothing_is_taken_from_another_source() -> None:
    store = store_of(peer(2, endpoint(2, 5)), source="file")
    assert mistakes(store, peer(3, endpoint(2, 5), subnets=peer(2).subnets)) == [
        (
            "peer node3: subnets[0]: expected a subnet that overlaps no other peer's, "
            "found 10.20.2.0/24, which overlaps 10.20.2.0/24 of node2"
        ),
        "peer node3: endpoints[0].address: expected an address that nothing else has, found 10.20.2.5, which node2 has",
        "peer node3: endpoints[0].mac: expected a MAC that nothing else has, found 02:00:00:00:02:05, which node2 has",
    ]
    sentence = "peer node2: expected one that is known by api, found one by file"
    assert mistakes(store, peer(2)) == [sentence]
    with pytest.raises(UserError, match=sentence):
        store.plan_removal("node2", "api")


def test_nothing_is_taken_from_us() -> None:
    store = PeerStore()
    store.set_own([port("web", "red", addresses=(ip_interface("10.20.2.5/16"),), mac=endpoint(2, 5).mac)])
    assert mistakes(store, peer(2, endpoint(2, 5))) == [
        (
            "peer node2: subnets[0]: expected a subnet without addresses of our own, "
            "found 10.20.2.0/24, in which port web is"
        ),
        (
            "peer node2: endpoints[0].address: expected an address that nothing else has, "
            "found 10.20.2.5, which our port web has"
        ),
        (
            "peer node2: endpoints[0].mac: expected a MAC that nothing else has, "
            "found 02:00:00:00:02:05, which our port web has"
        ),
    ]


def test_a_lease_is_over_when_it_is_not_renewed() -> None:
    store = PeerStore()
    store.take_in(store.plan_upsert(peer(2, lease_s=30), "api", 100.0))
    store.take_in(store.plan_upsert(peer(3, lease_s=30), "api", 110.0))
    store.take_in(store.plan_upsert(peer(4), "api", 110.0))
    assert store.next_expiry() == 130.0
    assert store.plan_expiry(129.9).changes == ()
    renewed = store.plan_upsert(peer(2, lease_s=30), "api", 129.0)
    assert renewed.changes == ()
    store.take_in(renewed)
    plan = store.plan_expiry(145.0)
    assert [change.node for change in plan.changes] == ["node3"]
    store.take_in(plan)
    assert (sorted(store.known), store.next_expiry()) == (["node2", "node4"], 159.0)
    store.take_in(store.plan_expiry(200.0))
    assert (sorted(store.known), store.next_expiry()) == (["node4"], inf)


def test_a_source_says_all_it_has_to_say_at_once() -> None:
    store = store_of(peer(2, endpoint(2, 5)), peer(3, endpoint(3, 5)), source="file")
    store.take_in(store.plan_upsert(peer(7), "api", 0.0))
    moved = peer(3, endpoint(3, 5), endpoint(2, 5))
    plan = store.plan_source("file", [moved, peer(4)], 0.0)
    store.take_in(plan)
    assert {change.node for change in plan.changes} == {"node2", "node3", "node4"}
    assert known(store) == {"node3": moved, "node4": peer(4), "node7": peer(7)}
    assert store.peers_of("file") == (moved, peer(4))
    assert store.plan_source("file", [moved, peer(4)], 0.0).changes == ()


def random_peer(random: Random) -> Peer:
    node = random.randrange(2, 7)
    numbers = random.sample(range(2, 30), random.randrange(6))
    endpoints = [endpoint(random.choice([2, 3]), number, mac=random.choice([b"", bytes((2, 0, 0, 0, 9, number))]))
                 for number in numbers]  # fmt: skip
    subnets = tuple({ip_network(f"10.20.{random.randrange(2, 9)}.0/24") for _ in range(random.randrange(3))})
    address = ip_address(f"192.0.2.{node + 100 * random.randrange(2)}")
    return Peer(f"node{node}", address, subnets, tuple(endpoints))


def test_differences_add_up_to_what_is_known(seed: int) -> None:
    """Whatever is asked for in whatever order, who follows the differences alone has the same picture."""
    random, store = Random(seed), PeerStore()
    followed: dict[str, tuple[Peer, dict[object, RemoteEndpoint]]] = {}
    for _ in range(1500):
        choice = random.random()
        plan = PeerPlan("api")
        if choice < 0.5:
            plan = store.plan_upsert(random_peer(random), "api", 0.0)
        elif choice < 0.6:
            plan = store.plan_removal(f"node{random.randrange(2, 7)}", "api")
        elif store.known:
            node = random.choice(list(store.known))
            one = endpoint(random.choice([2, 3]), random.randrange(2, 30))
            if choice < 0.8:
                plan = store.plan_endpoint(node, one, "api")
            else:
                plan = store.plan_endpoint_removal(node, one.network, one.address, "api")
        store.take_in(plan)
        follow(followed, plan)
        assert {node: (head, endpoints) for node, (head, endpoints) in followed.items()} == {
            node: (each.head, each.endpoints) for node, each in store.known.items()
        }
        holders = [key for each in store.known.values() for key in each.endpoints]
        assert len(holders) == len(set(holders))
        subnets = [subnet for each in store.known.values() for subnet in each.head.subnets]
        assert len(subnets) == len(set(subnets))


def follow(followed: dict[str, tuple[Peer, dict[object, RemoteEndpoint]]], plan: PeerPlan) -> None:
    for change in plan.changes:
        held = followed[change.node][1] if change.node in followed else {}
        assert change.before == (followed[change.node][0] if change.node in followed else None)
        for each in change.gone:
            assert held.pop((each.network, each.address)) == each
    for change in plan.changes:
        if change.after is None:
            assert not followed.pop(change.node)[1]
            continue
        held = followed[change.node][1] if change.node in followed else {}
        for each in change.come:
            assert (each.network, each.address) not in held
            held[each.network, each.address] = each
        followed[change.node] = change.after, held
