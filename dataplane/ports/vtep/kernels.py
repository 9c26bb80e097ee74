"""A VTEP's sockets: datagrams in, many to a system call and often many in one piece, and messages out."""

from typing import Any

import numpy as np

from dataplane.generation.tables import COPIES
from dataplane.jit import inlined, kernel
from dataplane.libc import EAGAIN, EBADF, EINTR, EIO, last_error, recvmmsg, sendmmsg
from dataplane.memory import (
    load_u16,
    load_u32_be,
    load_u64,
    load_u64_be,
    store_u16,
    store_u32,
    store_u64,
)
from dataplane.ports.kernels import fail_device
from dataplane.ports.vtep.tables import (
    AF_INET,
    BUFFER_BYTES,
    CMSG_ALIGN,
    CMSG_DATA,
    CMSG_KIND,
    CONTROL_BYTES,
    INET6_ADDRESS,
    INET_ADDRESS,
    INET_BYTES,
    IP_TOS,
    IPV6_TCLASS,
    RECEIVES,
    UDP_GRO,
    UDP_SEGMENT,
)
from dataplane.ports.vtep.unfinished import adopt_unfinished, is_one_frame
from dataplane.superframe.merge import list_datagrams, merge_frames, place_frame
from dataplane.wire import IPV4_MAPPED_PREFIX, VXLAN_BYTES
from encap.tables import SOCKET_ADDRESS_BYTES

_NOTHING = np.uint64(0)


@kernel
def receive_vtep(lane: Any, generation: int, port: int, descriptor: int, now_ns: int) -> bool:
    """Append to the vector what a receive socket has, as far as there is room; True if frames wait in the buffers.

    A frame begins with its VXLAN header, in the headroom, and what comes after it is where a frame always is. Segments
    that came together are merged. Writes: the columns that receiving owns (see ``ports/kernels.py``), source_high and
    source_low (who sent it), outer_tos. Order effects: what waits comes first; frames of a flow stay in order.
    """
    vtep, vector, limit = lane.vtep, lane.vector, lane.devices.vector_limit
    while True:
        if vtep.next_listed < vtep.listed:
            first = vector.count
            take_listed(vtep, vector, lane.arena, port, limit, now_ns)
            overlay = lane.state.overlay[generation % COPIES]
            describe_frames(vtep, vector, lane.arena.heads, overlay, first)
            if vtep.next_listed < vtep.listed:
                return True
        elif vtep.next_message < vtep.filled:
            list_run(vtep)
        elif 0 < vtep.filled < RECEIVES or vector.count == limit:
            vtep.filled = vtep.next_message = 0
            return False
        else:
            fill_buffers(lane.devices, vtep, port, descriptor)
            if vtep.filled == 0:
                return False


@kernel
def fill_buffers(devices: Any, vtep: Any, port: int, descriptor: int) -> None:
    """Receive up to RECEIVES messages. What fails for a peer's sake is over with being told."""
    vtep.next_message = vtep.filled = 0
    for m in range(RECEIVES):
        vtep.received[m].name_length = SOCKET_ADDRESS_BYTES
        vtep.received[m].control_length = CONTROL_BYTES
    got = recvmmsg(descriptor, vtep.received.ctypes.data, np.uint32(RECEIVES), 0, _NOTHING)
    while got < 0 and last_error() == EINTR:
        got = recvmmsg(descriptor, vtep.received.ctypes.data, np.uint32(RECEIVES), 0, _NOTHING)
    if got > 0:
        vtep.filled = got
    elif got < 0 and last_error() == EBADF:
        fail_device(devices, port, EBADF)


@kernel
def list_run(vtep: Any) -> None:
    """List the datagrams of the next message and of those behind it that have the same sender and traffic class.

    A superframe that nobody has cut (``unfinished.py``) is one datagram, and a run of its own.
    """
    first = vtep.next_message
    vtep.run, vtep.run_segment = first, 0
    vtep.listed = vtep.next_listed = 0
    _, run_tos = read_control(vtep, first)
    while vtep.next_message < vtep.filled:
        m = vtep.next_message
        at, total = m * BUFFER_BYTES, np.int64(vtep.received[m].sent_bytes)
        segment, outer_tos = read_control(vtep, m)
        is_uncut = segment > 0 and is_one_frame(vtep.buffers, at, total)
        if m > first and (is_uncut or outer_tos != run_tos or sender_of(vtep, m) != sender_of(vtep, first)):
            return
        vtep.next_message += 1
        if is_uncut or total == 0:  # An empty one counts as a frame too, for the stage that tells what is truncated.
            vtep.offsets[vtep.listed], vtep.lengths[vtep.listed] = at, total
            vtep.listed += 1
        else:
            vtep.listed = list_datagrams(vtep.offsets, vtep.lengths, vtep.listed, at, total, segment)
        if is_uncut:
            vtep.run_segment = segment
            return


@kernel
def take_listed(vtep: Any, vector: Any, arena: Any, port: int, limit: int, now_ns: int) -> None:
    """Put what is listed into the vector, as far as there is room, segments of a flow as superframes."""
    k = vtep.next_listed
    if vtep.listed == 1 and vector.count < limit:  # Nothing to be merged with: it is not looked at.
        i = place_frame(vector, arena, vtep.buffers, vtep.offsets[0], vtep.lengths[0], VXLAN_BYTES)
        vector.in_port[i] = port
        vector.timestamp_ns[i] = now_ns
        vtep.next_listed = 1
        return
    offsets, lengths, count = vtep.offsets[k:], vtep.lengths[k:], vtep.listed - k
    taken = merge_frames(vector, arena, vtep.buffers, offsets, lengths, count, VXLAN_BYTES, port, now_ns, limit)
    vtep.next_listed += taken


@kernel
def describe_frames(vtep: Any, vector: Any, heads: Any, overlay: Any, first: int) -> None:
    """Fill what the frames from ``first`` on have of the run that they came in."""
    high, low = sender_of(vtep, vtep.run)
    _, outer_tos = read_control(vtep, vtep.run)
    for i in range(first, vector.count):
        vector.source_high[i] = high
        vector.source_low[i] = low
        vector.outer_tos[i] = outer_tos
        adopt_unfinished(vector, heads, i, overlay, vtep.run_segment)


@kernel
def read_control(vtep: Any, m: int) -> tuple[int, int]:
    """Return what the kernel said beside message ``m``: bytes of each datagram in it (0: it is one), traffic class."""
    segment, outer_tos = 0, 0
    at, end = m * CONTROL_BYTES, m * CONTROL_BYTES + np.int64(vtep.received[m].control_length)
    while at + CMSG_DATA < end:
        length = np.int64(load_u64(vtep.receive_controls, at))
        kind = load_u64(vtep.receive_controls, at + CMSG_KIND)
        if kind == UDP_GRO:
            segment = np.int64(load_u16(vtep.receive_controls, at + CMSG_DATA))
        elif kind in (IP_TOS, IPV6_TCLASS):
            outer_tos = np.int64(vtep.receive_controls[at + CMSG_DATA])
        at += (max(length, CMSG_DATA) + CMSG_ALIGN - 1) & -CMSG_ALIGN
    return segment, outer_tos


@inlined
def sender_of(vtep: Any, m: int) -> tuple[Any, Any]:
    """Return the address that message ``m`` came from, two halves, IPv4 mapped."""
    at = m * SOCKET_ADDRESS_BYTES
    if load_u16(vtep.receive_names, at) == AF_INET:
        return _NOTHING, IPV4_MAPPED_PREFIX | np.uint64(load_u32_be(vtep.receive_names, at + INET_ADDRESS))
    high = load_u64_be(vtep.receive_names, at + INET6_ADDRESS)
    return high, load_u64_be(vtep.receive_names, at + INET6_ADDRESS + 8)


@kernel
def add_message(vtep: Any, address: Any, address_bytes: int, iovecs: Any, count: int, tos: int, cut: int) -> None:
    """Add a message of ``count`` iovecs from the address ``iovecs`` on, to the socket address at ``address``.

    ``cut``: the kernel cuts it into datagrams of so many bytes; 0: it is one. Precondition: pending < SENDS.
    """
    m = vtep.pending
    message = vtep.messages[m]
    message.name = address
    message.name_length = address_bytes
    message.iov = iovecs
    message.iov_length = count
    message.sent_bytes = 0
    first = at = m * CONTROL_BYTES
    if tos:
        at = write_control(vtep.controls, at, IPV6_TCLASS if address_bytes > INET_BYTES else IP_TOS, 4)
        store_u32(vtep.controls, at - CMSG_ALIGN, np.uint32(tos))
    if cut:
        at = write_control(vtep.controls, at, UDP_SEGMENT, 2)
        store_u16(vtep.controls, at - CMSG_ALIGN, np.uint16(cut))
    message.control_length = at - first
    vtep.pending += 1


@inlined
def write_control(controls: Any, at: int, kind: Any, value_bytes: int) -> int:
    """Write the header of ancillary data whose value takes one unit, the last before the byte that is returned."""
    store_u64(controls, at, np.uint64(CMSG_DATA + value_bytes))
    store_u64(controls, at + CMSG_KIND, kind)
    store_u64(controls, at + CMSG_DATA, _NOTHING)
    return at + CMSG_DATA + CMSG_ALIGN


@kernel
def send_messages(devices: Any, vtep: Any, port: int, sender: int) -> None:
    """Hand the pending messages to a socket; ``sent_bytes`` of each is 0 if it was refused.

    One that is refused for its own sake (too long for its way, no way there) does not stop those behind it, a full
    socket does. None is tried again. Where the kernel cannot cut on a message's way (EIO), superframes go as single
    datagrams from then on.
    """
    first = 0
    while first < vtep.pending:
        address = vtep.messages.ctypes.data + np.uint64(first * vtep.messages.itemsize)
        done = sendmmsg(vtep.senders[sender], address, np.uint32(vtep.pending - first), 0)
        if done > 0:
            first += done
            continue
        error = last_error()
        if error == EINTR:
            continue
        if error == EBADF:
            fail_device(devices, port, EBADF)
        if error in (EAGAIN, EBADF):
            return
        if error == EIO:
            vtep.cuts = 0
        first += 1
