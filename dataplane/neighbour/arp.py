"""ARP for IPv4 over Ethernet (RFC 826). Addresses are the low halves of mapped ones, MACs as columns hold them."""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, store_u32_be, store_u64_be
from dataplane.neighbour.frames import load_mac, store_mac, write_ethernet
from dataplane.neighbour.tables import NOT_ARP
from dataplane.wire import (
    ARP_BYTES,
    ARP_ETHERNET,
    ARP_HARDWARE,
    ARP_LENGTHS,
    ARP_OPERATION,
    ARP_PROTOCOL,
    ARP_REPLY,
    ARP_REQUEST,
    ARP_SENDER_IPV4,
    ARP_SENDER_MAC,
    ARP_TARGET_IPV4,
    ARP_TARGET_MAC,
    ETHERNET_BYTES,
    IPV4_MAPPED_PREFIX,
    TYPE_ARP,
    TYPE_IPV4,
)

_LENGTHS = 0x0604
_BEGIN = np.uint64(ARP_ETHERNET << 48 | TYPE_IPV4 << 32 | _LENGTHS << 16)
_ADDRESS4 = np.uint64(0xFFFF_FFFF)
_NO_MAC = np.uint64(0)


@kernel
def read_arp(vector: Any, heads: Any, i: int) -> Any:
    """Return the operation of frame ``i``, an ARP frame: a request or a reply, or NOT_ARP if it is neither in full."""
    arp = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    if np.int64(vector.head_length[i]) < ETHERNET_BYTES + ARP_BYTES:
        return NOT_ARP
    if load_u16_be(heads, arp + ARP_HARDWARE) != ARP_ETHERNET or load_u16_be(heads, arp + ARP_PROTOCOL) != TYPE_IPV4:
        return NOT_ARP
    operation = np.int64(load_u16_be(heads, arp + ARP_OPERATION))
    if load_u16_be(heads, arp + ARP_LENGTHS) != _LENGTHS or operation not in (ARP_REQUEST, ARP_REPLY):
        return NOT_ARP
    return operation


@inlined
def arp_sender(vector: Any, heads: Any, i: int) -> Any:
    """Return the sender's address."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES + ARP_SENDER_IPV4
    return np.uint64(load_u32_be(heads, at)) | IPV4_MAPPED_PREFIX


@inlined
def arp_sender_mac(vector: Any, heads: Any, i: int) -> Any:
    """Return the MAC that the sender says it has."""
    return load_mac(heads, np.int64(vector.head_at[i]) + ETHERNET_BYTES + ARP_SENDER_MAC)


@inlined
def arp_target(vector: Any, heads: Any, i: int) -> Any:
    """Return the address that is asked for."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES + ARP_TARGET_IPV4
    return np.uint64(load_u32_be(heads, at)) | IPV4_MAPPED_PREFIX


@kernel
def write_arp(heads: Any, at: Any, operation: int, mac: Any, sender: Any, target_mac: Any, target: Any) -> None:
    """Write an ARP message at ``at``."""
    store_u64_be(heads, at, _BEGIN | np.uint64(operation))
    store_mac(heads, at + ARP_SENDER_MAC, mac)
    store_u32_be(heads, at + ARP_SENDER_IPV4, np.uint32(sender & _ADDRESS4))
    store_mac(heads, at + ARP_TARGET_MAC, target_mac)
    store_u32_be(heads, at + ARP_TARGET_IPV4, np.uint32(target & _ADDRESS4))


@kernel
def answer_arp(vector: Any, heads: Any, i: int, mac: Any) -> None:
    """Turn frame ``i``, a valid request, into the reply: the target has ``mac``; to whoever says that it asks."""
    asker, sender, target = arp_sender_mac(vector, heads, i), arp_sender(vector, heads, i), arp_target(vector, heads, i)
    write_ethernet(vector, heads, i, asker, mac, TYPE_ARP, ARP_BYTES)
    write_arp(heads, np.int64(vector.head_at[i]) + ETHERNET_BYTES, ARP_REPLY, mac, target, asker, sender)


@kernel
def write_arp_request(vector: Any, heads: Any, k: int, to: Any, mac: Any, sender: Any, target: Any) -> None:
    """Make the originated frame ``k`` ask the station ``to``, or MAC_BROADCAST, who has ``target``: for ``sender``, who
    has ``mac``."""
    write_ethernet(vector, heads, k, to, mac, TYPE_ARP, ARP_BYTES)
    write_arp(heads, np.int64(vector.head_at[k]) + ETHERNET_BYTES, ARP_REQUEST, mac, sender, _NO_MAC, target)
