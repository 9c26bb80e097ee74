"""Storm limits: one token bucket for each port and kind of flooded frame, in whole nanoseconds.

The unit is the nanosecond of credit, so that no arithmetic rounds twice. For a limit of ``rate`` frames a second:

    cost_ns     = 10**9 // rate                    what one frame costs
    burst       = max(1, rate // 10)               frames, a tenth of a second's worth
    capacity_ns = burst * 10**9 // rate            the most credit a bucket holds

A bucket starts full. Its clock starts with the first frame that asks it. Each frame that asks first earns the
nanoseconds since the bucket's clock, up to the capacity; a clock that would run backwards earns nothing and stays. Then
the frame passes if the credit covers its cost, which is taken off; else it is dropped and costs nothing.
"""

NS_PER_S = 10**9


class TokenBucket:
    """Limits frames to ``rate`` a second, with ``burst`` at once if that is not a tenth of it."""

    def __init__(self, rate: int, burst: int | None = None) -> None:
        burst = burst or max(1, rate // 10)
        self.cost_ns = NS_PER_S // rate
        self.capacity_ns = burst * NS_PER_S // rate
        self.credit_ns = self.capacity_ns
        self.clock_ns: int | None = None

    def take(self, now_ns: int) -> bool:
        """Return whether a frame at ``now_ns`` passes."""
        if self.clock_ns is None:
            self.clock_ns = now_ns
        elapsed_ns = max(0, now_ns - self.clock_ns)
        self.clock_ns += elapsed_ns
        self.credit_ns = min(self.capacity_ns, self.credit_ns + elapsed_ns)
        if self.credit_ns < self.cost_ns:
            return False
        self.credit_ns -= self.cost_ns
        return True
