"""The routing information base (RIB): the routes as they were given, in the agent's own memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dataplane.route.bulk import Routes
from dataplane.route.tables import GROUP_MASK, IPV4_BITS, NO_ROUTE

_LENGTH_BITS = 8


class InvalidRouteError(ValueError):
    """A prefix or a group that cannot be."""


class Route(NamedTuple):
    """One route: ``address`` is the prefix as a number of the family's width, its bits beyond ``length`` are 0."""

    address: int
    length: int
    group: int


class Rib:
    """Routes by prefix, for prefixes of ``width`` bits."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.groups: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Route]:
        for key, group in self.groups.items():
            yield Route(key >> _LENGTH_BITS, key & 0xFF, group)

    def get(self, address: int, length: int) -> int | None:
        """Return the group of a prefix, None if it has no route."""
        return self.groups.get(address << _LENGTH_BITS | length)

    def put(self, route: Route) -> None:
        """Add a route, or give a prefix another group."""
        self.groups[route.address << _LENGTH_BITS | route.length] = route.group

    def remove(self, address: int, length: int) -> None:
        """Remove a route; KeyError if there is none."""
        del self.groups[address << _LENGTH_BITS | length]

    def covering(self, address: int, length: int) -> Route | None:
        """Return the route of the longest prefix that is shorter than ``length`` and covers the address."""
        for shorter in range(length - 1, -1, -1):
            beyond = self.width - shorter
            prefix = address >> beyond << beyond
            group = self.groups.get(prefix << _LENGTH_BITS | shorter)
            if group is not None:
                return Route(prefix, shorter, group)
        return None

    def replace(self, routes: Routes) -> None:
        """Hold these routes and no others."""
        if self.width == IPV4_BITS:
            keys = ((routes.high >> np.uint64(32 - _LENGTH_BITS)) | routes.length.astype(np.uint64)).tolist()
        else:
            tails = zip(routes.high.tolist(), routes.low.tolist(), routes.length.tolist(), strict=True)
            keys = [high << 72 | low << 8 | length for high, low, length in tails]
        self.groups = dict(zip(keys, routes.group.tolist(), strict=True))

    def columns(self) -> Routes:
        """Return all routes as columns, in the order in which they came."""
        return columns_of(list(self), self.width)

    def require_valid(self, route: Route) -> None:
        """InvalidRouteError if the route is not one of this family."""
        address, length, group = route
        if not 0 <= length <= self.width:
            raise InvalidRouteError(f"a prefix length of 0 to {self.width} was expected, found {length}")
        if address >> self.width or address < 0:
            raise InvalidRouteError(f"an address of {self.width} bits was expected, found {address:#x}")
        if address & (1 << self.width - length) - 1:
            raise InvalidRouteError(f"{address:#x} has bits set beyond its prefix length of {length}")
        if not NO_ROUTE < group <= GROUP_MASK:
            raise InvalidRouteError(f"a next-hop group of 1 to {GROUP_MASK} was expected, found {group}")


def columns_of(routes: list[Route], width: int) -> Routes:
    """Return routes as columns."""
    left = 128 - width
    high = np.array([route.address << left >> 64 for route in routes], np.uint64)
    low = np.array([route.address << left & 0xFFFF_FFFF_FFFF_FFFF for route in routes], np.uint64)
    length = np.array([route.length for route in routes], np.int64)
    return Routes(high, low, length, np.array([route.group for route in routes], np.uint32))


def require_valid_columns(routes: Routes, width: int) -> None:
    """InvalidRouteError, naming the first wrong row, if columns hold what is no route of ``width`` bits."""
    length = routes.length
    in_high, in_low = np.clip(length, 0, 64), np.clip(length - 64, 0, 64)
    wrong = {
        f"a prefix length of 0 to {width}": (length < 0) | (length > width),
        "no bits beyond the prefix length": has_bits_after(routes.high, in_high) | has_bits_after(routes.low, in_low),
        f"a next-hop group of 1 to {GROUP_MASK}": (routes.group == NO_ROUTE) | (routes.group > GROUP_MASK),
    }
    for expected, rows in wrong.items():
        if rows.any():
            row = int(np.flatnonzero(rows)[0])
            found = f"{int(routes.high[row]):016x}{int(routes.low[row]):016x}/{int(length[row])}"
            raise InvalidRouteError(f"row {row}: {expected} was expected, found {found} -> {int(routes.group[row])}")


def has_bits_after(halves: Any, bits: Any) -> Any:
    """Return where a 64-bit number has a bit set after its first ``bits`` (0 … 64) bits."""
    shifted = halves << np.minimum(bits, 63).astype(np.uint64)
    return (shifted != 0) & (bits < 64)
