"""Writing what the agent says of neighbours, reading which there are, and forgetting them."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.fdb.build import NANOSECONDS_PER_SECOND, ticks_of
from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.neighbour.tables import (
    AT_ONCE,
    AWAY,
    CHANGING,
    CLAIMED,
    DOMAIN_SHIFT,
    EMPTY,
    FAILED,
    INCOMPLETE,
    PROBE,
    REACHABLE,
    SINCE_SHIFT,
    STALE,
    STATUS_MASK,
    UNUSED_TICKS,
    Neighbours,
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


def _present(neighbours: Neighbours) -> tuple[Any, Any]:
    """Return which slots hold entries, as indices, and all states as they were then."""
    states = np.array(neighbours.buckets["state"]).ravel()
    is_settled = ~np.isin(states & STATUS_MASK, [EMPTY, CLAIMED, CHANGING])
    return np.flatnonzero(is_settled & (states != neighbours.void[1:])), states


def _address(high: int, low: int) -> IPv4Address | IPv6Address:
    if high == 0 and low >> 32 == _MAPPED:
        return IPv4Address(low & 0xFFFF_FFFF)
    return IPv6Address(high << 64 | low)


def read_neighbours(neighbours: Neighbours, tick: int) -> Iterator[NeighbourEntry]:
    """Yield the neighbours that there are at ``tick``, from a table that workers go on writing."""
    buckets, reachable = neighbours.buckets, int(neighbours.rules.reachable_ticks)
    slots, states = _present(neighbours)
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
    neighbours: Neighbours, domain: int | None = None, address: IPv4Address | IPv6Address | None = None
) -> int:
    """Forget all neighbours, or those of a domain, or those with an address; return how many.

    What waits for one that was being asked for comes back at the next tick, to ask anew. Workers may go on meanwhile.
    """
    slots, states = _present(neighbours)
    flat = {name: np.array(neighbours.buckets[name]).ravel() for name in ("high", "low", "link")}
    chosen = np.ones(len(slots), bool)
    if domain is not None:
        chosen &= flat["link"][slots] >> DOMAIN_SHIFT == domain
    if address is not None:
        whole = int(address) if isinstance(address, IPv6Address) else _MAPPED << 32 | int(address)
        chosen &= (flat["high"][slots] == whole >> 64) & (flat["low"][slots] == whole & (1 << 64) - 1)
    forgotten = slots[chosen]
    neighbours.void[1 + forgotten] = states[forgotten]
    if len(forgotten):
        neighbours.head.next_due[0] = AT_ONCE
    return len(forgotten)


def leave_neighbours(head: Any, worker: int) -> None:
    """Say for a worker that has ended that what it left half done may go. Precondition: its process is gone."""
    head.noted_tick[worker * 8] = AWAY
    head.next_due[0] = AT_ONCE
