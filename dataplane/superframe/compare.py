"""Whether two frames have the same headers, but for what differs from segment to segment.

Headers are compared in words of eight bytes, each with a mask of what has to be equal. A word's lowest byte is its
first::

    IPv4   | version TOS LENGTH ID fragment | TTL protocol CHECKSUM source | destination ports |
    IPv6   | version class flow LENGTH next hops | addresses, four words |
    TCP    | ports SEQUENCE | acknowledgement offset FLAGS window |
                                  | offset FLAGS window CHECKSUM urgent |     the word from byte 12 on
    UDP    | ports LENGTH CHECKSUM |

Capitals are left out. The TCP flags are held apart, since all but PSH are the same wherever segments merge.
"""

from typing import Any, Final

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_u32_be, load_u64
from dataplane.wire import TCP_ACKNOWLEDGEMENT, TCP_BYTES, TCP_OFFSET

_WORD: Final = 8

_ALL: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_IPV4_FIRST: Final = np.uint64(0xFFFF_0000_0000_FFFF)
_IPV4_SECOND: Final = np.uint64(0xFFFF_FFFF_0000_FFFF)
_IPV6_FIRST: Final = np.uint64(0xFFFF_0000_FFFF_FFFF)
_PORTS: Final = np.uint64(0x0000_0000_FFFF_FFFF)
_TCP_SECOND: Final = np.uint64(0xFFFF_00FF_FFFF_FFFF)
_TCP_THIRD: Final = np.uint64(0xFFFF_0000_FFFF_00FF)


@inlined
def difference_of(one: Any, at: int, other: Any, other_at: int, mask: Any) -> Any:
    """Return where two words differ of what has to be equal."""
    return (load_u64(one, at) ^ load_u64(other, other_at)) & mask


@inlined
def difference_between(one: Any, at: int, other: Any, other_at: int, count: int) -> Any:
    """Return whether ranges of eight bytes or more differ, as a word that is 0 if not; the last two words overlap."""
    difference = difference_of(one, at + count - _WORD, other, other_at + count - _WORD, _ALL)
    for k in range(0, count - _WORD, _WORD):
        difference |= difference_of(one, at + k, other, other_at + k, _ALL)
    return difference


@kernel
def has_same_headers(one: Any, at: int, other: Any, other_at: int, segment: Any) -> bool:
    """Whether the headers at two places are alike, those of the second as ``segment`` says (SEGMENT_DTYPE), from the
    lead to the TCP options."""
    network, transport = segment.network_at, segment.transport_at
    difference = difference_between(one, at, other, other_at, network)
    packet, other_packet = at + network, other_at + network
    if segment.is_ipv6:
        difference |= difference_of(one, packet, other, other_packet, _IPV6_FIRST)
        for k in range(_WORD, transport - network, _WORD):
            difference |= difference_of(one, packet + k, other, other_packet + k, _ALL)
    else:
        difference |= difference_of(one, packet, other, other_packet, _IPV4_FIRST)
        difference |= difference_of(one, packet + _WORD, other, other_packet + _WORD, _IPV4_SECOND)
        difference |= difference_of(one, packet + 2 * _WORD, other, other_packet + 2 * _WORD, _ALL)
    begin, other_begin = at + transport, other_at + transport
    difference |= difference_of(one, begin, other, other_begin, _PORTS)
    if not segment.is_tcp or difference != 0:
        return difference == 0
    second, third = TCP_ACKNOWLEDGEMENT, TCP_OFFSET
    difference |= difference_of(one, begin + second, other, other_begin + second, _TCP_SECOND)
    difference |= difference_of(one, begin + third, other, other_begin + third, _TCP_THIRD)
    for k in range(transport + TCP_BYTES, segment.payload_at, 4):
        difference |= np.uint64(load_u32_be(one, at + k) ^ load_u32_be(other, other_at + k))
    return difference == 0
