"""Writing what the agent says of neighbours, reading which there are, and forgetting them."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.fdb.build import NANOSECONDS_PER_SECOND, ticks_of
from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.neighbour.tables import (
    AT_ONCE,
    CHANGES_MASK,
    CHANGES_SHIFT,
    CHANGING,
    CLAIMED,
    DOMAIN_SHIFT,
    EMPTY,
    FAILED,
    FORGOTTEN,
    INCOMPLETE,
    PROBE,
    REACHABLE,
    SINCE_SHIFT,
    STALE,
    STATUS_MASK,
    UNUSED_TICKS,
)
from dataplane.wire import MAC_MASK

STATE_NAMES: Final = {
    int(INCOMPLETE): "incomplete",
    int(REACHABLE): "reachable",
    int(STALE): "stale",
    int(PROBE): "probe",
    int(FAILED): "failed",
}

_TICK_S = (1 << int(TICK_SHIFT)) / NANOSECONDS_PER_SECOND
_TICKS = int(TICK_MASK) + 1
_HALF = _TICKS // 2
_MAPPED = 0xFFFF


class NeighbourEntry(NamedTuple):
    """One neighbour: ``mac`` is six bytes, empty while it is not known; ``state`` a name of STATE_NAMES, entered
    ``age_s`` seconds ago (a stale one's age is that since it was last heard)."""

    domain: int
    address: IPv4Address | IPv6Address
    mac: bytes
    state: str
    age_s: float


def write_neighbour_rules(rules: Any, reachable_s: int) -> None:
    """Write into a copy not in force for how long a neighbour counts as there once it was heard."""
    rules.reachable_ticks = ticks_of(reachable_s)


def _present(buckets: Any) -> tuple[Any, Any]:
    """Return which slots hold entries, as indices, and all states as they were then."""
    states = np.array(buckets["state"]).ravel()
    status = states & STATUS_MASK
    return np.flatnonzero(~np.isin(status, [EMPTY, CLAIMED, CHANGING, FORGOTTEN])), states


def _address(high: int, low: int) -> IPv4Address | IPv6Address:
    if high == 0 and low >> 32 == _MAPPED:
        return IPv4Address(low & 0xFFFF_FFFF)
    return IPv6Address(high << 64 | low)


def read_neighbours(buckets: Any, rules: Any, tick: int) -> Iterator[NeighbourEntry]:
    """Yield the neighbours that there are at ``tick``, from a table that workers go on writing."""
    reachable = int(rules.reachable_ticks)
    slots, states = _present(buckets)
    highs, lows, links = (np.array(buckets[name]).ravel() for name in ("high", "low", "link"))
    unchanged = np.array(buckets["state"]).ravel() == states
    for slot in slots[unchanged[slots]].tolist():
        word, link = int(states[slot]), int(links[slot])
        status = word & int(STATUS_MASK)
        age = (tick - (word >> int(SINCE_SHIFT))) % _TICKS
        age = age if age < _HALF else 0
        if status == REACHABLE and age >= reachable:
            status = int(STALE)
            if age >= reachable + int(UNUSED_TICKS):
                continue
        mac = (link & int(MAC_MASK)).to_bytes(6, "little")
        is_known = status not in (INCOMPLETE, FAILED)
        address = _address(int(highs[slot]), int(lows[slot]))
        name = STATE_NAMES[status]
        yield NeighbourEntry(link >> int(DOMAIN_SHIFT), address, mac if is_known else b"", name, age * _TICK_S)


def forget_neighbours(
    head: Any, buckets: Any, tick: int, domain: int | None = None, address: IPv4Address | IPv6Address | None = None
) -> int:
    """Forget at ``tick`` all neighbours, or those of a domain, or those with an address; return how many.

    What waits for one that was being asked for comes back at the next tick, to ask anew. Workers may go on meanwhile.
    """
    slots, states = _present(buckets)
    flat = {name: np.array(buckets[name]).ravel() for name in ("high", "low", "link")}
    chosen = np.ones(len(slots), bool)
    if domain is not None:
        chosen &= flat["link"][slots] >> DOMAIN_SHIFT == domain
    if address is not None:
        whole = int(address) if isinstance(address, IPv6Address) else _MAPPED << 32 | int(address)
        chosen &= (flat["high"][slots] == whole >> 64) & (flat["low"][slots] == whole & (1 << 64) - 1)
    for slot in slots[chosen].tolist():
        if buckets["state"][slot // 2, slot % 2] != states[slot]:
            continue
        changes = ((int(states[slot]) >> int(CHANGES_SHIFT)) + 1) & int(CHANGES_MASK)
        word = tick << int(SINCE_SHIFT) | changes << int(CHANGES_SHIFT) | int(FORGOTTEN)
        buckets["state"][slot // 2, slot % 2] = word
    if chosen.any():
        head.next_due[0] = AT_ONCE
    return int(np.count_nonzero(chosen))
