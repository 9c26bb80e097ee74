"""A thread judges while this one writes: every verdict that it gets was right before the change, or is after it."""

import threading
import time
from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.generation.build import activate
from dataplane.generation.grace import WorkersGrace
from dataplane.generation.kernels import enter_generation, leave_generation
from dataplane.jit import kernel
from dataplane.memory import load_acquire
from dataplane.policy.build import BY_LABELS, PolicyWriter, Steps, TableFullError, step_word
from dataplane.policy.kernels import cell_key, find_cell, policy_key, search_list
from dataplane.policy.tables import ALLOW, DENY, RULE_MASK
from dataplane.router.view import policy_of
from dataplane.state import State
from tests.policy.matching import TCP, make_state
from tests.scale import scaled

pytestmark = pytest.mark.kernel

ROW, LABELS, PORTS = 1, 300, 40
"""Ends 1 … LABELS have labels of the same number."""
FEW_LISTS = 40
PATIENCE_S = 120


@kernel
def watch(state: Any, router: Any, found: Any, seen: Any, stop: Any, rounds: Any) -> None:
    """Note which rules say what, for every end and each of PORTS, until told to stop; a round is a burst.

    All lists are looked up before any is read: a burst may hold on to what it has found.
    """
    policy = policy_of(router)
    while load_acquire(stop, 0) == 0:
        enter_generation(state.control[0], 0)
        for end in range(1, LABELS + 1):
            found[end] = find_cell(policy, cell_key(ROW, policy.ends[end].labels, False))
        for end in range(1, LABELS + 1):
            number = found[end] if found[end] != 0 else np.int64(policy.rows[ROW].otherwise)
            for port in range(PORTS):
                verdict = search_list(policy, number, policy_key(TCP, port))
                seen[end, np.int64(verdict & RULE_MASK)] = True
        rounds[0] += 1
    leave_generation(state.control[0], 0)


def steps_of(rule: int, length: int) -> Steps:
    """Return a list whose steps all name one rule."""
    return tuple(step_word(n and TCP << 16 | n, 1, ALLOW if n % 2 else DENY, rule) for n in range(length))


def prepare(state: State, chance: Random) -> PolicyWriter:
    """Return a writer with little room for lists, so that it is used again at once; row 1 says 1 of all others."""
    activate(state.control[0])
    small = state._replace(policy_lists=state.policy_lists[:FEW_LISTS], policy_steps=state.policy_steps[: 20 * PORTS])
    writer = PolicyWriter(small, WorkersGrace(state.control[0]))
    numbers = np.arange(1, LABELS + 1)
    writer.set_ends(numbers, numbers, 0, 0, 0, 0)
    writer.set_otherwise(ROW, writer.intern_list(steps_of(1, chance.randrange(1, PORTS))))
    writer.advance_stamp()
    return writer


def change(writer: PolicyWriter, chance: Random, allowed: Any) -> None:
    """Put cells in and remove them; note what may be said of each end."""
    end_of_pair = chance.sample(range(1, LABELS + 1), chance.randrange(1, 40))
    if chance.random() < 0.4:
        writer.remove_cells(ROW, BY_LABELS, end_of_pair)
    else:
        rule = 2 + chance.randrange(2) if chance.random() < 0.5 else 4
        ends = [end for end in end_of_pair if end % 3 == rule - 2]
        allowed[ends, rule] = True
        writer.put_cells(ROW, BY_LABELS, ends, writer.intern_list(steps_of(rule, chance.randrange(1, PORTS))))
    writer.advance_stamp()


def test_readers_never_get_a_wrong_verdict(seed: int) -> None:
    chance = Random(seed)
    state = make_state()
    writer = prepare(state, chance)
    allowed = np.zeros((LABELS + 1, 8), bool)
    allowed[1:, 1] = True
    seen, stop, rounds = np.zeros_like(allowed), np.zeros(1, np.uint32), np.zeros(1, np.int64)
    found = np.zeros(LABELS + 1, np.int64)
    reader = threading.Thread(target=watch, args=(state, state.routers[0], found, seen, stop, rounds))
    reader.start()
    try:
        wait_for(rounds, 1)
        for n in range(scaled(2000)):
            try:
                change(writer, chance, allowed)
            except TableFullError:  # The reader has not begun another burst since all the lists were retired.
                wait_for(rounds, int(rounds[0]) + 2)
            if n % 100 == 99:
                wait_for(rounds, int(rounds[0]) + 1)
        wait_for(rounds, int(rounds[0]) + 2)
    finally:
        stop[0] = 1
        reader.join()
    assert not (seen & ~allowed).any()
    assert seen[:, 1:5].any(axis=0).all()


def wait_for(rounds: Any, wanted: int) -> None:
    """Wait until the reader has gone so many times through everything; its kernels may have to be compiled first."""
    deadline = time.monotonic() + PATIENCE_S
    while rounds[0] < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.001)
