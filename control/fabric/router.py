"""The routes of a node in force: applies the difference between two sets of routes, in place, while workers read.

A next hop that stands alone has one group, which all its prefixes share. Several next hops have a group for each
prefix, so that flows stay with theirs when one comes or goes.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from control.errors import UserError
from control.fabric.routes import PlannedRoute, Way
from control.model import Subnet
from dataplane.generation.grace import WorkersGrace
from dataplane.route.build import Route, RouteWriter, TableFullError
from dataplane.route.hops.build import NextHop, NextHopWriter
from dataplane.route.hops.tables import Hops
from dataplane.route.rib import columns_of
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, Fib

RELOAD_ABOVE = 256
"""With more changes than that, a whole table is written at once."""


class Router:
    """Writes the routes and next hops of a ``State``, of which it is the only writer."""

    def __init__(self, state: Any, route_limit: int) -> None:
        self.grace = WorkersGrace(state.control[0])
        self.hops = NextHopWriter(Hops(state.hops, state.hop_groups, state.hop_spreads), self.grace)
        self.tables = {
            4: RouteWriter(Fib(state.fib4_root, state.fib4_units), IPV4_BITS, route_limit, self.grace),
            6: RouteWriter(Fib(state.fib6_root, state.fib6_units), IPV6_BITS, route_limit, self.grace),
        }
        self.routes: dict[Subnet, PlannedRoute] = {}
        self.alone: dict[NextHop, int] = {}
        self.several: dict[Subnet, int] = {}
        self.users: Counter[NextHop] = Counter()
        """How many prefixes a next hop leads alone."""
        self.idle: set[NextHop] = set()
        """Next hops that may lead none any more."""

    def change(self, routes: Mapping[Subnet, PlannedRoute]) -> None:
        """Put these routes in force and no others. UserError, and all stays as it was, if there is no room."""
        self._require_room(routes)
        before = dict(self.routes)
        try:
            self._change(routes)
        except TableFullError as error:
            self.idle |= self.alone.keys()
            with suppress(TableFullError):  # ``routes`` says what is in force even then, for the next change.
                self._change(before)
            raise UserError(f"routes: {error}; use fewer") from error

    def amend(self, new: Mapping[Subnet, PlannedRoute], gone: Collection[Subnet]) -> None:
        """Put a few routes in force, and take others away that are. UserError, and all stays as it was, if there is no
        room."""
        if len(new) + len(gone) > RELOAD_ABOVE:
            self.change({prefix: route for prefix, route in self.routes.items() if prefix not in gone} | dict(new))
            return
        before = {prefix: self.routes[prefix] for prefix in (*new, *gone) if prefix in self.routes}
        try:
            self._amend(new, gone)
        except TableFullError as error:
            self.idle |= self.alone.keys()
            with suppress(TableFullError):
                self._amend(before, [prefix for prefix in new if prefix in self.routes and prefix not in before])
            raise UserError(f"routes: {error}; use fewer") from error

    def take_over(self, routes: Mapping[Subnet, PlannedRoute]) -> None:
        """Begin with what another agent left: these routes, or those of a change that it did not come to write down.

        A group of several next hops that is found again keeps them, and so do its flows. What is free may still be read
        until every worker has begun another burst: GenerationTimeoutError if one does not.
        """
        self.grace.wait()
        groups = {group: self.hops.members_of(group) for group in self.hops.members}
        several = [(group, members.keys()) for group, members in groups.items() if len(members) > 1]
        self.alone = {_only(members): group for group, members in groups.items() if len(members) == 1}
        for prefix, route in routes.items():
            found = next((each for each in several if each[1] == route.way.keys()), None)
            if found is not None:
                several.remove(found)
                self.several[prefix] = found[0]
        for version in self.tables:
            self._load(version, routes)
        for group in groups.keys() - set(self.alone.values()) - set(self.several.values()):
            self.hops.remove_group(group)
        self._forget_groups()

    def _require_room(self, routes: Mapping[Subnet, PlannedRoute]) -> None:
        for version, table in self.tables.items():
            count = sum(prefix.version == version for prefix in routes)
            if count > table.route_limit:
                raise UserError(f"{count:,} routes of IPv{version}, limits.routes is {table.route_limit:,}; use fewer")

    def _change(self, routes: Mapping[Subnet, PlannedRoute]) -> None:
        for version, table in self.tables.items():
            wanted = {prefix: route for prefix, route in routes.items() if prefix.version == version}
            present = {prefix: route for prefix, route in self.routes.items() if prefix.version == version}
            gone = [prefix for prefix in present if prefix not in wanted]
            new = [prefix for prefix, route in wanted.items() if present.get(prefix) != route]
            if len(gone) + len(new) > RELOAD_ABOVE or len(table) + len(new) > table.route_limit:
                self._load(version, wanted)
                continue
            self._amend({prefix: wanted[prefix] for prefix in new}, gone)
        self._forget_groups()

    def _amend(self, new: Mapping[Subnet, PlannedRoute], gone: Iterable[Subnet]) -> None:
        for prefix, route in new.items():  # Before others go, so that nothing falls through to a shorter prefix.
            self.tables[prefix.version].add(self._route(prefix, route.way))
            self._note(prefix, route)
        for prefix in gone:
            self.tables[prefix.version].remove(int(prefix.network_address), prefix.prefixlen)
            self._note(prefix, None)
        self._forget_groups()

    def _note(self, prefix: Subnet, route: PlannedRoute | None) -> None:
        """Know which route a prefix has, None if it has none any more; and which next hops are used no more."""
        before = self.routes.pop(prefix, None)
        if before is not None and len(before.way) == 1:
            self.users[_only(before.way)] -= 1
            self.idle.add(_only(before.way))
        if route is not None:
            self.routes[prefix] = route
            if len(route.way) == 1:
                self.users[_only(route.way)] += 1

    def _load(self, version: int, routes: Mapping[Subnet, PlannedRoute]) -> None:
        """Write the whole table of a family."""
        wanted = {prefix: route for prefix, route in routes.items() if prefix.version == version}
        rows = [self._route(prefix, route.way) for prefix, route in wanted.items()]
        self.tables[version].load(columns_of(rows, self.tables[version].width))
        kept = {prefix: route for prefix, route in self.routes.items() if prefix.version != version}
        self.routes = kept | wanted
        self.users = Counter(_only(route.way) for route in self.routes.values() if len(route.way) == 1)
        self.idle = set(self.alone)

    def _route(self, prefix: Subnet, way: Way) -> Route:
        return Route(int(prefix.network_address), prefix.prefixlen, self._group_for(prefix, way))

    def _group_for(self, prefix: Subnet, way: Way) -> int:
        """Return the group that leads a prefix's packets to ``way``, made or changed if need be."""
        if len(way) > 1:
            if prefix in self.several:
                self.hops.change_group(self.several[prefix], way)
            else:
                self.several[prefix] = self.hops.add_group(way)
            return self.several[prefix]
        hop = _only(way)
        if hop not in self.alone:
            self.alone[hop] = self.hops.add_group({hop: 1})
        return self.alone[hop]

    def _forget_groups(self) -> None:
        """Remove the groups that no route leads to any more."""
        for hop in self.idle:
            if not self.users[hop] and hop in self.alone:
                self.hops.remove_group(self.alone.pop(hop))
                del self.users[hop]
        self.idle.clear()
        for prefix in list(self.several):
            if prefix not in self.routes or len(self.routes[prefix].way) == 1:
                self.hops.remove_group(self.several.pop(prefix))


def _only(way: Way) -> NextHop:
    return next(iter(way))
