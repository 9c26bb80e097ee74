"""Each stage by itself: ``pytest benchmarks --benchmark-only``. A call is 1,000 vectors of 256 frames."""

from typing import Any

import numpy as np
import pytest

from control.bench.l2_learn import l2_learn
from control.bench.policy import FIRST_ADDRESS, PODS, SERVED, policy
from control.bench.workload import Parameters
from dataplane.admit.kernels import admit_frames
from dataplane.fdb.kernels import sweep_buckets
from dataplane.fdb.tables import Fdb
from dataplane.forward.kernels import forward_frames
from dataplane.generation.tables import COPIES
from dataplane.jit import kernel
from dataplane.parse.kernels import parse_frames
from dataplane.policy.kernels import policy_key
from dataplane.ports.memory.kernels import carry_frames, discard_queued, load_frames
from dataplane.router.judgement import find_end, judge_ends
from dataplane.settle import settle_vector
from dataplane.state import Tables
from dataplane.vector import DEFAULT_VECTOR, make_arena, make_egress, make_vector
from dataplane.wire import PROTOCOL_UDP

REPEATS = 1000


@kernel
def repeat_load(vector: Any, arena: Any, frames: Any, data: Any, counters: Any) -> None:
    """Copy the same frames in, again and again."""
    for _ in range(REPEATS):
        load_frames(vector, arena, frames, data, 0, DEFAULT_VECTOR, 0, counters)


@kernel
def repeat_parse(vector: Any, heads: Any) -> None:
    """Parse the same frames again and again."""
    for _ in range(REPEATS):
        parse_frames(vector, heads)


@kernel
def repeat_admit(vector: Any, heads: Any, admit: Any, storms: Any) -> None:
    """Admit the same frames again and again."""
    for _ in range(REPEATS):
        admit_frames(vector, heads, admit, storms)


@kernel
def repeat_forward(vector: Any, tables: Any, egress: Any, counters: Any) -> None:
    """Learn, look up, queue, and take the queues away again."""
    for _ in range(REPEATS):
        forward_frames(vector, tables, egress)
        discard_queued(vector, egress, counters)


@kernel
def repeat_settle(vector: Any, counters: Any) -> None:
    """Settle the same frames again and again."""
    for _ in range(REPEATS):
        settle_vector(vector, counters)


@kernel
def repeat_judge(router: Any, source: Any, destination: Any) -> None:
    """Find both ends of the same addresses (uint64, IPv4 mapped) and judge them, again and again."""
    high = np.uint64(0)
    for _ in range(REPEATS):
        for i in range(DEFAULT_VECTOR):
            ends = find_end(router, high, source[i]), find_end(router, high, destination[i])
            judge_ends(router, ends[0], ends[1], policy_key(PROTOCOL_UDP, SERVED), False)


class Bench:
    """A fabric that has learned its MACs, and a vector that has been through it."""

    def __init__(self) -> None:
        workload = l2_learn(Parameters())
        self.state = workload.fabric.state
        self.frames, self.data = workload.rounds[0]
        self.vector, self.egress = make_vector(), make_egress()
        self.arena = make_arena(DEFAULT_VECTOR)
        self.counters = self.state.port_counters[0]
        copy = int(self.state.control[0].active[0]) % COPIES
        self.fdb = Fdb(
            self.state.fdb_head[0],
            self.state.fdb_buckets,
            self.state.fdb_rules[copy],
            self.state.learning_counters[0],
        )
        self.tables = Tables(
            self.state.admit[copy],
            self.state.storms[0],
            self.fdb,
            self.state.forward[copy],
            self.state.switches[0],
            self.state.overlay[copy],
            self.state.remotes[0],
        )
        carry_frames(
            self.vector, self.arena, self.egress, self.state, 0, self.frames, self.data, 2, DEFAULT_VECTOR, 0, 1_000_000
        )


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def test_load(benchmark: Any, bench: Bench) -> None:
    benchmark(repeat_load, bench.vector, bench.arena, bench.frames, bench.data, bench.counters)


def test_parse(benchmark: Any, bench: Bench) -> None:
    benchmark(repeat_parse, bench.vector, bench.arena.heads)


def test_admit(benchmark: Any, bench: Bench) -> None:
    benchmark(repeat_admit, bench.vector, bench.arena.heads, bench.tables.admit, bench.tables.storms)


def test_forward(benchmark: Any, bench: Bench) -> None:
    benchmark(repeat_forward, bench.vector, bench.tables, bench.egress, bench.counters)


def test_settle(benchmark: Any, bench: Bench) -> None:
    benchmark(repeat_settle, bench.vector, bench.counters)


def test_sweep_whole_fdb(benchmark: Any, bench: Bench) -> None:
    benchmark(sweep_buckets, bench.fdb, 0, len(bench.fdb.buckets), 0)


@pytest.mark.parametrize("rules", [10, 1_000, 10_000])
def test_judge(benchmark: Any, rules: int) -> None:
    state = policy(Parameters(rules=rules)).fabric.state
    pods = np.random.default_rng(1).integers(0, PODS, (2, DEFAULT_VECTOR)).astype(np.uint64)
    source, destination = pods + np.uint64(0xFFFF << 32 | FIRST_ADDRESS)
    state.routers[0].in_force = int(state.control[0].active[0]) % COPIES
    benchmark(repeat_judge, state.routers[0], source, destination)
