"""ICMP errors, each in the slot of the frame that it is about.

The packet stays where it is, and the error's headers grow into the headroom before it::

    before            | Ethernet | packet ...
    after   | Ethernet | IP | ICMP | packet ... up to the error's longest
"""

from typing import Any

import numpy as np

from dataplane.checksum import sum_split
from dataplane.icmp.headers import (
    pseudo_header6,
    turn_back,
    write_checksum,
    write_ipv4,
    write_ipv6,
    write_ipv6_addresses,
)
from dataplane.icmp.tables import ERROR6_BYTES, ERROR_BYTES, NETWORK_CONTROL, OWN_TTL
from dataplane.jit import kernel
from dataplane.memory import store_u16_be, store_u32_be
from dataplane.originate import set_lengths
from dataplane.vector import SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import clear_virtio
from dataplane.wire import (
    ETHERNET_BYTES,
    ICMP_BYTES,
    ICMP_CHECKSUM,
    ICMP_ID,
    IPV4_BYTES,
    IPV6_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
)


@kernel
def quote(vector: Any, heads: Any, i: int, headers: int, longest: int) -> Any:
    """Cut frame ``i`` to what an error about it quotes, and let ``headers`` bytes of IP and ICMP grow before it.

    An error has at most ``longest`` bytes with its IP header. Sets the lengths; returns how many bytes are quoted.
    """
    packet = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    quoted: Any = min(np.int64(vector.packet_bytes[i]), longest - headers)
    in_head: Any = min(quoted, np.int64(vector.head_length[i]) - ETHERNET_BYTES)
    clear_virtio(heads, i * SLOT_BYTES)
    vector.head_at[i] = packet - headers - ETHERNET_BYTES
    set_lengths(vector, i, ETHERNET_BYTES + headers + in_head, quoted - in_head)
    return quoted


@kernel
def write_message(vector: Any, arena: Any, i: int, at: Any, kind: int, code: int, rest: int, pseudo: Any) -> None:
    """Write the ICMP header at ``at``, with the checksum of all from there to the frame's end and of ``pseudo``."""
    heads = arena.heads
    store_u16_be(heads, at, np.uint16(kind << 8 | code))
    store_u16_be(heads, at + ICMP_CHECKSUM, np.uint16(0))
    store_u32_be(heads, at + ICMP_ID, np.uint32(rest))
    in_head = np.int64(vector.head_at[i]) + np.int64(vector.head_length[i]) - at
    total = sum_split(heads, at, in_head, arena.tails, i * SPILL_BYTES, int(vector.tail_length[i]))
    write_checksum(heads, at + ICMP_CHECKSUM, total + pseudo)


@kernel
def write_error4(vector: Any, arena: Any, i: int, source: Any, kind: int, code: int, rest: int) -> None:
    """Turn frame ``i`` into an ICMP error about itself, to whom it came from.

    ``source`` is the low half of a mapped address; ``rest`` is the second word of the ICMP header, in host order (an
    MTU, or 0). The packet is quoted as it came, up to 576 bytes in all; a checksum that was left for a device to
    compute is quoted as it was left. Whether there may be an error, ``may_err`` has said.
    """
    heads = arena.heads
    quoted = quote(vector, heads, i, IPV4_BYTES + ICMP_BYTES, ERROR_BYTES)
    at = np.int64(vector.head_at[i])
    ip = at + ETHERNET_BYTES
    turn_back(vector, heads, i, at)
    total = IPV4_BYTES + ICMP_BYTES + quoted
    write_ipv4(heads, ip, total, NETWORK_CONTROL, PROTOCOL_ICMP, source, vector.source_low[i])
    write_message(vector, arena, i, ip + IPV4_BYTES, kind, code, rest, np.uint64(0))


@kernel
def write_error6(
    vector: Any, arena: Any, i: int, source_high: Any, source_low: Any, kind: int, code: int, rest: int
) -> None:
    """Turn frame ``i`` into an ICMPv6 error about itself, as ``write_error4`` does, up to 1280 bytes in all."""
    heads = arena.heads
    payload = ICMP_BYTES + quote(vector, heads, i, IPV6_BYTES + ICMP_BYTES, ERROR6_BYTES)
    at = np.int64(vector.head_at[i])
    ip = at + ETHERNET_BYTES
    turn_back(vector, heads, i, at)
    write_ipv6(heads, ip, payload, OWN_TTL, PROTOCOL_ICMPV6)
    write_ipv6_addresses(heads, ip, source_high, source_low, vector.source_high[i], vector.source_low[i])
    pseudo = pseudo_header6(heads, ip, payload, PROTOCOL_ICMPV6)
    write_message(vector, arena, i, ip + IPV6_BYTES, kind, code, rest, pseudo)
