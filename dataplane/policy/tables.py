"""What workers know of policies: nothing but verdicts, looked up by who talks to whom and to which port.

The agent has worked out selectors, tiers and named ports before (``control/policy``). What is left are four steps, each
of a bounded number of loads whatever the number of policies::

    address or port  ->  end         who it is: a longest-prefix match (``route/``), or the port's own end
    end, direction   ->  row         whose policies these are; row 0: nobody's, all may pass
    row, other end   ->  list        a hash table of one word a cell; the row's ``otherwise`` where there is none
    list, port       ->  verdict     binary search among at most STEPS_PER_LIST steps; PASS: on to the next row

An *end* is what an address stands for: a number for what is selected by labels or names (``labels``), a number for the
address blocks it lies in (``block``), and the rows of a pod of this node. Both numbers have a cell of their own, and of
the two verdicts the one with the lower order counts: so a change of blocks concerns no pod's cells, nor one of labels
those of blocks.

A *list* divides all destination ports of all protocols into steps. Each says from where on it counts, up to the next,
and its verdict::

    step   63            40 39      20 19    18 17     0
          +----------------+----------+--------+--------+
          | protocol, port | order    | action | rule   |
          +----------------+----------+--------+--------+
    cell   63  50 49   49 48     32 31               0
          +------+-------+---------+------------------+
          | row  | block | number  | list             |
          +------+-------+---------+------------------+

Order: of two verdicts the lower one counts. Rule: a number that the agent has a name for, 0 for none.

Two things change at different times. ``POLICY_DTYPE`` has two copies and changes with the ports: a port that is new is
judged from its first frame. All else is in place, changed word by word by the agent alone while workers read.

Invariants
  - Each word that changes leads from one verdict to another that is right before or after the change. A step or a list
    that a cell names never changes; its place is used again only after a period of grace (``generation/grace.py``).
    So are numbers of ends, rows, labels and blocks.
  - ``stamp`` grows after all words of a change are written. A worker reads it before it judges, and a flow keeps the
    one it was judged under: every packet of a flow with another stamp is judged again.

Full: a change that needs more than there is is refused, and all stays as it was.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.vector import MAX_PORTS

POLICY_DTYPE: Final = np.dtype([("is_on", "u1"), ("end_of_port", "u4", (MAX_PORTS,))], align=True)
"""Whether conversations are judged; the end of what is behind a port, 0 where that is no endpoint."""

POLICY_HEAD_DTYPE: Final = np.dtype(
    [("multiplier", "u8"), ("shift", "u8"), ("stamp", "u8", (8,))],
    align=True,
)
"""The first of ``stamp`` counts, 32 bits and never 0; the others keep its line free."""

END_DTYPE: Final = np.dtype([("labels", "u4"), ("block", "u4"), ("ingress", "u2"), ("egress", "u2"), ("pod", "u4")])
"""End 0 is everybody of whom nothing is known. ``ingress``, ``egress``: the rows by which a pod of this node is judged
as destination and as source. ``labels`` and ``block`` are 0 where there is none. ``pod``: a number that the ends of one
pod have in common, and nobody else; 0 where there is no pod. Each of its addresses has an end of its own, as they lie
in different blocks."""

ENDS: Final = 1 << 17
LABELS: Final = 1 << 17
BLOCKS: Final = 1 << 17
ROWS: Final = 1 << 14
LISTS: Final = 1 << 18
STEPS: Final = 1 << 20
RULES: Final = 1 << 18
CELLS: Final = 1 << 21
CELLS_OF_BUCKET: Final = 8
STEPS_PER_LIST: Final = 1 << 16

ROW_DTYPE: Final = np.dtype([("otherwise", "u4"), ("after", "u4")])
"""The list for ends that no cell of the row is about; the row to ask where the verdict is PASS, 0 if there is none."""
LIST_DTYPE: Final = np.dtype([("first", "u4"), ("count", "u4")])
"""Where a list's steps are; the first of them counts from 0 on, so there is one for every port. List 0 is none."""

START_SHIFT: Final = np.uint64(40)
VERDICT_MASK: Final = np.uint64((1 << 40) - 1)
ORDER_SHIFT: Final = np.uint64(20)
ACTION_SHIFT: Final = np.uint64(18)
ACTION_MASK: Final = np.uint64(3)
RULE_MASK: Final = np.uint64(RULES - 1)
JUDGEMENT_MASK: Final = np.uint64((1 << 20) - 1)
"""Action and rule: what is kept of a verdict."""
ORDERS: Final = 1 << 20
PROTOCOL_SHIFT: Final = 16
"""A step's start is ``protocol << 16 | port``, the port 0 for what has none."""

NOT_WRITTEN: Final = VERDICT_MASK & ~((ACTION_MASK << ACTION_SHIFT) | RULE_MASK)
"""The verdict of a row that has no list: it denies, after all others and by no rule."""

DENY: Final = 0
ALLOW: Final = 1
AUDIT: Final = 2
"""It passes, although a rule denies it, and is logged."""
PASS: Final = 3
"""The next row decides; without one, it passes and nobody has decided."""
TIERS: Final = 3
"""Rows that are asked one after the other at most."""

ROW_SHIFT: Final = np.uint64(50)
BLOCK_BIT: Final = np.uint64(1 << 49)
NUMBER_SHIFT: Final = np.uint64(32)
LIST_MASK: Final = np.uint64((1 << 32) - 1)
SPREAD: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
"""An odd number (the golden ratio's fraction). Numbers that count up are multiplied by it, and folded, before they are
multiplied by the secret: else some secrets would gather them in few buckets."""
EMPTY: Final = np.uint64(0)
REMOVED: Final = np.uint64(LIST_MASK)
"""A cell of row 0, which nobody is judged by: here was one, and others may be behind it."""
PROBE_LIMIT: Final = 16
"""Buckets in which a cell is looked for, from its home on."""

HITS_DTYPE: Final = np.dtype([("packets", "u8", (RULES,))])
"""Of each worker: how many packets each rule has decided, the first ones of conversations and those denied."""


class Policy(NamedTuple):
    """The tables as a worker sees them: the copy in force of ``POLICY_DTYPE``; head; ends; rows; cells (u8); lists;
    steps (u8); the prefixes of both families (``Fib``, whose values are ends); the worker's hits."""

    rules: Any
    head: Any
    ends: Any
    rows: Any
    cells: Any
    lists: Any
    steps: Any
    fib4: Any
    fib6: Any
    hits: Any


def initialize_policy(head: np.record, random: np.random.Generator) -> None:
    """Make the zeroed head that of empty tables; the hash multiplier is a secret."""
    head.multiplier = int(random.integers(0, 1 << 64, dtype=np.uint64)) | 1
    head.shift = 64 - ((CELLS // CELLS_OF_BUCKET).bit_length() - 1)
    head.stamp[0] = 1
