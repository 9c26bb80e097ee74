"""The compiled table of fragments in this process's memory, met by frames."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dataplane.fdb.tables import TICK_SHIFT
from dataplane.fragment.entries import sweep_fragments
from dataplane.fragment.kernels import follow_fragment, pass_fragment, share_transport
from dataplane.fragment.tables import (
    FOLLOWS,
    FRAGMENT_ENTRY_DTYPE,
    FRAGMENT_HEAD_DTYPE,
    OVERLAPS,
    TABLE_FULL,
    WAITS,
    Fragments,
    fragment_slots,
    initialize_fragments,
    view_fragments,
)
from dataplane.packet.kernels import parse_packet
from dataplane.packet.tables import PACKET
from dataplane.parking.tables import STATUS_MASK, WAITING
from dataplane.parse.kernels import parse_frames
from dataplane.ports.memory.kernels import load_frame
from dataplane.vector import SPILL_BYTES, make_arena, make_vector
from dataplane.verdict import RETURNED
from tests.parking.frames import make_parking

OUTCOMES = {FOLLOWS: "follows", WAITS: "waits", TABLE_FULL: "table full", OVERLAPS: "overlaps"}
LIFETIME = 224

_vector, _arena = make_vector(), make_arena(1)


def make_fragments(entry_limit: int, seed: int = 1, lifetime: int = LIFETIME) -> Fragments:
    """Return an empty table."""
    head = np.zeros(1, FRAGMENT_HEAD_DTYPE).view(np.recarray)[0]
    slots = fragment_slots(entry_limit)
    initialize_fragments(head, entry_limit, lifetime, np.random.default_rng(seed))
    return view_fragments(head, np.zeros(slots, np.uint64), np.zeros(slots, FRAGMENT_ENTRY_DTYPE).view(np.recarray))


@dataclass(frozen=True)
class Met:
    """What became of a frame: protocol and ports if it follows, and the frames that were returned with it."""

    outcome: str
    transport: tuple[int, tuple[int, int]] | None = None
    returned: tuple[bytes, ...] = ()


class Rig:
    """A table, places to wait in, and one vector after the other, of one frame each."""

    def __init__(self, entry_limit: int = 64, seed: int = 1) -> None:
        self.fragments = make_fragments(entry_limit, seed)
        self.parking = make_parking()

    def meet(self, frame: bytes, tick: int, domain: int = 1, goes_on: bool = True) -> Met:
        """Let the frame, an IP packet behind an Ethernet header, come in by ``domain``, and go on if it may."""
        vector = self.load(frame, tick, domain)
        outcome = OUTCOMES[follow_fragment(self.fragments, self.parking, vector, _arena, 0, np.uint64(tick))]
        ports = divmod(int(vector.ports[0]), 1 << 16)
        if outcome == "follows" and goes_on:
            assert pass_fragment(self.fragments, self.parking, vector, _arena.heads, 0)
        transport = (int(vector.protocol[0]), ports) if outcome == "follows" else None
        return Met(outcome, transport, tuple(self.returned(vector)))

    def share(self, frame: bytes, tick: int, slot: int, held: int) -> None:
        """Let the frame tell the packet at ``slot`` its ports, whose word it saw as ``held``."""
        vector = self.load(frame, tick, 1)
        share_transport(self.fragments, self.parking, vector, _arena, 0, slot, np.uint64(held))

    def load(self, frame: bytes, tick: int, domain: int) -> Any:
        """Return a vector with the frame, its packet parsed."""
        load_frame(_vector, _arena, 0, np.frombuffer(frame, np.uint8), 0, len(frame))
        _vector.count = _vector.received = 1
        parse_frames(_vector, _arena.heads)
        _vector.domain[0] = domain
        _vector.timestamp_ns[0] = np.uint64(tick << int(TICK_SHIFT))
        assert parse_packet(_vector, _arena.heads, 0) == PACKET
        return _vector

    def returned(self, vector: Any) -> list[bytes]:
        """Return the frames that stand behind the one that came in."""
        frames = []
        for j in range(1, int(vector.count)):
            assert vector.verdict[j] == RETURNED
            assert vector.cause[j] == 0
            at, head, tail = int(vector.head_at[j]), int(vector.head_length[j]), int(vector.tail_length[j])
            whole = _arena.heads[at : at + head].tobytes() + _arena.tails[j * SPILL_BYTES :][:tail].tobytes()
            frames.append(whole)
        return frames

    def sweep(self, tick: int) -> int:
        """Sweep as much of the table as one call does."""
        return int(sweep_fragments(self.fragments, self.parking, np.uint64(tick)))

    @property
    def entries(self) -> int:
        """How many packets the table counts, once it is certain that it has as many."""
        count = int(self.fragments.head.entries[0])
        assert count == np.count_nonzero(self.fragments.words)
        return count

    @property
    def parked(self) -> int:
        """How many frames wait."""
        return int(np.count_nonzero(self.parking.head.state & STATUS_MASK == WAITING))
