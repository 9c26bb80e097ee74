"""Live observation: events that workers write into their rings -> JSON lines, for whoever asked.

One task empties the rings while anybody observes, and nothing is written while nobody does. Observing never slows the
traffic down: what does not fit, in a ring or in an observer's queue, is counted as lost.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from control.errors import UserError
from control.observe.filters import EventFilter
from control.observe.narrator import Narrator
from control.observe.past import flows_as_events
from dataplane.fdb.build import NANOSECONDS_PER_SECOND
from dataplane.flowlog.build import lost_events, set_observed, skip_events, take_events
from dataplane.flowlog.tables import FLOW_EVENT_DTYPE

if TYPE_CHECKING:
    from control.fabric import Fabric

POLL_INTERVAL_S = 0.01
EVENTS_PER_TURN = 1024
"""After so many events others get their turn: the agent has more to do than this."""

IDLE_S = 0.5
"""How long an observer waits for an event before the stream says that it is still there."""

BACKLOG_BYTES = 32 << 20
"""What may wait for an observer who reads slowly."""
REMEMBERED = 1 << 16
"""How many events are kept for those who ask for what was."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see: of what was, the ``last`` so many events (None: not counted) and those ``since_s``
    seconds ago (None: however long); then, if ``follows``, what comes."""

    filter: EventFilter = field(default_factory=EventFilter)
    last: int | None = None
    since_s: float | None = None
    follows: bool = True

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wish":
        """Return what the API's query asks for; UserError if it is wrong."""
        criteria = dict(query)
        last, since, follow = (criteria.pop(name, "") for name in ("last", "since", "follow"))
        for name, text in (("last", last), ("since", since)):
            if text and not (text.isascii() and text.isdecimal()):
                raise UserError(f"{name}: expected a whole number, found {text!r}", status=2)
        return cls(
            EventFilter.of(criteria),
            int(last) if last else None,
            float(since) if since else None,
            follow != "0",
        )

    @property
    def asks_back(self) -> bool:
        return self.last is not None or self.since_s is not None


@dataclass(slots=True, eq=False)
class _Observer:
    """Somebody who observes."""

    filter: EventFilter
    chunks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    waiting_bytes: int = 0
    lost: int = 0
    unsaid: int = 0

    def take(self, lines: list[str]) -> None:
        """Queue lines for the observer, or count them as lost where too much waits already."""
        if not lines:
            return
        if self.waiting_bytes > BACKLOG_BYTES:
            self.lose(len(lines))
            return
        chunk = ("\n".join(lines) + "\n").encode()
        self.waiting_bytes += len(chunk)
        self.chunks.put_nowait(chunk)

    def lose(self, count: int) -> None:
        """Count events that the observer should have had, and is to be told of."""
        self.lost += count
        self.unsaid += count

    async def next_chunk(self) -> bytes:
        """Wait for lines, and return all that wait; none after a while."""
        chunks = []
        try:
            async with asyncio.timeout(IDLE_S):
                chunks.append(await self.chunks.get())
        except TimeoutError:
            pass
        while not self.chunks.empty():
            chunks.append(self.chunks.get_nowait())
        self.waiting_bytes -= sum(map(len, chunks))
        if self.unsaid:
            chunks.append(_loss(self.unsaid))
            self.unsaid = 0
        return b"".join(chunks)


class Observers:
    """All that observe one fabric. ``narrate`` returns a narrator by what is known now."""

    def __init__(self, fabric: "Fabric", narrate: Callable[[], Narrator]) -> None:
        self._fabric = fabric
        self._narrate = narrate
        self._observers: list[_Observer] = []
        self._reader: asyncio.Task[None] | None = None
        self._past: deque[tuple[Any, Narrator]] = deque()
        self._remembered = 0
        self._lost = 0

    def reset(self) -> None:
        """Switch off what an agent before this one was observing."""
        set_observed(self._fabric.state.flow_head[0], False)

    def describe(self) -> dict[str, int]:
        """Return how many observe, and how many events they should have had and did not get."""
        waiting = sum(observer.lost for observer in self._observers)
        return {"observers": len(self._observers), "lost": self._in_rings() + self._lost + waiting}

    async def stream(self, wish: Wish) -> AsyncGenerator[bytes, None]:
        """Yield lines of JSON as events come; now and then nothing, while none does."""
        observer = _Observer(wish.filter)
        self._add(observer)
        try:
            yield b""
            if wish.asks_back:
                yield self._tell_past(wish)
            while wish.follows:
                yield await observer.next_chunk()
        finally:
            self._remove(observer)

    def close(self) -> None:
        """Stop observing."""
        for observer in list(self._observers):
            self._remove(observer)

    def _tell_past(self, wish: Wish) -> bytes:
        """Return the lines of what was: what has been observed, by what was known then, and the conversations that
        there are still."""
        now_ns = time.monotonic_ns()
        since_ns = 0 if wish.since_s is None else max(0, now_ns - int(wish.since_s * NANOSECONDS_PER_SECOND))
        state = self._fabric.state
        seen = np.concatenate([events for events, _ in self._past] or [np.zeros(0, FLOW_EVENT_DTYPE)])
        begun = flows_as_events(state.flow_head[0], state.flow_records, now_ns, seen)
        told: list[tuple[int, str]] = []
        for block, narrator in [*self._past, (begun, self._narrate())]:
            events = block[wish.filter.mask(block) & (block["timestamp_ns"] >= since_ns)]
            tellings = zip(events["timestamp_ns"].tolist(), narrator.tell(events), strict=True)
            told += [(time_ns, telling.line) for time_ns, telling in tellings if wish.filter.takes(telling)]
        told.sort(key=itemgetter(0))
        first = 0 if wish.last is None else max(0, len(told) - wish.last)
        return "".join(f"{line}\n" for _, line in told[first:]).encode()

    def _add(self, observer: _Observer) -> None:
        if self._reader is None:
            skip_events(self._fabric.state.flow_logs)
            self._reader = asyncio.create_task(self._read_rings(self._in_rings()))
            set_observed(self._fabric.state.flow_head[0], True)
        self._observers.append(observer)

    def _remove(self, observer: _Observer) -> None:
        if observer not in self._observers:
            return
        self._observers.remove(observer)
        self._lost += observer.lost
        if not self._observers and self._reader is not None:
            set_observed(self._fabric.state.flow_head[0], False)
            self._reader.cancel()
            self._reader = None

    async def _read_rings(self, lost: int) -> None:
        while True:
            events = take_events(self._fabric.state.flow_logs)
            if len(events):
                await self._hand_out(events)
            missing, lost = self._in_rings() - lost, self._in_rings()
            for observer in self._observers:
                observer.unsaid += missing
            await asyncio.sleep(0 if len(events) > EVENTS_PER_TURN else POLL_INTERVAL_S)

    async def _hand_out(self, events: Any) -> None:
        narrator = self._narrate()
        self._remember(events, narrator)
        for first in range(0, len(events), EVENTS_PER_TURN):
            turn = events[first : first + EVENTS_PER_TURN]
            masks = [(observer, observer.filter.mask(turn)) for observer in self._observers]
            wanted = np.logical_or.reduce([mask for _, mask in masks]) if masks else np.zeros(len(turn), bool)
            tellings = dict(zip(np.flatnonzero(wanted).tolist(), narrator.tell(turn[wanted]), strict=True))
            for observer, mask in masks:
                chosen = (tellings[n] for n in np.flatnonzero(mask).tolist())
                observer.take([telling.line for telling in chosen if observer.filter.takes(telling)])
            await asyncio.sleep(0)

    def _remember(self, events: Any, narrator: Narrator) -> None:
        self._past.append((events[-REMEMBERED:], narrator))
        self._remembered += len(self._past[-1][0])
        while self._remembered - len(self._past[0][0]) >= REMEMBERED:
            self._remembered -= len(self._past.popleft()[0])

    def _in_rings(self) -> int:
        return lost_events(self._fabric.state.flow_logs)


def _loss(count: int) -> bytes:
    """Return the line that says that events are missing here."""
    return (json.dumps({"time": time.time(), "event": "lost", "count": count}) + "\n").encode()
