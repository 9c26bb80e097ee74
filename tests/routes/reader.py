"""A process that looks routes up, burst by burst as a worker does, while another one changes them.

``python -m tests.routes.reader FD WIDTH``: maps the memory behind FD, looks up all of its addresses again and again
until it is told to stop, and prints how many vectors it has looked up and how many answers were none of those allowed.
"""

import json
import sys
from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.generation.kernels import enter_generation, leave_generation
from dataplane.generation.tables import CONTROL_DTYPE
from dataplane.jit import kernel
from dataplane.memory import load_acquire
from dataplane.route.kernels import find_routes4, find_routes6
from dataplane.route.tables import IPV4_BITS, ROOT_SLOTS, Fib
from dataplane.shm import attach_region

ADDRESSES: Final = 1024
UNITS: Final = 1 << 12

SECTIONS: Final = {
    "root": (np.dtype(np.uint32), (ROOT_SLOTS,)),
    "units": (np.dtype(np.uint64), (UNITS,)),
    "control": (CONTROL_DTYPE, (1,)),
    "high": (np.dtype(np.uint64), (ADDRESSES,)),
    "low": (np.dtype(np.uint64), (ADDRESSES,)),
    "address": (np.dtype(np.uint32), (ADDRESSES,)),
    "allowed": (np.dtype(np.uint64), (ADDRESSES,)),
    "count": (np.dtype(np.int64), (1,)),
    "vectors": (np.dtype(np.int64), (1,)),
    "stop": (np.dtype(np.uint32), (1,)),
}
"""``allowed`` has bit g set where group g is a right answer for an address."""

_ONE = np.uint64(1)


class Shared(NamedTuple):
    """The arrays of all SECTIONS."""

    root: Any
    units: Any
    control: Any
    high: Any
    low: Any
    address: Any
    allowed: Any
    count: Any
    vectors: Any
    stop: Any


@kernel
def watch(shared: Any, fib: Any, group: Any, waiting: Any, is_ipv4: bool) -> int:
    """Look everything up until told to stop; return how many answers were not allowed."""
    wrong = 0
    count = shared.count[0]
    while load_acquire(shared.stop, 0) == 0:
        enter_generation(shared.control[0], 0)
        if is_ipv4:
            find_routes4(fib, shared.address, group, waiting, count)
        else:
            find_routes6(fib, shared.high, shared.low, group, waiting, count)
        for i in range(count):
            if (shared.allowed[i] >> np.uint64(group[i])) & _ONE == 0:
                wrong += 1
        shared.vectors[0] += 1
    leave_generation(shared.control[0], 0)
    return wrong


def main() -> None:
    """Watch, and print what was seen."""
    arrays = attach_region(int(sys.argv[1]), SECTIONS).arrays
    fib = Fib(arrays["root"], arrays["units"])
    group, waiting = np.zeros(ADDRESSES, np.uint32), np.zeros(ADDRESSES, np.uint16)
    wrong = watch(Shared(**arrays), fib, group, waiting, int(sys.argv[2]) == IPV4_BITS)
    print(json.dumps({"vectors": int(arrays["vectors"][0]), "wrong": int(wrong)}))


if __name__ == "__main__":
    main()
