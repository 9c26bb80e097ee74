"""Memory of a report: JSON lines, one a frame, and the phrases that they are made of.

Everything in a line but its numbers is a phrase prepared beforehand, so that millions of lines need no Python. The text
fills up, and then the loop returns for it to be emptied.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.vector import MAX_PORTS, VECTOR_CAPACITY
from dataplane.verdict import REASONS_CAPACITY, VERDICT_NAMES

RANK_BITS: Final = 64
RANK_WORDS: Final = MAX_PORTS // RANK_BITS

REPORT_DTYPE: Final = np.dtype(
    [
        ("enabled", "u1"),
        ("used", "i8"),
        ("next_index", "i8"),
        ("longest_line", "i8"),
        ("rules", "i8"),
        ("rank", "u2", (MAX_PORTS,)),
        ("ports_by_rank", "u2", (MAX_PORTS,)),
        ("left_by", "u8", (VECTOR_CAPACITY, RANK_WORDS)),
    ],
    align=True,
)
"""``used`` bytes of the text are filled; ``next_index`` numbers the frames; ``longest_line`` bounds a frame's share;
policies' rules have numbers below ``rules``. A port's ``rank`` is its place among all names; ``left_by`` has a bit for
each rank by which a frame has left."""

# Which phrase is what.
INDEX: Final = 0
TIME: Final = 1
IN: Final = 2
OUT: Final = 3
COMMA: Final = 4
NO_RULE: Final = 5
END: Final = 6
AUDITED_END: Final = 7
VERDICTS: Final = 8
REASONS: Final = VERDICTS + len(VERDICT_NAMES)
PORTS: Final = REASONS + REASONS_CAPACITY
RULES: Final = PORTS + MAX_PORTS
"""A port's phrase is PORTS and its index; a drop reason's is REASONS and its number, 0 for none; a rule's is RULES and
its number. What has no name has an empty phrase."""


class Report(NamedTuple):
    """``text`` is uint8, phrase ``n`` is ``phrases[starts[n]:starts[n + 1]]``, ``state`` is of REPORT_DTYPE."""

    text: Any
    phrases: Any
    starts: Any
    state: Any
