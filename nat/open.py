"""Beginning a translated conversation: a source for it, and its flow, until both fit."""

from typing import Any

from dataplane.flow.index import key_hash, prefetch_bucket
from dataplane.flow.kernels import create_flow
from dataplane.flow.tables import CLASH
from dataplane.jit import kernel
from nat.ports import choose_port
from nat.source import choose_source
from nat.tables import ATTEMPTS, NAT_EXHAUSTED, OK


@kernel
def open_flow(nat: Any, flows: Any, conversation: Any, translates_source: bool, tick: Any, timeout: int) -> int:
    """Make the flow of a conversation (CONVERSATION_DTYPE) that lives for ``timeout`` ticks from ``tick`` (uint64) on.

    Return the flow, or below 0 TABLE_FULL, BEATEN (another is making it: look it up), NAT_EXHAUSTED or NO_ADDRESS.
    Precondition: ``original`` is the packet's tuple; ``reply`` the same reversed, its source as
    ``translate_destination`` left it. A sender that is not translated keeps its address, and its port unless the
    answers could be taken for those of another flow.
    """
    prefetch_bucket(flows, key_hash(flows.head, conversation.original))
    for attempt in range(ATTEMPTS):
        outcome = OK
        if translates_source:
            outcome = choose_source(nat, flows, conversation, tick)
        elif attempt > 0:
            outcome = choose_port(nat, flows, conversation, tick)
        if outcome < OK:
            return outcome
        flow = create_flow(flows, conversation, tick, timeout)
        if flow != CLASH:
            return flow
    return NAT_EXHAUSTED
