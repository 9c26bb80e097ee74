"""From the egress queues to the devices, port by port."""

from typing import Any

from dataplane.ethernet import pop_tag, push_tag
from dataplane.forward.tables import TAGGING
from dataplane.jit import inlined, kernel
from dataplane.mirror.kernels import mirror_frame
from dataplane.mirror.tables import MIRROR_SENT
from dataplane.ports.nic.kernels import add_message, send_nic
from dataplane.ports.tables import MESSAGES, NIC, TAP
from dataplane.ports.tap.kernels import send_tap

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
def transmit_vector(
    devices: Any, vector: Any, arena: Any, egress: Any, state: Any, forward: Any, worker: int, counters: Any
) -> None:
    """Send what is queued and leave the queues empty.

    Reads: egress, the frames. Writes: copies (one more for each copy that a port took), the tx counters. Order effects:
    frames leave a port in the order in which they came.
    """
    for a in range(egress.ports):
        port = egress.active[a]
        kind = devices.ports[port].kind
        if devices.ports[port].failed == 0:
            if kind == TAP:
                transmit_tap(devices, vector, arena, egress, state, forward, worker, counters, port)
            elif kind == NIC:
                transmit_nic(devices, vector, arena, egress, state, forward, worker, counters, port)
        egress.count[port] = 0
    egress.ports = 0


@kernel
def transmit_tap(
    devices: Any,
    vector: Any,
    arena: Any,
    egress: Any,
    state: Any,
    forward: Any,
    worker: int,
    counters: Any,
    port: int,
) -> None:
    """Send one TAP's queue, a system call a frame."""
    mirrored = state.switches[0].mirror[port] & MIRROR_SENT
    for k in range(egress.count[port]):
        i = egress.queue[port, k]
        dressed = dress_frame(vector, arena.heads, forward, port, i)
        taken = send_tap(devices, port, vector, arena, i)
        count_copy(vector, counters.ports[port], i, taken)
        if mirrored and taken:
            mirror_frame(state.mirror_rings[worker], vector, arena, i, port, 1)
        undress_frame(vector, arena.heads, i, dressed)


@kernel
def transmit_nic(
    devices: Any,
    vector: Any,
    arena: Any,
    egress: Any,
    state: Any,
    forward: Any,
    worker: int,
    counters: Any,
    port: int,
) -> None:
    """Send one NIC's queue, up to MESSAGES frames a system call."""
    mirrored = state.switches[0].mirror[port] & MIRROR_SENT
    first = 0
    while first < egress.count[port]:
        messages = min(egress.count[port] - first, MESSAGES)
        for m in range(messages):
            i = egress.queue[port, first + m]
            dress_frame(vector, arena.heads, forward, port, i)
            add_message(devices, vector, arena, m, i)
        taken = send_nic(devices, port, vector, arena, messages)
        for m in range(messages):
            i = egress.queue[port, first + m]
            count_copy(vector, counters.ports[port], i, m < taken)
            if mirrored and m < taken:
                mirror_frame(state.mirror_rings[worker], vector, arena, i, port, 1)
            undress_frame(vector, arena.heads, i, needs_tag(vector, forward, port, i))
        first += messages


@inlined
def count_copy(vector: Any, counters: Any, i: int, taken: bool) -> None:
    """Count one copy of frame ``i`` at the port that took it or refused it."""
    if taken:
        vector.copies[i] += 1
        counters.tx_packets += 1
        counters.tx_bytes += vector.length[i]
    else:
        counters.transmit_errors += 1
