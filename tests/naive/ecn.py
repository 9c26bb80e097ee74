"""Explicit congestion notification through a tunnel (RFC 6040): what the outer header says, and what comes of it."""

from tests.naive.wire import adjusted

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3

COMBINED: dict[tuple[int, int], int | None] = {
    (NOT_ECT, NOT_ECT): NOT_ECT,
    (NOT_ECT, ECT0): NOT_ECT,
    (NOT_ECT, ECT1): NOT_ECT,
    (NOT_ECT, CE): None,
    (ECT0, NOT_ECT): ECT0,
    (ECT0, ECT0): ECT0,
    (ECT0, ECT1): ECT1,
    (ECT0, CE): CE,
    (ECT1, NOT_ECT): ECT1,
    (ECT1, ECT0): ECT1,
    (ECT1, ECT1): ECT1,
    (ECT1, CE): CE,
    (CE, NOT_ECT): CE,
    (CE, ECT0): CE,
    (CE, ECT1): CE,
    (CE, CE): CE,
}
"""By the inner and the outer field: the field that goes on (section 4.2, figure 4); None: the packet is dropped."""


def traffic_class(frame: bytes) -> int | None:
    """Return the type of service, or traffic class, of the packet in an untagged frame; None if it carries none."""
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        return frame[15]
    if frame[12:14] == b"\x86\xdd" and len(frame) >= 54:
        return int.from_bytes(frame[14:16], "big") >> 4 & 0xFF
    return None


def outer_class(frame: bytes, dscp: int | None) -> int:
    """Return the outer traffic class of a frame: its packet's ECN field, and ``dscp`` or its own (normal mode)."""
    inner = traffic_class(frame) or 0
    return inner if dscp is None else dscp << 2 | inner & 3


def combine(frame: bytes, outer: int) -> bytes | None:
    """Return a frame as it goes on that came by a tunnel whose header said ``outer``; None if it is to be dropped."""
    inner = traffic_class(frame)
    if inner is None:
        return frame
    field = COMBINED[inner & 3, outer & 3]
    if field is None:
        return None
    return with_field(frame, field)


def with_field(frame: bytes, field: int) -> bytes:
    """Return a frame with another ECN field, its IPv4 checksum changed by as much."""
    if frame[12:14] == b"\x86\xdd":
        return frame[:15] + bytes([frame[15] & 0xCF | field << 4]) + frame[16:]
    now = frame[14:15] + bytes([frame[15] & 0xFC | field])
    if now == frame[14:16]:
        return frame
    return frame[:14] + now + frame[16:24] + adjusted(frame[24:26], frame[14:16], now) + frame[26:]
