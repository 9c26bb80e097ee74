"""Policies in a fabric: in force with the ports that they are about, changed in place, refused as a whole."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from control.errors import UserError
from control.fabric import Fabric
from control.model import (
    Configuration,
    Limits,
    Network,
    Overlay,
    Pcap,
    Peer,
    Port,
    RemoteEndpoint,
)
from control.policy.model import BlockPeer, Manifests, NetworkPolicy, PodPeer, Requirement, Rule, Selector
from dataplane.generation.build import free_copy
from dataplane.route.blocks import TableFullError
from tests.policy.agreement import asked_of

WEB, DB, FAR = ip_address("10.0.0.2"), ip_address("10.0.0.3"), ip_address("10.0.0.9")
DENY_ALL = NetworkPolicy("default", "deny", ingress=())
LIMITS = Limits(fdb=1024, flows=1024, neighbours=256, routes=256, fragments=64)


def port(name: str, address: str, **labels: str) -> Port:
    return Port(name, "blue", Pcap(), (ip_interface(f"{address}/24"),), labels=tuple(sorted(labels.items())))


def app(name: str) -> Selector:
    return Selector((Requirement("app", "In", frozenset([name])),))


def allow(name: str, selector: Selector) -> NetworkPolicy:
    return NetworkPolicy("default", name, ingress=(Rule((PodPeer(selector),)),))


def configuration(*policies: NetworkPolicy, ports: tuple[Port, ...] = ()) -> Configuration:
    return Configuration(
        "node1",
        networks=(Network("blue", subnets=(ip_network("10.0.0.0/24"),), gateway=(ip_address("10.0.0.1"),)),),
        ports=ports or (port("web", "10.0.0.2", app="web"), port("db", "10.0.0.3", app="db")),
        limits=LIMITS,
        manifests=Manifests(policies),
    )


def fabric_with(configuration: Configuration) -> Fabric:
    fabric = Fabric(configuration.limits, seed=1)
    fabric.apply(configuration)
    return fabric


def may(fabric: Fabric, source: object, destination: object, port: int = 80) -> bool:
    egress, ingress = asked_of(fabric.state, fabric.policy.book)(source, destination, "tcp", port)  # type: ignore[arg-type]
    return egress.allowed and ingress.allowed


def copy_in_force(fabric: Fabric) -> object:
    return fabric.state.policy[1 - free_copy(fabric.state.control[0])]


pytestmark = pytest.mark.kernel


def test_without_manifests_nothing_is_judged() -> None:
    fabric = fabric_with(replace(configuration(), manifests=None))
    assert not copy_in_force(fabric).is_on
    assert not fabric.state.interfaces[1 - free_copy(fabric.state.control[0])].tracks


def test_manifests_without_policies_track_and_let_all_pass() -> None:
    fabric = fabric_with(configuration())
    assert copy_in_force(fabric).is_on
    assert fabric.state.interfaces[1 - free_copy(fabric.state.control[0])].tracks
    assert may(fabric, WEB, DB)


def test_a_port_is_isolated_in_the_generation_that_it_comes_with() -> None:
    fabric = fabric_with(configuration(DENY_ALL))
    end = copy_in_force(fabric).end_of_port[fabric.index_of("db")]
    assert fabric.state.policy_ends[end]["ingress"]
    assert not may(fabric, WEB, DB)


def test_a_change_of_manifests_needs_no_generation() -> None:
    fabric = fabric_with(configuration(DENY_ALL))
    generation, stamp = int(fabric.state.control[0].active[0]), int(fabric.state.policy_head[0].stamp[0])
    fabric.apply(configuration(DENY_ALL, allow("web", app("web"))))
    assert may(fabric, WEB, DB)
    assert int(fabric.state.control[0].active[0]) == generation
    assert int(fabric.state.policy_head[0].stamp[0]) > stamp


def test_a_port_with_other_labels_is_another_to_the_rules() -> None:
    fabric = fabric_with(configuration(DENY_ALL, allow("web", app("web"))))
    fabric.apply(
        configuration(
            DENY_ALL,
            allow("web", app("web")),
            ports=(port("web", "10.0.0.2", app="other"), port("db", "10.0.0.3", app="db")),
        )
    )
    assert not may(fabric, WEB, DB)


def test_what_cannot_be_held_is_refused_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fabric = fabric_with(configuration(DENY_ALL))
    tables = fabric.policy.book.writing.tables

    def refuse(*_: object) -> None:
        raise TableFullError("no room")

    with monkeypatch.context() as patch:
        put, calls = tables.put_cells, []

        def refuse_at_first(*columns: object) -> None:
            calls.append(columns)
            refuse() if len(calls) <= 2 else put(*columns)  # It is tried once more, with what is gone cleared up.

        patch.setattr(tables, "put_cells", refuse_at_first)
        with pytest.raises(UserError, match="policies: no room; use fewer"):
            fabric.apply(configuration(allow("web", app("web"))))
        assert calls
    assert fabric.configuration == configuration(DENY_ALL)
    assert not may(fabric, WEB, DB)
    fabric.apply(configuration(allow("web", app("web"))))
    assert may(fabric, WEB, DB)


def test_policy_that_is_taken_away_lets_all_pass() -> None:
    fabric = fabric_with(configuration(DENY_ALL))
    fabric.apply(replace(configuration(), manifests=None))
    assert not copy_in_force(fabric).is_on
    assert not fabric.policy.book.names
    fabric.apply(configuration(DENY_ALL))
    assert not may(fabric, WEB, DB)


def test_endpoints_of_other_nodes_are_pods() -> None:
    policy = allow("far", app("far"))
    overlay = Overlay(ip_address("192.0.2.1"))
    networks = (Network("blue", "overlay", (ip_network("10.0.0.0/24"),), (ip_address("10.0.0.1"),), vni=7),)
    alone = replace(configuration(policy), networks=networks, overlay=overlay)
    fabric = fabric_with(alone)
    assert not may(fabric, FAR, DB)
    far = RemoteEndpoint("blue", FAR, labels=(("app", "far"),))
    peer = Peer("node2", ip_address("192.0.2.2"), endpoints=(far,))
    fabric.apply(replace(alone, overlay=replace(overlay, peers=(peer,))))
    assert may(fabric, FAR, DB)
    fabric.others.feed(fabric.others.store.plan_endpoint_removal("node2", "blue", FAR, "file"))
    assert not may(fabric, FAR, DB)


def test_rules_keep_their_numbers_while_they_are_there() -> None:
    fabric = fabric_with(configuration(DENY_ALL, allow("web", app("web"))))
    before = {name: number for number, name in fabric.policy.book.names.items()}
    fabric.apply(configuration(DENY_ALL, allow("other", app("x")), allow("web", app("db"))))
    after = {name: number for number, name in fabric.policy.book.names.items()}
    assert before.items() <= after.items()


def attached(fabric: Fabric, configuration: Configuration) -> Fabric:
    """Return a fabric of an agent that takes over; it knows the record, which has no manifests."""
    record = replace(configuration, manifests=Manifests())
    return Fabric.attach(fabric.memory_fd, record, fabric.snapshot())


def test_an_agent_that_takes_over_leaves_what_is_in_force_and_keeps_the_numbers() -> None:
    block = NetworkPolicy("default", "block", ingress=(Rule((BlockPeer(ip_network("192.0.2.0/24")),)),))
    policies = (DENY_ALL, allow("web", app("web")), block)
    first = Fabric(LIMITS, shared=True, seed=1)
    first.apply(configuration(*policies))
    numbers = {address: first.policy.book.identity_of(address) for address in (WEB, DB)}
    ends = first.policy.book.ends
    again = attached(first, configuration(*policies))
    again.policy.book = first.policy.book
    assert may(again, WEB, DB)
    assert not may(again, FAR, DB)
    again = attached(first, configuration(*policies))
    again.apply(configuration(*policies))
    assert again.policy.book.ends == ends
    assert {address: again.policy.book.identity_of(address) for address in (WEB, DB)} == numbers
    assert may(again, WEB, DB)
    assert may(again, ip_address("192.0.2.7"), DB)
    assert not may(again, FAR, DB)
    again.apply(configuration(DENY_ALL))
    assert not may(again, WEB, DB)
