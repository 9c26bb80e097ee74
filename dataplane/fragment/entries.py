"""Entries of fragmented packets: find, make, refuse, free. ``tables.py`` has the theory of operation."""

from typing import Any

import numpy as np

from dataplane.fragment.tables import BUSY, FREE, LIVE, REFUSED, SPARED_TICKS, SWEPT_SLOTS, UNIT_WORDS, WINDOW
from dataplane.jit import inlined, kernel
from dataplane.memory import compare_and_swap, fetch_add, load_acquire, store_release
from dataplane.parking.kernels import drop_parked
from dataplane.parking.tables import FRAGMENT_OWNER

NO_SLOT = -1

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_MINUS_ONE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_FREE = np.uint64(FREE)
_STATE = np.uint64(0xFF)
_ABOVE_STATE = np.uint64(0xFFFF_FFFF_FFFF_FF00)
_FINGERPRINT = np.uint64(0xFFFF_FF00)
_FINGERPRINT_DOWN = np.uint64(32)
_BORN_SHIFT = np.uint64(32)
_WORD_BITS = np.uint64(64)
_TICK_MASK = np.uint64(0xFFFF_FFFF)
_WRAP = np.uint64(1 << 32)
_HALF = np.uint64(1 << 31)
_TAG_DOWN = np.uint64(8)
_TAG = np.uint64(0x7F_FFFF)
_TAG_SHIFT = np.uint64(40)


@inlined
def state_of(word: Any) -> Any:
    """Return the state in a slot's word."""
    return np.int64(word & _STATE)


@inlined
def with_state(word: Any, state: int) -> Any:
    """Return a slot's word with another state."""
    return (word & _ABOVE_STATE) | np.uint64(state)


@inlined
def age_of(word: Any, tick: Any) -> Any:
    """Return for how many ticks there has been what a slot's word tells of; another worker's clock may be ahead."""
    age = (np.uint64(tick) + _WRAP - (word >> _BORN_SHIFT)) & _TICK_MASK
    return age if age < _HALF else _ZERO


@inlined
def unknown_transport(word: Any) -> Any:
    """Return the transport of an entry whose first fragment was not there yet: the packet's tag, of key and birth."""
    return (((word >> _TAG_DOWN) ^ (word >> _BORN_SHIFT)) & _TAG) << _TAG_SHIFT


@inlined
def home_of(head: Any, hashed: Any) -> Any:
    """Return the first slot of a key's window."""
    return np.int64(hashed >> (_WORD_BITS - head.slot_bits))


@inlined
def fingerprint_of(head: Any, hashed: Any) -> Any:
    """Return the bits of the hash below those of the home, where a slot's word has them."""
    return ((hashed << head.slot_bits) >> _FINGERPRINT_DOWN) & _FINGERPRINT


@inlined
def owner_of(slot: int) -> Any:
    """Return under which name fragments are parked for a slot's packet."""
    return FRAGMENT_OWNER | np.uint64(slot)


@inlined
def has_key(entry: Any, vector: Any, i: int, word: Any) -> bool:
    """Whether an entry is frame ``i``'s packet's; ``word`` is the rest of its key."""
    return (
        entry.word == word
        and entry.source_low == vector.source_low[i]
        and entry.destination_low == vector.destination_low[i]
        and entry.source_high == vector.source_high[i]
        and entry.destination_high == vector.destination_high[i]
    )


@kernel
def find_entry(fragments: Any, vector: Any, i: int, word: Any, hashed: Any, tick: Any) -> Any:
    """Return the slot of frame ``i``'s packet and what its word was, or NO_SLOT and 0."""
    head = fragments.head
    home, mask = home_of(head, hashed), len(fragments.words) - 1
    fingerprint = fingerprint_of(head, hashed)
    for step in range(WINDOW):
        slot = (home + step) & mask
        held = load_acquire(fragments.words, slot)
        if state_of(held) < LIVE or held & _FINGERPRINT != fingerprint or age_of(held, tick) >= head.lifetime:
            continue
        if has_key(fragments.entries[slot], vector, i, word) and load_acquire(fragments.words, slot) == held:
            return slot, held
    return NO_SLOT, _ZERO


@kernel
def make_entry(fragments: Any, parking: Any, vector: Any, i: int, word: Any, hashed: Any, tick: Any) -> Any:
    """Make an entry of frame ``i``'s packet; return its slot and word, or NO_SLOT and 0 if there is no room."""
    head = fragments.head
    home = home_of(head, hashed)
    busy = np.uint64(tick) << _BORN_SHIFT | fingerprint_of(head, hashed) | np.uint64(BUSY)
    slot = claim_free(fragments, home, busy)
    if slot == NO_SLOT:
        slot = claim_oldest(fragments, parking, home, busy, tick)
    if slot == NO_SLOT:
        return NO_SLOT, _ZERO
    entry = fragments.entries[slot]
    entry.source_high, entry.source_low = vector.source_high[i], vector.source_low[i]
    entry.destination_high, entry.destination_low = vector.destination_high[i], vector.destination_low[i]
    entry.word = word
    entry.transport[0] = unknown_transport(busy)
    entry.extent[0] = _ZERO
    entry.covered_units[0] = _ZERO
    entry.waiting[0] = _ZERO
    for k in range(UNIT_WORDS):
        entry.units[k] = _ZERO
    live = with_state(busy, LIVE)
    store_release(fragments.words, slot, live)
    return slot, live


@kernel
def claim_free(fragments: Any, home: int, busy: Any) -> int:
    """Make a free slot of a window BUSY and count it; return it, or NO_SLOT."""
    head = fragments.head
    if fetch_add(head.entries, 0, _ONE) < head.entry_limit:
        for step in range(WINDOW):
            slot = (home + step) & (len(fragments.words) - 1)
            if load_acquire(fragments.words, slot) == _FREE and compare_and_swap(fragments.words, slot, _FREE, busy):
                return slot
    fetch_add(head.entries, 0, _MINUS_ONE)
    return NO_SLOT


@kernel
def claim_oldest(fragments: Any, parking: Any, home: int, busy: Any, tick: Any) -> int:
    """Make the oldest entry of a window BUSY, unless it is to be spared; return its slot, or NO_SLOT."""
    oldest, age, seen = NO_SLOT, np.uint64(SPARED_TICKS), _ZERO
    for step in range(WINDOW):
        slot = (home + step) & (len(fragments.words) - 1)
        held = load_acquire(fragments.words, slot)
        if state_of(held) >= LIVE and age_of(held, tick) > age:
            oldest, age, seen = slot, age_of(held, tick), held
    if oldest == NO_SLOT or not compare_and_swap(fragments.words, oldest, seen, busy):
        return NO_SLOT
    forget_waiting(fragments, parking, oldest)
    return oldest


@kernel
def refuse_entry(fragments: Any, parking: Any, slot: int, held: Any) -> None:
    """Refuse a packet: what is still to come of it, and what waits."""
    if compare_and_swap(fragments.words, slot, held, with_state(held, REFUSED)):
        forget_waiting(fragments, parking, slot)


@kernel
def free_entry(fragments: Any, parking: Any, slot: int, held: Any) -> bool:
    """Free a slot whose word is ``held``; False if it is not any more."""
    busy = with_state(held, BUSY)
    if held != busy and not compare_and_swap(fragments.words, slot, held, busy):
        return False
    forget_waiting(fragments, parking, slot)
    if not compare_and_swap(fragments.words, slot, busy, _FREE):
        return False
    fetch_add(fragments.head.entries, 0, _MINUS_ONE)
    return True


@inlined
def forget_waiting(fragments: Any, parking: Any, slot: int) -> None:
    """Drop what waits for a slot's first fragment."""
    if load_acquire(fragments.entries[slot].waiting, 0) != _ZERO:
        store_release(fragments.entries[slot].waiting, 0, _ZERO)
        drop_parked(parking, owner_of(slot))


@kernel
def sweep_fragments(fragments: Any, parking: Any, tick: Any) -> int:
    """Free what is too old among the next SWEPT_SLOTS slots; return how many. Once a tick."""
    head = fragments.head
    if load_acquire(head.entries, 0) == _ZERO:
        return 0
    mask = np.uint64(len(fragments.words) - 1)
    first = np.int64(fetch_add(head.hand, 0, np.uint64(SWEPT_SLOTS)) & mask)
    swept = 0
    for step in range(min(SWEPT_SLOTS, len(fragments.words))):
        slot: Any = (first + step) & np.int64(mask)
        held = load_acquire(fragments.words, slot)
        if held != _FREE and age_of(held, tick) >= head.lifetime and free_entry(fragments, parking, slot, held):
            swept += 1
    return swept
