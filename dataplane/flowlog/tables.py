"""The ring through which a worker tells the agent what becomes of conversations.

One ring a worker: the worker alone moves ``head``, the agent alone moves ``tail``; both only grow, in events, and their
difference is what the ring holds. An event that does not fit is not written but counted in ``lost``: observing never
slows the traffic down. Nothing is written while nobody observes: the agent says so in the flow table's head
(``observed``), which workers have at hand anyhow.

An event is all that there is to tell, so that nobody has to look at a flow that may be another's by then. A tuple is
five words, those of ``flow/tables.py``'s ``TUPLE_DTYPE`` in order: how packets of a direction come.

| kind    | when                                                                         | tuples and counts |
|---------|------------------------------------------------------------------------------|-------------------|
| NEW     | a conversation has begun                                                     | its flow's        |
| CLOSED  | it is over: ended, expired, killed, given up for another                     | its flow's        |
| DENIED  | a packet was dropped by a rule: a first one, or one that may go on no longer | the packet's own  |
| AUDITED | a packet that begins no conversation has passed though a rule denies it      | the packet's own  |
"""

from typing import Final

import numpy as np

NEW: Final = 1
CLOSED: Final = 2
DENIED: Final = 3
AUDITED: Final = 4

EVENTS: Final = 1 << 15
"""What a ring holds, a power of two: 0.3 s of 100,000 events a second."""

TUPLE_WORDS: Final = 5
NO_PORT: Final = 0xFFFF

FLOW_EVENT_DTYPE: Final = np.dtype(
    [
        ("original", "u8", (TUPLE_WORDS,)),
        ("reply", "u8", (TUPLE_WORDS,)),
        ("timestamp_ns", "u8"),
        # Of the original direction, and of the reply. Bytes are those of IP.
        ("packets", "u8", (2,)),
        ("octets", "u8", (2,)),
        # What policy said (``policy/tables.py``), 0 where it was not asked.
        ("egress", "u4"),
        ("ingress", "u4"),
        # The flow's number, 0 if there is none; the tick at which it was made; the stamp that it was last judged under.
        ("flow", "u4"),
        ("created", "u4"),
        ("judged", "u4"),
        ("in_port", "u2"),
        ("kind", "u1"),
        # The drop reason's number, 0 where nothing was dropped; which direction of the flow the packet is of.
        ("reason", "u1"),
        ("direction", "u1"),
        ("state", "u1"),
        ("reserved", "u2"),
    ],
    align=True,
)
"""``in_port`` is where the packet came in that the event is about, NO_PORT where there is none."""

FLOW_LOG_DTYPE: Final = np.dtype(
    [
        # By the worker: how many events it has written, how many it has lost; the time of its burst.
        ("head", "u8", (8,)),
        ("lost", "u8", (8,)),
        ("now_ns", "u8", (8,)),
        # By the agent: how many it has taken.
        ("tail", "u8", (8,)),
        ("events", FLOW_EVENT_DTYPE, (EVENTS,)),
    ],
    align=True,
)
"""The ring: event ``n`` is at ``n % EVENTS``. Of each array the first counts, the others keep its line free."""
