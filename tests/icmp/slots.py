"""A vector of one frame whose packet has been read, naively; and the frame that it then holds."""

from ipaddress import ip_address

import numpy as np
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from dataplane.vector import (
    FIRST_FRAGMENT,
    FRAME_AT,
    HEAD_BYTES,
    LATER_FRAGMENT,
    SLOT_BYTES,
    SPILL_BYTES,
    VIRTIO_BYTES,
    make_arena,
    make_vector,
)
from dataplane.wire import IPV4_MAPPED_PREFIX

SLOT = 2
"""Not the first, so that an offset forgotten is an offset noticed."""


def number(address: str) -> tuple[int, int]:
    """Return an address as columns hold it."""
    whole = int(ip_address(address))
    if ":" not in address:
        whole |= int(IPV4_MAPPED_PREFIX)
    return whole >> 64, whole & (1 << 64) - 1


class Slot:
    """One frame of a vector, beside slots full of 0xA5 that are nobody's to touch."""

    def __init__(self, frame: bytes, at: int = FRAME_AT) -> None:
        """Put ``frame`` into the slot, from its byte ``at`` on, with a virtio header that stays to be cleared."""
        self.vector, self.arena = make_vector(), make_arena(SLOT + 2)
        self.arena.heads[:] = 0xA5
        self.base = SLOT * SLOT_BYTES
        self.arena.heads[self.base : self.base + VIRTIO_BYTES] = 0
        head, tail = frame[: SLOT_BYTES - at], frame[SLOT_BYTES - at :]
        assert len(head) <= HEAD_BYTES
        start = self.base + at
        self.arena.heads[start : start + len(head)] = list(head)
        self.arena.tails[SLOT * SPILL_BYTES : SLOT * SPILL_BYTES + len(tail)] = list(tail)
        columns = self.vector
        columns.count = columns.received = SLOT + 1
        columns.head_at[SLOT], columns.head_length[SLOT], columns.tail_length[SLOT] = start, len(head), len(tail)
        columns.length[SLOT] = len(frame)
        columns.destination_mac[SLOT] = int.from_bytes(frame[:6], "little")
        columns.source_mac[SLOT] = int.from_bytes(frame[6:12], "little")
        columns.ether_type[SLOT] = int.from_bytes(frame[12:14], "big")
        columns.in_port[SLOT] = 3
        self.read_packet(Ether(frame), start)

    def read_packet(self, frame: Packet, start: int) -> None:
        """Fill the columns that say what the packet is."""
        columns = self.vector
        for family in (IP, IPv6):
            if family not in frame:
                continue
            packet = frame[family]
            columns.is_ipv6[SLOT] = family is IPv6
            columns.packet_bytes[SLOT] = packet.len if family is IP else 40 + packet.plen
            columns.source_high[SLOT], columns.source_low[SLOT] = number(packet.src)
            columns.destination_high[SLOT], columns.destination_low[SLOT] = number(packet.dst)
            upper, skipped = packet.payload, 4 * (packet.ihl or 5) if family is IP else 40
            protocol = packet.proto if family is IP else packet.nh
            offset, more = (packet.frag, packet.flags.MF) if family is IP else (0, 0)
            while family is IPv6 and protocol in (0, 43, 44, 60):
                if isinstance(upper, IPv6ExtHdrFragment):
                    offset, more = upper.offset, upper.m
                protocol, skipped, upper = upper.nh, skipped + len(upper) - len(upper.payload), upper.payload
            columns.protocol[SLOT] = protocol
            columns.fragment[SLOT] = LATER_FRAGMENT if offset else FIRST_FRAGMENT if more else 0
            columns.transport_at[SLOT] = 0 if offset else start + 14 + skipped
            return

    def frame(self) -> bytes:
        """Return the frame, once it is certain that it kept to its place and was complete."""
        at, head = int(self.vector.head_at[SLOT]), int(self.vector.head_length[SLOT])
        tail = int(self.vector.tail_length[SLOT])
        assert int(self.vector.length[SLOT]) == head + tail
        assert self.base + VIRTIO_BYTES <= at
        assert at + head <= self.base + SLOT_BYTES
        heads = self.arena.heads
        assert np.all(heads[: self.base] == 0xA5)
        assert np.all(heads[self.base + SLOT_BYTES :] == 0xA5)
        assert np.all(heads[self.base + VIRTIO_BYTES : at] == 0xA5) or at >= self.base + FRAME_AT
        spill = SLOT * SPILL_BYTES
        whole = heads[at : at + head].tobytes() + self.arena.tails[spill : spill + tail].tobytes()
        assert whole[:6] == int(self.vector.destination_mac[SLOT]).to_bytes(6, "little")
        assert whole[6:12] == int(self.vector.source_mac[SLOT]).to_bytes(6, "little")
        return whole

    def virtio(self) -> bytes:
        """Return the virtio header."""
        return bytes(self.arena.heads[self.base : self.base + VIRTIO_BYTES].tobytes())

    def set_virtio(self, header: bytes) -> None:
        """Write the virtio header."""
        self.arena.heads[self.base : self.base + VIRTIO_BYTES] = list(header)
