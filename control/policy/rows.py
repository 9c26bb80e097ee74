"""Rows: what the policies of one tier, that select the same pods, say of everybody.

Whoever a clause may be about is a *party*: an identity (by labels) or a block. A row knows of each party which of its
clauses are about it, as bits of a mask, and so which list it has. Parties with the list that most have need no cell.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from control.policy.entries import Block, Clause, Entry, RuleName, Tier, Whom, clauses_of
from control.policy.model import Direction
from control.policy.parties import BlockParty, Identity, Party
from control.policy.spans import NamedPorts, resolve, steps_of
from dataplane.policy.tables import ACTION_SHIFT, AUDIT, DENY, ORDER_SHIFT, ORDERS, PASS

_ORDER, _ACTION = int(ORDER_SHIFT), int(ACTION_SHIFT)
_LAST = ORDERS - 1


class RowKey(NamedTuple):
    """What makes two pods share a row: ``named_ports`` are empty where no rule asks for them; ``after`` is the row of
    the next tier that has something to say."""

    direction: Direction
    tier: Tier
    entries: tuple[Entry, ...]
    named_ports: NamedPorts
    after: "RowKey | None"


class Signature(NamedTuple):
    """What a party's list depends on: the clauses about it, and its named ports if any of those asks for them."""

    mask: int
    named_ports: NamedPorts = ()


class Selection:
    """The parties that some clauses are about; ``rows`` are those that have such clauses."""

    def __init__(self, whom: Whom) -> None:
        self.whom = whom
        self.parties: set[Party] = set()
        self.rows: dict[Row, None] = {}


class Row:
    """One row. ``users``: how many kinds of pods are judged by it, or rows that hand on to it; ``number``: 0 while it
    has none."""

    def __init__(self, key: RowKey, after: "Row | None") -> None:
        self.key = key
        self.after = after
        self.users = 0
        self.number = 0
        self.clauses: list[Clause] = clauses_of(key.entries, key.direction)
        self.selections: list[tuple[Selection, ...] | None] = []
        self.everybody = 0
        self.by_name = 0
        self.cells: dict[Party, Signature] = {}
        self.otherwise = Signature(0)
        self.default, self.default_rule = default_of(key)
        self._steps: dict[Signature, tuple[int, ...]] = {}

    @property
    def is_turned(self) -> bool:
        """Whether even parties that no clause is about have a cell, as most others have the same list."""
        return self.otherwise.mask != self.everybody

    def whom(self) -> Iterable[Whom]:
        """Yield all that the clauses are about."""
        return (whom for clause in self.clauses for whom in clause.whom or ())

    def rules(self) -> set[RuleName]:
        """Return all rules that may decide."""
        named = {clause.rule for clause in self.clauses if clause.rule is not None}
        return named if self.default_rule is None else named | {self.default_rule}

    def fill(self, selections: Mapping[Whom, Selection], identities: Collection[Identity]) -> None:
        """Work out all cells."""
        masks: dict[Party, int] = {}
        blocks: dict[Party, int] = {}
        for index, clause in enumerate(self.clauses):
            bit = 1 << index
            chosen = None if clause.whom is None else tuple(selections[whom] for whom in clause.whom)
            self.selections.append(chosen)
            self.everybody |= bit if chosen is None else 0
            self.by_name |= bit if clause.names and self.key.direction == "egress" else 0
            for selection in chosen or ():
                selection.rows[self] = None
                add_bit(blocks if isinstance(selection.whom, Block) else masks, selection.parties, bit)
        found = self._signatures(masks)
        self._choose_otherwise(found, len(identities))
        if self.is_turned:
            found = {**dict.fromkeys(identities, Signature(self.everybody)), **found}
        otherwise = self.otherwise
        self.cells = {party: each for party, each in found.items() if each is not otherwise and each != otherwise}
        self.cells |= {block: Signature(mask) for block, mask in blocks.items()}

    def _signatures(self, masks: Mapping[Party, int]) -> dict[Party, Signature]:
        """Return the signatures of identities, by the clauses that are about them and not about everybody."""
        if self.by_name:
            return {party: self._signature(party, mask) for party, mask in masks.items()}
        known = {mask: Signature(mask | self.everybody) for mask in set(masks.values())}
        return {party: known[mask] for party, mask in masks.items()}

    def _choose_otherwise(self, found: Mapping[Party, Signature], identities: int) -> None:
        """Let the list that most identities have need no cells."""
        counts = Counter(found.values())
        most, count = max(counts.items(), key=lambda item: item[1], default=(None, 0))
        self.otherwise = Signature(self.everybody)
        if most is not None and count > identities - len(found):
            self.otherwise = most

    def signature_of(self, party: Party) -> Signature:
        """Return what the list of a party depends on."""
        mask = 0
        for index, chosen in enumerate(self.selections):
            for selection in chosen or ():
                if party in selection.parties:
                    mask |= 1 << index
                    break
        return self._signature(party, mask)

    def _signature(self, party: Party, mask: int) -> Signature:
        if isinstance(party, BlockParty):
            return Signature(mask)
        mask |= self.everybody
        return Signature(mask, party.named_ports if mask & self.by_name else ())

    def refresh(self, party: Party) -> bool:
        """Work out the cell of one party anew; return whether it is another."""
        before, after = self.cells.get(party), self.signature_of(party)
        if not self._needs_cell(party, after):
            self.cells.pop(party, None)
            return before is not None
        self.cells[party] = after
        return before != after

    def _needs_cell(self, party: Party, signature: Signature) -> bool:
        return bool(signature.mask) if isinstance(party, BlockParty) else signature != self.otherwise

    def steps(self, signature: Signature, numbers: Mapping[RuleName | None, int]) -> tuple[int, ...]:
        """Return the steps of a list; ``numbers`` are those of rules."""
        steps = self._steps.get(signature)
        if steps is None:
            steps = self._steps[signature] = self._work_out(signature, numbers)
        return steps

    def _work_out(self, signature: Signature, numbers: Mapping[RuleName | None, int]) -> tuple[int, ...]:
        verdicts = []
        for index, clause in enumerate(self.clauses):
            if signature.mask >> index & 1:
                ports = self.key.named_ports if self.key.direction == "ingress" else signature.named_ports
                spans = clause.spans + resolve(clause.names, ports)
                verdicts.append((spans, word_of(clause.order, clause.action, numbers[clause.rule])))
        return steps_of(verdicts, word_of(_LAST, self.default, numbers[self.default_rule]))


def add_bit(masks: dict[Party, int], parties: Collection[Party], bit: int) -> None:
    """Set a bit in the masks of some parties."""
    if not masks:
        masks.update(dict.fromkeys(parties, bit))
        return
    for party in parties:
        masks[party] = masks.get(party, 0) | bit


def word_of(order: int, action: int, rule: int) -> int:
    """Return a verdict as steps hold it."""
    return order << _ORDER | action << _ACTION | rule


def default_of(key: RowKey) -> tuple[int, RuleName | None]:
    """Return what a row does where none of its clauses holds, and by which rule."""
    if key.tier != "network":
        return PASS, None
    enforced = [entry for entry in key.entries if not entry.audited]
    if enforced:
        return DENY, enforced[0].default(key.direction)
    return AUDIT, key.entries[0].default(key.direction)
