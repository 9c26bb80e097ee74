"""A worker's side of a VTEP's sockets: what is received and not yet in a vector, and what is about to be sent.

Received: ``recvmmsg`` fills up to RECEIVES buffers with a message each: a datagram, or several alike that the kernel
put together (UDP_GRO). Of messages in a row that have one sender and traffic class, a *run*, the datagrams are listed
and merged into a vector. They may be more than it has room for: then ``next_listed`` says where the next vector goes
on, before anything more is received. So no frame is lost that the kernel has handed over.

Sent: messages are gathered, each of them one datagram or a superframe's segments for one peer, and go to one socket in
one ``sendmmsg``. Of the sockets, a flow always takes the same.
"""

from typing import Any, Final

import numpy as np

from dataplane.ports.tables import IOVECS_PER_FRAME, MMSGHDR_DTYPE
from dataplane.superframe.tables import CUT_DTYPE
from dataplane.vector import EXTRA_FRAMES, HEAD_BYTES, MAX_PEERS, SPILL_BYTES, VECTOR_CAPACITY
from dataplane.wire import IPV6_BYTES, UDP_BYTES, VXLAN_BYTES
from encap.tables import SOCKET_ADDRESS_BYTES

SENDERS: Final = 32
"""How many sockets a VTEP sends by at most."""

RECEIVES: Final = 16
"""How many buffers one ``recvmmsg`` fills."""
BUFFER_BYTES: Final = 65536
"""More than the largest datagram has."""
LISTED: Final = RECEIVES * 128
"""No message has more datagrams: UDP_MAX_SEGMENTS."""
CONTROL_BYTES: Final = 64
"""Room for the ancillary data of one message: two of struct cmsghdr (16 bytes) with up to 8 bytes each."""

SENDS: Final = 64
"""How many messages one ``sendmmsg`` takes."""
SEND_IOVECS: Final = 2
"""Of a plain frame: its head with the VXLAN header before it, and its tail."""
CUT_IOVECS: Final = 3
"""Of a segment: its own headers, and its payload, of which a part may lie in the head and a part in the tail."""
CUT_SEGMENTS: Final = 64
"""How many datagrams the kernel cuts a message into: UDP_MAX_SEGMENTS, before Linux 6.9."""
CUT_BYTES: Final = 65536 - 14 - IPV6_BYTES - UDP_BYTES
"""How long such a message is at most. A longer one is taken by the kernel, and then not handed over in one piece."""
HEADERS_BYTES: Final = VXLAN_BYTES + HEAD_BYTES
"""Room for one segment's headers."""

# struct cmsghdr of 64-bit Linux: the length with this header, the kind (level in the lower word, type in the upper),
# the value, and padding to the next.
CMSG_KIND: Final = 8
CMSG_DATA: Final = 16
CMSG_ALIGN: Final = 8
_SOL_IP, _SOL_UDP, _SOL_IPV6 = 0, 17, 41
IP_TOS: Final = np.uint64(1 << 32 | _SOL_IP)
IPV6_TCLASS: Final = np.uint64(67 << 32 | _SOL_IPV6)
UDP_SEGMENT: Final = np.uint64(103 << 32 | _SOL_UDP)
UDP_GRO: Final = np.uint64(104 << 32 | _SOL_UDP)

# struct sockaddr_in and sockaddr_in6: the family in the machine's order, then the port, and where the address is.
AF_INET: Final = 2
INET_BYTES: Final = 16
INET_ADDRESS: Final = 4
INET6_ADDRESS: Final = 8

UNCUT_SCRATCH_BYTES: Final = 80
"""Room for all headers before an uncut superframe."""

VTEP_DTYPE: Final = np.dtype(
    [
        ("senders", "i4", (SENDERS,)),
        ("sender_ports", "u2", (SENDERS,)),
        ("sender_count", "i8"),
        # Whether the kernel cuts a message into datagrams (UDP_SEGMENT); else each goes by itself.
        ("cuts", "u1"),
        # A TAP into the host's stack that takes superframes encapsulated but uncut, -1 where there is none.
        ("uncut_descriptor", "i4"),
        ("uncut_mac", "u8"),
        ("uncut_headers", "u1", (UNCUT_SCRATCH_BYTES,)),
        ("uncut_iovecs", "u8", (2 * IOVECS_PER_FRAME,)),
        # Messages that are there, and which one is to be listed next.
        ("filled", "i8"),
        ("next_message", "i8"),
        # The datagrams of a run of messages: its first message, the length of segments that it was told (0: none),
        # where they lie in the buffers, how many they are, and which one is to be put into a vector next.
        ("run", "i8"),
        ("run_segment", "i8"),
        ("offsets", "i8", (LISTED,)),
        ("lengths", "i8", (LISTED,)),
        ("listed", "i8"),
        ("next_listed", "i8"),
        ("received", MMSGHDR_DTYPE, (RECEIVES,)),
        ("receive_iovecs", "u8", (RECEIVES, 2)),
        ("receive_names", "u1", (RECEIVES * SOCKET_ADDRESS_BYTES,)),
        ("receive_controls", "u1", (RECEIVES * CONTROL_BYTES,)),
        ("buffers", "u1", (RECEIVES * BUFFER_BYTES,)),
        # Messages to be sent; of each the frame that it is a copy of, or a part of one, for which peer (0: the group),
        # and whether it ends that copy. Of each peer, whether a part of the copy on its way to it was refused.
        ("pending", "i8"),
        ("messages", MMSGHDR_DTYPE, (SENDS,)),
        ("frames", "u2", (SENDS,)),
        ("peers", "u2", (SENDS,)),
        ("is_last", "u1", (SENDS,)),
        ("was_refused", "u1", (MAX_PEERS,)),
        # Of each frame of the vector its own, since they count until its last message is sent.
        ("iovecs", "u8", (VECTOR_CAPACITY + EXTRA_FRAMES, 2 * SEND_IOVECS)),
        # A superframe, or as many of its segments as go into a message: segment s has the iovecs from starts[s] on.
        ("cut", CUT_DTYPE),
        ("cut_starts", "u2", (CUT_SEGMENTS + 1,)),
        ("cut_iovecs", "u8", (CUT_SEGMENTS * CUT_IOVECS, 2)),
        ("cut_headers", "u1", (CUT_SEGMENTS * HEADERS_BYTES,)),
        ("controls", "u1", (SENDS * CONTROL_BYTES,)),
        # The queue again, by the socket that each frame takes.
        ("starts", "u2", (SENDERS + 1,)),
        ("sender", "u1", (VECTOR_CAPACITY + EXTRA_FRAMES,)),
        ("order", "u2", (VECTOR_CAPACITY + EXTRA_FRAMES,)),
    ],
    align=True,
)

assert BUFFER_BYTES <= SPILL_BYTES


def make_vtep() -> Any:
    """Return the record of a worker without sockets, its pointers set; its buffers cost memory only once used."""
    vtep = np.zeros(1, VTEP_DTYPE).view(np.recarray)[0]
    numbers = np.arange(RECEIVES, dtype=np.uint64)
    vtep.receive_iovecs[:, 0] = np.uint64(vtep.buffers.ctypes.data) + numbers * np.uint64(BUFFER_BYTES)
    vtep.receive_iovecs[:, 1] = BUFFER_BYTES
    vtep.received["name"] = np.uint64(vtep.receive_names.ctypes.data) + numbers * np.uint64(SOCKET_ADDRESS_BYTES)
    vtep.received["iov"] = np.uint64(vtep.receive_iovecs.ctypes.data) + numbers * np.uint64(16)
    vtep.received["iov_length"] = 1
    vtep.received["control"] = np.uint64(vtep.receive_controls.ctypes.data) + numbers * np.uint64(CONTROL_BYTES)
    numbers = np.arange(SENDS, dtype=np.uint64)
    vtep.messages["control"] = np.uint64(vtep.controls.ctypes.data) + numbers * np.uint64(CONTROL_BYTES)
    vtep.uncut_descriptor = -1
    return vtep
