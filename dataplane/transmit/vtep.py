"""From the tunnel's queue to other nodes, by the sockets of a VTEP: each copy a message of its own (head-end
replication), the VXLAN header in the headroom before the frame, the kernel's outer headers before that.

A flow always takes the same socket, and so the same source port and the same way; frames are taken socket by socket, in
order.
"""

from typing import Any

import numpy as np

from dataplane.generation.tables import COPIES
from dataplane.jit import inlined, kernel
from dataplane.memory import copy_bytes, load_u64_be, store_u64_be
from dataplane.ports.vtep.kernels import add_message, send_messages
from dataplane.ports.vtep.tables import CUT_BYTES, CUT_SEGMENTS, HEADERS_BYTES, SENDS
from dataplane.ports.vtep.uncut import may_go_uncut, send_uncut
from dataplane.superframe.cut import segment_pieces, write_segment_header
from dataplane.superframe.deferred import complete_checksum
from dataplane.superframe.plan import plan_cut
from dataplane.transmit.copies import note_copy
from dataplane.vector import EVERY_PEER, MAX_PEERS, NO_PEER, SLOT_BYTES, SPILL_BYTES
from dataplane.verdict import FORWARD, NO_RECEIVER
from dataplane.virtio import is_superframe
from dataplane.wire import VXLAN_BYTES
from encap.ecn import outer_class
from encap.outer import flow_entropy, vxlan_word

_WORD_SHIFT = 6
_BIT_MASK = 63
_ONE = np.uint64(1)


@kernel
def transmit_vtep(lane: Any, generation: int, port: int) -> None:
    """Send the tunnel's queue, many messages a system call.

    Reads: remote, group and domain of each frame. Writes: the eight bytes before it. Order effects: a flow's frames
    stay in order, different flows' may not.
    """
    vtep, heads = lane.vtep, lane.arena.heads
    overlay = lane.state.overlay[generation % COPIES]
    sort_by_sender(vtep, lane.vector, heads, lane.egress, port)
    for sender in range(vtep.sender_count):
        for k in range(vtep.starts[sender], vtep.starts[sender + 1]):
            i = np.int64(vtep.order[k])
            write_vxlan(lane.vector, heads, overlay, i)
            if not is_superframe(heads, i * SLOT_BYTES):
                send_frame(lane, overlay, port, sender, i)
            elif not send_whole(lane, overlay, port, sender, i):
                send_superframe(lane, overlay, port, sender, i)
        flush_messages(lane, port, sender)


@kernel
def sort_by_sender(vtep: Any, vector: Any, heads: Any, egress: Any, port: int) -> None:
    """Put the queue into ``order``, the frames of sender s from ``starts[s]`` to before ``starts[s + 1]``."""
    queue, count, senders = egress.queue[port], np.int64(egress.count[port]), vtep.sender_count
    for s in range(senders + 1):
        vtep.starts[s] = 0
    for k in range(count):
        sender = flow_entropy(vector, heads, np.int64(queue[k])) % senders
        vtep.sender[k] = sender
        vtep.starts[sender] += 1
    before = count
    for s in range(senders, -1, -1):  # From numbers to the ends of their places; filled from behind, to the starts.
        before -= vtep.starts[s]
        vtep.starts[s] = before + vtep.starts[s]
    for k in range(count - 1, -1, -1):
        sender = np.int64(vtep.sender[k])
        vtep.starts[sender] -= 1
        vtep.order[vtep.starts[sender]] = queue[k]


@inlined
def write_vxlan(vector: Any, heads: Any, overlay: Any, i: int) -> None:
    """Write the VXLAN header before frame ``i``."""
    vni = np.int64(overlay.vni_of_domain[vector.domain[i]]) - 1
    at = np.int64(vector.head_at[i]) - VXLAN_BYTES
    store_u64_be(heads, at, vxlan_word(vni, np.int64(vector.group[i]), np.int64(overlay.has_groups)))


@kernel
def send_frame(lane: Any, overlay: Any, port: int, sender: int, i: int) -> None:
    """Send frame ``i``, which is complete or has its checksum left to a device."""
    vtep, vector, heads = lane.vtep, lane.vector, lane.arena.heads
    at, head, tail = np.int64(vector.head_at[i]), np.int64(vector.head_length[i]), np.int64(vector.tail_length[i])
    if not complete_checksum(heads, lane.arena.tails, i * SLOT_BYTES, at, head, tail):
        note_copy(lane, port, i, False)
        return
    iovecs = vtep.iovecs[i]
    count = point_at_datagram(iovecs, vector, lane.arena, i)
    send_copies(lane, overlay, port, sender, i, np.uint64(iovecs.ctypes.data), count, 0, True)


@kernel
def send_whole(lane: Any, overlay: Any, port: int, sender: int, i: int) -> bool:
    """Send superframe ``i`` uncut, if it is for one node and the host's stack takes it; False if it is to be cut."""
    vtep, vector, heads = lane.vtep, lane.vector, lane.arena.heads
    remote = np.int64(vector.remote[i])
    if remote in (EVERY_PEER, NO_PEER) or not may_go_uncut(vtep, vector, heads, i):
        return False
    flush_messages(lane, port, sender)  # What the flow has sent before goes before.
    word = load_u64_be(heads, np.int64(vector.head_at[i]) - VXLAN_BYTES)
    tos = outer_class(vector, heads, i, np.int64(overlay.dscp))
    address = lane.state.remotes[0].peer[remote].address_low
    if not send_uncut(vtep, sender, vector, lane.arena, overlay, address, i, word, tos):
        return False
    note_copy(lane, port, i, True)
    return True


@kernel
def send_superframe(lane: Any, overlay: Any, port: int, sender: int, i: int) -> None:
    """Send superframe ``i`` cut into datagrams, by the kernel as far as it can."""
    vtep, vector, heads, cut = lane.vtep, lane.vector, lane.arena.heads, lane.vtep.cut
    at, head, tail = np.int64(vector.head_at[i]), np.int64(vector.head_length[i]), np.int64(vector.tail_length[i])
    if not plan_cut(heads, i * SLOT_BYTES, at, head, tail, cut):
        note_copy(lane, port, i, False)
        return
    datagram = VXLAN_BYTES + cut.header_bytes + cut.segment_bytes
    at_once = max(1, min(CUT_SEGMENTS, CUT_BYTES // datagram))
    for first in range(0, cut.segments, at_once):
        flush_messages(lane, port, sender)  # Nothing pending may need what is written now.
        segments = min(at_once, cut.segments - first)
        write_segments(vtep, lane.arena, first, segments)
        ends = first + segments == cut.segments
        together = segments if vtep.cuts else 1
        for s in range(0, segments, together):
            start, end = np.int64(vtep.cut_starts[s]), np.int64(vtep.cut_starts[s + together])
            iovecs = np.uint64(vtep.cut_iovecs[start:].ctypes.data)
            cut_bytes = datagram if together > 1 else 0
            is_last = ends and s + together == segments
            send_copies(lane, overlay, port, sender, i, iovecs, end - start, cut_bytes, is_last)


@kernel
def write_segments(vtep: Any, arena: Any, first: int, count: int) -> None:
    """Write the headers of ``count`` segments of the cut, from number ``first`` on, and point iovecs at them all."""
    cut, headers = vtep.cut, vtep.cut_headers
    vxlan_at = cut.frame_at - VXLAN_BYTES
    k = 0
    for s in range(count):
        vtep.cut_starts[s] = k
        header_at = s * HEADERS_BYTES
        copy_bytes(headers, header_at, arena.heads, vxlan_at, VXLAN_BYTES)
        length = write_segment_header(arena.heads, arena.tails, cut, first + s, headers, header_at + VXLAN_BYTES)
        k = point_at(vtep.cut_iovecs, k, headers, header_at, VXLAN_BYTES + length)
        at, in_head, tail_at, in_tail = segment_pieces(cut, first + s)
        k = point_at(vtep.cut_iovecs, k, arena.heads, at, in_head)
        k = point_at(vtep.cut_iovecs, k, arena.tails, tail_at, in_tail)
    vtep.cut_starts[count] = k


@inlined
def point_at(iovecs: Any, k: int, array: Any, at: int, count: int) -> int:
    """Point iovec ``k`` at ``count`` bytes of an array, if there are any; return the next one's number."""
    iovecs[k, 0] = np.uint64(array.ctypes.data) + np.uint64(at)
    iovecs[k, 1] = np.uint64(count)
    return k + 1 if count else k


@kernel
def send_copies(
    lane: Any, overlay: Any, port: int, sender: int, i: int, iovecs: Any, count: int, cut: int, is_last: bool
) -> None:
    """Gather one message for each node that gets frame ``i``, sending when there is no room for more.

    ``iovecs``, ``count``, ``cut``: see ``add_message``. ``is_last``: with this message, a copy is complete.
    """
    vtep, vector, remotes = lane.vtep, lane.vector, lane.state.remotes[0]
    tos = outer_class(vector, lane.arena.heads, i, np.int64(overlay.dscp))
    peer = next_peer(vector, overlay, remotes, i, NO_PEER)
    if peer == NO_PEER and vector.verdict[i] == FORWARD:  # In case that it is for nobody here either.
        vector.reason[i] = NO_RECEIVER
    while peer != NO_PEER:
        if vtep.pending == SENDS:
            flush_messages(lane, port, sender)
        vtep.frames[vtep.pending] = i
        vtep.peers[vtep.pending] = 0 if peer == EVERY_PEER else peer
        vtep.is_last[vtep.pending] = is_last
        if peer == EVERY_PEER:
            name, name_bytes = np.uint64(overlay.group_socket_address.ctypes.data), overlay.group_socket_address_bytes
        else:
            row = remotes.peer[peer]
            name, name_bytes = np.uint64(row.socket_address.ctypes.data), row.socket_address_bytes
        add_message(vtep, name, np.int64(name_bytes), iovecs, count, tos, cut)
        peer = next_peer(vector, overlay, remotes, i, peer)


@inlined
def point_at_datagram(iovecs: Any, vector: Any, arena: Any, i: int) -> int:
    """Point two iovecs, four words, at frame ``i`` with its VXLAN header; return how many are needed."""
    iovecs[0] = np.uint64(arena.heads.ctypes.data) + np.uint64(vector.head_at[i] - VXLAN_BYTES)
    iovecs[1] = np.uint64(vector.head_length[i] + VXLAN_BYTES)
    iovecs[2] = np.uint64(arena.tails.ctypes.data) + np.uint64(i * SPILL_BYTES)
    iovecs[3] = np.uint64(vector.tail_length[i])
    return 2 if vector.tail_length[i] else 1


@kernel
def next_peer(vector: Any, overlay: Any, remotes: Any, i: int, peer: int) -> int:
    """Return who gets a copy of frame ``i`` after ``peer``, in order of number; NO_PEER begins and ends.

    EVERY_PEER is returned where one copy, to the multicast group, is for all.
    """
    remote = np.int64(vector.remote[i])
    if remote != EVERY_PEER:
        return remote if peer == NO_PEER else NO_PEER
    if overlay.group_socket_address_bytes:
        return EVERY_PEER if peer == NO_PEER else NO_PEER
    domain = vector.domain[i]
    after = peer + 1
    while after < MAX_PEERS:
        bits = remotes.member_bits[domain, after >> _WORD_SHIFT] >> np.uint64(after & _BIT_MASK)
        if bits == 0:
            after = (after | _BIT_MASK) + 1
        elif bits & _ONE:
            return after
        else:
            after += 1
    return NO_PEER


@kernel
def flush_messages(lane: Any, port: int, sender: int) -> None:
    """Send what is pending by one socket, and note what became of each copy; one of which a part was refused was."""
    vtep = lane.vtep
    send_messages(lane.devices, vtep, port, sender)
    for m in range(vtep.pending):
        peer = np.int64(vtep.peers[m])
        if vtep.messages[m].sent_bytes == 0:
            vtep.was_refused[peer] = 1
        if vtep.is_last[m]:
            note_copy(lane, port, np.int64(vtep.frames[m]), vtep.was_refused[peer] == 0)
            vtep.was_refused[peer] = 0
    vtep.pending = 0
