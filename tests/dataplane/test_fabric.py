"""Configurations into tables: what stays keeps its number, what leaves is gone at once, what does not fit changes
nothing, and however a configuration was reached the tables say the same."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_interface
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import UserError
from control.fabric import Fabric, PortCounters
from control.model import Configuration, Limits, Port, Storm, Vlan
from dataplane.fdb.build import read_static_entries
from dataplane.fdb.kernels import install_static_entries, learn_source, value_of
from dataplane.fdb.tables import COUNTED_EPOCHS, DOMAIN_SHIFT, PLACES, TICK_SHIFT, Fdb
from dataplane.forward.tables import FLOOD_MEMBERS
from dataplane.generation import build as generation
from dataplane.generation.tables import COPIES
from dataplane.hash import bucket_of
from dataplane.vector import MAX_PORTS
from tests.configurations import access, guarded, port, switch, trunk
from tests.generate.nodes import random_configuration
from tests.packets import mac, mac_text
from tests.scale import scaled

pytestmark = pytest.mark.kernel

NOW_NS = 1_000_000_000_000


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made = Fabric(Limits(fdb=1000))
    yield made
    made.close()


def copy_in_force(fabric: Fabric) -> int:
    return int(fabric.state.control[0].active[0]) % COPIES


def fdb_of(fabric: Fabric) -> Fdb:
    state = fabric.state
    rules = state.fdb_rules[copy_in_force(fabric)]
    return Fdb(state.fdb_head[0], state.fdb_buckets, rules, state.learning_counters[0])


def learn(fabric: Fabric, name: str, address: bytes, vlan: int | None = None) -> None:
    """Learn a MAC at a port, as the forward stage does."""
    plan = fabric.plan.ports[name]
    domain, fdb, tick = dict(plan.domains)[vlan], fdb_of(fabric), np.uint64(NOW_NS) >> TICK_SHIFT
    key = np.uint64(domain) << DOMAIN_SHIFT | np.uint64(int.from_bytes(address, "little"))
    home = int(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
    learn_source(fdb, key, home, plan.index, np.uint64(value_of(fdb.rules, plan.index, tick)), tick)


def known(fabric: Fabric) -> set[tuple[str, int | None, str, str]]:
    """Return network, VLAN, MAC and port of all that is known."""
    return {(e.network, e.vlan, e.mac, e.port) for e in fabric.fdb_entries(NOW_NS)}


def macs_counted(fabric: Fabric, name: str) -> int:
    index = fabric.index_of(name)
    place = fabric.epochs.get(index, 0) % COUNTED_EPOCHS * PLACES + index
    return int(fabric.state.fdb_head[0].macs[place])


def test_what_stays_keeps_its_numbers_whatever_the_order(fabric: Fabric) -> None:
    v1, v2 = port("v1", "red", vlan=access(10)), port("v2", "red", vlan=trunk(10, 20))
    first = fabric.apply(switch(["p1", "p2", v1, v2]))
    assert [each.name for each in first.added] == ["p1", "p2", "v1", "v2"]
    before = fabric.plan
    second = fabric.apply(switch([v2, "p3", v1, "p2", "p1"]))
    assert [each.name for each in second.added] == ["p3"]
    assert (second.removed, second.changed) == ((), ())
    for name, plan in before.ports.items():
        assert fabric.plan.ports[name] == plan
        assert fabric.name_of(plan.index) == name
    assert {key: fabric.plan.domain_numbers[key] for key in before.domain_numbers} == before.domain_numbers
    assert set(fabric.epochs.values()) == {0}


def test_changes_are_told_apart(fabric: Fabric) -> None:
    fabric.apply(switch(["p1", "p2", "p3"]))
    changed = port("p2", hairpin=True)
    changes = fabric.apply(switch(["p1", changed, "p4"]))
    assert ([p.name for p in changes.added], [p.name for p in changes.removed]) == (["p4"], ["p3"])
    assert changes.changed == (changed,)
    assert fabric.apply(switch(["p1", changed, "p4"])) == type(changes)()


def test_what_a_port_that_left_had_taught_is_gone_at_once(fabric: Fabric) -> None:
    fabric.apply(switch(["p1", "p2"]))
    learn(fabric, "p1", mac(1))
    learn(fabric, "p2", mac(2))
    assert known(fabric) == {("blue", None, mac_text(mac(n)), f"p{n}") for n in (1, 2)}
    fabric.apply(switch(["p2"]))
    assert known(fabric) == {("blue", None, mac_text(mac(2)), "p2")}
    fabric.apply(switch(["p2", "p3"]))
    assert fabric.index_of("p3") == 0, "the number is given away again, and nothing with it"
    assert known(fabric) == {("blue", None, mac_text(mac(2)), "p2")}
    assert (macs_counted(fabric, "p3"), macs_counted(fabric, "p2")) == (0, 1)


def test_a_port_that_changes_its_vlans_keeps_its_number_and_loses_what_it_had_taught(fabric: Fabric) -> None:
    fabric.apply(switch([port("p1", vlan=trunk(10, 20)), port("p2", vlan=access(10))]))
    learn(fabric, "p1", mac(1), 20)
    learn(fabric, "p2", mac(2), 10)
    index, epoch = fabric.index_of("p1"), fabric.epochs.get(0, 0)
    fabric.apply(switch([port("p1", vlan=trunk(10, 20, 30)), port("p2", vlan=access(10))]))
    assert fabric.index_of("p1") == index
    assert fabric.epochs[index] == epoch + 1
    assert known(fabric) == {("blue", 10, mac_text(mac(2)), "p2")}


def test_counters_begin_at_zero_for_a_numbers_next_owner(fabric: Fabric) -> None:
    fabric.apply(switch(["p1", "p2"]))
    fabric.set_link("p1", up=True)
    fabric.set_mirror("p1", 3)
    row = fabric.state.port_counters[0].ports[0]
    row.rx_packets, row.tx_bytes, row.drops[5] = 7, 8, 9
    fabric.state.storms[0].due_ns[0, 1] = 99
    assert fabric.port_counters()["p1"] == PortCounters(rx_packets=7, tx_bytes=8, drops=9)
    assert fabric.drop_counts()["p1"] == {"reserved_multicast": 9}
    fabric.apply(switch(["p2"]))
    assert (fabric.state.switches[0].link[0], fabric.state.switches[0].mirror[0]) == (0, 0)
    row.rx_packets = 1000  # a worker that had not closed the device yet
    fabric.apply(switch(["p2", "p3"]))
    assert fabric.index_of("p3") == 0
    assert fabric.port_counters()["p3"] == PortCounters()
    assert fabric.drop_counts()["p3"] == {}
    assert not fabric.link_is_up("p3")
    assert not fabric.state.storms[0].due_ns[0].any()


def test_a_port_that_is_not_configured_belongs_nowhere(fabric: Fabric) -> None:
    fabric.apply(switch([guarded("p1", 1, storm=Storm(broadcast=5)), port("p2", hairpin=True)]))
    for _ in range(COPIES):
        fabric.apply(switch([]))
    for copy in range(COPIES):
        assert not fabric.state.admit[copy]["ports"].tobytes().strip(b"\0")
        assert not fabric.state.forward[copy]["ports"].tobytes().strip(b"\0")
        assert not fabric.state.forward[copy]["flood_count"].any()
        assert not fabric.state.fdb_rules[copy]["ports"]["max_macs"].any()


def test_names_and_numbers_that_nobody_has(fabric: Fabric) -> None:
    fabric.apply(switch(["p1"]))
    with pytest.raises(KeyError):
        fabric.index_of("p2")
    with pytest.raises(KeyError):
        fabric.name_of(1)


def test_a_flush_forgets_what_was_learned_and_nothing_that_was_written_down(fabric: Fabric) -> None:
    fabric.apply(switch([port("p1", static_macs=(mac(9),)), "p2"]))
    install_static_entries(fdb_of(fabric))
    learn(fabric, "p1", mac(1))
    learn(fabric, "p2", mac(2))
    fabric.flush_fdb()
    assert known(fabric) == {("blue", None, mac_text(mac(9)), "p1")}
    assert (macs_counted(fabric, "p1"), macs_counted(fabric, "p2")) == (0, 0)
    learn(fabric, "p1", mac(1))
    assert macs_counted(fabric, "p1") == 1


def many_addresses(count: int) -> Port:
    return port("p1", addresses=tuple(ip_interface(f"10.0.0.{n + 1}/8") for n in range(count)))


def trunks(ports: int, vlans: frozenset[int]) -> list[Port]:
    return [port(f"t{n}", vlan=Vlan(trunk=vlans)) for n in range(ports)]


ALL_VLANS = frozenset(range(1, 4095))
TOO_MUCH: dict[str, tuple[Any, str]] = {
    "ports": (lambda: switch([f"q{n}" for n in range(MAX_PORTS + 1)]), "ports"),
    "VLAN sets": (lambda: switch([port(f"q{n}", vlan=trunk(n + 1, 4000)) for n in range(128)]), "sets of trunk VLANs"),
    "members": (lambda: switch(trunks(FLOOD_MEMBERS // len(ALL_VLANS) + 1, ALL_VLANS)), "memberships"),
    "domains": (lambda: switch([port(n, n, vlan=Vlan(trunk=ALL_VLANS)) for n in ("a", "b", "c")]), "VLANs"),
    "static MACs": (lambda: switch([port("p1", static_macs=tuple(map(mac, range(4097))))]), "static MACs"),
    "addresses": (lambda: switch([many_addresses(17)]), "17 addresses"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_does_not_fit_leaves_the_old_state_in_force(what: str, fabric: Fabric) -> None:
    make, words = TOO_MUCH[what]
    good = switch(["p1", port("p2", static_macs=(mac(2),)), port("v", "red", vlan=trunk(5, native=6))])
    fabric.apply(good)
    install_static_entries(fdb_of(fabric))
    learn(fabric, "p1", mac(1))
    before, plan, entries = describe(fabric), fabric.plan, known(fabric)
    for _ in range(2):
        with pytest.raises(UserError, match=words):
            fabric.apply(make())
        assert (describe(fabric), fabric.plan, known(fabric)) == (before, plan, entries)
        assert fabric.configuration == good
    fabric.apply(switch(["p1"]))
    assert known(fabric) == {("blue", None, mac_text(mac(1)), "p1")}


def test_ports_that_leave_make_room_for_others_after_the_change(fabric: Fabric) -> None:
    """Until then their devices still receive at the old numbers; the refusal says so."""
    most = MAX_PORTS * 5 // 8
    fabric.apply(switch([f"p{n}" for n in range(most)]))
    others = [f"q{n}" for n in range(most)]
    expected = (
        rf"^{most} new ports beside the {most} in force, the tables hold {MAX_PORTS}: the places of the {most} that "
        rf"leave are free only after the change; make it in two steps, with at most {MAX_PORTS - most} new ports"
    )
    with pytest.raises(UserError, match=expected):
        fabric.apply(switch(others))
    fabric.apply(switch(others[: MAX_PORTS - most]))
    fabric.apply(switch(others))
    with pytest.raises(UserError, match=f"^{MAX_PORTS + 1} ports, the tables hold {MAX_PORTS}; use fewer$"):
        fabric.apply(switch([f"q{n}" for n in range(MAX_PORTS + 1)]))


def test_a_small_table_has_room_for_few_static_entries() -> None:
    small = Fabric(Limits(fdb=1))
    small.apply(switch([port("p1", static_macs=tuple(map(mac, range(1, 33))))]))
    install_static_entries(fdb_of(small))
    assert len(known(small)) == 32
    with pytest.raises(UserError, match=r"33 static MACs .* room for 32"):
        small.apply(switch([port("p1", static_macs=tuple(map(mac, range(1, 34))))]))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "PATIENCE_S", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_stuck_worker_holds_up_the_change_after_the_next(fabric: Fabric) -> None:
    """Two copies there are: one that it goes on reading, one that can be written."""
    fabric.apply(switch(["p1", "p2"]))
    fabric.set_link("p1", up=True)
    fabric.state.control[0].in_use[0] = fabric.state.control[0].active[0]
    changes = fabric.apply(switch(["p2"]))
    assert [each.name for each in changes.removed] == ["p1"]
    assert fabric.configuration == switch(["p2"]), "it is in force all the same"
    assert fabric.state.switches[0].link[0] == 1, "the stuck worker still sends there"
    with pytest.raises(UserError, match="worker 0: nothing has been changed"):
        fabric.apply(switch(["p2", "p3"]))
    assert fabric.configuration == switch(["p2"])
    fabric.forget_worker(0)
    fabric.apply(switch(["p2", "p3"]))
    assert (fabric.index_of("p3"), fabric.link_is_up("p3")) == (0, False)


def attached(fabric: Fabric, configuration: Configuration, snapshot: dict[str, Any]) -> Fabric:
    return Fabric.attach(os.dup(fabric.memory_fd), configuration, json.loads(json.dumps(snapshot)))


def test_a_later_agent_takes_over_what_it_finds() -> None:
    fabric = Fabric(Limits(fdb=1000), shared=True)
    fixed = port("p3", static_macs=(mac(3),))
    fabric.apply(switch(["p1", "p2", fixed]))
    last = switch(["p2", fixed, port("v", "red", vlan=trunk(5, native=6))])
    fabric.apply(last)
    install_static_entries(fdb_of(fabric))
    learn(fabric, "p2", mac(2))
    heir = attached(fabric, last, fabric.snapshot())
    assert heir.plan == fabric.plan
    assert {i: e for i, e in heir.epochs.items() if e} == {i: e for i, e in fabric.epochs.items() if e} == {0: 1}
    assert (heir.static_stamp, heir.statics) == (fabric.static_stamp, fabric.statics)
    assert (describe(heir), known(heir), heir.snapshot()) == (describe(fabric), known(fabric), fabric.snapshot())
    stamp = heir.static_stamp
    assert heir.apply(last) == type(heir.apply(last))(), "nothing differs"
    assert heir.static_stamp == stamp
    assert known(heir) == known(fabric)
    heir.apply(switch(["p2", "p4"]))
    assert (heir.index_of("p2"), heir.index_of("p4")) == (1, 0)
    assert known(heir) == {("blue", None, mac_text(mac(2)), "p2")}
    heir.close()
    fabric.close()


def test_an_agent_that_died_before_it_wrote_its_change_down_brings_nothing_back() -> None:
    fabric = Fabric(Limits(fdb=1000), shared=True)
    old = switch([port("p1", vlan=access(10)), port("p2", vlan=access(10))])
    new = switch([port("p1", vlan=access(20)), port("p2", vlan=access(10), static_macs=(mac(7),))])
    fabric.apply(old)
    learn(fabric, "p1", mac(1), 10)
    snapshot = fabric.snapshot()
    fabric.apply(new)
    install_static_entries(fdb_of(fabric))
    heir = attached(fabric, old, snapshot)
    assert known(heir) == {("blue", 10, mac_text(mac(7)), "p2")}
    heir.apply(old)
    assert known(heir) == set()
    heir.apply(new)
    assert known(heir) == set()
    install_static_entries(fdb_of(heir))
    assert known(heir) == {("blue", 10, mac_text(mac(7)), "p2")}
    heir.close()
    fabric.close()


def describe(fabric: Fabric) -> dict[str, Any]:
    """Return what the tables in force say, with names instead of numbers."""
    copy = copy_in_force(fabric)
    admit, forward, rules = (getattr(fabric.state, name)[copy] for name in ("admit", "forward", "fdb_rules"))
    names = {plan.index: name for name, plan in fabric.plan.ports.items()}
    keys = {number: key for key, number in fabric.plan.domain_numbers.items()}
    ports = {}
    for index, name in names.items():
        row, way = admit["ports"][index], forward["ports"][index]
        vlans = admit["domain_of_vlan"][row["vlan_row"]]
        ports[name] = {
            "mac": int(row["mac"]),
            "addresses": {(int(row["address_high"][k]), int(row["address_low"][k])) for k in range(row["addresses"])},
            "storms": (row["storm_cost_ns"].tolist(), row["storm_burst_ns"].tolist()),
            "checks": (int(row["checks"]), int(row["vlan_mode"])),
            "native": (keys.get(int(row["native_domain"])), keys.get(int(way["native_domain"]))),
            "vlans": {int(vid): keys[int(vlans[vid])] for vid in np.flatnonzero(vlans)},
            "traits": int(way["traits"]),
            "max_macs": int(rules["ports"]["max_macs"][index]),
        }
    domains = {}
    for number in map(int, np.flatnonzero(forward["flood_count"])):
        first = int(forward["flood_first"][number])
        members = forward["flood_members"][first : first + int(forward["flood_count"][number])]
        domains[keys[number]] = (int(forward["vlan"][number]), [names[int(member)] for member in members])
    statics = {(keys[domain], address, names[index]) for domain, address, index in read_static_entries(rules)}
    return {"ports": ports, "domains": domains, "statics": statics, "age": int(rules["max_age_ticks"])}


def unused_rows_are_empty(fabric: Fabric) -> bool:
    copy = copy_in_force(fabric)
    unused = np.ones(MAX_PORTS, bool)
    unused[[plan.index for plan in fabric.plan.ports.values()]] = False
    rows = [getattr(fabric.state, name)[copy]["ports"] for name in ("admit", "forward")]
    return not any(row[field][unused].any() for row in rows for field in row.dtype.names)


def configuration_of(seed: int) -> Configuration:
    return replace(random_configuration(Random(seed)), limits=Limits(fdb=1000))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=scaled(6, jit_off=3)))
def test_however_a_configuration_was_reached_the_tables_say_the_same(seeds: list[int]) -> None:
    fabric, fresh = Fabric(Limits(fdb=1000)), Fabric(Limits(fdb=1000))
    try:
        for seed in seeds:
            fabric.apply(configuration_of(seed))
            assert unused_rows_are_empty(fabric)
        fresh.apply(configuration_of(seeds[-1]))
        assert describe(fabric) == describe(fresh)
    finally:
        fabric.close()
        fresh.close()
