"""The real pipeline with ports made of Python lists: every stage is the compiled one, only the ends are the test's.

So a test can take a link down, refuse copies and look at each frame's verdict. Frames go into the vector by the memory
port's kernel and are dressed for their egress port by the transmit stage's own; see ``drive.py`` for what to call.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from control.fabric import Fabric
from control.fabric.entries import PROTOCOL_NAMES, FlowTuple
from control.model import Configuration
from dataplane.flow.tables import PROTOCOL_SHIFT
from dataplane.generation.tables import COPIES
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.ports.memory.kernels import load_frames
from dataplane.ports.pcap.tables import FRAME_DTYPE
from dataplane.settle import settle_vector
from dataplane.transmit.kernels import dress_frame, undress_frame
from dataplane.vector import SPILL_BYTES, VECTOR_CAPACITY, Arena, make_arena, make_egress, make_vector
from dataplane.verdict import DROP, REASON_NAMES, VERDICT_NAMES
from tests.naive.packet import Tuple
from tests.naive.switch import Outcome
from tests.runs import Arrival, Conditions, Conversation, Phase, Run, Traffic

WORKER = 0
ZONE_MASK = (1 << int(PROTOCOL_SHIFT)) - 1
"""The bits of a flow's tuple that say in which domain alone it means something, 0 where the router is."""


class Engine(NamedTuple):
    """What one worker works with; ``names`` maps port indices to names in the configuration's order."""

    fabric: Fabric
    vector: Any
    arena: Arena
    egress: Any
    names: dict[int, str]
    refusing: frozenset[str]


_vector, _egress, _arena = make_vector(), make_egress(), make_arena(VECTOR_CAPACITY)
"""As large as they come, one of each for all runs."""


def run_engine(phases: Sequence[Phase], sizes: Sequence[int], is_followed: bool) -> Run:
    """Switch the frames of all ``phases`` in vectors of ``sizes`` frames, one after the other and over again.

    What was counted is of the ports that there are at the end.
    """
    fabric = Fabric(phases[0].configuration.limits, seed=1)
    try:
        carried = [carried for phase in phases for carried in run_phase(fabric, phase, sizes, is_followed)]
        times = [arrival.time_ns for phase in phases for arrival in phase.arrivals]
        return run_of(fabric, carried, max(times, default=0))
    finally:
        fabric.close()


def begin(fabric: Fabric, configuration: Configuration, conditions: Conditions) -> Engine:
    """Put a configuration in force."""
    fabric.apply(configuration)
    for port in configuration.ports:
        fabric.set_link(port.name, port.name not in conditions.down)
    names = {fabric.index_of(port.name): port.name for port in configuration.ports}
    return Engine(fabric, _vector, _arena, _egress, names, conditions.refusing)


def run_phase(
    fabric: Fabric, phase: Phase, sizes: Sequence[int], is_followed: bool
) -> Iterator[tuple[Outcome, dict[Tuple, Tuple]]]:
    """Put the phase's configuration in force and switch its frames; yield their outcomes, each with the replies of the
    router's conversations that there were when its vector was through, if the run is followed."""
    engine = begin(fabric, phase.configuration, phase.conditions)
    frames, data = in_memory(engine, phase.arrivals)
    done, size = 0, cycle(sizes)
    while done < len(phase.arrivals):
        outcomes = carry(engine, frames, data, done, next(size))
        replies = replies_of(fabric, phase.arrivals[done].time_ns) if is_followed else {}
        yield from ((outcome, replies) for outcome in outcomes)
        done += len(outcomes)


def in_memory(engine: Engine, arrivals: Sequence[Arrival]) -> tuple[Any, Any]:
    """Return ``arrivals`` as the memory port takes them: an index of FRAME_DTYPE, and all bytes."""
    frames = np.zeros(len(arrivals), FRAME_DTYPE).view(np.recarray)
    offset = 0
    for at, (port, frame, time_ns) in enumerate(arrivals):
        frames[at] = (time_ns, offset, len(frame), len(frame), engine.fabric.index_of(port))
        offset += len(frame)
    data = np.frombuffer(bytearray(b"".join(arrival.frame for arrival in arrivals)), np.uint8)
    return frames, data


def carry(engine: Engine, frames: Any, data: Any, first: int, size: int) -> list[Outcome]:
    """Carry one vector from the frame at ``first`` on; return what became of its frames."""
    state, vector, arena = engine.fabric.state, engine.vector, engine.arena
    counters = state.port_counters[WORKER]
    generation = begin_burst(state, WORKER)
    count = load_frames(vector, arena, frames, data, first, size, 0, counters)
    carry_vector(vector, arena, state, generation, WORKER, engine.egress)
    copies = take_queued(engine, state.forward[generation % COPIES], counters)
    settle_vector(vector, counters)
    rest(state, WORKER)
    return [outcome_of(engine, i, copies.get(i, {})) for i in range(count)]


def take_queued(engine: Engine, forward: Any, counters: Any) -> dict[int, dict[str, list[bytes]]]:
    """Empty the egress queues as ports do; return what each received frame has caused to leave, by port."""
    vector, heads, egress = engine.vector, engine.arena.heads, engine.egress
    copies: dict[int, dict[str, list[bytes]]] = {}
    for port in map(int, egress.active[: egress.ports]):
        name = engine.names[port]
        queue = list(map(int, egress.queue[port, : egress.count[port]]))
        assert len(queue) == len(set(queue)), "a frame leaves by a port once"
        for i in queue:
            dressed = dress_frame(vector, heads, forward, port, i)
            if name in engine.refusing:
                counters.ports[port].transmit_errors += 1
            else:
                vector.copies[i] += 1
                counters.ports[port].tx_packets += 1
                counters.ports[port].tx_bytes += vector.length[i]
                copies.setdefault(cause_of(vector, i), {}).setdefault(name, []).append(frame_bytes(engine, i))
            undress_frame(vector, heads, i, dressed)
        egress.count[port] = 0
    egress.ports = 0
    return copies


def cause_of(vector: Any, i: int) -> int:
    """Return the frame that came in and caused frame ``i``."""
    while i >= vector.received:
        i = int(vector.cause[i])
    return i


def frame_bytes(engine: Engine, i: int) -> bytes:
    """Return frame ``i`` as it lies in its slot and spill buffer."""
    vector, arena = engine.vector, engine.arena
    head, tail = int(vector.head_at[i]), i * SPILL_BYTES
    assert vector.length[i] == vector.head_length[i] + vector.tail_length[i]
    first = arena.heads[head : head + int(vector.head_length[i])].tobytes()
    return first + arena.tails[tail : tail + int(vector.tail_length[i])].tobytes()


def outcome_of(engine: Engine, i: int, copies: dict[str, list[bytes]]) -> Outcome:
    """Return what became of frame ``i``, and what it caused to leave, in the order of the configuration's ports."""
    verdict = int(engine.vector.verdict[i])
    reason = REASON_NAMES[int(engine.vector.reason[i])] if verdict == DROP else None
    out = tuple((name, copy) for name in engine.names.values() for copy in copies.get(name, ()))
    return Outcome(VERDICT_NAMES[verdict], reason, out)


def run_of(fabric: Fabric, carried: list[tuple[Outcome, dict[Tuple, Tuple]]], now_ns: int) -> Run:
    """Return the run with all that was counted, and the conversations that there are at ``now_ns``."""
    learning = {name.removeprefix("fdb_"): count for name, count in fabric.learning_counters().items()}
    del learning["expired"]  # when an entry is swept is the table's own business
    drops = {(port, reason): n for port, counts in fabric.drop_counts().items() for reason, n in counts.items()}
    traffic = {
        port: Traffic(c.rx_packets, c.rx_bytes, c.tx_packets, c.tx_bytes) for port, c in fabric.port_counters().items()
    }
    outcomes, replies = [outcome for outcome, _ in carried], [replies for _, replies in carried]
    return Run(outcomes, Counter(learning), Counter(drops), traffic, conversations_of(fabric, now_ns), replies)


def conversations_of(fabric: Fabric, now_ns: int) -> Counter[Conversation]:
    """Return the conversations that there are at ``now_ns``."""
    return Counter(
        Conversation(
            tuple_of(flow.protocol, flow.original), tuple_of(flow.protocol, flow.reply), flow.packets, flow.bytes
        )
        for flow in fabric.flows(now_ns)
    )


def replies_of(fabric: Fabric, now_ns: int) -> dict[Tuple, Tuple]:
    """Return how the answers come, by how its packets do, of each conversation that there is where the router is."""
    words = fabric.state.flow_records["original"]["key"]["word"]
    return {
        tuple_of(flow.protocol, flow.original): tuple_of(flow.protocol, flow.reply)
        for flow in fabric.flows(now_ns)
        if int(words[flow.number]) & ZONE_MASK == 0
    }


def tuple_of(protocol: str, ends: FlowTuple) -> Tuple:
    """Return one direction of a flow as the twin has it."""
    numbers = {name: number for number, name in PROTOCOL_NAMES.items()}
    number = numbers.get(protocol) or int(protocol)
    return Tuple(ends.source, ends.destination, number, ends.source_port, ends.destination_port)
