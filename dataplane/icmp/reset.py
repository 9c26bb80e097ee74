"""TCP resets: how a router says that nothing listens at its own address."""

from typing import Any

import numpy as np

from dataplane.checksum import sum_bytes
from dataplane.icmp.headers import (
    pseudo_header4,
    pseudo_header6,
    turn_back,
    write_checksum,
    write_ipv4,
    write_ipv6,
    write_ipv6_addresses,
)
from dataplane.icmp.tables import OWN_TTL
from dataplane.jit import kernel
from dataplane.memory import load_u16_be, load_u32_be, store_u16_be, store_u32_be
from dataplane.originate import set_lengths
from dataplane.vector import SLOT_BYTES, WHOLE
from dataplane.virtio import clear_virtio
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_BYTES,
    IPV6_BYTES,
    PROTOCOL_TCP,
    TCP_ACK,
    TCP_ACKNOWLEDGEMENT,
    TCP_BYTES,
    TCP_CHECKSUM,
    TCP_FIN,
    TCP_FLAGS,
    TCP_OFFSET,
    TCP_RST,
    TCP_SEQUENCE,
    TCP_SYN,
    TCP_WINDOW,
)

_SEQUENCE_MASK = 0xFFFF_FFFF
_NO_OPTIONS = (TCP_BYTES >> 2) << 12


@kernel
def write_reset(vector: Any, heads: Any, i: int) -> bool:
    """Turn frame ``i``, a TCP segment, into the reset that answers it (RFC 9293 section 3.10.7.1).

    False, and nothing is changed, where none may be sent: for a reset, for a fragment (whose segment's length is not
    known), and for a segment whose header is cut or not its own length. The segment's checksum is not asked.
    """
    tcp = np.int64(vector.transport_at[i])
    ip = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    segment = np.int64(vector.packet_bytes[i]) - (tcp - ip)
    if tcp == 0 or segment < TCP_BYTES or vector.fragment[i] != WHOLE:
        return False
    header = (np.int64(heads[tcp + TCP_OFFSET]) >> 4) << 2
    kinds = np.int64(heads[tcp + TCP_FLAGS])
    if header < TCP_BYTES or segment < header or kinds & TCP_RST:
        return False
    sequence = np.int64(load_u32_be(heads, tcp + TCP_SEQUENCE))
    taken = segment - header
    if kinds & TCP_SYN:
        taken += 1
    if kinds & TCP_FIN:
        taken += 1
    own_sequence, acknowledged, own_kinds = np.int64(0), (sequence + taken) & _SEQUENCE_MASK, TCP_RST | TCP_ACK
    if kinds & TCP_ACK:
        own_sequence, acknowledged = np.int64(load_u32_be(heads, tcp + TCP_ACKNOWLEDGEMENT)), np.int64(0)
        own_kinds = TCP_RST
    source_port, destination_port = load_u16_be(heads, tcp), load_u16_be(heads, tcp + 2)
    answer, pseudo = write_way_back(vector, heads, i)
    store_u16_be(heads, answer, destination_port)
    store_u16_be(heads, answer + 2, source_port)
    store_u32_be(heads, answer + TCP_SEQUENCE, np.uint32(own_sequence))
    store_u32_be(heads, answer + TCP_ACKNOWLEDGEMENT, np.uint32(acknowledged))
    store_u16_be(heads, answer + TCP_OFFSET, np.uint16(_NO_OPTIONS | own_kinds))
    store_u32_be(heads, answer + TCP_WINDOW, np.uint32(0))
    store_u16_be(heads, answer + TCP_CHECKSUM + 2, np.uint16(0))
    write_checksum(heads, answer + TCP_CHECKSUM, sum_bytes(heads, answer, TCP_BYTES) + pseudo)
    return True


@kernel
def write_way_back(vector: Any, heads: Any, i: int) -> Any:
    """Write the headers before a TCP header that goes back to frame ``i``'s sender; sets the lengths.

    Returns where the TCP header begins, and the sum of its pseudo-header.
    """
    at = np.int64(vector.head_at[i])
    ip = at + ETHERNET_BYTES
    source, destination = vector.destination_low[i], vector.source_low[i]
    clear_virtio(heads, i * SLOT_BYTES)
    turn_back(vector, heads, i, at)
    if vector.is_ipv6[i]:
        write_ipv6(heads, ip, TCP_BYTES, OWN_TTL, PROTOCOL_TCP)
        write_ipv6_addresses(heads, ip, vector.destination_high[i], source, vector.source_high[i], destination)
        set_lengths(vector, i, ETHERNET_BYTES + IPV6_BYTES + TCP_BYTES, 0)
        return ip + IPV6_BYTES, pseudo_header6(heads, ip, TCP_BYTES, PROTOCOL_TCP)
    write_ipv4(heads, ip, IPV4_BYTES + TCP_BYTES, 0, PROTOCOL_TCP, source, destination)
    set_lengths(vector, i, ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES, 0)
    return ip + IPV4_BYTES, pseudo_header4(source, destination, TCP_BYTES, PROTOCOL_TCP)
