"""Lets go of what nothing uses any more: rows, selections, blocks, identities, and their numbers.

What a change has left idle stays until it is in force: so it can be taken back without asking for room.
"""

from collections.abc import Iterable
from contextlib import suppress

from control.model import Address
from control.policy.changes import Changed
from control.policy.entries import Addressed, RuleName
from control.policy.judges import Judges
from control.policy.parties import BlockParty, Identity
from control.policy.roster import Roster
from control.policy.rows import Row, Selection
from control.policy.writing import Writing
from dataplane.route.blocks import TableFullError

TIDY_ABOVE = 256
"""Rows, identities and blocks whose cells are left behind."""


class Releasing:
    """Collects what is idle, and gives its numbers back as soon as no word leads there."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self.roster: Roster = writing.roster
        self.judges: Judges = writing.judges
        self.changed: Changed = writing.changed
        self._untidy = 0
        self._leaving: dict[str, list[int]] = {kind: [] for kind in ("rows", "labels", "blocks", "ends", "rules")}

    def release(self) -> None:
        """Let go of all that is idle. Where the tables are too full for that, it is tried again the next time."""
        touched = self._drop_selections(self._drop_rows())
        self._drop_blocks()
        self.roster.settle_addresses({*touched, *self.changed.orphans})
        self.changed.orphans.clear()
        self.judges.settle_parties(())
        with suppress(TableFullError):
            self.writing.write()
            self._drop_identities()
            self._leaving["ends"] += [member.end for member in self.changed.gone.values() if member.end]
            self.changed.gone.clear()
            self._untidy += sum(len(self._leaving[kind]) for kind in ("rows", "labels", "blocks"))
            for kind, numbers in self._leaving.items():
                self.writing.tables.retire(kind, numbers)
                numbers.clear()
        self.changed.numberless = [each for each in self.changed.numberless if each.users]

    def tidy(self) -> None:
        """Clear up what is left of cells, once it is worth reading all of them."""
        if self._untidy > TIDY_ABOVE:
            self.writing.tables.tidy()
            self._untidy = 0

    def _drop_rows(self) -> list[Selection]:
        """Drop idle rows, and then those after them; return selections that no row asks for any more."""
        dropped: dict[Selection, None] = {}
        while self.changed.idle_rows:
            row, _ = self.changed.idle_rows.popitem()
            if not row.users and self.judges.rows.get(row.key) is row:
                self._drop_row(row)
                for selection in {each for chosen in row.selections for each in chosen or ()}:
                    del selection.rows[row]
                    if not selection.rows:
                        dropped[selection] = None
        return list(dropped)

    def _drop_row(self, row: Row) -> None:
        del self.judges.rows[row.key]
        self.judges.turned.pop(row, None)
        self.changed.cells.pop(row, None)
        self.changed.unwritten.pop(row, None)
        if row.after is not None:
            row.after.users -= 1
            self.changed.idle_rows[row.after] = None
        if row.number:
            self._leaving["rows"].append(row.number)
            for rule in row.rules():
                self._drop_rule(rule)

    def _drop_rule(self, rule: RuleName) -> None:
        uses = self.writing.uses
        uses[rule] -= 1
        if not uses[rule]:
            del uses[rule]
            number = self.writing.rules.pop(rule)
            del self.writing.rule_of[number]
            self._leaving["rules"].append(number)

    def _drop_selections(self, selections: Iterable[Selection]) -> set[Address]:
        """Drop selections; return the addresses of whom less is known now."""
        touched: set[Address] = set()
        for selection in selections:
            self.judges.drop_selection(selection)
            if isinstance(selection.whom, Addressed):
                touched |= self.roster.groups.end(selection.whom.peer)
        return touched

    def _drop_blocks(self) -> None:
        dropped: list[BlockParty] = []
        for block in self.changed.idle_blocks:
            if not block.users and self.judges.blocks.get(block.subnet) is block:
                self.judges.drop_block(block)
                dropped.append(block)
                if block.number:
                    self._leaving["blocks"].append(block.number)
                    self._leaving["ends"].append(block.end)
        self.changed.idle_blocks.clear()
        self.roster.settle_blocks(dropped)

    def _drop_identities(self) -> None:
        for identity in self.changed.idle_identities:
            if not identity.users and self.roster.identities.get(identity.key) is identity:
                self._drop_identity(identity)
        self.changed.idle_identities.clear()

    def _drop_identity(self, identity: Identity) -> None:
        del self.roster.identities[identity.key]
        self.judges.drop_identity(identity)
        if identity.number:
            self._leaving["labels"].append(identity.number)
