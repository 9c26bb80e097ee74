"""Writing the headers of the underlay before a frame, into its slot's headroom."""

from typing import Any

import numpy as np

from dataplane.ethernet import write_addresses
from dataplane.forward.kernels import enqueue
from dataplane.jit import inlined, kernel
from dataplane.memory import store_u16_be
from dataplane.router.departure import send_out
from dataplane.vector import EVERY_PEER, SPILL_BYTES
from dataplane.verdict import DROP, FORWARD, RETURNED
from dataplane.wire import (
    ETHERNET_BYTES,
    ETHERNET_TYPE,
    IPV4_BYTES,
    IPV6_BYTES,
    TYPE_IPV4,
    TYPE_IPV6,
    UDP_BYTES,
    VXLAN_BYTES,
    VXLAN_FIRST_PORT,
)
from encap.ecn import outer_class
from encap.outer import flow_entropy, vxlan_word, write_outer4, write_outer6, write_udp, write_udp_checksum


@inlined
def wrap_frame(vector: Any, arena: Any, overlay: Any, way: Any, i: int) -> None:
    """Make frame ``i`` one of the underlay, on its way to another node.

    Reads: the frame, domain, group. Writes: head_at, the lengths, domain, vlan_tci, destination_mac, source_mac,
    ether_type; up to 70 bytes before the frame, of which the slot's headroom has more.
    """
    heads = arena.heads
    inner = np.int64(vector.head_at[i])
    tos = outer_class(vector, heads, i, overlay.dscp)
    source_port = VXLAN_FIRST_PORT + flow_entropy(vector, heads, i)
    udp = inner - VXLAN_BYTES - UDP_BYTES
    length = np.int64(vector.length[i]) + VXLAN_BYTES + UDP_BYTES
    vni = np.int64(overlay.vni_of_domain[vector.domain[i]]) - 1
    word = vxlan_word(vni, np.int64(vector.group[i]), overlay.has_groups)
    write_udp(heads, udp, source_port, overlay.udp_port, length, word)
    ttl = np.int64(overlay.ttl)
    if way.is_ipv6:
        packet = udp - IPV6_BYTES
        high, low = overlay.address_high, overlay.address_low
        write_outer6(heads, packet, high, low, way.high, way.low, length, tos, ttl, source_port)
    else:
        packet = udp - IPV4_BYTES
        write_outer4(heads, packet, overlay.address_low, way.low, length, tos, ttl)
    if overlay.checksums:
        in_head = np.int64(vector.head_length[i]) + VXLAN_BYTES + UDP_BYTES
        tail = np.int64(vector.tail_length[i])
        write_udp_checksum(heads, udp, in_head, arena.tails, i * SPILL_BYTES, tail, way.is_ipv6 != 0)
    address_outer(vector, heads, way, i, packet - ETHERNET_BYTES)


@inlined
def address_outer(vector: Any, heads: Any, way: Any, i: int, at: Any) -> None:
    """Begin frame ``i`` at ``at`` with an Ethernet header to the way's next hop."""
    grown = np.int64(vector.head_at[i]) - at
    ether_type = TYPE_IPV6 if way.is_ipv6 else TYPE_IPV4
    vector.destination_mac[i], vector.source_mac[i] = way.mac, way.own_mac
    vector.ether_type[i] = ether_type
    write_addresses(vector, heads, i, at)
    store_u16_be(heads, at + ETHERNET_TYPE, np.uint16(ether_type))
    vector.head_at[i] = at
    vector.head_length[i] += grown
    vector.length[i] += grown
    vector.domain[i] = way.domain
    vector.remote[i] = EVERY_PEER  # Nothing of it is for the tunnel any more.
    vector.vlan_tci[i] = 0


@inlined
def send_wrapped(vector: Any, arena: Any, tables: Any, counters: Any, egress: Any, way: Any, i: int) -> bool:
    """Wrap frame ``i`` and queue it for where the way's next hop is; False if it can go nowhere."""
    length = vector.length[i]
    wrap_frame(vector, arena, tables.overlay, way, i)
    port: Any = np.int64(way.port)
    if port >= 0:
        enqueue(egress, port, i)
    elif not send_anywhere(vector, tables, egress, i):
        return False
    tunnel = counters.ports[tables.overlay.port]
    tunnel.tx_packets += 1
    tunnel.tx_bytes += length
    return True


@kernel
def send_anywhere(vector: Any, tables: Any, egress: Any, i: int) -> bool:
    """Queue frame ``i`` for whoever has its destination, or might; False if there is nobody. Dropped is only what came
    in."""
    verdict = vector.verdict[i]
    send_out(vector, tables, egress, i, False)
    is_sent = vector.verdict[i] != DROP
    if verdict not in (FORWARD, RETURNED):
        vector.verdict[i] = verdict
    return bool(is_sent)
