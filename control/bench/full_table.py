"""Tables of routes as the public Internet has them: how long prefixes are, and how they lie within one another.

The shares of lengths are those of the global tables of recent years, rounded. Most of the long prefixes lie within a
shorter one of the table, many of them side by side; nearly all do in IPv6.
"""

from typing import Any

import numpy as np

from dataplane.route.bulk import Routes, sort_routes
from dataplane.route.tables import IPV4_BITS, IPV6_BITS

SHARES4 = (
    "8:0.002 9:0.001 10:0.004 11:0.01 12:0.03 13:0.06 14:0.12 15:0.2 16:1.35 17:0.8 18:1.4 "
    "19:2.5 20:4.4 21:5.2 22:11.0 23:10.0 24:62.4 25:0.1 26:0.1 27:0.1 28:0.1 32:0.1"
)
SHARES6 = (
    "19:0.001 20:0.01 24:0.02 26:0.02 28:0.15 29:3.0 30:0.4 31:0.2 32:12.5 33:1.5 34:1.3 35:0.6 "
    "36:4.5 37:0.5 38:1.2 39:0.8 40:9.5 41:0.5 42:2.5 43:0.8 44:10.0 45:2.0 "
    "46:3.3 47:2.6 48:45.0 56:0.2 64:0.2 127:0.05 128:0.1"
)
"""Per cent of the routes by prefix length."""

REGISTRIES6 = (0x2001 << 112, 0x2400 << 112, 0x2600 << 112, 0x2800 << 112, 0x2A00 << 112, 0x2C00 << 112)
REGISTRY_BITS = 12

CANDIDATES = 1.6
"""So many prefixes are drawn for one that is wanted, since some are drawn twice."""

NESTED = {IPV4_BITS: 0.6, IPV6_BITS: 0.9}
GROUPS = 64


def full_table(count: int, width: int, random: np.random.Generator) -> Routes:
    """Return about ``count`` routes, sorted; their next-hop groups are 1 to GROUPS."""
    pairs = [pair.split(":") for pair in (SHARES4 if width == IPV4_BITS else SHARES6).split()]
    shares = {int(length): float(share) for length, share in pairs}
    total = sum(shares.values())
    table = Routes(*(np.empty(0, dtype) for dtype in (np.uint64, np.uint64, np.int64, np.uint32)))
    for length, share in shares.items():
        wanted = max(1, round(count * share / total)) if count >= 1000 else round(count * share / total)
        found = prefixes(table, wanted, length, width, random)
        table = Routes(*(np.concatenate(pair) for pair in zip(table, found, strict=True)))
    return sort_routes(table)


def prefixes(shorter: Routes, wanted: int, length: int, width: int, random: np.random.Generator) -> Routes:
    """Return up to ``wanted`` different prefixes of one length."""
    fresh = int(wanted * CANDIDATES)
    high, low = fresh_addresses(fresh, width, random)
    if len(shorter.high):
        parent = random.integers(0, len(shorter.high), fresh)
        nested = random.random(fresh) < NESTED[width]
        inside_high, inside_low = random_within(shorter.chosen(parent), width, random, near=True)
        high, low = np.where(nested, inside_high, high), np.where(nested, inside_low, low)
    kept_high, kept_low = masks(np.full(fresh, length))
    pairs = np.unique(np.stack([high & kept_high, low & kept_low], axis=1), axis=0)
    pairs = random.permutation(pairs, axis=0)[:wanted]
    groups = random.integers(1, GROUPS + 1, len(pairs), dtype=np.uint32)
    return Routes(pairs[:, 0], pairs[:, 1], np.full(len(pairs), length), groups)


def fresh_addresses(count: int, width: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Return addresses anywhere in the space that is given out, as two left-aligned halves."""
    if width == IPV4_BITS:
        return random.integers(1 << 24, 224 << 24, count, dtype=np.uint64) << np.uint64(32), np.zeros(count, np.uint64)
    registries = np.array([prefix >> 64 for prefix in REGISTRIES6], np.uint64)
    inside = random.integers(0, 1 << (64 - REGISTRY_BITS), count, dtype=np.uint64)
    return random.choice(registries, count) | inside, random.integers(0, 1 << 64, count, dtype=np.uint64)


def random_within(routes: Routes, width: int, random: np.random.Generator, near: bool = False) -> tuple[Any, Any]:
    """Return one address in each prefix; ``near`` its begin as often as not, as networks are divided."""
    rows = len(routes.high)
    kept_high, kept_low = masks(routes.length)
    high = random.integers(0, 1 << 64, rows, dtype=np.uint64)
    low = random.integers(0, 1 << 64, rows, dtype=np.uint64)
    if near:
        high = np.where(random.random(rows) < 0.5, high & ~(~kept_high ^ (~kept_high >> np.uint64(6))), high)
    if width == IPV4_BITS:
        high, low = high & np.uint64(0xFFFF_FFFF << 32), low & np.uint64(0)
    return routes.high | (high & ~kept_high), routes.low | (low & ~kept_low)


def masks(length: Any) -> tuple[Any, Any]:
    """Return the two halves of the network masks of these lengths."""
    every = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
    in_high = (64 - np.clip(length, 0, 64)).astype(np.uint64)
    in_low = (128 - np.clip(length, 64, 128)).astype(np.uint64)
    high = np.where(in_high == 64, np.uint64(0), every << np.minimum(in_high, np.uint64(63)))
    low = np.where(in_low == 64, np.uint64(0), every << np.minimum(in_low, np.uint64(63)))
    return high, low
