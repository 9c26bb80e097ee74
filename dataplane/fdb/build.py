"""Writing the rules of learning, and reading what was learned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dataplane.fdb.tables import (
    ABSENT,
    BUCKET_ENTRIES,
    CLAIMED,
    COUNTED_EPOCHS,
    EMPTY,
    EPOCH_SHIFT,
    EPOCHS,
    NEVER,
    PLACES,
    PORT_SHIFT,
    REMOVED,
    STATIC,
    STATIC_ENTRIES,
    TICK_SHIFT,
    TICKS_AHEAD,
)

NANOSECONDS_PER_SECOND = 1_000_000_000
_TICK = int(TICK_SHIFT)


StaticEntry = tuple[int, int, int]
"""Domain, MAC and port index."""


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
    statics: Sequence[StaticEntry],
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


def allow_macs(rules: Any, first: int, max_macs: int) -> None:
    """Write how many MACs may be learned at every place from ``first`` on into a copy not in force."""
    rules.ports["max_macs"][first:] = max_macs


def void_place(head: Any, copies: Any, place: int) -> None:
    """Let nothing count any more that was learned at a place, in both copies; precondition as ``begin_epoch``'s."""
    epoch = (int(copies[0].ports[place].epoch) + 1) % EPOCHS
    begin_epoch(head, place, epoch)
    for rules in copies:
        rules.ports[place].epoch = epoch


def read_epochs(rules: Any) -> dict[int, int]:
    """Return the epochs of all ports that are beyond their first."""
    epochs = rules["ports"]["epoch"]
    return {int(index): int(epochs[index]) for index in np.flatnonzero(epochs)}


def read_static_entries(rules: Any) -> list[StaticEntry]:
    """Return the static entries that ``write_rules`` wrote."""
    count = int(rules.static_entries)
    keys, ports = rules.static_key[:count].tolist(), rules.static_port[:count].tolist()
    return [(key >> 48, key & 0xFFFF_FFFF_FFFF, port) for key, port in zip(keys, ports, strict=True)]


def require_room_for_statics(count: int, buckets: int) -> None:
    """TooManyStaticEntriesError if ``count`` static entries would fill more than half of the slots."""
    room = buckets * BUCKET_ENTRIES // 2
    if count > room:
        raise TooManyStaticEntriesError(
            f"{count} static MACs over all VLANs, this table (limits.fdb) has room for {room}"
        )


def begin_epoch(head: Any, port: int, epoch: int) -> None:
    """Begin to count the MACs that ``port`` has under ``epoch``, which comes into force next.

    Precondition: no worker counts under the epoch before the present one any more.
    """
    head.macs[epoch % COUNTED_EPOCHS * PLACES + port] = 0


def demand_sweep(head: Any) -> None:
    """Have whoever reaches a limit sweep once more in the tick that was swept: other rules may have come in force."""
    head.swept_tick = NEVER


def read_entries(buckets: Any, rules: Any, now_ns: int) -> Iterator[LearnedEntry]:
    """Yield what is valid at ``now_ns``, from a table that workers go on writing."""
    keys = buckets["key"].reshape(-1).copy()
    values = buckets["value"].reshape(-1).copy()
    unchanged = keys == buckets["key"].reshape(-1)
    holds_key = (keys != EMPTY) & (keys != REMOVED) & (keys != CLAIMED)
    now = now_ns >> _TICK
    for slot in np.flatnonzero(holds_key & unchanged & (values != ABSENT)):
        key, value = int(keys[slot]), int(values[slot])
        port = value >> int(PORT_SHIFT) & 0xFFFF
        seen = value & 0xFFFF_FFFF
        static = bool(value & int(STATIC))
        # A worker may have heard of a MAC since the caller looked at the clock.
        age = max(0, (now - seen + TICKS_AHEAD) % (1 << 32) - TICKS_AHEAD)
        if static:
            valid = (seen - int(rules.static_stamp)) % (1 << 32) < 1 << 31
        else:
            epoch = value >> int(EPOCH_SHIFT) & EPOCHS - 1
            valid = age <= int(rules.max_age_ticks) and epoch == int(rules.ports[port].epoch)
        if valid:
            mac = (key & 0xFFFF_FFFF_FFFF).to_bytes(6, "little")
            yield LearnedEntry(key >> 48, mac, port, static, 0.0 if static else age * (1 << _TICK) / 1e9)
