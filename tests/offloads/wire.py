"""What a device makes of a frame behind a virtio-net header, in plain Python: the frames that a wire would carry.

A checksum that is still to be computed is computed; a superframe is cut into its segments (OASIS VIRTIO 1.2, 5.1.6.2):
IPv4 ids count up, TCP sequence numbers move on, FIN and PSH stay on the last segment and CWR on the first.
"""

import struct
from typing import NamedTuple

NEEDS_CHECKSUM = 1
PLAIN, TCP4, UDP, TCP6, UDP_SEGMENTS, ECN = 0, 1, 3, 4, 5, 0x80
TYPE_VLAN, TYPE_SERVICE_VLAN = 0x8100, 0x88A8
FIN_AND_PSH, CWR = 0x09, 0x80


class Virtio(NamedTuple):
    """struct virtio_net_hdr_v1."""

    flags: int = 0
    gso_type: int = PLAIN
    header_length: int = 0
    gso_size: int = 0
    checksum_from: int = 0
    checksum_at: int = 0
    buffers: int = 0

    def __bytes__(self) -> bytes:
        return struct.pack("<BBHHHHH", *self)


COMPLETE = Virtio()


def read_virtio(header: bytes) -> Virtio:
    """Return what a header says."""
    return Virtio(*struct.unpack("<BBHHHHH", header))


def offloaded(frame: bytes, gso_size: int = 0) -> tuple[Virtio, bytes]:
    """Return a frame of TCP or UDP as a kernel hands it over: its checksum left to a device, and with ``gso_size`` as a
    superframe of segments with so many bytes."""
    ip = network_offset(frame)
    is_ipv6 = frame[ip] >> 4 == 6
    protocol = frame[ip + (6 if is_ipv6 else 9)]
    transport = ip + (40 if is_ipv6 else (frame[ip] & 15) * 4)
    addresses = frame[ip + 8 : ip + 40] if is_ipv6 else frame[ip + 12 : ip + 20]
    if protocol == 17:
        field, kind, header = 6, UDP_SEGMENTS, 8
    else:
        field, kind, header = 16, TCP6 if is_ipv6 else TCP4, (frame[transport + 12] >> 4) * 4
    made = bytearray(frame)
    store(made, transport + field, words(addresses) + protocol + len(frame) - transport)
    if not gso_size:
        return Virtio(NEEDS_CHECKSUM, checksum_from=transport, checksum_at=field), bytes(made)
    return Virtio(NEEDS_CHECKSUM, kind, transport + header, gso_size, transport, field), bytes(made)


def cut(header: Virtio, frame: bytes) -> list[bytes]:
    """Return the frames that a wire would carry."""
    if header.gso_type & ~ECN == PLAIN:
        if header.flags & NEEDS_CHECKSUM:
            return [completed(frame, header.checksum_from, header.checksum_at)]
        return [frame]
    assert header.flags & NEEDS_CHECKSUM, "the kernel gives no superframe without"
    transport = header.checksum_from
    is_udp = header.gso_type & ~ECN == UDP_SEGMENTS
    begin = transport + (8 if is_udp else (frame[transport + 12] >> 4) * 4)
    body = frame[begin:]
    parts = [body[at : at + header.gso_size] for at in range(0, len(body), header.gso_size)]
    return [segment(frame[:begin], part, k, len(parts), header, is_udp) for k, part in enumerate(parts)]


def segment(headers: bytes, part: bytes, k: int, count: int, header: Virtio, is_udp: bool) -> bytes:
    """Return the ``k``-th of ``count`` frames."""
    made = bytearray(headers + part)
    ip, transport = network_offset(headers), header.checksum_from
    change = len(made) - transport  # what the pseudo-header's length becomes
    if made[ip] >> 4 == 6:
        store(made, ip + 4, len(made) - ip - 40)
        addresses = bytes(made[ip + 8 : ip + 40])
    else:
        store(made, ip + 2, len(made) - ip)
        store(made, ip + 4, (load(made, ip + 4) + k) & 0xFFFF)
        store(made, ip + 10, 0)
        store(made, ip + 10, 0xFFFF - words(made[ip : ip + (made[ip] & 15) * 4]))
        addresses = bytes(made[ip + 12 : ip + 20])
    if is_udp:
        store(made, transport + 4, change)
    else:
        sequence = (int.from_bytes(made[transport + 4 : transport + 8]) + k * header.gso_size) % (1 << 32)
        made[transport + 4 : transport + 8] = sequence.to_bytes(4)
        if k < count - 1:
            made[transport + 13] &= ~FIN_AND_PSH
        if k:
            made[transport + 13] &= ~CWR
    store(made, transport + header.checksum_at, words(addresses) + (17 if is_udp else 6) + change)
    return completed(bytes(made), transport, header.checksum_at)


def completed(frame: bytes, begin: int, offset: int) -> bytes:
    """Return the frame with the checksum of all from ``begin`` on, pseudo-header's sum included, ``offset`` further."""
    made = bytearray(frame)
    store(made, begin + offset, 0xFFFF - words(made[begin:]))
    return bytes(made)


def network_offset(frame: bytes) -> int:
    """Return where the IP header begins, behind any tags."""
    at = 12
    while load(frame, at) in (TYPE_VLAN, TYPE_SERVICE_VLAN):
        at += 4
    return at + 2


def words(data: bytes | bytearray) -> int:
    """Return the ones' complement sum of the big-endian words, 0 for what sums to 0xFFFF."""
    data = data + bytes(len(data) & 1)
    return sum(struct.unpack(f">{len(data) // 2}H", data)) % 0xFFFF


def load(data: bytes | bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def store(data: bytearray, at: int, value: int) -> None:
    """Store a word, of a ones' complement sum what is left of it."""
    data[at : at + 2] = (value if value <= 0xFFFF else value % 0xFFFF).to_bytes(2)
