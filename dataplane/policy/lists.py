"""The writer of lists: equal ones are one, and those that nothing names any more make room after a period of grace."""

from itertools import pairwise
from typing import Any

import numpy as np

from dataplane.policy.tables import (
    ACTION_SHIFT,
    ORDER_SHIFT,
    ORDERS,
    PASS,
    RULES,
    START_SHIFT,
    STEPS_PER_LIST,
)
from dataplane.route.blocks import BlockPool, Grace, TableFullError
from dataplane.route.hops.build import Numbers

Steps = tuple[int, ...]
"""A list's steps as they are in memory, in the order of their starts (``step_word``)."""

_START = int(START_SHIFT)
_ORDER = int(ORDER_SHIFT)
_ACTION = int(ACTION_SHIFT)
_WORDS_OF_LIST = 2


class InvalidListError(ValueError):
    """Steps that are no list."""


def step_word(start: int, order: int, action: int, rule: int) -> int:
    """Return one step: from ``start`` (protocol << 16 | port) on, ``rule`` says ``action``, as the ``order``-th."""
    if not (0 <= start < 1 << 24 and 0 <= order < ORDERS and 0 <= action <= PASS and 0 <= rule < RULES):
        raise InvalidListError(f"no step begins at {start:#x} with order {order}, action {action}, rule {rule}")
    return start << _START | order << _ORDER | action << _ACTION | rule


class ListWriter:
    """Writes lists and steps, of which it is the only writer. It begins with those of a former one.

    A list that is ``intern``-ed and named by nothing (``hold``) when ``collect`` is called is forgotten.
    """

    def __init__(self, lists: Any, steps: Any, grace: Grace, uses: Any) -> None:
        """``uses``: how often each list is named (int64)."""
        self.lists = lists.view(np.uint32).reshape(-1, _WORDS_OF_LIST)
        self.steps = memoryview(steps)
        self.uses = uses
        in_use = np.flatnonzero(uses).tolist()
        self.numbers = Numbers(1, len(lists), "lists", grace, set(in_use))
        self.number_of = {self.read(number): number for number in in_use}
        places = [self._place(number) for number in in_use]
        self.room = BlockPool(len(steps), grace, places, STEPS_PER_LIST)
        self.idle: list[Any] = []

    def __len__(self) -> int:
        return len(self.number_of)

    def read(self, number: int) -> Steps:
        """Return a list's steps."""
        first, count = self._place(number)
        return tuple(self.steps[first : first + count])

    def intern(self, steps: Steps) -> int:
        """Return the number of the list with these steps. InvalidListError; TableFullError: nothing is changed."""
        found = self.number_of.get(steps)
        if found is not None:
            return found
        require_list(steps)
        number = self.numbers.take()
        try:
            first = self.room.allocate(len(steps))
        except TableFullError:
            self.numbers.retire(number)
            raise
        for at, word in enumerate(steps, first):
            self.steps[at] = word
        self.lists[number] = first, len(steps)
        self.number_of[steps] = number
        self.idle.append(np.array([number]))
        return number

    def hold(self, numbers: Any) -> None:
        """Note that lists (int64) are named, each as often as it comes."""
        np.add.at(self.uses, numbers, 1)

    def let_go(self, numbers: Any) -> None:
        """Note that lists are no longer named, each as often as it comes."""
        np.subtract.at(self.uses, numbers, 1)
        self.idle.append(numbers)

    def collect(self) -> None:
        """Forget the lists that nothing names."""
        if not self.idle:
            return
        idle = np.unique(np.concatenate(self.idle))
        self.idle.clear()
        dead = idle[(self.uses[idle] == 0) & (idle != 0)].tolist()
        for number in dead:
            del self.number_of[self.read(number)]
        self.room.retire([self._place(number) for number in dead])
        self.numbers.retire_all(dead)

    def _place(self, number: int) -> tuple[int, int]:
        """Return a list's first step, and how many it has."""
        first, count = self.lists[number].tolist()
        return first, count


def require_list(steps: Steps) -> None:
    """InvalidListError unless the first step begins at 0 and each further one later, and they are not too many."""
    starts = [word >> _START for word in steps]
    if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
        raise InvalidListError(f"expected steps from 0 on in ascending order, found {[hex(start) for start in starts]}")
    if len(steps) > STEPS_PER_LIST:
        raise InvalidListError(f"{len(steps):,} steps, at most {STEPS_PER_LIST:,} are a list")
