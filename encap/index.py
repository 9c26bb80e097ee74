"""Looking up what is known to be elsewhere. ``tables.py`` has the index's theory of operation."""

from typing import Any

import numpy as np

from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.memory import load_acquire, prefetch
from dataplane.vector import NO_PEER
from encap.tables import (
    ABSENT,
    ADDRESS,
    EMPTY,
    ENTRIES,
    HERE,
    LINK,
    PEER_SHIFT,
    PROBE_LIMIT,
    SPREAD,
    VNI_SLOTS,
    VTEP,
)

_NONE = np.uint64(0)
_MAC_MASK = np.uint64((1 << 48) - 1)
_ROTATED = np.uint64(23)
_REST = np.uint64(41)
_TAG_SHIFT = np.uint64(40)
_HALF = np.uint64(32)
_WORD_SHIFT = 6
_BIT_MASK = 63
_ONE = np.uint64(1)


@inlined
def fold_key(high: Any, low: Any, tag: Any) -> Any:
    """Return the 64 bits of a key that its home is made of."""
    return low ^ ((high << _ROTATED) | (high >> _REST)) ^ (tag << _TAG_SHIFT)


@inlined
def home_of(remotes: Any, high: Any, low: Any, tag: Any) -> Any:
    """Return the entry at which a look-up of a key begins."""
    spread = bucket_of(fold_key(high, low, tag), SPREAD, _NONE)
    return np.int64(bucket_of(spread ^ spread >> _HALF, remotes.multiplier, remotes.shift))


@kernel
def find_entry(remotes: Any, high: Any, low: Any, tag: Any) -> Any:
    """Return the value (uint64) of a key, ABSENT if there is none."""
    home = home_of(remotes, high, low, tag)
    for step in range(PROBE_LIMIT):
        entry = remotes.entry[(home + step) & (ENTRIES - 1)]
        found = entry.tag
        if found == EMPTY:
            return ABSENT
        if found == tag and entry.low == low and entry.high == high:
            value = load_acquire(entry.value, 0)  # So that the key is indeed read again.
            if entry.tag == tag and entry.low == low and entry.high == high:
                return value
    return ABSENT


@inlined
def peer_of(value: Any) -> Any:
    """Return the peer (int64) of an entry's value, NO_PEER of ABSENT, and HERE of what a port here has."""
    return np.int64(value >> PEER_SHIFT)


@inlined
def peer_beyond(value: Any) -> Any:
    """Return the peer (int64) that has what an entry's value is of, NO_PEER if no other node has it."""
    peer = peer_of(value)
    return np.int64(NO_PEER) if peer == HERE else peer


@inlined
def mac_of(value: Any) -> Any:
    """Return the MAC (uint64, as columns hold it) of an entry's value, 0 if it is not known."""
    return value & _MAC_MASK


@inlined
def prefetch_link(remotes: Any, domain: Any, mac: Any) -> None:
    """Ask the caches for what ``find_link`` will read."""
    prefetch(remotes.entry, home_of(remotes, _NONE, mac, LINK | np.uint64(domain)))


@inlined
def prefetch_address(remotes: Any, domain: Any, high: Any, low: Any) -> None:
    """Ask the caches for what ``find_address`` will read."""
    prefetch(remotes.entry, home_of(remotes, high, low, ADDRESS | np.uint64(domain)))


@inlined
def find_vtep(remotes: Any, high: Any, low: Any) -> Any:
    """Return the peer whose VTEP has this address, or NO_PEER."""
    return peer_of(find_entry(remotes, high, low, VTEP))


@inlined
def is_member(remotes: Any, domain: Any, peer: Any) -> Any:
    """Whether a peer takes part in the network of a domain."""
    bits = remotes.member_bits[domain, peer >> _WORD_SHIFT] >> np.uint64(peer & _BIT_MASK)
    return bits & _ONE != _NONE


@inlined
def find_link(remotes: Any, domain: Any, mac: Any) -> Any:
    """Return the value of the endpoint that has ``mac`` in a domain, or ABSENT."""
    return find_entry(remotes, _NONE, mac, LINK | np.uint64(domain))


@inlined
def find_address(remotes: Any, domain: Any, high: Any, low: Any) -> Any:
    """Return the value of the endpoint that has this address in a domain, or ABSENT."""
    return find_entry(remotes, high, low, ADDRESS | np.uint64(domain))


@kernel
def find_domain(overlay: Any, vni: int) -> Any:
    """Return the domain of a VNI, 0 if it is no network's here."""
    at = vni & (VNI_SLOTS - 1)
    for _ in range(VNI_SLOTS):
        found = np.int64(overlay.slot_vni[at])
        if found == 0:
            return 0
        if found == vni + 1:
            return np.int64(overlay.slot_domain[at])
        at = (at + 1) & (VNI_SLOTS - 1)
    return 0


assert NO_PEER == 0
