"""How new desired state comes into force: written beside the old, then switched to between two bursts.

Every table that the agent writes has two copies, and generation ``g`` lies in copy ``g % 2``. A worker says at the
start of each burst which generation it uses, and says 0 before it sleeps. The agent writes the copy that is not in
force, makes it the active one, and waits until no worker uses the other any more: then that one is free for the next
change.
"""

from typing import Final

import numpy as np

COPIES: Final = 2
MAX_WORKERS: Final = 4
ASLEEP: Final = np.uint32(0)
FIRST_GENERATION: Final = 1
"""What is in force from the start: tables without ports. 0 is no generation."""

CONTROL_DTYPE: Final = np.dtype(
    [
        ("active", "u4", (1,)),
        ("in_use", "u4", (MAX_WORKERS,)),
        ("barrier", "u4", (1,)),
        ("installed_stamp", "u4"),
        ("turn", "u8", (1,)),
        ("noted_turn", "u8", (MAX_WORKERS,)),
    ],
    align=True,
)
"""``active`` is the generation in force; ``in_use`` is each worker's; ``barrier`` means nothing, it is there to be
written atomically; ``installed_stamp`` says which static FDB entries workers have put in force; ``turn`` and
``noted_turn`` are for what has one copy (``grace.py``)."""
