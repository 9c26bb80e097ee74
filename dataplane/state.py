"""All tables of one node, and the view of them that a worker takes for one burst.

Who writes what: the agent writes ``admit``, ``fdb_rules``, ``forward``, ``interfaces``, ``overlay``, ``policy`` (each
in two copies, see ``generation/``), ``switches``, and in place routes, next hops (``route/tables.py``), ``remotes`` and
what else there is of policy (``policy/tables.py``);
workers write the FDB, the flows, ``storms`` (of the ports they receive on) and their own counters; ``switches.link``
is set by the agent, and cleared by a worker that finds a device gone.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.admit.tables import ADMIT_DTYPE, STORMS_DTYPE
from dataplane.counters import LEARNING_COUNTERS_DTYPE, WORKER_COUNTERS_DTYPE
from dataplane.fdb.tables import BUCKET_DTYPE, FDB_HEAD_DTYPE, FDB_RULES_DTYPE, Fdb, bucket_count, initialize_fdb
from dataplane.flow.tables import (
    CONVERSATION_DTYPE,
    FLOW_BUCKET_DTYPE,
    FLOW_DTYPE,
    FLOW_HEAD_DTYPE,
    FLOW_RULES_DTYPE,
    index_buckets,
    initialize_flows,
    record_count,
    ring_cells,
)
from dataplane.flowlog.tables import FLOW_LOG_DTYPE
from dataplane.forward.tables import FORWARD_DTYPE
from dataplane.fragment.tables import (
    FRAGMENT_ENTRY_DTYPE,
    FRAGMENT_HEAD_DTYPE,
    fragment_slots,
    initialize_fragments,
)
from dataplane.generation.tables import CONTROL_DTYPE, COPIES, FIRST_GENERATION, MAX_WORKERS
from dataplane.interfaces.tables import INTERFACES_DTYPE
from dataplane.mirror.tables import MIRROR_RING_DTYPE
from dataplane.neighbour.tables import (
    NEIGHBOUR_BUCKET_DTYPE,
    NEIGHBOUR_HEAD_DTYPE,
    NEIGHBOUR_RULES_DTYPE,
    initialize_neighbours,
    neighbour_buckets,
    neighbour_entries,
)
from dataplane.parking.tables import PARKED_BYTES, PARKING_HEAD_DTYPE, PLACE_DTYPE
from dataplane.parking.tables import PLACES as PARKING_PLACES
from dataplane.policy.tables import (
    CELLS,
    END_DTYPE,
    ENDS,
    HITS_DTYPE,
    LIST_DTYPE,
    LISTS,
    POLICY_DTYPE,
    POLICY_HEAD_DTYPE,
    ROW_DTYPE,
    ROWS,
    STEPS,
    initialize_policy,
)
from dataplane.route.hops.tables import NEXTHOP_DTYPE, PLACES
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, ROOT_SLOTS, units_for
from dataplane.router.tables import CLOCK_DTYPE, ERRORS_DTYPE, ROUTER_ARRAYS, ROUTER_DTYPE, WAY_DTYPE
from dataplane.shm import LayoutError, Region, attach_region, create_region, read_parameters
from dataplane.vector import MAX_PORTS
from encap.tables import OVERLAY_DTYPE, REMOTES_DTYPE, initialize_remotes
from nat.tables import NAT_DRAWS_DTYPE, NAT_RULES_DTYPE, QUOTE_DTYPE, initialize_nat

SWITCHES_DTYPE: Final = np.dtype([("link", "u1", (MAX_PORTS,)), ("mirror", "u1", (MAX_PORTS,))], align=True)
"""What changes by itself at any time: whether a port's link is up, and which of its directions are mirrored."""


NEXT_HOPS: Final = 16384
HOP_GROUPS: Final = 16384
HOP_SPREADS: Final = 1024


class Capacities(NamedTuple):
    """How much the tables hold: entries of the FDB, flows, routes of each family, neighbours, fragmented packets."""

    fdb: int
    flows: int = 4096
    routes: int = 4096
    neighbours: int = 1024
    fragments: int = 256


class State(NamedTuple):
    """Every table, in memory that all processes of the node share. The first axis of what is counted is the worker."""

    control: Any
    switches: Any
    admit: Any
    storms: Any
    fdb_rules: Any
    fdb_head: Any
    fdb_buckets: Any
    forward: Any
    overlay: Any
    remotes: Any
    port_counters: Any
    learning_counters: Any
    mirror_rings: Any
    interfaces: Any
    fib4_root: Any
    fib4_units: Any
    fib6_root: Any
    fib6_units: Any
    hops: Any
    hop_groups: Any
    hop_spreads: Any
    flow_head: Any
    flow_buckets: Any
    flow_ring: Any
    flow_records: Any
    flow_rules: Any
    flow_logs: Any
    mapping_head: Any
    mapping_buckets: Any
    mapping_ring: Any
    mapping_records: Any
    nat_rules: Any
    nat_draws: Any
    nat_scratch: Any
    neighbour_rules: Any
    neighbour_head: Any
    neighbour_buckets: Any
    neighbour_void: Any
    parking_head: Any
    parking_places: Any
    parking_tails: Any
    fragment_head: Any
    fragment_words: Any
    fragment_entries: Any
    policy: Any
    policy_head: Any
    policy_ends: Any
    policy_rows: Any
    policy_cells: Any
    policy_lists: Any
    policy_steps: Any
    policy_fib4_root: Any
    policy_fib4_units: Any
    policy_fib6_root: Any
    policy_fib6_units: Any
    policy_hits: Any
    errors: Any
    clock: Any
    ways: Any
    quotes: Any
    routers: Any
    """For each worker, where this process finds the router's arrays; in private memory."""


class Tables(NamedTuple):
    """What the stages see during one burst: the copies in force."""

    admit: Any
    storms: Any
    fdb: Fdb
    forward: Any
    switches: Any
    overlay: Any
    remotes: Any


Sections = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]


def sections(parameters: dict[str, int]) -> Sections:
    """Return name, dtype and shape of every array for ``parameters``: workers, and the fields of ``Capacities``."""
    workers = parameters["workers"]
    return {
        "control": (CONTROL_DTYPE, (1,)),
        "switches": (SWITCHES_DTYPE, (1,)),
        "admit": (ADMIT_DTYPE, (COPIES,)),
        "storms": (STORMS_DTYPE, (1,)),
        "fdb_rules": (FDB_RULES_DTYPE, (COPIES,)),
        "fdb_head": (FDB_HEAD_DTYPE, (1,)),
        "fdb_buckets": (BUCKET_DTYPE, (bucket_count(parameters["fdb"]),)),
        "forward": (FORWARD_DTYPE, (COPIES,)),
        "overlay": (OVERLAY_DTYPE, (COPIES,)),
        "remotes": (REMOTES_DTYPE, (1,)),
        "port_counters": (WORKER_COUNTERS_DTYPE, (workers,)),
        "learning_counters": (LEARNING_COUNTERS_DTYPE, (workers,)),
        "mirror_rings": (MIRROR_RING_DTYPE, (workers,)),
        **router_sections(parameters),
        **conversation_sections(parameters),
        **waiting_sections(parameters),
        **policy_sections(workers),
        "errors": (ERRORS_DTYPE, (1,)),
        "clock": (CLOCK_DTYPE, (1,)),
        "ways": (WAY_DTYPE, (workers,)),
        "quotes": (QUOTE_DTYPE, (workers,)),
    }


def router_sections(parameters: dict[str, int]) -> Sections:
    """Return the arrays of the router: its interfaces, routes and next hops."""
    routes = parameters["routes"]
    word, unit = np.dtype(np.uint32), np.dtype(np.uint64)
    return {
        "interfaces": (INTERFACES_DTYPE, (COPIES,)),
        "fib4_root": (word, (ROOT_SLOTS,)),
        "fib4_units": (unit, (units_for(routes, IPV4_BITS),)),
        "fib6_root": (word, (ROOT_SLOTS,)),
        "fib6_units": (unit, (units_for(routes, IPV6_BITS),)),
        "hops": (NEXTHOP_DTYPE, (NEXT_HOPS,)),
        "hop_groups": (word, (HOP_GROUPS,)),
        "hop_spreads": (word, (HOP_SPREADS, PLACES)),
    }


def policy_sections(workers: int) -> Sections:
    """Return the arrays of policy."""
    word, unit = np.dtype(np.uint32), np.dtype(np.uint64)
    return {
        "policy": (POLICY_DTYPE, (COPIES,)),
        "policy_head": (POLICY_HEAD_DTYPE, (1,)),
        "policy_ends": (END_DTYPE, (ENDS,)),
        "policy_rows": (ROW_DTYPE, (ROWS,)),
        "policy_cells": (unit, (CELLS,)),
        "policy_lists": (LIST_DTYPE, (LISTS,)),
        "policy_steps": (unit, (STEPS,)),
        "policy_fib4_root": (word, (ROOT_SLOTS,)),
        "policy_fib4_units": (unit, (units_for(ENDS, IPV4_BITS),)),
        "policy_fib6_root": (word, (ROOT_SLOTS,)),
        "policy_fib6_units": (unit, (units_for(ENDS, IPV6_BITS),)),
        "policy_hits": (HITS_DTYPE, (workers,)),
    }


def conversation_sections(parameters: dict[str, int]) -> Sections:
    """Return the arrays of conversations and their translation. A flow has one mapping at most."""
    flows, workers = parameters["flows"], parameters["workers"]
    return {
        **flow_sections("flow", flows),
        "flow_rules": (FLOW_RULES_DTYPE, (COPIES,)),
        "flow_logs": (FLOW_LOG_DTYPE, (workers,)),
        **flow_sections("mapping", flows),
        "nat_rules": (NAT_RULES_DTYPE, (COPIES,)),
        "nat_draws": (NAT_DRAWS_DTYPE, (workers,)),
        "nat_scratch": (CONVERSATION_DTYPE, (workers,)),
    }


def flow_sections(name: str, flows: int) -> Sections:
    """Return the arrays of one table of flows."""
    return {
        f"{name}_head": (FLOW_HEAD_DTYPE, (1,)),
        f"{name}_buckets": (FLOW_BUCKET_DTYPE, (index_buckets(flows),)),
        f"{name}_ring": (np.dtype(np.uint64), (ring_cells(flows),)),
        f"{name}_records": (FLOW_DTYPE, (record_count(flows),)),
    }


def waiting_sections(parameters: dict[str, int]) -> Sections:
    """Return the arrays of what packets wait for, and of where they wait."""
    slots = fragment_slots(parameters["fragments"])
    return {
        "neighbour_rules": (NEIGHBOUR_RULES_DTYPE, (COPIES,)),
        "neighbour_head": (NEIGHBOUR_HEAD_DTYPE, (1,)),
        "neighbour_buckets": (NEIGHBOUR_BUCKET_DTYPE, (neighbour_buckets(parameters["neighbours"]),)),
        "neighbour_void": (np.dtype(np.uint64), (neighbour_entries(parameters["neighbours"]),)),
        "parking_head": (PARKING_HEAD_DTYPE, (1,)),
        "parking_places": (PLACE_DTYPE, (PARKING_PLACES,)),
        "parking_tails": (np.dtype(np.uint8), (PARKED_BYTES,)),
        "fragment_head": (FRAGMENT_HEAD_DTYPE, (1,)),
        "fragment_words": (np.dtype(np.uint64), (slots,)),
        "fragment_entries": (FRAGMENT_ENTRY_DTYPE, (slots,)),
    }


def create_state(capacities: Capacities, workers: int, shared: bool, seed: int | None = None) -> tuple[State, Region]:
    """Make empty tables. ``seed`` fixes the hash secrets, for runs that must repeat; None draws them."""
    if not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"{workers} workers: expected 1 to {MAX_WORKERS}")
    parameters = {"workers": workers, **capacities._asdict()}
    region = create_region(sections(parameters), parameters, shared)
    random = np.random.default_rng(seed)
    arrays = region.arrays
    arrays["control"][0].active[0] = FIRST_GENERATION
    initialize_fdb(arrays["fdb_head"][0], len(arrays["fdb_buckets"]), capacities.fdb, random)
    initialize_flows(arrays["flow_head"][0], capacities.flows, random)
    initialize_flows(arrays["mapping_head"][0], capacities.flows, random)
    initialize_nat(arrays["nat_draws"], random)
    initialize_remotes(arrays["remotes"][0], random)
    initialize_policy(arrays["policy_head"][0], random)
    initialize_neighbours(arrays["neighbour_head"][0], capacities.neighbours, random)
    initialize_fragments(arrays["fragment_head"][0], capacities.fragments, 0, random)
    return view_state(arrays, workers), region


def attach_state(fd: int, private: bool = False) -> tuple[State, Region]:
    """Map the tables behind a memfd that another process made, or make a ``private`` copy of them.

    LayoutError if they are of another version.
    """
    parameters = read_parameters(fd)
    if set(parameters) != {"workers", *Capacities._fields}:
        raise LayoutError(f"the memory's header names {sorted(parameters)}: that is no fabric of this version")
    region = attach_region(fd, sections(parameters), private)
    return view_state(region.arrays, parameters["workers"]), region


def view_state(arrays: dict[str, Any], workers: int) -> State:
    """Return the state over its arrays, with each worker's view of the router."""
    routers = np.zeros(workers, ROUTER_DTYPE).view(np.recarray)
    for worker in range(workers):
        routers[worker].worker = worker
        for name in ROUTER_ARRAYS:
            routers[worker][name] = arrays[name].ctypes.data
            routers[worker][f"{name}_count"] = arrays[name].size
    return State(**arrays, routers=routers)
