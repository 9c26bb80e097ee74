"""The agent's side of switching generations: see ``tables.py``."""

import time
from collections.abc import Callable
from typing import Any

from dataplane.generation.tables import ASLEEP, COPIES

PATIENCE_S = 5.0


class GenerationTimeoutError(Exception):
    """Workers went on using an old generation: they are stuck, or dead and nobody said so."""


def free_copy(control: Any) -> int:
    """Return the index of the copy that is not in force."""
    return int(control.active[0] + 1) % COPIES


def activate(control: Any) -> None:
    """Put the copy that was free in force."""
    control.active[0] += 1


def wait_until_free(control: Any, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until no worker uses any generation but the active one. Asleep or absent workers use none."""
    waited_s = 0.0
    while any(used not in (ASLEEP, control.active[0]) for used in control.in_use):
        if waited_s > PATIENCE_S:
            stuck = [worker for worker, used in enumerate(control.in_use) if used not in (ASLEEP, control.active[0])]
            raise GenerationTimeoutError(f"no answer for {PATIENCE_S:.0f} s from worker {', '.join(map(str, stuck))}")
        sleep(0.001)
        waited_s += 0.001


def forget_worker(control: Any, worker: int) -> None:
    """A worker has died: it uses no generation."""
    control.in_use[worker] = ASLEEP
