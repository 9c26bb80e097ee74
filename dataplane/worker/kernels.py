"""The worker's loop: wait, receive, carry, transmit, tick. It returns only when Python has something to do."""

from typing import Any, Final

import numpy as np

from dataplane.fdb.kernels import sweep_buckets
from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT, Fdb
from dataplane.flow.kernels import sweep_share
from dataplane.generation.tables import COPIES
from dataplane.jit import expanded, kernel
from dataplane.libc import EBADFD, EINTR, epoll_wait, last_error, monotonic_ns, sched_yield
from dataplane.mirror.kernels import mirror_inner
from dataplane.mirror.tables import MIRROR_RECEIVED
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.ports.kernels import fail_device
from dataplane.ports.nic.kernels import receive_nic
from dataplane.ports.tables import MAX_EVENTS, NIC, VTEP
from dataplane.ports.tap.kernels import receive_tap
from dataplane.ports.vtep.kernels import receive_vtep
from dataplane.router.view import flows_of, mappings_of
from dataplane.settle import settle_vector
from dataplane.transmit.kernels import transmit_vector
from dataplane.vector import MAX_PORTS
from dataplane.wire import VXLAN_BYTES

CONTROL_READY: Final = 1
DEVICE_FAILED: Final = 2
INTERRUPTED: Final = 3
WAIT_FAILED: Final = 4

EMPTY_ROUNDS: Final = 200
"""A loaded worker asks again at once; it sleeps only after this many rounds without a frame."""
SLEEP_MS: Final = 500
"""The longest sleep: housekeeping is due now and then even if nothing comes."""
SWEEP_SHARE: Final = 64
"""Every tick, one part in so many of the FDB is swept of what has expired."""

EPOLLERR: Final = 0x8
EPOLLHUP: Final = 0x10


@kernel
def run_worker(lane: Any) -> int:
    """Serve the devices until the agent calls, a device fails or a signal comes; return which.

    ``lane``: ``lane.Lane``.
    """
    empty_rounds = 0
    while True:
        timeout_ms = 0 if empty_rounds < EMPTY_ROUNDS else SLEEP_MS
        if timeout_ms:
            rest(lane.state, lane.worker)
        ready = epoll_wait(lane.devices.epoll, lane.devices.events.ctypes.data, MAX_EVENTS, timeout_ms)
        if ready < 0:
            rest(lane.state, lane.worker)
            return INTERRUPTED if last_error() == EINTR else WAIT_FAILED
        now_ns = monotonic_ns(lane.devices.timespec)
        empty_rounds = 0 if ready > 0 else empty_rounds + 1
        if empty_rounds:
            sched_yield()  # What the worker waits for may need this core.
        generation = begin_burst(lane.state, lane.worker)
        called = serve_devices(lane, generation, ready, now_ns)
        keep_house(lane, generation, now_ns)
        if called or lane.devices.failures:
            rest(lane.state, lane.worker)
            return CONTROL_READY if called else DEVICE_FAILED


@expanded
def serve_devices(lane: Any, generation: int, ready: int, now_ns: int) -> bool:
    """Carry one burst from every device that is ready; True if the agent has sent something."""
    devices, vector = lane.devices, lane.vector
    called = False
    vector.count = 0
    for e in range(ready):
        port = devices.port_of_descriptor[devices.events[e].descriptor]
        if port == MAX_PORTS:  # The agent's socket.
            called = True
            continue
        waits = True
        while waits:
            before = vector.count
            waits = receive_frames(lane, generation, port, devices.events[e].descriptor, now_ns)
            note_received(lane, port, before)
            if vector.count == before and devices.events[e].events & (EPOLLERR | EPOLLHUP):
                fail_device(devices, port, EBADFD)
            if waits or vector.count == devices.vector_limit:
                carry_burst(lane, generation)
    if vector.count:
        carry_burst(lane, generation)
    return called


@expanded
def receive_frames(lane: Any, generation: int, port: int, descriptor: int, now_ns: int) -> bool:
    """Append to the vector what a device has, as far as there is room; True if the rest must not wait for an event."""
    devices = lane.devices
    kind = devices.ports[port].kind
    waits = False
    if kind == NIC:
        receive_nic(devices, port, lane.vector, lane.arena, now_ns)
    elif kind == VTEP:
        waits = receive_vtep(lane, generation, port, descriptor, now_ns)
    else:
        receive_tap(devices, port, lane.vector, lane.iovecs, now_ns)
    return waits


@expanded
def note_received(lane: Any, port: int, first: int) -> None:
    """Count, and mirror if asked, what a port has just received: the frames from ``first`` on, without the VXLAN header
    that is before them at a tunnel's sockets."""
    vector = lane.vector
    counters = lane.state.port_counters[lane.worker].ports[port]
    outer = VXLAN_BYTES if lane.devices.ports[port].kind == VTEP else 0
    for i in range(first, vector.count):
        counters.rx_packets += 1
        counters.rx_bytes += np.uint64(max(0, np.int64(vector.length[i]) - outer))
    if lane.state.switches[0].mirror[port] & MIRROR_RECEIVED:
        for i in range(first, vector.count):
            mirror_inner(lane.state.mirror_rings[lane.worker], vector, lane.arena, i, port, outer)


@expanded
def carry_burst(lane: Any, generation: int) -> None:
    """Take the vector through the pipeline and out, and leave it empty. An empty one tells the time."""
    carry_vector(lane.vector, lane.arena, lane.state, generation, lane.worker, lane.egress)
    transmit_vector(lane, generation)
    settle_vector(lane.vector, lane.state.port_counters[lane.worker])
    lane.vector.count = 0


@expanded
def keep_house(lane: Any, generation: int, now_ns: int) -> None:
    """Once a tick, worker 0 sweeps its share of the tables, and does what is due though no frame comes."""
    tick = (now_ns >> TICK_SHIFT) & TICK_MASK
    if lane.worker != 0 or tick == lane.devices.tick:
        return
    lane.devices.tick = tick
    lane.state.flow_logs[lane.worker].now_ns[0] = now_ns
    sweep_tables(lane, generation, tick)
    lane.vector.timestamp_ns[0] = now_ns
    carry_burst(lane, generation)


@expanded
def sweep_tables(lane: Any, generation: int, tick: int) -> None:
    """Take what has expired out of a share of the FDB, the flows and the mappings."""
    state = lane.state
    fdb = Fdb(state.fdb_head[0], state.fdb_buckets, state.fdb_rules[generation % COPIES], state.learning_counters[0])
    share = len(fdb.buckets) // SWEEP_SHARE + 1
    sweep_buckets(fdb, np.int64(fdb.head.next_swept), share, tick)
    fdb.head.next_swept = (np.int64(fdb.head.next_swept) + share) % len(fdb.buckets)
    router = state.routers[lane.worker]
    sweep_share(flows_of(router), np.uint64(tick))
    sweep_share(mappings_of(router), np.uint64(tick))
