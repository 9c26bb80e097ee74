"""When may memory be filled anew that workers were reading? After every one of them has begun another burst.

What the agent changes in place, word by word, is seen at once; but a worker in the midst of a burst may still hold the
place of something that has gone out of use. The agent counts a turn. Workers note the turn at the start of each burst:
all that note it, or sleep, have let go of what was out of use when the turn was counted.
"""

import time
from collections.abc import Callable
from typing import Any

from dataplane.generation.build import PATIENCE_S, GenerationTimeoutError
from dataplane.generation.tables import ASLEEP


class WorkersGrace:
    """Periods of grace for the workers of a node. ``control``: the record of ``CONTROL_DTYPE``."""

    def __init__(self, control: Any) -> None:
        self.control = control

    def begin(self) -> int:
        """Begin a period of grace and return its number: nothing leads any more to what is out of use."""
        self.control.turn[0] += 1
        return int(self.control.turn[0])

    def is_over(self, period: int) -> bool:
        """Whether no worker is in a burst that it began before the period."""
        awake = self.control.in_use != ASLEEP
        return not bool((awake & (self.control.noted_turn < period)).any())

    def wait(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until all periods that were begun are over; GenerationTimeoutError if a worker begins no other burst."""
        period, waited_s = self.begin(), 0.0
        while not self.is_over(period):
            if waited_s > PATIENCE_S:
                raise GenerationTimeoutError(f"a worker began no burst for {PATIENCE_S:.0f} s")
            sleep(0.001)
            waited_s += 0.001
