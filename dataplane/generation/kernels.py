"""How a worker takes part in switching generations: see ``tables.py``."""

from typing import Any

import numpy as np

from dataplane.generation.tables import ASLEEP
from dataplane.jit import kernel
from dataplane.memory import fetch_add, load_acquire, store_release


@kernel
def enter_generation(control: Any, worker: int) -> int:
    """Say that ``worker`` uses the active generation from now on, and return it."""
    while True:
        active = load_acquire(control.active, 0)
        store_release(control.in_use, worker, active)
        store_release(control.noted_turn, worker, load_acquire(control.turn, 0))
        # An atomic read-modify-write orders the stores above before the load below, for the agent to see one of both.
        fetch_add(control.barrier, 0, np.uint32(0))
        if load_acquire(control.active, 0) == active:
            return active


@kernel
def leave_generation(control: Any, worker: int) -> None:
    """Say that ``worker`` uses no generation: it is about to sleep."""
    store_release(control.in_use, worker, ASLEEP)
