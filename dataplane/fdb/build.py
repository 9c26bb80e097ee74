"""Writing the rules of learning, and reading what was learned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dataplane.fdb.tables import (
    CLAIMED,
    EMPTY,
    EPOCH_SHIFT,
    FLAGS_SHIFT,
    PORT_SHIFT,
    REMOVED,
    STATIC,
    STATIC_ENTRIES,
    TICK_SHIFT,
)

NANOSECONDS_PER_SECOND = 1_000_000_000
_TICK = int(TICK_SHIFT)


class TooManyStaticEntriesError(Exception):
    """More static entries than the table holds."""


class LearnedEntry(NamedTuple):
    """One valid entry; ``mac`` is six bytes, ``age_s`` is 0 for a static one."""

    domain: int
    mac: bytes
    port: int
    static: bool
    age_s: float


def ticks_of(seconds: int) -> int:
    """Return ``seconds`` in ticks, rounded up."""
    return -(-seconds * NANOSECONDS_PER_SECOND // (1 << _TICK))


def write_rules(
    rules: Any,
    max_age_s: int,
    ports: Mapping[int, tuple[int, int]],
    statics: Sequence[tuple[int, int, int]],
    stamp: int,
) -> None:
    """Write ports (max_macs, epoch) by index and static entries (domain, MAC, port) into a copy not in force.

    ``stamp`` must differ from every earlier one if ``statics`` does: entries that carry another stamp have expired.
    """
    if len(statics) > STATIC_ENTRIES:
        raise TooManyStaticEntriesError(f"{len(statics)} static MACs over all VLANs, at most {STATIC_ENTRIES} fit")
    rules.max_age_ticks = ticks_of(max_age_s)
    for index, (max_macs, epoch) in ports.items():
        rules.ports[index].max_macs = max_macs
        rules.ports[index].epoch = epoch
    rules.static_stamp = stamp
    rules.static_entries = len(statics)
    for n, (domain, mac, port) in enumerate(statics):
        rules.static_key[n] = domain << 48 | mac
        rules.static_port[n] = port


def read_entries(buckets: Any, rules: Any, now_ns: int) -> Iterator[LearnedEntry]:
    """Yield what is valid at ``now_ns``, from a table that workers go on writing."""
    keys = buckets["key"].reshape(-1).copy()
    values = buckets["value"].reshape(-1).copy()
    used = np.flatnonzero((keys != EMPTY) & (keys != REMOVED) & (keys != CLAIMED))
    now = now_ns >> _TICK
    for slot in used:
        key, value = int(keys[slot]), int(values[slot])
        port = value >> int(PORT_SHIFT) & 0xFFFF
        seen = value & 0xFFFF_FFFF
        static = bool(value >> int(FLAGS_SHIFT) & STATIC)
        age = (now - seen) & 0xFFFF_FFFF
        if static:
            valid = seen == int(rules.static_stamp)
        else:
            epoch = value >> int(EPOCH_SHIFT) & 0xFF
            valid = age <= int(rules.max_age_ticks) and epoch == int(rules.ports[port].epoch)
        if valid:
            mac = (key & 0xFFFF_FFFF_FFFF).to_bytes(6, "little")
            yield LearnedEntry(key >> 48, mac, port, static, 0.0 if static else age * (1 << _TICK) / 1e9)
