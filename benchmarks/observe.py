"""``python -m benchmarks.observe``: what observing costs packets, and how many events a reader keeps up with.

One process carries packets of conversations that are known, and in each slice of time begins new ones, so that events
come at a steady rate. Another one observes as the agent does: it empties the ring, finds out who is who, and makes
lines of JSON. Runs with and without an observer take turns, so that whatever else the machine does meets both alike.
The rate is that of packets of known conversations while they are carried, by the processor time that they take, so that
who else wants the processor does not count; what begins others is carried in between.
"""

import asyncio
import os
import time
from contextlib import aclosing
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np

from control.bench.packets import udp4
from control.bench.routed import router_mac, station_mac
from control.bench.runner import Runner
from control.bench.translated import SERVER_PORT, SERVERS, snat
from control.bench.workload import Parameters, Workload, lay_out_frames
from control.cli.output import format_table
from control.fabric import Fabric
from control.observe.known import Known
from control.observe.observers import Observers, Wish
from dataplane.ports.memory.kernels import carry_frames

EVENTS_A_SECOND = 50_000
SLICE_S = 0.02
RUN_S = 2.0
TURNS = 5
NEWCOMERS = 0x0A01_8000
FLOWS = 1 << 20
"""The table's limit is four times as many: no conversation is given up for another."""


class Beginner:
    """Begins conversations, each with a source of its own."""

    def __init__(self, workload: Workload, runner: Runner, each_time: int) -> None:
        self.macs = router_mac(workload.fabric, "inside") + station_mac(1)
        self.in_port = workload.fabric.index_of("in")
        self.runner = runner
        self.each_time = each_time
        self.begun = 0

    def begin(self) -> None:
        """Carry the first packets of the next conversations."""
        number = np.arange(self.begun, self.begun + self.each_time)
        self.begun += self.each_time
        ports = 1024 + number % 60_000, np.full(len(number), SERVER_PORT)
        servers = np.full(len(number), SERVERS)
        headers = udp4(self.macs, NEWCOMERS + number // 60_000, servers, ports, 64)
        frames, data = lay_out_frames(headers, np.full(len(number), self.in_port, np.uint16), 64)
        run = self.runner
        buffers = run.vector, run.arena, run.egress, run.state, run.worker
        run.shift_ns = carry_frames(*buffers, frames, data, 1, run.vector_size, run.shift_ns, run.round_ns)


def observe_when_told(fabric: Fabric, wanted: Any, results: Any) -> None:
    """Observe as long as ``wanted`` is set, and say then what that was; end when nothing is wanted for long."""
    place_on(1)
    while wanted.wait(60):
        results.put(asyncio.run(observe(fabric, wanted)))


async def observe(fabric: Fabric, wanted: Any) -> tuple[int, int, float]:
    """Return how many events came, how many were lost, and the seconds of processor time that took."""
    observers = Observers(fabric, Known(fabric).narrator)
    lost, began, events = observers.describe()["lost"], time.process_time(), 0
    async with aclosing(observers.stream(Wish())) as stream:
        async for chunk in stream:
            events += chunk.count(b"\n")
            if not chunk and not wanted.is_set() and events:
                break
    return events, observers.describe()["lost"] - lost, time.process_time() - began


def place_on(number: int) -> None:
    """Keep this process to one of its processors."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[number % len(processors)]})


def rate_of(runner: Runner, beginner: Beginner, rounds: int) -> float:
    """Return packets of known conversations a second, while others begin."""
    ends = time.perf_counter() + RUN_S
    carried, spent = 0, 0.0
    due = time.perf_counter()
    while (now := time.perf_counter()) < ends:
        if now >= due:
            beginner.begin()
            due += SLICE_S
        begun = time.process_time()
        carried += runner.run(rounds)
        spent += time.process_time() - begun
    return carried / spent


def main() -> None:
    """Print the rates with and without an observer, and what that one got."""
    workload = snat(Parameters(flows=FLOWS))
    workload.rounds[0] = tuple(part[: 16384 * size] for part, size in zip(workload.rounds[0], (1, 64), strict=True))
    runner = Runner(workload, 0, 256)
    rounds = runner.rounds_for(SLICE_S / 10)
    beginner = Beginner(workload, runner, int(EVENTS_A_SECOND * SLICE_S))
    beginner.begin()
    context = get_context("fork")
    wanted, results = context.Event(), context.SimpleQueue()
    reader = context.Process(target=observe_when_told, args=(workload.fabric, wanted, results), daemon=True)
    reader.start()
    place_on(0)
    alone, together, observed = [], [], []
    head = workload.fabric.state.flow_head[0]
    for _ in range(TURNS):
        alone.append(rate_of(runner, beginner, rounds))
        wanted.set()
        while not head.observed[0]:
            time.sleep(0.001)
        together.append(rate_of(runner, beginner, rounds))
        wanted.clear()
        observed.append(results.get())
    reader.terminate()
    events, lost, busy = (sum(column) for column in zip(*observed, strict=True))
    seconds = RUN_S * TURNS
    rows = [
        [
            "packets, nobody observes",
            f"{median(alone) / 1e6:.2f} M/s ({min(alone) / 1e6:.2f} to {max(alone) / 1e6:.2f})",
        ],
        [
            "packets, observed",
            f"{median(together) / 1e6:.2f} M/s ({min(together) / 1e6:.2f} to {max(together) / 1e6:.2f})",
        ],
        ["events", f"{events / seconds:,.0f} a second, {lost:,} lost"],
        [
            "the observer",
            f"{busy / events * 1e6:.1f} µs of processor time an event, {busy / seconds:.0%} of a processor",
        ],
    ]
    print(format_table(["", ""], rows))


if __name__ == "__main__":
    main()
