"""Live captures: frames that workers copy into the mirror rings -> pcapng, for whoever asked.

One task empties the rings while anybody listens, and nothing is copied while nobody does. Watching never slows the
traffic down: what does not fit, in a ring or in a listener's queue, is left out.
"""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from dataplane.mirror.build import MirroredFrame, read_ring, skip_ring
from dataplane.mirror.tables import MIRROR_RECEIVED, MIRROR_SENT
from dataplane.ports.pcap.pcapng import CapturedPacket, Direction, PcapngWriter

if TYPE_CHECKING:
    from control.fabric import Fabric

POLL_INTERVAL_S = 0.01
FRAMES_PER_TURN = 1024
"""After so many frames of a ring others get their turn: the agent has more to do than this."""

IDLE_S = 0.5
"""How long a listener waits for a frame before the stream says that it is still there."""

BACKLOG_BYTES = 32 << 20
"""What may wait for a listener who reads slowly."""


@dataclass(slots=True, eq=False)
class _Listener:
    """Somebody who captures one port."""

    port: str
    frames: asyncio.Queue[MirroredFrame] = field(default_factory=asyncio.Queue)
    waiting_bytes: int = 0
    lost: int = 0

    def take(self, frame: MirroredFrame) -> None:
        """Queue a frame for the listener, or count it as lost where too much waits already."""
        if self.waiting_bytes + len(frame.frame) > BACKLOG_BYTES:
            self.lost += 1
            return
        self.waiting_bytes += len(frame.frame)
        self.frames.put_nowait(frame)

    async def next_batch(self, limit: int) -> list[MirroredFrame]:
        """Wait for a frame, and return it with those behind it: ``limit`` at most (0: all), none after a while."""
        try:
            async with asyncio.timeout(IDLE_S):
                batch = [await self.frames.get()]
        except TimeoutError:
            return []
        while not self.frames.empty() and (limit == 0 or len(batch) < limit):
            batch.append(self.frames.get_nowait())
        self.waiting_bytes -= sum(len(frame.frame) for frame in batch)
        return batch


class Captures:
    """All captures of one instance."""

    def __init__(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self._listeners: list[_Listener] = []
        self._reader: asyncio.Task[None] | None = None
        self._lost = 0

    def reset(self) -> None:
        """Switch off what an agent before this one was capturing."""
        for port in self._fabric.configuration.ports:
            self._fabric.set_mirror(port.name, 0)

    def describe(self) -> dict[str, int]:
        """Return how many listen, and how many frames they should have had and did not get."""
        rings = sum(int(ring.lost[0]) for ring in self._rings())
        return {"listeners": len(self._listeners), "lost": rings + self._lost}

    async def stream(self, port: str, *, snaplen: int = 0, count: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield a pcapng stream of the frames that pass ``port``, as they come; now and then nothing, while none does.

        Of each frame ``snaplen`` bytes are kept (0: all); after ``count`` frames the stream ends (0: never).
        """
        listener = _Listener(port)
        self._add(listener)
        try:
            buffer = io.BytesIO()
            writer = PcapngWriter(buffer, [port])
            yield _take(buffer)
            remaining = count
            while True:
                batch = await listener.next_batch(remaining)
                writer.write(_as_packet(frame, snaplen) for frame in batch)
                yield _take(buffer)
                remaining -= len(batch)
                if count and remaining <= 0:
                    return
        finally:
            self._remove(listener)

    def close(self) -> None:
        """Stop capturing."""
        for listener in list(self._listeners):
            self._remove(listener)

    def _add(self, listener: _Listener) -> None:
        if self._reader is None:
            for ring in self._rings():
                skip_ring(ring)
            self._reader = asyncio.create_task(self._read_rings())
        self._listeners.append(listener)
        self._mirror(listener.port)

    def _mirror(self, port: str) -> None:
        """Have a port's frames copied: said again and again, since a port may be taken away and come back."""
        with contextlib.suppress(KeyError):
            self._fabric.set_mirror(port, MIRROR_RECEIVED | MIRROR_SENT)

    def _remove(self, listener: _Listener) -> None:
        if listener not in self._listeners:
            return
        self._listeners.remove(listener)
        self._lost += listener.lost
        if all(other.port != listener.port for other in self._listeners):
            with contextlib.suppress(KeyError):  # The port itself may be gone.
                self._fabric.set_mirror(listener.port, 0)
        if not self._listeners and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _read_rings(self) -> None:
        while True:
            for listener in self._listeners:
                self._mirror(listener.port)
            turns = [list(islice(read_ring(ring), FRAMES_PER_TURN)) for ring in self._rings()]
            full = any(len(turn) == FRAMES_PER_TURN for turn in turns)
            # Each worker has a ring of its own: a request and its answer may have passed two of them.
            self._hand_out(sorted(chain.from_iterable(turns), key=attrgetter("timestamp_ns")))
            await asyncio.sleep(0 if full else POLL_INTERVAL_S)

    def _hand_out(self, frames: list[MirroredFrame]) -> None:
        by_index: dict[int, list[_Listener]] = {}
        for listener in self._listeners:
            with contextlib.suppress(KeyError):
                by_index.setdefault(self._fabric.index_of(listener.port), []).append(listener)
        for frame in frames:
            for listener in by_index.get(frame.port, ()):
                listener.take(frame)

    def _rings(self) -> Any:
        return self._fabric.state.mirror_rings


def _as_packet(frame: MirroredFrame, snaplen: int) -> CapturedPacket:
    # The workers' clock is the monotonic one; what it is by the wall clock may change while a capture runs.
    wall_clock_ns = frame.timestamp_ns + time.time_ns() - time.monotonic_ns()
    data = frame.frame[:snaplen] if snaplen else frame.frame
    direction = Direction.OUTBOUND if frame.sent else Direction.INBOUND
    return CapturedPacket(wall_clock_ns, 0, data, direction, frame.original_bytes)


def _take(buffer: io.BytesIO) -> bytes:
    chunk = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return chunk
