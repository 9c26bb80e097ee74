"""The agent's side of policy: ends, rows, cells and lists in place; who is behind which port, into a copy not in force.

``tables.py`` says what a worker may see of a change. In which order a change writes is its caller's to see to: lists,
then the cells and rows that name them, then ends, then the prefixes and ports that lead to those, and the stamp. What
is of no use any more is ``retire``-d after the last word that led to it has changed.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Literal

import numpy as np

from dataplane.generation.grace import WorkersGrace
from dataplane.policy.cells import CellIndex, cell_keys, last_of_each, lists_of
from dataplane.policy.former import read_former
from dataplane.policy.lists import InvalidListError, ListWriter, Steps, step_word
from dataplane.policy.tables import BLOCK_BIT, BLOCKS, ENDS, LABELS, NUMBER_SHIFT, ROW_SHIFT, ROWS, RULES
from dataplane.route.blocks import Grace, TableFullError
from dataplane.route.build import Route, RouteWriter
from dataplane.route.hops.build import Numbers
from dataplane.route.rib import columns_of
from dataplane.route.tables import IPV4_BITS, IPV6_BITS, Fib

__all__ = [
    "BLOCK",
    "BY_LABELS",
    "InvalidListError",
    "Kind",
    "PolicyWriter",
    "Steps",
    "TableFullError",
    "step_word",
    "write_policy",
]

Subnet = IPv4Network | IPv6Network
Kind = Literal["ends", "labels", "blocks", "rows", "rules"]

BY_LABELS: Final = 0
"""A kind of cell: about ends with some labels."""
BLOCK: Final = 1
"""A kind of cell: about ends in an address block."""

LIMITS: Final[dict[Kind, int]] = {"ends": ENDS, "labels": LABELS, "blocks": BLOCKS, "rows": ROWS, "rules": RULES}
RELOAD_ABOVE: Final = 256
"""With more changes of prefixes than that, a whole table is written at once."""

_BLOCK_SHIFT = np.uint64(32)
_EGRESS_SHIFT = np.uint64(16)
_POD_SHIFT = np.uint64(32)
_NUMBER_MASK = (1 << 17) - 1


def write_policy(table: Any, is_on: bool, end_of_port: Mapping[int, int]) -> None:
    """Write whether policy is on, and ends by their ports' indices, into a copy of ``POLICY_DTYPE`` not in force."""
    table.is_on = is_on
    table.end_of_port[:] = 0
    for port, end in end_of_port.items():
        table.end_of_port[port] = end


class PolicyWriter:
    """Writes all of a ``State``'s policy but the copies of ``POLICY_DTYPE``; it is the only writer.

    It begins with what a former writer left, which stays in force: new numbers are others. Its successor writes all it
    wants anew, loads the prefixes, and then calls ``retire_former``.
    """

    def __init__(self, state: Any, grace: Grace | None = None) -> None:
        self.state = state
        self.grace = WorkersGrace(state.control[0]) if grace is None else grace
        self.head = state.policy_head[0]
        row_words = state.policy_rows.view(np.uint32).reshape(-1, 2)
        self.rows, self.after = row_words[:, 0], row_words[:, 1]
        self.end_words = state.policy_ends.view(np.uint64).reshape(-1, 2)
        self.cells = CellIndex(state.policy_cells, self.head)
        self.prefixes = {
            4: RouteWriter(Fib(state.policy_fib4_root, state.policy_fib4_units), IPV4_BITS, ENDS, self.grace),
            6: RouteWriter(Fib(state.policy_fib6_root, state.policy_fib6_units), IPV6_BITS, ENDS, self.grace),
        }
        words = self.cells.read()
        uses = np.bincount(np.concatenate([lists_of(words), self.rows]), minlength=len(state.policy_lists))
        uses[0] = 0
        self.lists = ListWriter(state.policy_lists, state.policy_steps, self.grace, uses)
        self.former: dict[Kind, set[int]] = read_former(state, words, np.flatnonzero(uses))
        self.numbers = {kind: Numbers(1, LIMITS[kind], kind, self.grace, self.former[kind]) for kind in LIMITS}
        self.leaving: list[tuple[int, Kind, list[int]]] = []
        self.hits_before = np.zeros(RULES, np.uint64)

    # Numbers.

    def take(self, kind: Kind, count: int = 1) -> list[int]:
        """Return numbers that nothing names; TableFullError, and none is taken, if there are fewer."""
        try:
            taken = self.numbers[kind].take_all(count)
        except TableFullError:
            self.tidy()
            taken = self.numbers[kind].take_all(count)
        if kind == "rules":
            self.hits_before[taken] = self._all_hits()[taken]
        return taken

    def retire(self, kind: Kind, numbers: Iterable[int]) -> None:
        """Take back numbers to which no word leads any more but cells: those of rows, labels and blocks go, too."""
        gone = list(numbers)
        if kind in ("ends", "rules"):
            self.numbers[kind].retire_all(gone)
        elif gone:
            self.leaving.append((self.grace.begin(), kind, gone))

    def retire_former(self) -> None:
        """Take back all that a former writer left, now that nothing leads there any more."""
        for kind, numbers in self.former.items():
            self.retire(kind, sorted(numbers))
            numbers.clear()

    def tidy(self) -> None:
        """Remove the cells of retired rows, labels and blocks that nobody reads any more. It reads all cells."""
        over = [entry for entry in self.leaving if self.grace.is_over(entry[0])]
        if not over:
            return
        self.leaving = [entry for entry in self.leaving if entry not in over]
        dead: dict[Kind, list[int]] = {"rows": [], "labels": [], "blocks": []}
        for _, kind, numbers in over:
            dead[kind] += numbers
        self._sweep(dead)
        for kind, numbers in dead.items():
            self.numbers[kind].give_back(numbers)

    def _sweep(self, dead: Mapping[Kind, list[int]]) -> None:
        """Remove what is left of rows, labels and blocks."""
        words = self.cells.read()
        numbers = (words >> NUMBER_SHIFT).astype(np.int64) & _NUMBER_MASK
        is_block = words & BLOCK_BIT != 0
        is_dead = is_among(words >> ROW_SHIFT, dead["rows"], ROWS)
        is_dead |= is_among(numbers, dead["labels"], LABELS) & ~is_block
        is_dead |= is_among(numbers, dead["blocks"], BLOCKS) & is_block
        self.lists.let_go(lists_of(self.cells.remove(words[is_dead])))
        self._write_otherwise(dead["rows"], 0)
        self.set_after(dead["rows"], 0)

    # Ends.

    def set_end(
        self, end: int, labels: int = 0, block: int = 0, ingress: int = 0, egress: int = 0, pod: int = 0
    ) -> None:
        """Say who an end is, and by which rows it is judged; ``pod``: what its pod's ends have in common."""
        self.set_ends([end], labels, block, ingress, egress, pod)

    def set_ends(self, ends: Any, labels: Any, blocks: Any, ingress: Any, egress: Any, pods: Any) -> None:
        """Do so for many ends: arrays, or one number for all of them. Each changes by two stores."""
        labels, blocks, ingress, egress, pods = (
            np.asarray(column, np.uint64) for column in (labels, blocks, ingress, egress, pods)
        )
        self.end_words[ends, 1] = ingress | egress << _EGRESS_SHIFT | pods << _POD_SHIFT
        self.end_words[ends, 0] = labels | blocks << _BLOCK_SHIFT

    def load_prefixes(self, ends: Mapping[Subnet, int]) -> None:
        """Let these prefixes lead to their ends, and no others to any. TableFullError: all stays as it was, but for
        what IPv4 has of it if there is no room for IPv6."""
        for version, table in self.prefixes.items():
            table.load(columns_of([route_of(p, end) for p, end in ends.items() if p.version == version], table.width))

    def set_prefixes(self, added: Mapping[Subnet, int], removed: Collection[Subnet]) -> None:
        """Let some more prefixes lead to ends, or to others than before, and some that are there to none any more.

        TableFullError: all stays as it was. NotLoadedError after a former writer: ``load_prefixes`` must come first.
        """
        for version, table in self.prefixes.items():
            new = [route_of(prefix, end) for prefix, end in added.items() if prefix.version == version]
            gone = [route_of(prefix, 0) for prefix in removed if prefix.version == version and prefix not in added]
            if len(new) + len(gone) > RELOAD_ABOVE:
                reload(table, new, gone)
            else:
                amend(table, new, gone)

    # Cells.

    def intern_list(self, steps: Steps) -> int:
        """Return the number of the list with these steps (``step_word``).

        It lasts as long as a cell or a row names it, or else until the stamp is advanced. InvalidListError;
        TableFullError: nothing is changed.
        """
        return self.lists.intern(steps)

    def put_cells(self, rows: Any, kinds: Any, numbers: Any, lists: Any) -> None:
        """Let rows judge ends by lists: arrays; ``kinds`` are BY_LABELS or BLOCK, and say what ``numbers`` are.

        Cells that are there are given the new list; of several for one the last counts. TableFullError: nothing is
        changed.
        """
        words = last_of_each(cell_keys(rows, kinds, numbers) | np.asarray(lists, np.uint64))
        replaced = self.cells.put(words)
        self.lists.hold(lists_of(words))
        self.lists.let_go(lists_of(replaced))

    def remove_cells(self, rows: Any, kinds: Any, numbers: Any) -> None:
        """Let the rows judge these ends as all others; cells that are not there are left out."""
        self.lists.let_go(lists_of(self.cells.remove(last_of_each(cell_keys(rows, kinds, numbers)))))

    def set_otherwise(self, rows: Any, lists: Any) -> None:
        """Let rows judge all ends by lists for which they have no cell; numbers, or arrays of them."""
        self._write_otherwise(np.atleast_1d(np.asarray(rows, np.int64)), np.atleast_1d(np.asarray(lists, np.int64)))

    def set_after(self, rows: Any, after: Any) -> None:
        """Say which rows are asked after these where those pass, 0 for none; numbers, or arrays of them."""
        self.after[rows] = after

    def _write_otherwise(self, rows: Any, lists: Any) -> None:
        before = self.rows[rows].astype(np.int64)
        self.rows[rows] = lists
        self.lists.hold(self.rows[rows].astype(np.int64))
        self.lists.let_go(before)

    # In force.

    def advance_stamp(self) -> int:
        """Have every conversation judged again by all that was written before; return the new stamp."""
        stamp = int(self.head.stamp[0]) + 1
        self.head.stamp[0] = stamp if stamp < 1 << 32 else 1
        self.lists.collect()
        return int(self.head.stamp[0])

    def hits(self) -> Any:
        """Return how many packets each rule has decided since its number was taken (uint64, by rule)."""
        return self._all_hits() - self.hits_before

    def _all_hits(self) -> Any:
        return self.state.policy_hits["packets"].sum(axis=0)


def is_among(values: Any, wanted: list[int], limit: int) -> Any:
    """Return which values (below ``limit``) are among those that are wanted."""
    table = np.zeros(limit, bool)
    table[wanted] = True
    return table[values.astype(np.int64)]


def route_of(prefix: Subnet, end: int) -> Route:
    """Return a prefix and its end as tables of routes have them."""
    return Route(int(prefix.network_address), prefix.prefixlen, end)


def reload(table: RouteWriter, new: Iterable[Route], gone: Iterable[Route]) -> None:
    """Write a whole table, with some changes."""
    routes = {(route.address, route.length): route for route in table}
    for route in gone:
        del routes[route.address, route.length]
    routes |= {(route.address, route.length): route for route in new}
    table.load(columns_of(list(routes.values()), table.width))


def amend(table: RouteWriter, new: Iterable[Route], gone: Iterable[Route]) -> None:
    """Change single routes of a table; as it was, if there is no room for one of them."""
    undone: list[tuple[Route, int | None]] = []
    try:
        for route in new:  # Before others go, so that nothing falls through to a shorter prefix.
            undone.append((route, table.group_of(route.address, route.length)))
            table.add(route)
        for route in gone:
            undone.append((route, table.group_of(route.address, route.length)))
            table.remove(route.address, route.length)
    except TableFullError:
        with suppress(TableFullError):
            for route, group in reversed(undone):
                if group is not None:
                    table.add(route._replace(group=group))
                elif table.group_of(route.address, route.length) is not None:
                    table.remove(route.address, route.length)
        raise
