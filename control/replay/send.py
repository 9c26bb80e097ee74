"""Send frames in the order of their time: round after round, with events between, no faster than the pace."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from control.replay.engine import Engine
from control.replay.events import Event
from control.replay.feed import Feed, Window
from control.replay.pace import Pace

LOOP_GAP_NS: Final = 1_000_000
"""How long after the last frame of a round the first one of the next round comes."""


def send(feed: Feed, events: Sequence[Event], engine: Engine, pace: Pace, loops: int) -> None:
    """Send all frames, each round of them later than the one before, with every event before its first frame."""
    engine.prepare()
    waiting = deque(events)
    for window, shift_ns in rounds(feed, loops):
        times_ns = np.ascontiguousarray(window.frames.timestamp_ns) + np.uint64(shift_ns)
        done = 0
        while done < len(times_ns):
            last = pace.frames_due(times_ns, done, engine.empty)
            while waiting and waiting[0].time_ns <= int(times_ns[done]):
                engine.apply(waiting.popleft().configuration)
            if waiting:
                last = min(last, int(np.searchsorted(times_ns, np.uint64(waiting[0].time_ns))))
            engine.carry(window, done, last, shift_ns)
            done = last


def rounds(feed: Feed, loops: int) -> Iterator[tuple[Window, int]]:
    """Yield the feed's windows ``loops`` times, each with how many nanoseconds later its frames come than they say."""
    for number in range(loops if len(feed.index) else 0):
        for window in feed.windows():
            yield window, number * period_ns(feed)


def last_ns(feed: Feed, loops: int) -> int:
    """Return the time of the last frame of the last round; 0 if there are no frames."""
    return feed.last_ns + (loops - 1) * period_ns(feed) if len(feed.index) else 0


def period_ns(feed: Feed) -> int:
    """Return how much later each round is than the one before."""
    return feed.last_ns - feed.first_ns + LOOP_GAP_NS
