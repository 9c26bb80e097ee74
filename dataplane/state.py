"""All tables of one node, and the view of them that a worker takes for one burst.

Who writes what: the agent writes ``admit``, ``fdb_rules``, ``forward`` (each in two copies, see ``generation/``) and
``switches``; workers write the FDB, ``storms`` (of the ports they receive on) and their own counters;
``switches.link`` is set by the agent, and cleared by a worker that finds a device gone.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.admit.tables import ADMIT_DTYPE, STORMS_DTYPE
from dataplane.counters import LEARNING_COUNTERS_DTYPE, WORKER_COUNTERS_DTYPE
from dataplane.fdb.tables import BUCKET_DTYPE, FDB_HEAD_DTYPE, FDB_RULES_DTYPE, Fdb, bucket_count, initialize_fdb
from dataplane.forward.tables import FORWARD_DTYPE
from dataplane.generation.tables import CONTROL_DTYPE, COPIES, FIRST_GENERATION, MAX_WORKERS
from dataplane.mirror.tables import MIRROR_RING_DTYPE
from dataplane.shm import LayoutError, Region, attach_region, create_region, read_parameters
from dataplane.vector import MAX_PORTS

SWITCHES_DTYPE: Final = np.dtype([("link", "u1", (MAX_PORTS,)), ("mirror", "u1", (MAX_PORTS,))], align=True)
"""What changes by itself at any time: whether a port's link is up, and which of its directions are mirrored."""


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


class Tables(NamedTuple):
    """What the stages see during one burst: the copies in force."""

    admit: Any
    storms: Any
    fdb: Fdb
    forward: Any
    switches: Any


def sections(parameters: dict[str, int]) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Return name, dtype and shape of every array for ``parameters``: fdb_entries and workers."""
    workers = parameters["workers"]
    return {
        "control": (CONTROL_DTYPE, (1,)),
        "switches": (SWITCHES_DTYPE, (1,)),
        "admit": (ADMIT_DTYPE, (COPIES,)),
        "storms": (STORMS_DTYPE, (1,)),
        "fdb_rules": (FDB_RULES_DTYPE, (COPIES,)),
        "fdb_head": (FDB_HEAD_DTYPE, (1,)),
        "fdb_buckets": (BUCKET_DTYPE, (bucket_count(parameters["fdb_entries"]),)),
        "forward": (FORWARD_DTYPE, (COPIES,)),
        "port_counters": (WORKER_COUNTERS_DTYPE, (workers,)),
        "learning_counters": (LEARNING_COUNTERS_DTYPE, (workers,)),
        "mirror_rings": (MIRROR_RING_DTYPE, (workers,)),
    }


def create_state(fdb_entries: int, workers: int, shared: bool, seed: int | None = None) -> tuple[State, Region]:
    """Make empty tables. ``seed`` fixes the hash secrets, for runs that must repeat; None draws them."""
    if not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"{workers} workers: expected 1 to {MAX_WORKERS}")
    parameters = {"fdb_entries": fdb_entries, "workers": workers}
    region = create_region(sections(parameters), parameters, shared)
    random = np.random.default_rng(seed)
    region.arrays["control"][0].active[0] = FIRST_GENERATION
    initialize_fdb(region.arrays["fdb_head"][0], len(region.arrays["fdb_buckets"]), fdb_entries, random)
    return State(**region.arrays), region


def attach_state(fd: int) -> tuple[State, Region]:
    """Map the tables behind a memfd that another process made; LayoutError if they are of another version."""
    parameters = read_parameters(fd)
    if set(parameters) != {"fdb_entries", "workers"}:
        raise LayoutError(f"the memory's header names {sorted(parameters)}: that is no fabric of this version")
    region = attach_region(fd, sections(parameters))
    return State(**region.arrays), region
