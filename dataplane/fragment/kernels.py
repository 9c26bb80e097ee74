"""Fragments follow their first: what happens to each, on a node that tracks flows."""

from typing import Any

import numpy as np

from dataplane.flow.index import flow_hash
from dataplane.fragment.entries import (
    NO_SLOT,
    find_entry,
    free_entry,
    make_entry,
    owner_of,
    refuse_entry,
    state_of,
    unknown_transport,
)
from dataplane.fragment.place import CLASHES, FITS, fit, is_complete, occupy, read_place
from dataplane.fragment.tables import EARLY_FRAGMENTS, FOLLOWS, LIVE, OVERLAPS, REFUSED, TABLE_FULL, WAITS
from dataplane.jit import inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire
from dataplane.parking.kernels import park_frame, return_frames
from dataplane.vector import LATER_FRAGMENT

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_MINUS_ONE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_KNOWN = np.uint64(1 << 63)
_PORTS = np.uint64(0xFFFF_FFFF)
_BYTE = np.uint64(0xFF)
_PROTOCOL_SHIFT = np.uint64(32)
_FAMILY_SHIFT = np.uint64(40)
_DOMAIN_SHIFT = np.uint64(48)


@kernel
def follow_fragment(fragments: Any, parking: Any, vector: Any, arena: Any, i: int, tick: Any) -> int:
    """Let fragment ``i`` follow its packet's first, or wait for it; return a code of ``tables.py``.

    It counts as passed only by ``pass_fragment``: one that must wait for something else may be met again. Precondition:
    ``parse_packet`` found a fragment; nothing was rewritten since. Reads: domain, addresses, protocol, packet_bytes,
    fragment, ports of a first fragment; the head. Writes, if it FOLLOWS: ports and protocol of a later one,
    destination_bucket (its entry, for ``pass_fragment``). Appends to the vector what had waited for a first one,
    RETURNED. Order effects: none.
    """
    identification, start, end, is_last = read_place(vector, arena.heads, i)
    if end == 0:
        return OVERLAPS
    word = key_word(vector, i, identification)
    hashed = flow_hash(
        fragments.head,
        vector.source_high[i],
        vector.source_low[i],
        vector.destination_high[i],
        vector.destination_low[i],
        word,
    )
    slot, held = find_entry(fragments, vector, i, word, hashed, tick)
    if slot == NO_SLOT:
        slot, held = make_entry(fragments, parking, vector, i, word, hashed, tick)
    if slot == NO_SLOT:
        return TABLE_FULL
    if state_of(held) == REFUSED:
        return OVERLAPS
    entry = fragments.entries[slot]
    if vector.fragment[i] == LATER_FRAGMENT and not is_known(load_acquire(entry.transport, 0)):
        return wait_for_first(fragments, parking, vector, arena, i, slot, tick)
    fitting = fit(entry, start, end, is_last)
    if fitting == CLASHES:
        refuse_entry(fragments, parking, slot, held)
    if fitting != FITS:
        return OVERLAPS
    vector.destination_bucket[i] = slot
    return share_transport(fragments, parking, vector, arena, i, slot, held)


@kernel
def pass_fragment(fragments: Any, parking: Any, vector: Any, heads: Any, i: int) -> bool:
    """Note that fragment ``i``, which FOLLOWS, goes on; False if what it covers has just passed elsewhere.

    Precondition: since ``follow_fragment``, neither lengths nor destination_bucket have changed.
    """
    _, start, end, is_last = read_place(vector, heads, i)
    slot: Any = np.int64(vector.destination_bucket[i])
    held = load_acquire(fragments.words, slot)
    if state_of(held) < LIVE:
        return True
    entry = fragments.entries[slot]
    if state_of(held) == REFUSED or not occupy(entry, start, end, is_last):
        refuse_entry(fragments, parking, slot, held)
        return False
    if is_complete(entry):
        free_entry(fragments, parking, slot, held)
    return True


@inlined
def key_word(vector: Any, i: int, identification: int) -> Any:
    """Return what tells frame ``i``'s packet from others between the same addresses."""
    protocol = np.uint64(0) if vector.is_ipv6[i] else np.uint64(vector.protocol[i])
    return (
        np.uint64(vector.domain[i]) << _DOMAIN_SHIFT
        | np.uint64(vector.is_ipv6[i]) << _FAMILY_SHIFT
        | protocol << _PROTOCOL_SHIFT
        | np.uint64(identification)
    )


@inlined
def is_known(transport: Any) -> bool:
    """Whether an entry's transport tells of the first fragment's ports."""
    return transport >= _KNOWN


@kernel
def wait_for_first(fragments: Any, parking: Any, vector: Any, arena: Any, i: int, slot: int, tick: Any) -> int:
    """Park a later fragment until its packet's first is there."""
    entry = fragments.entries[slot]
    if not park_frame(parking, vector, arena, i, owner_of(slot), EARLY_FRAGMENTS, tick):
        return TABLE_FULL
    fetch_add(entry.waiting, 0, _ONE)
    if is_known(load_acquire(entry.transport, 0)):  # Another worker has just noted the first.
        return_waiting(parking, vector, arena, i, slot, entry)
    return WAITS


@kernel
def share_transport(fragments: Any, parking: Any, vector: Any, arena: Any, i: int, slot: int, held: Any) -> int:
    """Give a later fragment what its packet's first one has noted, or note it; return FOLLOWS, or TABLE_FULL if the
    entry has just been lost."""
    entry = fragments.entries[slot]
    if vector.fragment[i] == LATER_FRAGMENT:
        transport = load_acquire(entry.transport, 0)
        vector.ports[i] = np.uint32(transport & _PORTS)
        vector.protocol[i] = np.uint8((transport >> _PROTOCOL_SHIFT) & _BYTE)
        if load_acquire(fragments.words, slot) != held:
            return TABLE_FULL
    else:
        unknown = unknown_transport(held)
        protocol = np.uint64(vector.protocol[i]) << _PROTOCOL_SHIFT
        compare_and_swap(entry.transport, 0, unknown, _KNOWN | unknown | protocol | np.uint64(vector.ports[i]))
    if load_acquire(entry.waiting, 0) != _ZERO:
        return_waiting(parking, vector, arena, i, slot, entry)
    return FOLLOWS


@kernel
def return_waiting(parking: Any, vector: Any, arena: Any, i: int, slot: int, entry: Any) -> None:
    """Give the vector what waits for the first fragment, as far as it has room."""
    for _ in range(return_frames(parking, owner_of(slot), vector, arena, i)):
        fetch_add(entry.waiting, 0, _MINUS_ONE)
