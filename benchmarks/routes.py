"""``python -m benchmarks.routes``: tables of routes of all sizes: loading, memory, single changes, look-ups.

The tables look like the Internet's. Look-ups are in vectors of 256, for addresses in routes chosen evenly, and for
addresses of which most lie in few routes (Zipf, 1.1). The tables lie in shared memory, as the workers have them. Times
are of one core, while it works for this process.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from control.bench.full_table import full_table, random_within
from control.cli.output import format_table
from dataplane.generation.grace import WorkersGrace
from dataplane.generation.tables import CONTROL_DTYPE
from dataplane.jit import kernel
from dataplane.route.build import Route, Routes, RouteWriter
from dataplane.route.kernels import find_routes4, find_routes6
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, ROOT_SLOTS, Fib, units_for
from dataplane.shm import create_region
from dataplane.vector import DEFAULT_VECTOR

SIZES = (10, 1_000, 100_000, 1_000_000)
LOOKUPS = 1 << 21
ROUNDS = 5
CHANGES = 500
SEED = 1


@kernel
def find_all4(fib: Any, address: Any, group: Any, waiting: Any, vector: int) -> None:
    """Look up a long column, a vector at a time."""
    for first in range(0, len(address), vector):
        find_routes4(fib, address[first : first + vector], group, waiting, vector)


@kernel
def find_all6(fib: Any, high: Any, low: Any, group: Any, waiting: Any, vector: int) -> None:
    """Look up two long columns, a vector at a time."""
    for first in range(0, len(high), vector):
        find_routes6(fib, high[first : first + vector], low[first : first + vector], group, waiting, vector)


def shared_fib(route_limit: int, width: int) -> tuple[Fib, Any]:
    """Return an empty table, and generations, in shared memory."""
    sections = {
        "root": (np.dtype(np.uint32), (ROOT_SLOTS,)),
        "units": (np.dtype(np.uint64), (units_for(route_limit, width),)),
        "control": (CONTROL_DTYPE, (1,)),
    }
    arrays = create_region(sections, {}, shared=True).arrays
    return Fib(arrays["root"], arrays["units"]), arrays["control"][0]


def destinations(routes: Routes, width: int, skewed: bool, random: np.random.Generator) -> tuple[Any, Any]:
    """Return the halves of LOOKUPS addresses that some route covers."""
    if skewed:
        chosen = random.permutation(len(routes.high))[(random.zipf(1.1, LOOKUPS) - 1) % len(routes.high)]
    else:
        chosen = random.integers(0, len(routes.high), LOOKUPS)
    return random_within(routes.chosen(chosen), width, random)


def rate(look_up: Callable[[], None]) -> str:
    """Return the median of the rates of some rounds in M/s, the slowest and the fastest."""
    look_up()
    rates = []
    for _ in range(ROUNDS):
        started = time.process_time()
        look_up()
        rates.append(LOOKUPS / (time.process_time() - started) / 1e6)
    rates.sort()
    return f"{rates[ROUNDS // 2]:.0f} ({rates[0]:.0f}-{rates[-1]:.0f})"


def measure_lookups(fib: Fib, routes: Routes, width: int, skewed: bool, random: np.random.Generator) -> str:
    """Return the rate of look-ups."""
    high, low = destinations(routes, width, skewed, random)
    group, waiting = np.zeros(DEFAULT_VECTOR, np.uint32), np.zeros(DEFAULT_VECTOR, np.uint16)
    if width == IPV4_BITS:
        address = (high >> np.uint64(32)).astype(np.uint32)
        return rate(lambda: find_all4(fib, address, group, waiting, DEFAULT_VECTOR))
    return rate(lambda: find_all6(fib, high, low, group, waiting, DEFAULT_VECTOR))


def measure_changes(writer: RouteWriter, routes: Routes, random: np.random.Generator) -> tuple[float, float]:
    """Return the mean and the longest time in ms in which a route is removed, or added again."""
    chosen = routes.chosen(random.permutation(len(routes.high))[:CHANGES])
    left = 128 - writer.width
    times = []
    for high, low, length, group in zip(*(column.tolist() for column in chosen), strict=True):
        route = Route((high << 64 | low) >> left, length, group)
        for change in (lambda route=route: writer.remove(route.address, route.length), lambda r=route: writer.add(r)):
            started = time.process_time()
            change()
            times.append(time.process_time() - started)
    return 1e3 * sum(times) / len(times), 1e3 * max(times)


def measure_default(writer: RouteWriter) -> float:
    """Return the time in ms in which the default route comes: every entry without an answer gets one."""
    started = time.process_time()
    writer.add(Route(0, 0, 1))
    return 1e3 * (time.process_time() - started)


def row(count: int, width: int) -> list[str]:
    """Measure one table."""
    random = np.random.default_rng(SEED)
    routes = full_table(count, width, random)
    limit = len(routes.high) + 1
    fib, control = shared_fib(limit, width)
    writer = RouteWriter(fib, width, limit, WorkersGrace(control))
    shuffled = routes.chosen(random.permutation(len(routes.high)))
    started = time.process_time()
    writer.load(shuffled)
    loaded_s = time.process_time() - started
    used = writer.bytes_in_use
    rates = [measure_lookups(fib, routes, width, skewed, random) for skewed in (False, True)]
    mean_ms, longest_ms = measure_changes(writer, routes, random)
    default_ms = measure_default(writer)
    return [
        *(
            ("IPv4" if width == IPV4_BITS else "IPv6"),
            f"{len(routes.high):,}",
            f"{loaded_s:.2f}",
            f"{used / 2**20:.1f}",
        ),
        *(*rates, f"{mean_ms:.2f}", f"{longest_ms:.1f}", f"{default_ms:.1f}"),
    ]


def main() -> None:
    """Print one row for each family and size."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    header = ["", "routes", "load s", "MiB", "evenly M/s", "skewed M/s", "change ms", "longest", "default ms"]
    rows = [row(count, width) for width in (IPV4_BITS, IPV6_BITS) for count in sizes]
    print(format_table(header, rows))


if __name__ == "__main__":
    main()
