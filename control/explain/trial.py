"""One packet through the compiled pipeline, on tables that nobody else sees.

A trial owns its tables: what it writes there (addresses learned, flows made, frames that wait) is nobody's.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from control.fabric import Fabric
from dataplane.admit.kernels import admit_frames
from dataplane.flow.tables import NO_HALF
from dataplane.generation.tables import COPIES
from dataplane.parse.kernels import parse_frames
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.ports.memory.kernels import load_frame
from dataplane.router.tables import BRIDGED
from dataplane.transmit.kernels import dress_frame, undress_frame
from dataplane.vector import NO_PEER, SPILL_BYTES, make_arena, make_egress, make_vector
from dataplane.verdict import DROP, REASON_NAMES, RETURNED, VERDICT_NAMES

WORKER = 0


@dataclass
class Fate:
    """What became of one frame: a name of VERDICT_NAMES, the drop reason's or None, and its copies by port index.

    ``remote``: which peer gets the copy for the tunnel, EVERY_PEER for all of them. ``egress``, ``ingress``: what
    policy has said of it (``policy/tables.py``), or of its conversation; 0 where it was not asked."""

    verdict: str
    reason: str | None
    domain: int
    remote: int = NO_PEER
    errand: int = BRIDGED
    egress: int = 0
    ingress: int = 0
    copies: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of a vector of one frame: of the frame, of those that came back after they had waited, and of those
    that the fabric made. ``way``: what the router found out about the last packet that it decided."""

    fate: Fate
    came_back: list[Fate]
    made: list[Fate]
    way: Any


class Trial:
    """A worker of its own; ``now_ns`` moves on by a millisecond a frame."""

    def __init__(self, fabric: Fabric, now_ns: int) -> None:
        self.fabric = fabric
        self.now_ns = now_ns
        self.vector, self.arena, self.egress = make_vector(), make_arena(1), make_egress()
        self.is_judged = False
        """Whether policies were asked about the frame at hand."""

    def admit(self, port: int, frame: bytes) -> tuple[Fate, Fate]:
        """Return what parsing, and then admission, alone make of a frame; nothing is used up by that."""
        state, vector, heads = self.fabric.state, self.vector, self.arena.heads
        self._load(port, frame)
        self.is_judged = False
        generation = begin_burst(state, WORKER)
        parse_frames(vector, heads)
        parsed = self._fate(0)
        admit_frames(vector, heads, state.admit[generation % COPIES], state.storms.copy()[0])
        rest(state, WORKER)
        return parsed, self._fate(0)

    def carry(self, port: int, frame: bytes) -> Outcome:
        """Carry one frame through the whole pipeline."""
        state, vector = self.fabric.state, self.vector
        self._load(port, frame)
        vector.errand[:] = BRIDGED
        generation = begin_burst(state, WORKER)
        self.is_judged = bool(state.policy[generation % COPIES].is_on)
        carry_vector(vector, self.arena, state, generation, WORKER, self.egress)
        copies = self._take_queued(state.forward[generation % COPIES])
        rest(state, WORKER)
        fates = [self._fate(i, copies.get(i)) for i in range(int(vector.count))]
        caused = range(1, len(fates))
        has_waited = [vector.errand[i] != BRIDGED or vector.verdict[i] == RETURNED for i in range(len(fates))]
        came_back = [fates[i] for i in caused if has_waited[i]]
        made = [fates[i] for i in caused if not has_waited[i]]
        return Outcome(fates[0], came_back, made, state.ways[WORKER].copy())

    def _load(self, port: int, frame: bytes) -> None:
        self.now_ns += 1_000_000
        vector = self.vector
        load_frame(vector, self.arena, 0, np.frombuffer(bytearray(frame), np.uint8), 0, len(frame))
        vector.in_port[0] = port
        vector.timestamp_ns[0] = self.now_ns
        vector.count = 1

    def _fate(self, i: int, copies: dict[int, bytes] | None = None) -> Fate:
        vector = self.vector
        verdict = int(vector.verdict[i])
        reason = REASON_NAMES[int(vector.reason[i])] if verdict == DROP else None
        egress, ingress = self._judgements(i)
        return Fate(
            verdict=VERDICT_NAMES[verdict],
            reason=reason,
            domain=int(vector.domain[i]),
            remote=int(vector.remote[i]),
            errand=int(vector.errand[i]),
            egress=egress,
            ingress=ingress,
            copies=copies or {},
        )

    def _judgements(self, i: int) -> tuple[int, int]:
        """Return what policy said of a frame's sender and receiver: of the frame itself, else of its conversation."""
        vector, half = self.vector, int(self.vector.likely_half[i])
        asked = int(vector.egress_judgement[i]), int(vector.ingress_judgement[i])
        if not self.is_judged or any(asked) or half == NO_HALF:
            return asked if self.is_judged else (0, 0)
        record = self.fabric.state.flow_records[half >> 1]
        return int(record["original"]["judgement"]), int(record["reply"]["judgement"])

    def _take_queued(self, forward: Any) -> dict[int, dict[int, bytes]]:
        """Empty the egress queues as ports do; return the copies of each frame by port."""
        vector, heads, egress = self.vector, self.arena.heads, self.egress
        copies: dict[int, dict[int, bytes]] = {}
        for port in map(int, egress.active[: egress.ports]):
            for i in map(int, egress.queue[port, : egress.count[port]]):
                dressed = dress_frame(vector, heads, forward, port, i)
                copies.setdefault(i, {})[port] = self._bytes(i)
                undress_frame(vector, heads, i, dressed)
            egress.count[port] = 0
        egress.ports = 0
        return copies

    def _bytes(self, i: int) -> bytes:
        vector, arena = self.vector, self.arena
        head, tail = int(vector.head_at[i]), i * SPILL_BYTES
        first: bytes = arena.heads[head : head + int(vector.head_length[i])].tobytes()
        rest: bytes = arena.tails[tail : tail + int(vector.tail_length[i])].tobytes()
        return first + rest
