"""From the egress queues to the devices, port by port."""

from typing import Any

import numpy as np

from dataplane.ethernet import pop_tag, push_tag
from dataplane.forward.tables import TAGGING
from dataplane.generation.tables import COPIES
from dataplane.jit import inlined, kernel
from dataplane.ports.nic.kernels import add_message, send_nic
from dataplane.ports.tables import MESSAGES, NIC, TAP, VTEP
from dataplane.ports.tap.kernels import send_tap
from dataplane.transmit.copies import note_copy
from dataplane.transmit.vtep import transmit_vtep

_PRIORITY_MASK = 0xF000


@inlined
def needs_tag(vector: Any, forward: Any, port: int, i: int) -> bool:
    """Whether frame ``i`` carries a VLAN tag when it leaves by ``port``."""
    leaving = forward.ports[port]
    return leaving.traits & TAGGING != 0 and vector.domain[i] != leaving.native_domain


@kernel
def dress_frame(vector: Any, heads: Any, forward: Any, port: int, i: int) -> bool:
    """Make frame ``i`` what ``port`` sends; True if ``undress_frame`` must follow before its next copy."""
    if not needs_tag(vector, forward, port, i):
        return False
    push_tag(vector, heads, i, (vector.vlan_tci[i] & _PRIORITY_MASK) | forward.vlan[vector.domain[i]])
    return True


@inlined
def undress_frame(vector: Any, heads: Any, i: int, dressed: bool) -> None:
    """Undo ``dress_frame``."""
    if dressed:
        pop_tag(vector, heads, i)


@kernel
def transmit_vector(lane: Any, generation: int) -> None:
    """Send what is queued and leave the queues empty. ``lane``: ``worker/lane.py``.

    Reads: egress, the frames. Writes: copies (one more for each copy that a port took), the tx counters. Order effects:
    frames leave a port in the order in which they came.
    """
    egress = lane.egress
    for a in range(egress.ports):
        port = egress.active[a]
        device = lane.devices.ports[port]
        if device.failed == 0 and device.kind == TAP:
            transmit_tap(lane, generation, port)
        elif device.failed == 0 and device.kind == NIC:
            transmit_nic(lane, generation, port)
        elif device.failed == 0 and device.kind == VTEP:
            transmit_vtep(lane, generation, port)
        else:
            lane.state.port_counters[lane.worker].ports[port].transmit_errors += egress.count[port]
        egress.count[port] = 0
    egress.ports = 0


@kernel
def transmit_tap(lane: Any, generation: int, port: int) -> None:
    """Send one TAP's queue, a system call a frame."""
    vector, heads = lane.vector, lane.arena.heads
    forward = lane.state.forward[generation % COPIES]
    for k in range(lane.egress.count[port]):
        i = np.int64(lane.egress.queue[port, k])
        dressed = dress_frame(vector, heads, forward, port, i)
        note_copy(lane, port, i, send_tap(lane.devices, port, vector, lane.arena, i))
        undress_frame(vector, heads, i, dressed)


@kernel
def transmit_nic(lane: Any, generation: int, port: int) -> None:
    """Send one NIC's queue, up to MESSAGES frames a system call."""
    vector, heads, queue = lane.vector, lane.arena.heads, lane.egress.queue[port]
    forward = lane.state.forward[generation % COPIES]
    first = 0
    while first < lane.egress.count[port]:
        messages = min(np.int64(lane.egress.count[port]) - first, MESSAGES)
        for m in range(messages):
            i = np.int64(queue[first + m])
            dress_frame(vector, heads, forward, port, i)
            add_message(lane.devices, vector, lane.arena, m, i)
        send_nic(lane.devices, port, messages)
        for m in range(messages):
            i = np.int64(queue[first + m])
            note_copy(lane, port, i, lane.devices.messages[m].sent_bytes != 0)
            undress_frame(vector, heads, i, needs_tag(vector, forward, port, i))
        first += messages
