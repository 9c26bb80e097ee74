"""A plain reader of a packet socket's receive ring: what `control/host/packet.py` says of its layout, as code."""

import mmap
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from control.host.packet import OpenNic

TP_STATUS_USER = 0x1
TP_STATUS_VLAN_VALID = 0x10
TP_STATUS_VLAN_TPID_VALID = 0x40

SLOT_HEADER = np.dtype(
    [
        ("status", "u4"),
        ("len", "u4"),
        ("snaplen", "u4"),
        ("mac", "u2"),
        ("net", "u2"),
        ("sec", "u4"),
        ("nsec", "u4"),
        ("vlan_tci", "u2"),
        ("vlan_tpid", "u2"),
        ("padding", "u1", 4),
    ]
)

VNET_HEADER = struct.Struct("<BBHHHH")


@dataclass(frozen=True)
class Received:
    """One slot: ``vnet`` is flags, gso_type, hdr_len, gso_size, csum_start, csum_offset."""

    status: int
    wire_bytes: int
    mac_offset: int
    net_offset: int
    vlan_tci: int
    vlan_tpid: int
    vnet: tuple[int, ...]
    frame: bytes

    @property
    def has_tag(self) -> bool:
        wanted = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID
        return self.status & wanted == wanted


class RingReader:
    """Maps the ring of an open NIC and reads slot after slot."""

    def __init__(self, nic: OpenNic) -> None:
        self._fd = nic.fd
        self._frame_size = nic.options["frame_size"]
        self._count = nic.options["frame_count"]
        self._memory = mmap.mmap(nic.fd, self._frame_size * self._count)
        self._next = 0

    def close(self) -> None:
        self._memory.close()

    def waiting(self) -> Iterator[Received]:
        """Yield what is in the ring, giving each slot back."""
        while (received := self._take()) is not None:
            yield received

    def next(self, patience_s: float = 20) -> Received:
        """Return the next frame, waiting for it."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while (received := self._take()) is None:
            if not poll.poll(patience_s * 1000):
                raise AssertionError(f"no frame within {patience_s} s")
        return received

    def _take(self) -> Received | None:
        base = self._next * self._frame_size
        header = np.frombuffer(self._memory[base : base + SLOT_HEADER.itemsize], SLOT_HEADER)[0]
        if not header["status"] & TP_STATUS_USER:
            return None
        mac = base + int(header["mac"])
        received = Received(
            status=int(header["status"]),
            wire_bytes=int(header["len"]),
            mac_offset=int(header["mac"]),
            net_offset=int(header["net"]),
            vlan_tci=int(header["vlan_tci"]),
            vlan_tpid=int(header["vlan_tpid"]),
            vnet=VNET_HEADER.unpack(self._memory[mac - VNET_HEADER.size : mac]),
            frame=self._memory[mac : mac + int(header["snaplen"])],
        )
        self._memory[base : base + 4] = bytes(4)
        self._next = (self._next + 1) % self._count
        return received
