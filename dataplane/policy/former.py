"""What a writer of policies finds in use when it begins: the numbers that a former one gave out."""

from typing import Any

import numpy as np

from dataplane.policy.tables import BLOCK_BIT, NUMBER_SHIFT, ROW_SHIFT, RULE_MASK
from dataplane.route.change import groups_in_use
from dataplane.route.tables import FANOUT, GROUP_MASK, LENGTH_SHIFT, NODE, ROOT_BITS, STRIDE, Fib

_NUMBER_MASK = np.uint64((1 << 17) - 1)


def read_former(state: Any, cells: Any, lists: Any) -> dict[Any, set[int]]:
    """Return the numbers in use, by their kind; ``cells`` are all words, ``lists`` all numbers of lists in use."""
    ends = np.unique(
        np.concatenate(
            [
                groups_in_use(Fib(state.policy_fib4_root, state.policy_fib4_units)),
                groups_in_use(Fib(state.policy_fib6_root, state.policy_fib6_units)),
                state.policy["end_of_port"].reshape(-1),
            ]
        )
    )
    end = state.policy_ends[ends]
    numbers, is_block = cells >> NUMBER_SHIFT & _NUMBER_MASK, cells & BLOCK_BIT != 0
    return {
        "ends": numbers_in(ends),
        "labels": numbers_in(end["labels"], numbers[~is_block]),
        "blocks": numbers_in(end["block"], numbers[is_block]),
        "rows": numbers_in(end["ingress"], end["egress"], cells >> ROW_SHIFT, *rows_in_use(state.policy_rows)),
        "rules": rules_of(state, lists),
    }


def rows_in_use(rows: Any) -> tuple[Any, Any]:
    """Return the rows that have a list, and those that are asked after others."""
    return np.flatnonzero(rows["otherwise"]), rows["after"]


def numbers_in(*columns: Any) -> set[int]:
    """Return all numbers but 0 in some arrays."""
    return set(np.unique(np.concatenate([column.astype(np.int64) for column in columns])).tolist()) - {0}


def rules_of(state: Any, lists: Any) -> set[int]:
    """Return the rules that the steps of these lists name."""
    first, count = state.policy_lists["first"][lists].astype(np.int64), state.policy_lists["count"][lists]
    count = count.astype(np.int64)
    begin = np.cumsum(count) - count
    places = np.repeat(first - begin, count) + np.arange(int(count.sum()))
    return numbers_in(state.policy_steps[places] & RULE_MASK)


def find_former(fib: Fib, width: int, address: int) -> tuple[int, int]:
    """Return the end to which an address of ``width`` bits leads in a table, and how long the prefix is that says so;
    zeros if none does. Read slowly, word by word."""
    words, depth = fib.units.view(np.uint32), ROOT_BITS
    word = int(fib.root[address >> width - ROOT_BITS])
    while word >= NODE:
        ref = word - NODE
        entry = (address << STRIDE >> width - depth) & FANOUT - 1
        runs = int(fib.units[ref]) & (2 << entry) - 1
        word, depth = int(words[2 * ref + 1 + runs.bit_count()]), depth + STRIDE
    return word & GROUP_MASK, word >> LENGTH_SHIFT
