"""Reading a TCP segment (RFC 9293 section 3.1), and its sequence numbers, which wrap around at 2**32."""

from typing import Any, Final

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be
from dataplane.wire import (
    ETHERNET_BYTES,
    TCP_ACK,
    TCP_ACKNOWLEDGEMENT,
    TCP_BYTES,
    TCP_FIN,
    TCP_FLAGS,
    TCP_OFFSET,
    TCP_RST,
    TCP_SEQUENCE,
    TCP_SYN,
    TCP_WINDOW,
)

SYN: Final = TCP_SYN
SYN_ACK: Final = TCP_SYN | TCP_ACK
FIN: Final = TCP_FIN | TCP_ACK
ACK: Final = TCP_ACK
RST: Final = TCP_RST
NONSENSE: Final = 0
"""Kinds of segments, by the flags that change states. NONSENSE is what no host sends and none takes to heart."""

UNSCALED: Final = 16
"""The scale of a direction whose SYN had no window scale option: its lower four bits shift by nothing."""
LARGEST_SCALE: Final = 14
"""RFC 7323 section 2.3."""

_OPTION_END = 0
_OPTION_NOTHING = 1
_OPTION_SCALE = 3
_OPTION_SCALE_BYTES = 3
_OPTIONS_AT_MOST = 40
_SHAPING = TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK
_WRAP = 1 << 32
_SEQUENCE_MASK = _WRAP - 1
_HALF_WAY = 1 << 31


@inlined
def is_after(one: int, other: int) -> bool:
    """Whether sequence number ``one`` comes after ``other``."""
    return 0 < (np.int64(one) - np.int64(other)) & _SEQUENCE_MASK < _HALF_WAY


@inlined
def plus(sequence: int, amount: int) -> Any:
    """Return the sequence number ``amount`` further on."""
    return (np.int64(sequence) + amount) & _SEQUENCE_MASK


@inlined
def sequence_of(heads: Any, at: int) -> Any:
    """Return the sequence number of the segment at ``at``."""
    return np.int64(load_u32_be(heads, at + TCP_SEQUENCE))


@inlined
def acknowledgement_of(heads: Any, at: int) -> Any:
    """Return what the segment acknowledges, if it has ACK set."""
    return np.int64(load_u32_be(heads, at + TCP_ACKNOWLEDGEMENT))


@inlined
def window_of(heads: Any, at: int) -> Any:
    """Return the window as the segment has it, not scaled."""
    return np.int64(load_u16_be(heads, at + TCP_WINDOW))


@inlined
def payload_of(vector: Any, heads: Any, i: int, at: int) -> Any:
    """Return how many bytes of data the segment of frame ``i`` has; negative if its header cannot be right."""
    header = (np.int64(heads[at + TCP_OFFSET]) >> 4) << 2
    packet = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    return np.int64(vector.packet_bytes[i]) - (at - packet) - header if header >= TCP_BYTES else -1


@inlined
def kind_of(heads: Any, at: int) -> int:
    """Return what the flags of the segment at ``at`` mean for its connection's state."""
    shape = np.int64(heads[at + TCP_FLAGS]) & _SHAPING
    if shape in (ACK, FIN, SYN, SYN_ACK):
        return shape
    return RST if shape & ~TCP_ACK == TCP_RST else NONSENSE


@inlined
def has_ack(heads: Any, at: int) -> bool:
    """Whether the segment acknowledges anything."""
    return heads[at + TCP_FLAGS] & TCP_ACK != 0


@inlined
def sequence_space(kind: int, payload: int) -> Any:
    """Return how many sequence numbers a segment takes up: SYN and FIN take one each."""
    return payload + (kind in (SYN, SYN_ACK, FIN))


@kernel
def offered_scale(vector: Any, heads: Any, i: int, at: int) -> Any:
    """Return the window scale that the SYN of frame ``i`` offers (RFC 7323 section 2.2), or UNSCALED."""
    header = (np.int64(heads[at + TCP_OFFSET]) >> 4) << 2
    end = min(at + header, np.int64(vector.head_at[i]) + np.int64(vector.head_length[i]))
    option = np.int64(at + TCP_BYTES)
    for _ in range(_OPTIONS_AT_MOST):
        if option >= end or heads[option] == _OPTION_END:
            break
        if heads[option] == _OPTION_NOTHING:
            option += 1
            continue
        if option + 1 >= end:
            break
        length = np.int64(heads[option + 1])
        if length < 2 or option + length > end:
            break
        if heads[option] == _OPTION_SCALE and length == _OPTION_SCALE_BYTES:
            return min(np.int64(heads[option + 2]), LARGEST_SCALE)
        option += length
    return UNSCALED
