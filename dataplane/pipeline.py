"""The packet's way. Read this first.

    rx  ->  parse  ->  decap  ->  admit  ->  forward or route  ->  encap  ->  tx

A port puts frames into a vector (``ports/``); ``carry_vector`` decides what becomes of each; a port takes out what is
queued for it; ``settle_vector`` counts. One direction, no loops back. A stage is a compiled function over the whole
vector that reads some of its columns and writes others; its docstring says which. Where there is a router, or policies
are, the last stage decides frame by frame (``decide.py``), and frames of its own join the vector behind those that came
in.
"""

from typing import Any

import numpy as np

from dataplane.admit.kernels import admit_frames
from dataplane.decide import decide_frames
from dataplane.fdb.kernels import has_present_stamp, install_static_entries
from dataplane.fdb.tables import Fdb
from dataplane.flow.records import begin_flow_burst, leave_flows
from dataplane.forward.kernels import forward_frames
from dataplane.generation.kernels import enter_generation, leave_generation
from dataplane.generation.tables import COPIES
from dataplane.jit import expanded, kernel
from dataplane.neighbour.entries import note_neighbour_tick
from dataplane.neighbour.tables import AWAY
from dataplane.parse.kernels import parse_frames
from dataplane.state import Tables
from encap.tunnel.kernels import decap_frames
from encap.tunnel.send import fit_frames


@expanded
def carry_vector(vector: Any, arena: Any, state: Any, generation: int, worker: int, egress: Any) -> None:
    """Take a vector of received frames to the egress queues.

    ``vector``: count, head_at, head_length, tail_length, length, in_port and timestamp_ns are set, no timestamp
    earlier than those of the vector before. An empty one tells the time by its first timestamp: so timers run though
    nothing comes. ``arena``: where its frames lie. ``generation``: what ``begin_burst`` gave. ``egress``: empty queues.
    """
    copy = generation % COPIES
    fdb = Fdb(state.fdb_head[0], state.fdb_buckets, state.fdb_rules[copy], state.learning_counters[worker])
    overlay, remotes = state.overlay[copy], state.remotes[0]
    tables = Tables(state.admit[copy], state.storms[0], fdb, state.forward[copy], state.switches[0], overlay, remotes)

    router = state.routers[worker]
    router.in_force = copy

    parse_frames(vector, arena.heads)
    if overlay.is_on:
        decap_frames(vector, arena, tables, router, state.port_counters[worker])
    admit_frames(vector, arena.heads, tables.admit, tables.storms)
    if state.interfaces[copy].routes or state.policy[copy].is_on:
        decide_frames(vector, arena, tables, router, state.port_counters[worker], egress)
    else:
        forward_frames(vector, tables, egress)
    if overlay.is_on:
        fit_frames(vector, arena, tables, router, egress)


@kernel
def begin_burst(state: Any, worker: int) -> int:
    """Enter the generation in force and return it; whoever is first also puts its static FDB entries in force."""
    generation = enter_generation(state.control[0], worker)
    begin_flow_burst(state.flow_head[0], worker)
    begin_flow_burst(state.mapping_head[0], worker)
    control = state.control[0]
    rules = state.fdb_rules[generation % COPIES]
    if not has_present_stamp(rules, np.uint64(control.installed_stamp)):
        install_static_entries(Fdb(state.fdb_head[0], state.fdb_buckets, rules, state.learning_counters[worker]))
        control.installed_stamp = rules.static_stamp
    return generation


@kernel
def rest(state: Any, worker: int) -> None:
    """Say that ``worker`` uses no generation, holds no flow and has left no neighbour half done: it is about to
    sleep."""
    leave_flows(state.flow_head[0], worker)
    leave_flows(state.mapping_head[0], worker)
    note_neighbour_tick(state.neighbour_head[0], worker, AWAY)
    leave_generation(state.control[0], worker)
