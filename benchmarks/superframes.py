"""``python -m benchmarks.superframes``: cutting a superframe of 64 KiB, and merging its segments again."""

import struct
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import copy_bytes, local_record
from dataplane.superframe.cut import cut_superframe, write_segment_header
from dataplane.superframe.merge import merge_frames
from dataplane.superframe.plan import plan_cut
from dataplane.superframe.tables import CUT_DTYPE
from dataplane.vector import FRAME_AT, SLOT_BYTES, SPILL_BYTES, VECTOR_CAPACITY, VIRTIO_BYTES, make_arena, make_vector
from dataplane.virtio import GSO_TCP4, GSO_TCP6

RUNS = 21
REPEATS = 200
PAYLOAD_BYTES = 64_400
PACKET_BYTES = 1450
"""Of a segment: what a VXLAN underlay of 1,500 bytes leaves."""
LEAD_BYTES = 8
SCRATCH_BYTES = 128
"""Room for a segment's headers."""
FLOWS = 4

MACS = bytes.fromhex("020000000003020000000002")


def headers4(port: int) -> bytes:
    """Return the headers of a superframe over IPv4, checksums for whoever cuts it."""
    total = 40 + PAYLOAD_BYTES
    network = struct.pack(">HBBHHHBBHII", 0x0800, 0x45, 0, total, 1, 0x4000, 64, 6, 0, 0x0A000002, 0x0A000003)
    return MACS + network + tcp_header(port)


def headers6(port: int) -> bytes:
    """The same over IPv6."""
    network = struct.pack(">HIHBB32s", 0x86DD, 6 << 28, 20 + PAYLOAD_BYTES, 6, 64, bytes(range(32)))
    return MACS + network + tcp_header(port)


def tcp_header(port: int) -> bytes:
    return struct.pack(">HHIIBBHHH", port, 80, 1, 1, 5 << 4, 0x10, 1000, 0, 0)


@kernel
def write_headers(heads: Any, tails: Any, head: int, tail: int, scratch: Any) -> None:
    """Cut the superframe in slot 0 as it is cut to be sent: a header a segment, the payload where it lies."""
    plan = local_record(CUT_DTYPE)
    for _ in range(REPEATS):
        plan_cut(heads, 0, FRAME_AT, head, tail, plan)
        for segment in range(plan.segments):
            write_segment_header(heads, tails, plan, segment, scratch, segment * SCRATCH_BYTES)


@kernel
def cut_into_slots(vector: Any, arena: Any, head: int, tail: int, kept: Any) -> None:
    """Cut the superframe in slot 0 into frames of the vector, and restore it."""
    for _ in range(REPEATS):
        vector.count, vector.received = 1, 1
        copy_bytes(arena.heads, 0, kept, 0, SLOT_BYTES)
        vector.head_length[0], vector.tail_length[0], vector.length[0] = head, tail, head + tail
        cut_superframe(vector, arena, 0)


@kernel
def merge(vector: Any, arena: Any, data: Any, offsets: Any, lengths: Any) -> None:
    """Merge the same frames again and again."""
    for _ in range(REPEATS):
        vector.count = 0
        merge_frames(vector, arena, data, offsets, lengths, len(offsets), LEAD_BYTES, 0, 0, VECTOR_CAPACITY)


class Superframe:
    """A superframe in slot 0 of a vector."""

    def __init__(self, header: bytes, kind: int) -> None:
        self.vector, self.arena = make_vector(), make_arena(1)
        payload = np.random.default_rng(1).integers(0, 256, PAYLOAD_BYTES, dtype=np.uint8).tobytes()
        frame = np.frombuffer(header + payload, np.uint8)
        self.head = SLOT_BYTES - FRAME_AT
        self.tail = len(frame) - self.head
        virtio = struct.pack("<BBHHHHH", 0, kind, len(header), PACKET_BYTES + 14 - len(header), 0, 0, 0)
        self.arena.heads[:VIRTIO_BYTES] = np.frombuffer(virtio, np.uint8)
        self.arena.heads[FRAME_AT:SLOT_BYTES] = frame[: self.head]
        self.arena.tails[: self.tail] = frame[self.head :]
        self.vector.head_at[0] = FRAME_AT
        self.kept = self.arena.heads[:SLOT_BYTES].copy()
        self.scratch = np.zeros(SPILL_BYTES, np.uint8)

    def write_headers(self) -> None:
        self.arena.heads[:SLOT_BYTES] = self.kept
        write_headers(self.arena.heads, self.arena.tails, self.head, self.tail, self.scratch)

    def cut_into_slots(self) -> None:
        cut_into_slots(self.vector, self.arena, self.head, self.tail, self.kept)

    def segments(self) -> list[bytes]:
        """Return the segments as frames."""
        self.cut_into_slots()
        return [self.segment(i) for i in range(int(self.vector.count))]

    def segment(self, i: int) -> bytes:
        at, head, tail = (int(self.vector[name][i]) for name in ("head_at", "head_length", "tail_length"))
        spill = i * SPILL_BYTES
        return self.arena.heads[at : at + head].tobytes() + self.arena.tails[spill : spill + tail].tobytes()


class Arrival:
    """Frames one behind another, each behind its lead, and a vector to merge them into."""

    def __init__(self, frames: list[bytes]) -> None:
        self.vector, self.arena = make_vector(), make_arena(len(frames))
        self.data = np.frombuffer(b"".join(bytes(LEAD_BYTES) + frame for frame in frames), np.uint8)
        self.lengths = np.array([LEAD_BYTES + len(frame) for frame in frames], np.int64)
        self.offsets = np.cumsum(self.lengths) - self.lengths

    def merge(self) -> None:
        merge(self.vector, self.arena, self.data, self.offsets, self.lengths)

    @property
    def frames(self) -> int:
        """How many frames were made of them."""
        return int(self.vector.count)


def measure(call: Callable[[], None]) -> str:
    """Return how long one of a call's REPEATS takes."""
    call()  # Compiles.
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - started) / REPEATS / 1000)
    return f"{median(taken):5.1f} us ({min(taken):.1f} to {max(taken):.1f} in {RUNS} runs)"


def main() -> None:
    """Print the median, fastest and slowest of several runs."""
    for name, headers, kind in (("IPv4", headers4, GSO_TCP4), ("IPv6", headers6, GSO_TCP6)):
        superframe = Superframe(headers(5000), kind)
        frames = superframe.segments()
        print(f"TCP over {name}, 64 KiB in {len(frames)} segments")
        print(f"  cut, to be sent     {measure(superframe.write_headers)}")
        print(f"  cut, into slots     {measure(superframe.cut_into_slots)}")
        report_merge("merge", frames)
        flows = [Superframe(headers(5000 + flow), kind).segments() for flow in range(FLOWS)]
        turns = [frame for turn in zip(*flows, strict=True) for frame in turn]
        report_merge(f"merge {FLOWS} flows", turns[: len(frames)])


def report_merge(what: str, frames: list[bytes]) -> None:
    arrival = Arrival(frames)
    taken = measure(arrival.merge)
    print(f"  {what:18}  {taken}, {len(frames)} frames into {arrival.frames}")


if __name__ == "__main__":
    main()
