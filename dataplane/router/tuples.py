"""What conversations are told apart by: a packet's tuple, its hash, and the tuple of what answers it."""

from typing import Any

import numpy as np

from dataplane.flow.index import flow_hash
from dataplane.flow.tables import DESTINATION_PORT_SHIFT, PROTOCOL_SHIFT, SOURCE_PORT_SHIFT
from dataplane.jit import inlined
from dataplane.router.addresses import is_link_local4, stays_on_link
from dataplane.router.tables import JUDGED

_ANYWHERE = np.uint64(0)
_PORT = np.uint64(0xFFFF)
_PROTOCOL_AND_ZONE = np.uint64(0xFFFF_FFFF)


@inlined
def word_of_packet(vector: Any, i: int) -> Any:
    """Return ports, protocol and zone of frame ``i`` as the last word of its tuple."""
    ports = np.uint64(vector.ports[i]) << DESTINATION_PORT_SHIFT
    return ports | (np.uint64(vector.protocol[i]) << PROTOCOL_SHIFT) | zone_of(vector, i)


@inlined
def zone_of(vector: Any, i: int) -> Any:
    """Return what tells frame ``i``'s conversation from others between the same addresses: its domain where that has
    addresses of its own, because there is no router or they are link-local; else 0."""
    if vector.errand[i] == JUDGED and (vector.interface[i] == 0 or is_of_link(vector, i)):
        return np.uint64(vector.domain[i])
    return _ANYWHERE


@inlined
def is_of_link(vector: Any, i: int) -> bool:
    """Whether an address of frame ``i`` means something on its link alone."""
    return (
        stays_on_link(vector, i)
        or is_link_local4(vector.source_high[i], vector.source_low[i])
        or is_link_local4(vector.destination_high[i], vector.destination_low[i])
    )


@inlined
def hash_of_packet(vector: Any, flow_head: Any, i: int) -> Any:
    """Return the flow table's hash of the tuple of frame ``i``."""
    return flow_hash(
        flow_head,
        vector.source_high[i],
        vector.source_low[i],
        vector.destination_high[i],
        vector.destination_low[i],
        word_of_packet(vector, i),
    )


@inlined
def reversed_word(word: Any) -> Any:
    """Return the last word of the tuple of packets that go the other way."""
    return (
        ((word >> DESTINATION_PORT_SHIFT) & _PORT) << SOURCE_PORT_SHIFT
        | (word >> SOURCE_PORT_SHIFT) << DESTINATION_PORT_SHIFT
        | word & _PROTOCOL_AND_ZONE
    )


@inlined
def copy_reversed(key: Any, target: Any) -> None:
    """Write into ``target`` the tuple of packets that go the other way."""
    target.source_high, target.source_low = key.destination_high, key.destination_low
    target.destination_high, target.destination_low = key.source_high, key.source_low
    target.word = reversed_word(key.word)
