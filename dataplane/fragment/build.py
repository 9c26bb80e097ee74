"""What the agent says of fragments."""

from typing import Any

from dataplane.fdb.tables import TICK_SHIFT

NANOSECONDS = 1_000_000_000


def lifetime_ticks(seconds: float) -> int:
    """Return for how many ticks fragments are kept that are to wait ``seconds`` for one another."""
    return max(1, int(seconds * NANOSECONDS) >> int(TICK_SHIFT))


def write_lifetime(head: Any, seconds: float) -> None:
    """Let fragments wait ``seconds`` for one another from now on, those that are under way included."""
    head.lifetime = lifetime_ticks(seconds)
