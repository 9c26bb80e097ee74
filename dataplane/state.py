"""All tables of one node, and the view of them that a worker takes for one burst.

Who writes what: the agent writes ``admit``, ``fdb_rules``, ``forward``, ``interfaces`` (each in two copies, see
``generation/``), ``switches``, and in place routes and next hops (``route/tables.py``); workers write the FDB, the
flows, ``storms`` (of the ports they receive on) and their own counters; ``switches.link`` is set by the agent, and
cleared by a worker that finds a device gone.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.admit.tables import ADMIT_DTYPE, STORMS_DTYPE
from dataplane.counters import LEARNING_COUNTERS_DTYPE, WORKER_COUNTERS_DTYPE
from dataplane.fdb.tables import BUCKET_DTYPE, FDB_HEAD_DTYPE, FDB_RULES_DTYPE, Fdb, bucket_count, initialize_fdb
from dataplane.flow.tables import (
    FLOW_BUCKET_DTYPE,
    FLOW_DTYPE,
    FLOW_HEAD_DTYPE,
    index_buckets,
    initialize_flows,
    record_count,
    ring_cells,
)
from dataplane.forward.tables import FORWARD_DTYPE
from dataplane.generation.tables import CONTROL_DTYPE, COPIES, FIRST_GENERATION, MAX_WORKERS
from dataplane.interfaces.tables import INTERFACES_DTYPE
from dataplane.mirror.tables import MIRROR_RING_DTYPE
from dataplane.route.hops.tables import NEXTHOP_DTYPE, PLACES
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, ROOT_SLOTS, units_for
from dataplane.shm import LayoutError, Region, attach_region, create_region, read_parameters
from dataplane.vector import MAX_PORTS

SWITCHES_DTYPE: Final = np.dtype([("link", "u1", (MAX_PORTS,)), ("mirror", "u1", (MAX_PORTS,))], align=True)
"""What changes by itself at any time: whether a port's link is up, and which of its directions are mirrored."""


NEXT_HOPS: Final = 16384
HOP_GROUPS: Final = 16384
HOP_SPREADS: Final = 1024


class Capacities(NamedTuple):
    """How much the tables hold: entries of the FDB, flows, routes of each family."""

    fdb: int
    flows: int = 4096
    routes: int = 4096


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


class Tables(NamedTuple):
    """What the stages see during one burst: the copies in force."""

    admit: Any
    storms: Any
    fdb: Fdb
    forward: Any
    switches: Any


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
        "port_counters": (WORKER_COUNTERS_DTYPE, (workers,)),
        "learning_counters": (LEARNING_COUNTERS_DTYPE, (workers,)),
        "mirror_rings": (MIRROR_RING_DTYPE, (workers,)),
        **router_sections(parameters),
    }


def router_sections(parameters: dict[str, int]) -> Sections:
    """Return the arrays of the router."""
    routes, flows = parameters["routes"], parameters["flows"]
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
        "flow_head": (FLOW_HEAD_DTYPE, (1,)),
        "flow_buckets": (FLOW_BUCKET_DTYPE, (index_buckets(flows),)),
        "flow_ring": (unit, (ring_cells(flows),)),
        "flow_records": (FLOW_DTYPE, (record_count(flows),)),
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
    return State(**arrays), region


def attach_state(fd: int) -> tuple[State, Region]:
    """Map the tables behind a memfd that another process made; LayoutError if they are of another version."""
    parameters = read_parameters(fd)
    if set(parameters) != {"workers", *Capacities._fields}:
        raise LayoutError(f"the memory's header names {sorted(parameters)}: that is no fabric of this version")
    region = attach_region(fd, sections(parameters))
    return State(**region.arrays), region
