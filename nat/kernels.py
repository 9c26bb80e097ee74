"""Translating a packet in place: its addresses and ports, and by difference every checksum that covers them."""

from typing import Any

import numpy as np

from dataplane.flow.tables import DESTINATION_PORT_SHIFT
from dataplane.jit import kernel
from dataplane.vector import FIRST_FRAGMENT, SLOT_BYTES
from dataplane.virtio import defers_checksum
from dataplane.wire import ETHERNET_BYTES, PROTOCOL_SCTP
from nat.addresses import rewrite_addresses
from nat.transport import rewrite_sctp, rewrite_transport


@kernel
def translate_packet(vector: Any, heads: Any, i: int, key: Any) -> bool:
    """Make frame ``i`` a packet of tuple ``key`` (TUPLE_DTYPE), of the same family and protocol; False if it cannot be.

    Reads: head_at, packet_bytes, transport_at, protocol, is_ipv6, fragment, ports, virtio header. Writes: the packet,
    source and destination address, ports. The gate: the headers lie in the head, the transport header with 20 bytes of
    TCP, 12 of SCTP, 8 of UDP and ICMP, or ``transport_at`` is 0. Where it is, and in later fragments, addresses are all
    there is to translate.

    What cannot be translated, and is left as it is, is a first fragment of SCTP whose ports change: its CRC32c depends
    on the length of the whole.
    """
    at: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    transport_at: Any = np.int64(vector.transport_at[i])
    is_ipv6, protocol = vector.is_ipv6[i], vector.protocol[i]
    ports = key.word >> DESTINATION_PORT_SHIFT
    is_cut_sctp = protocol == PROTOCOL_SCTP and vector.fragment[i] == FIRST_FRAGMENT
    if is_cut_sctp and transport_at != 0 and np.uint64(vector.ports[i]) != ports:
        return False
    grown = rewrite_addresses(
        heads, at, is_ipv6, key.source_high, key.source_low, key.destination_high, key.destination_low
    )
    vector.source_high[i], vector.source_low[i] = key.source_high, key.source_low
    vector.destination_high[i], vector.destination_low[i] = key.destination_high, key.destination_low
    vector.ports[i] = np.uint32(ports)
    if transport_at == 0 or vector.fragment[i] > FIRST_FRAGMENT:
        return True
    deferred = defers_checksum(heads, i * SLOT_BYTES, transport_at - np.int64(vector.head_at[i]))
    ends_at = at + np.int64(vector.packet_bytes[i])
    if protocol == PROTOCOL_SCTP:
        rewrite_sctp(heads, transport_at, ends_at, ends_at - transport_at, ports, deferred)
    else:
        rewrite_transport(heads, transport_at, ends_at, protocol, is_ipv6, ports, grown, deferred)
    return True
