"""The tables of one node: puts a configuration in force as a new generation, and reads what the workers counted.

The workers may be in this process (replay) or in others (the agent): only memory connects the two. Changes come into
force between two bursts; nothing that traffic taught is lost but what belongs to ports that left or changed their
VLANs.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from control.errors import UserError
from control.fabric.changes import Changes, compare_plans
from control.fabric.copies import Learning, write_copy
from control.fabric.domains import DomainKey
from control.fabric.entries import (
    FlowEntry,
    Names,
    NeighbourEntry,
    RouteEntry,
    flow_entry,
    neighbour_entry,
    route_entries,
    tick_of,
)
from control.fabric.interfaces import InterfaceKey
from control.fabric.lapse import lapsed_between
from control.fabric.others import OtherNodes
from control.fabric.plan import Numbers, Plan, make_plan
from control.fabric.policy import FabricPolicy, answers_of
from control.fabric.router import Router
from control.fabric.routes import PlannedRoute, plan_routes
from control.fabric.rows import static_entries
from control.model import Address, Configuration, Limits, Subnet, only_peers_differ, only_policies_differ
from control.overlay.store import PeerPlan
from dataplane.fdb.build import (
    StaticEntry,
    begin_epoch,
    demand_sweep,
    read_entries,
    read_epochs,
    read_static_entries,
)
from dataplane.fdb.tables import EPOCHS
from dataplane.flow.build import Lapsed, declare_away, end_flows, flush_flows, is_there, kill_flow, read_flows
from dataplane.fragment.build import write_lifetime
from dataplane.generation.build import GenerationTimeoutError, activate, forget_worker, free_copy, wait_until_free
from dataplane.neighbour.build import forget_neighbours, leave_neighbours, read_neighbours
from dataplane.neighbour.tables import Neighbours, view_neighbours
from dataplane.parking.build import forget_parked
from dataplane.state import Capacities, attach_state, create_state
from dataplane.vector import MAX_PORTS
from dataplane.verdict import REASON_NAMES


@dataclass(frozen=True)
class PortCounters:
    """One port's counters, over all workers. ``drops`` is the sum over all reasons."""

    rx_packets: int = 0
    rx_bytes: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_errors: int = 0
    drops: int = 0
    consumed: int = 0


@dataclass(frozen=True)
class FdbEntry:
    """One address that is known; ``vlan`` is None where the network reads no VLANs, ``peer`` for an address here."""

    network: str
    vlan: int | None
    mac: str
    port: str
    static: bool
    age_s: float
    peer: str | None = None


class Left(NamedTuple):
    """What is no longer in force: ports by index, the domains that the router was in, and what flows rested on."""

    ports: list[int]
    domains: list[int]
    lapsed: Lapsed


class Fabric:
    """One node's tables, their plan, and the numbers that must outlast a change."""

    def __init__(self, limits: Limits, workers: int = 1, shared: bool = False, seed: int | None = None) -> None:
        capacities = Capacities(*(getattr(limits, name) for name in Capacities._fields))
        self.state, self.region = create_state(capacities, workers, shared, seed)
        self.plan = Plan()
        self.router = Router(self.state, limits.routes)
        self.policy = FabricPolicy(self.state, self.router.grace)
        self.others = OtherNodes(self.state, self.router, self.policy)
        self.epochs: dict[int, int] = {}
        self.static_stamp = 0
        self.statics: list[StaticEntry] = []
        self.left: Left | None = None
        """What left in a change that is not finished, None if it is."""

    @classmethod
    def attach(
        cls,
        fd: int,
        configuration: Configuration,
        snapshot: dict[str, Any],
        gone: Iterable[int] = (),
        private: bool = False,
        known: Iterable[PeerPlan] = (),
    ) -> "Fabric":
        """Take over the tables of an agent that is gone: its memfd, its configuration, its ``snapshot``, and what it
        had ``known`` of other nodes.

        ``gone`` are workers that died with it. GenerationTimeoutError if one that lives is stuck. ``private``: as a
        copy that nobody else sees, where no worker works.
        """
        fabric = cls.__new__(cls)
        fabric.state, fabric.region = attach_state(fd, private)
        for worker in gone:
            fabric.forget_worker(worker)
        before = Numbers(
            ports=snapshot["ports"],
            domains={DomainKey(*key): number for *key, number in snapshot["domains"]},
            interfaces={InterfaceKey(*key): number for *key, number in snapshot["interfaces"]},
        )
        fabric.plan = make_plan(configuration, before)
        fabric.router = Router(fabric.state, configuration.limits.routes)
        fabric.policy = FabricPolicy(fabric.state, fabric.router.grace)
        fabric.policy.answers = answers_of(snapshot)
        fabric.others = OtherNodes(fabric.state, fabric.router, fabric.policy)
        fabric.router.take_over(fabric.others.take_over(fabric.plan, plan_routes(fabric.plan), known))
        # An agent that died within a change has written it into the tables, but not into its snapshot.
        rules = fabric.state.fdb_rules[1 - free_copy(fabric.state.control[0])]
        fabric.epochs = {index: epoch for index, epoch in read_epochs(rules).items() if index < MAX_PORTS}
        fabric.static_stamp = int(rules.static_stamp)
        fabric.statics = read_static_entries(rules)
        fabric.left = None
        fabric.others.mend()
        return fabric

    def snapshot(self) -> dict[str, Any]:
        """Return what a later agent needs to take these tables over; it can be written as JSON."""
        numbers = self.plan.numbers
        document = {
            "ports": numbers.ports,
            "domains": [[*key, number] for key, number in numbers.domains.items()],
            "interfaces": [[*key, number] for key, number in numbers.interfaces.items()],
            "answers": {name: sorted(map(str, each)) for name, each in self.policy.answers.items()},
        }
        copied: dict[str, Any] = json.loads(json.dumps(document))
        return copied

    @property
    def memory_fd(self) -> int:
        """The memfd to hand to workers, -1 for private memory."""
        return self.region.fd

    @property
    def configuration(self) -> Configuration:
        """What is in force; one without networks before the first."""
        return self.plan.configuration

    def apply(self, configuration: Configuration, now_s: float = 0.0) -> Changes:
        """Put ``configuration`` in force; leases of peers count from ``now_s``.

        UserError, with the old state kept, if the tables cannot hold it or a worker is stuck in the state before.
        """
        is_in_place = self.policy.is_in_place
        if only_peers_differ(self.configuration, configuration) and is_in_place:
            self.others.feed_file(configuration, now_s)
        elif only_policies_differ(self.configuration, configuration) and is_in_place:
            assert configuration.manifests is not None
            self.policy.change(configuration.manifests)
        else:
            return self._change(configuration, void_all=False, now_s=now_s)
        self.plan = replace(self.plan, configuration=configuration)
        return Changes()

    def flush_fdb(self) -> int:
        """Forget every dynamic entry: each port gets a new epoch. Return how many entries that were."""
        learned = int(self.state.fdb_head[0].entries[0]) - len(self.statics)
        self.others.void_learned()
        self._change(self.configuration, void_all=True)
        return max(0, learned)

    def _change(self, configuration: Configuration, void_all: bool, now_s: float = 0.0) -> Changes:
        control = self.state.control[0]
        try:
            self._finish_change()
        except GenerationTimeoutError as error:
            raise UserError(f"{error}: nothing has been changed") from error
        plan = make_plan(configuration, self.plan.numbers)
        base = plan_routes(plan)
        epochs = self._next_epochs(plan, void_all)
        statics = static_entries(plan)
        stamp = self.static_stamp + (statics != self.statics)
        write_copy(self.state, free_copy(control), plan, Learning(epochs, statics, stamp))
        # What leads to a new interface is of no effect before that is in force: its domain has no ports yet.
        self._change_routes(plan, base, now_s)
        self.policy.write(free_copy(control), plan)
        changes = compare_plans(self.plan, plan)
        self._begin_ports([plan.ports[port.name].index for port in changes.added])
        for index, epoch in epochs.items():
            if epoch != self.epochs.get(index, 0):
                begin_epoch(self.state.fdb_head[0], index, epoch)
        self.state.switches[0].link[plan.without_device] = 1
        write_lifetime(self.state.fragment_head[0], configuration.timeouts.fragment_s)
        activate(control)
        self.left = Left(
            [self.plan.ports[port.name].index for port in changes.removed],
            sorted({domain for each in self.plan.interfaces.values() for domain in each.domains} - plan.domains.keys()),
            lapsed_between(self.configuration, configuration),
        )
        self.plan = plan
        self.epochs, self.static_stamp, self.statics = epochs, stamp, statics
        with suppress(GenerationTimeoutError):  # Then it is for the next change to finish this one.
            self._finish_change()
        return changes

    def _change_routes(self, plan: Plan, base: Mapping[Subnet, PlannedRoute], now_s: float) -> None:
        """Put the routes of a plan in force, and what other nodes have; UserError, with all as it was, if they cannot
        be."""
        before = self.others.tables.base
        routes = self.others.settle(plan, base, now_s)
        try:
            self.policy.settle(plan, self.others.store)
            self.router.change(routes)
        except UserError:
            self.others.settle(self.plan, before, now_s)
            self.policy.revert(self.plan, self.others.store)
            raise

    def _finish_change(self) -> None:
        """Wait until every worker works by the state in force, then clear what nobody uses any more."""
        wait_until_free(self.state.control[0])
        if self.left is None:
            return
        state = self.state
        state.switches[0].link[self.left.ports] = 0
        state.switches[0].mirror[self.left.ports] = 0
        for domain in self.left.domains:
            forget_neighbours(self._neighbours(), domain)
        end_flows(state.flow_head[0], state.flow_records, self.left.lapsed)
        end_flows(state.mapping_head[0], state.mapping_records, self.left.lapsed)
        forget_parked(state.parking_head[0], state.parking_places, self.left.ports, self.left.domains)
        self.policy.release(self.plan)
        self.left = None
        demand_sweep(state.fdb_head[0])

    def _next_epochs(self, plan: Plan, void_all: bool) -> dict[int, int]:
        """A port that left, or whose domains changed, gets a new epoch: what was learned there is void."""
        epochs = {port.index: 0 for port in plan.ports.values()} | self.epochs
        for name, old in self.plan.ports.items():
            new = plan.ports.get(name)
            if void_all or new is None or new.domains != old.domains:
                epochs[old.index] = (epochs.get(old.index, 0) + 1) % EPOCHS
        return epochs

    def _begin_ports(self, indices: list[int]) -> None:
        """Clear what is kept by index: what an index's last owner left behind."""
        self.state.switches[0].link[indices] = 0
        self.state.switches[0].mirror[indices] = 0
        self.state.storms[0].due_ns[indices] = 0
        self.state.port_counters["ports"][:, indices] = 0

    def index_of(self, port_name: str) -> int:
        """Return a port's index; KeyError if there is none of that name."""
        return self.plan.ports[port_name].index

    def name_of(self, index: int) -> str:
        """Return the name of the port with that index; KeyError if there is none."""
        for name, plan in self.plan.ports.items():
            if plan.index == index:
                return name
        raise KeyError(index)

    def set_link(self, port_name: str, up: bool) -> None:
        """Say whether a port can take frames; workers see it at once."""
        self.state.switches[0].link[self.index_of(port_name)] = up

    def link_is_up(self, port_name: str) -> bool:
        """Whether a port can take frames, as workers see it."""
        return bool(self.state.switches[0].link[self.index_of(port_name)])

    def set_mirror(self, port_name: str, directions: int) -> None:
        """Say which directions of a port (MIRROR_RECEIVED | MIRROR_SENT) are copied to the mirror rings."""
        self.state.switches[0].mirror[self.index_of(port_name)] = directions

    def forget_worker(self, worker: int) -> None:
        """Say that a worker has died, so that nobody waits for it."""
        forget_worker(self.state.control[0], worker)
        declare_away(self.state.flow_head[0], worker)
        declare_away(self.state.mapping_head[0], worker)
        leave_neighbours(self.state.neighbour_head[0], worker)

    def port_counters(self) -> dict[str, PortCounters]:
        """Return every port's counters."""
        totals = self.state.port_counters["ports"]
        counters = {}
        for name, plan in self.plan.ports.items():
            rows = totals[:, plan.index]
            counters[name] = PortCounters(
                rx_packets=int(rows["rx_packets"].sum()),
                rx_bytes=int(rows["rx_bytes"].sum()),
                tx_packets=int(rows["tx_packets"].sum()),
                tx_bytes=int(rows["tx_bytes"].sum()),
                tx_errors=int(rows["transmit_errors"].sum()),
                drops=int(rows["drops"].sum()),
                consumed=int(rows["consumed"].sum()),
            )
        return counters

    def drop_counts(self) -> dict[str, dict[str, int]]:
        """Return, for every port, how many frames ended for which reason; reasons that never came are left out."""
        drops = self.state.port_counters["ports"]["drops"].sum(axis=0)
        return {
            name: {
                reason: int(drops[plan.index, number])
                for number, reason in REASON_NAMES.items()
                if drops[plan.index, number]
            }
            for name, plan in self.plan.ports.items()
        }

    def learning_counters(self) -> dict[str, int]:
        """Return what was counted of learning, over all workers."""
        counters = self.state.learning_counters
        return {f"fdb_{name}": int(counters[name].sum()) for name in counters.dtype.names}

    def fdb_entries(self, now_ns: int) -> list[FdbEntry]:
        """Return the addresses that are known at ``now_ns`` (the workers' clock: CLOCK_MONOTONIC, or the replay's)."""
        domains = {number: key for key, number in self.plan.domain_numbers.items()}
        names = {plan.index: (name, None) for name, plan in self.plan.ports.items()} | self.others.places()
        rules = self.state.fdb_rules[1 - free_copy(self.state.control[0])]
        entries = []
        for entry in read_entries(self.state.fdb_buckets, rules, now_ns):
            if entry.domain in domains and entry.port in names:
                port, peer = names[entry.port]
                key = domains[entry.domain]
                mac = entry.mac.hex(":")
                entries.append(FdbEntry(key.network, key.vlan, mac, port, entry.static, entry.age_s, peer))
        return entries

    def routes(self) -> list[RouteEntry]:
        """Return the routes in force, in order."""
        return list(route_entries(self.plan, self.router.routes, self.others.names))

    def flows(self, now_ns: int) -> Iterator[FlowEntry]:
        """Yield the conversations that there are at ``now_ns``, in the order of their numbers."""
        tick = tick_of(now_ns)
        for record in read_flows(self.state.flow_head[0], self.state.flow_records, tick):
            yield flow_entry(record, tick)

    def kill_flow(self, number: int, now_ns: int) -> bool:
        """End a conversation: its next packet begins another, if it may. False if there is none of that number."""
        records, tick = self.state.flow_records, tick_of(now_ns)
        if not 0 < number < len(records) or not is_there(records[number : number + 1], tick)[0]:
            return False
        kill_flow(records, number, tick)
        return True

    def flush_flows(self, now_ns: int) -> int:
        """End all conversations; return how many."""
        return flush_flows(self.state.flow_head[0], self.state.flow_records, tick_of(now_ns))

    def neighbours(self, now_ns: int) -> list[NeighbourEntry]:
        """Return the router's neighbours at ``now_ns``, by network and address."""
        names, records = Names(self.plan), read_neighbours(self._neighbours(), tick_of(now_ns))
        entries = [neighbour_entry(record, names) for record in records if record.domain in names.of_domain]
        return sorted(entries, key=lambda each: (each.network, each.address.version, int(each.address)))

    def forget_neighbours(self, address: Address | None = None) -> int:
        """Forget who has an address, or all neighbours, so that they are asked for anew; return how many."""
        return forget_neighbours(self._neighbours(), address=address)

    def _neighbours(self) -> Neighbours:
        """Return the table of neighbours, by the rules in force."""
        state = self.state
        rules = state.neighbour_rules[1 - free_copy(state.control[0])]
        return view_neighbours(state.neighbour_head[0], state.neighbour_buckets, state.neighbour_void, rules)

    def close(self) -> None:
        """Give up the descriptor; the memory goes with its last user."""
        if self.region.fd >= 0:
            import os

            os.close(self.region.fd)
