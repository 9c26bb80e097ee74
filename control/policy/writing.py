"""Writes what has changed into the tables, in an order in which workers may read it at any time.

First what is new and nothing leads to yet: lists, cells, rows, ends. Then the words by which it takes the place of what
was: prefixes and ends. What is of no use any more is given back after that. A table that is full leaves all as it was,
and the notes of what has changed: so whoever takes the change back writes what was there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from control.model import Subnet
from control.policy.changes import Changed
from control.policy.entries import RuleName
from control.policy.judges import Judges, subject_of
from control.policy.model import Direction, Pod
from control.policy.parties import BlockParty, Identity, Party
from control.policy.roster import Member, Roster
from control.policy.rows import Row, Signature


class Tables(Protocol):
    """What writes tables: ``dataplane.policy.build.PolicyWriter``, or nobody (``NoTables``)."""

    def take(self, kind: Any, count: int = 1) -> list[int]: ...
    def retire(self, kind: Any, numbers: Iterable[int]) -> None: ...
    def intern_list(self, steps: tuple[int, ...]) -> int: ...
    def put_cells(self, rows: Any, kinds: Any, numbers: Any, lists: Any) -> None: ...
    def remove_cells(self, rows: Any, kinds: Any, numbers: Any) -> None: ...
    def set_otherwise(self, rows: Any, lists: Any) -> None: ...
    def set_after(self, rows: Any, after: Any) -> None: ...
    def set_ends(self, ends: Any, labels: Any, blocks: Any, ingress: Any, egress: Any, pods: Any) -> None: ...
    def load_prefixes(self, ends: Mapping[Subnet, int]) -> None: ...
    def set_prefixes(self, added: Mapping[Subnet, int], removed: Any) -> None: ...
    def advance_stamp(self) -> int: ...
    def tidy(self) -> None: ...
    def hits(self) -> Any: ...


class Writing:
    """Writes what ``roster`` and ``judges`` say, of which ``changed`` is not written yet."""

    def __init__(self, tables: Tables, roster: Roster, judges: Judges, changed: Changed) -> None:
        self.tables = tables
        self.roster = roster
        self.judges = judges
        self.changed = changed
        self.rules: dict[RuleName | None, int] = {None: 0}
        self.rule_of: dict[int, RuleName] = {}
        self.uses: Counter[RuleName] = Counter()
        """In how many rows a rule is."""
        self.prefixes: dict[Subnet, int] = {}
        """Which end each leads to, in the tables."""
        self._is_loaded = False

    def write(self) -> None:
        """Write all that has changed. TableFullError: the notes stay."""
        new = self._number()
        self._put_cells()
        self._set_rows()
        self._set_ends(new)
        self._set_prefixes()
        self._set_ends(self.changed.members)
        self.changed.members.clear()
        self._remove_cells()

    # Numbers.

    def _number(self) -> list[Member]:
        """Give numbers to what has none and is used; return the members among it."""
        used = [each for each in self.changed.numberless if each.users and not each.number]
        rows = [each for each in used if isinstance(each, Row)]
        self._number_rules(rows)
        self._number_all("rows", rows)
        for row in rows:
            self.uses.update(row.rules())
            self.changed.unwritten[row] = None
        self._number_all("labels", [each for each in used if isinstance(each, Identity)])
        self._number_all("blocks", [each for each in used if isinstance(each, BlockParty)])
        blocks = [each for each in used if isinstance(each, BlockParty)]
        self.changed.numberless = [each for each in self.changed.numberless if not each.number]
        members = [member for member in self.changed.members if not member.end]
        ends: list[Member | BlockParty] = [*members, *(block for block in blocks if not block.end)]
        for each, number in zip(ends, self.tables.take("ends", len(ends)), strict=True):
            each.end = number
        return members

    def _number_all(self, kind: str, things: Sequence[Row | Identity | BlockParty]) -> None:
        if not things:
            return
        for thing, number in zip(things, self.tables.take(kind, len(things)), strict=True):
            thing.number = number

    def _number_rules(self, rows: Iterable[Row]) -> None:
        named = dict.fromkeys(rule for row in rows for rule in sorted(row.rules()))
        new = [rule for rule in named if rule not in self.rules]
        if not new:
            return
        for rule, number in zip(new, self.tables.take("rules", len(new)), strict=True):
            self.rules[rule], self.rule_of[number] = number, rule

    # Cells.

    def _put_cells(self) -> None:
        """Put in cells that are new or have another list, all at once."""
        rows: list[int] = []
        parties: list[Party] = []
        lists: list[int] = []
        for row in self.changed.unwritten:
            interned = {each: self._list(row, each) for each in set(row.cells.values())}
            there = [party for party in row.cells if party.number]
            rows += [row.number] * len(there)
            parties += there
            lists += [interned[row.cells[party]] for party in there]
        for row, changed in self.changed.cells.items():
            if row.number and row not in self.changed.unwritten:
                there = [party for party in changed if party.number and party in row.cells]
                rows += [row.number] * len(there)
                parties += there
                lists += [self._list(row, row.cells[party]) for party in there]
        if rows:
            self.tables.put_cells(np.array(rows), *_columns(parties), np.array(lists))

    def _list(self, row: Row, signature: Signature) -> int:
        return self.tables.intern_list(row.steps(signature, self.rules))

    def _set_rows(self) -> None:
        """Let new rows say what all others have, and which row comes after."""
        rows = list(self.changed.unwritten)
        if rows:
            numbers = np.array([row.number for row in rows])
            self.tables.set_otherwise(numbers, np.array([self._list(row, row.otherwise) for row in rows]))
            self.tables.set_after(numbers, np.array([row.after.number if row.after else 0 for row in rows]))

    def _remove_cells(self) -> None:
        rows, parties = [], []
        for row, changed in self.changed.cells.items():
            if row.number and row not in self.changed.unwritten:
                there = [party for party in changed if party.number and party not in row.cells]
                rows += [row.number] * len(there)
                parties += there
        if rows:
            self.tables.remove_cells(np.array(rows), *_columns(parties))
        self.changed.cells.clear()
        self.changed.unwritten.clear()

    # Ends.

    def _set_ends(self, members: Iterable[Member]) -> None:
        ends = [self._end(member) for member in members]
        if ends:
            self.tables.set_ends(*np.array(ends, np.int64).T)

    def _end(self, member: Member) -> tuple[int, ...]:
        """Return an end and all that is said of it."""
        pod, first = member.pod, member.first
        block = 0 if member.block is None else member.block.number
        ingress, egress = (self.row_of(pod, direction) for direction in ("ingress", "egress"))
        return member.end, member.identity.number, block, ingress, egress, 0 if first is None else first.end

    def row_of(self, pod: Pod | None, direction: Direction) -> int:
        """Return the row by which a pod is judged, 0 if by none."""
        if pod is None or not pod.port:
            return 0
        row = self.judges.subjects[subject_of(pod)].rows[direction]
        return 0 if row is None else row.number

    def _set_prefixes(self) -> None:
        """Let prefixes lead to whoever has them now."""
        stranger = self.roster.stranger.number
        blocks = [block for subnet in self.changed.prefixes if (block := self.judges.blocks.get(subnet)) is not None]
        ends = [(0, stranger, 0), *((block.end, stranger, block.number) for block in blocks)]
        numbers, labels, placed = np.array(ends, np.int64).T
        self.tables.set_ends(numbers, labels, placed, 0, 0, 0)
        wanted = {subnet: self._lead(subnet) for subnet in self.changed.prefixes}
        added = {subnet: end for subnet, end in wanted.items() if end and self.prefixes.get(subnet) != end}
        removed = [subnet for subnet, end in wanted.items() if not end and subnet in self.prefixes]
        if not self._is_loaded:
            self.tables.load_prefixes(added)
            self._is_loaded = True
        elif added or removed:
            self.tables.set_prefixes(added, removed)
        self.prefixes |= added
        for subnet in removed:
            del self.prefixes[subnet]
        self.changed.prefixes.clear()

    def _lead(self, subnet: Subnet) -> int:
        """Return the end that a prefix is to lead to: of whoever has the address, or of the block; 0 for none."""
        if subnet.prefixlen == subnet.max_prefixlen:
            holder = self.roster.holder(subnet.network_address)
            if holder is not None:
                return holder.end
        block = self.judges.blocks.get(subnet)
        return 0 if block is None else block.end


def _columns(parties: list[Party]) -> tuple[Any, Any]:
    """Return kinds and numbers of parties, as cells have them."""
    return np.array([party.kind for party in parties]), np.array([party.number for party in parties])
