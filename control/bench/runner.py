"""Measuring a workload: a round to warm up and learn, then runs of about a second each, and their median."""

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from control.bench.l2_learn import l2_learn
from control.bench.policy import policy, policy_first, policy_none
from control.bench.routes import ip4_route, ip6_route
from control.bench.translated import dnat, snat, snat_new
from control.bench.tunnelled import vxlan_decap, vxlan_encap
from control.bench.workload import Parameters, Workload
from control.errors import UserError
from dataplane.ports.memory.kernels import carry_frames
from dataplane.vector import make_arena, make_egress, make_vector

WORKLOADS: dict[str, Callable[[Parameters], Workload]] = {
    "l2_learn": l2_learn,
    "ip4_route": ip4_route,
    "ip6_route": ip6_route,
    "snat": snat,
    "dnat": dnat,
    "snat_new": snat_new,
    "vxlan_encap": vxlan_encap,
    "vxlan_decap": vxlan_decap,
    "policy": policy,
    "policy_none": policy_none,
    "policy_first": policy_first,
}
ONE_WORKER = WORKLOADS.keys() - {"l2_learn"}
RUNS = 5
RUN_S = 1.0


@dataclass(frozen=True)
class Measurement:
    """One workload's result: the median of ``runs``, and the slowest and fastest of them, in M frames/s."""

    workload: str
    mpps: float
    gbps: float
    ns_per_packet: float
    flows: int
    frame_bytes: int
    workers: int
    runs: int
    min: float
    max: float
    vector: int
    rules: int

    def as_document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Runner:
    """One worker's part of a workload, ready to run."""

    def __init__(self, workload: Workload, worker: int, vector_size: int) -> None:
        self.state = workload.fabric.state
        self.frames, self.data = workload.rounds[worker]
        self.opening, self.round_ns = workload.opening, workload.round_ns
        self.worker = worker
        self.vector_size = vector_size
        self.vector, self.egress = make_vector(), make_egress()
        self.arena = make_arena(vector_size)
        self.shift_ns = 0

    def open(self) -> None:
        """Carry what makes stations known."""
        if self.opening is not None:
            frames, self.frames = self.frames, self.opening[0]
            data, self.data = self.data, self.opening[1]
            self.run(1)
            self.frames, self.data = frames, data

    def run(self, rounds: int) -> int:
        """Carry ``rounds`` rounds; return how many frames that was."""
        self.shift_ns = carry_frames(
            self.vector,
            self.arena,
            self.egress,
            self.state,
            self.worker,
            self.frames,
            self.data,
            rounds,
            self.vector_size,
            self.shift_ns,
            self.round_ns,
        )
        return rounds * len(self.frames)

    def rounds_for(self, seconds: float) -> int:
        """Return how many rounds take about ``seconds``, after warming up."""
        self.open()
        self.run(2)
        started = time.perf_counter()
        self.run(1)
        return max(1, round(seconds / (time.perf_counter() - started)))


def measure(name: str, parameters: Parameters) -> Measurement:
    """Run a workload RUNS times. UserError if there is none of that name."""
    if name not in WORKLOADS:
        raise UserError(f"no workload {name!r}: expected one of {', '.join(WORKLOADS)}", status=2)
    if parameters.workers > 1 and name in ONE_WORKER:
        raise UserError(f"{name}: expected one worker, found {parameters.workers}", status=2)
    workload = WORKLOADS[name](parameters)
    rates = measure_together(workload, parameters)
    require_no_drops(workload)
    workload.fabric.close()
    rate = median(rates)
    return Measurement(
        workload=name,
        mpps=round(rate / 1e6, 2),
        gbps=round(rate * parameters.frame_bytes * 8 / 1e9, 2),
        ns_per_packet=round(1e9 / rate, 2),
        flows=parameters.flows,
        frame_bytes=parameters.frame_bytes,
        workers=parameters.workers,
        runs=len(rates),
        min=round(min(rates) / 1e6, 2),
        max=round(max(rates) / 1e6, 2),
        vector=parameters.vector,
        rules=parameters.rules,
    )


def require_no_drops(workload: Workload) -> None:
    """UserError if frames of the workload were dropped: then it is not what it says that was measured."""
    if drops := {port: counts for port, counts in workload.fabric.drop_counts().items() if counts}:
        raise UserError(f"{workload.name}: expected every frame to pass, found drops: {drops}")


def measure_together(workload: Workload, parameters: Parameters) -> list[float]:
    """Return frames a second of each run, over all workers: each a process on a core of its own, started together."""
    if parameters.workers == 1:
        return measure_one(Runner(workload, 0, parameters.vector))
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(parameters.workers)
    results = context.SimpleQueue()
    processes = [
        context.Process(target=measure_beside, args=(workload, worker, parameters.vector, barrier, results))
        for worker in range(parameters.workers)
    ]
    for process in processes:
        process.start()
    by_worker = [results.get() for _ in processes]
    for process in processes:
        process.join()
    if None in by_worker:
        raise UserError("a worker of the benchmark ended early: its error is above")
    return [sum(rates) for rates in zip(*by_worker, strict=True)]


def measure_one(runner: Runner, wait: Callable[[], Any] = lambda: None) -> list[float]:
    """Return the rates of one worker's runs; ``wait`` lines it up with others."""
    rounds = runner.rounds_for(RUN_S)
    rates = []
    for _ in range(RUNS):
        wait()
        started = time.perf_counter()
        frames = runner.run(rounds)
        rates.append(frames / (time.perf_counter() - started))
    return rates


def measure_beside(workload: Workload, worker: int, vector_size: int, barrier: Any, results: Any) -> None:
    """Be one of several workers: a process of its own, on its own core where there are enough."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[worker % len(cores)]})
    rates = None
    try:
        rates = measure_one(Runner(workload, worker, vector_size), barrier.wait)
    finally:
        if rates is None:
            barrier.abort()
        results.put(rates)
