"""The writer of a table of routes: whole tables, and single routes while workers read. ``tables.py`` says how."""

from collections.abc import Iterator

import numpy as np

from dataplane.route.blocks import BlockPool, Grace, TableFullError
from dataplane.route.bulk import Routes, build_trie, sort_routes
from dataplane.route.change import Change, blocks_in_use
from dataplane.route.rib import InvalidRouteError, Rib, Route, require_valid_columns
from dataplane.route.tables import LENGTH_SHIFT, ROOT_SLOTS, Fib

__all__ = [
    "InvalidRouteError",
    "NoSuchRouteError",
    "NotLoadedError",
    "Route",
    "RouteWriter",
    "Routes",
    "TableFullError",
]


class NoSuchRouteError(KeyError):
    """There is no route for this prefix."""


class NotLoadedError(Exception):
    """The table holds routes of a former writer, and single ones cannot be told from them."""


class RouteWriter:
    """Writes one ``Fib`` for prefixes of ``width`` bits, of which it is the only writer.

    What a former writer left in the table stays in force until the first load, which must come before other changes.
    """

    def __init__(self, fib: Fib, width: int, route_limit: int, grace: Grace) -> None:
        self.fib = fib
        self.width = width
        self.route_limit = route_limit
        self.rib = Rib(width)
        self.is_loaded = not fib.root.any()
        self.pool = BlockPool(len(fib.units), grace, blocks_in_use(fib))

    def __len__(self) -> int:
        return len(self.rib)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.rib)

    def group_of(self, address: int, length: int) -> int | None:
        """Return the group of a prefix, None if it has no route of its own."""
        return self.rib.get(address, length)

    def load(self, routes: Routes) -> None:
        """Hold these routes and no others. Of several for one prefix the last counts.

        InvalidRouteError, TableFullError: all stays as it was. A reader finds the old or the new answer.
        """
        require_valid_columns(routes, self.width)
        routes = sort_routes(routes)
        if len(routes.high) > self.route_limit:
            raise TableFullError(f"{len(routes.high):,} routes, at most {self.route_limit:,} fit")
        at = self.pool.largest_extent()
        root, units = build_trie(routes, at)
        self.pool.take_extent(at, len(units))
        self.fib.units[at : at + len(units)] = units
        changed = np.flatnonzero(self.fib.root != root)
        self.fib.root[changed] = root[changed]  # Word by word, as copying a stretch of memory need not be.
        self.pool.retire_all_but(at, len(units))
        self.rib.replace(routes)
        self.is_loaded = True

    def add(self, route: Route) -> None:
        """Add a route, or give its prefix another group. InvalidRouteError, TableFullError: all stays as it was."""
        self.rib.require_valid(route)
        if len(self.rib) >= self.route_limit and self.rib.get(route.address, route.length) is None:
            raise TableFullError(f"{self.route_limit:,} routes fit, and there are as many")
        word = route.length << LENGTH_SHIFT | route.group
        self._change(route.address, route.length, 0, word)
        self.rib.put(route)

    def remove(self, address: int, length: int) -> None:
        """Remove the route of a prefix; NoSuchRouteError if there is none.

        TableFullError, and all stays as it was, where equal neighbours must be parted and there is no room for that.
        """
        if self.is_loaded and self.rib.get(address, length) is None:
            raise NoSuchRouteError(f"{address:#x}/{length}")
        above = self.rib.covering(address, length)
        word = above.length << LENGTH_SHIFT | above.group if above else 0
        self._change(address, length, length, word)
        self.rib.remove(address, length)

    def _change(self, address: int, length: int, shortest: int, word: int) -> None:
        """Let ``word`` be the answer within a prefix where it is now a leaf of length ``shortest`` to ``length``."""
        if not self.is_loaded:
            raise NotLoadedError("a load must come first: the table holds routes of a former writer")
        change = Change(self.fib, self.pool, self.width, shortest, length, word)
        try:
            change.plan(address)
        except TableFullError:
            change.give_up()
            raise
        change.commit()

    @property
    def bytes_in_use(self) -> int:
        """How much of the shared memory the table takes: its root and its blocks, those that are still read too."""
        return 4 * ROOT_SLOTS + 8 * self.pool.in_use()
