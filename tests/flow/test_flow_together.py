"""Workers race for the same flows in one table: each key has one flow at most, and in the end nothing is lost."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.flow.index import key_hash
from dataplane.flow.kernels import create_flow, find_half, is_same_key, remove_flow, sweep_flows
from dataplane.flow.records import begin_flow_burst, leave_flows
from dataplane.flow.tables import BEATEN, CONVERSATION_DTYPE, TUPLE_DTYPE
from dataplane.jit import kernel
from tests.flow.tables import crowded_keys, entries, make_flows, reverse
from tests.flow.test_flow_table import assert_empty
from tests.scale import JIT_OFF

pytestmark = pytest.mark.skipif(JIT_OFF, reason="atomic operations need the JIT")

WORKERS = 4
BURSTS = 20_000
PACKETS = 20
LONG = 1 << 20


@kernel
def hammer(
    flows: Any, conversations: Any, owners: Any, scratch: Any, worker: int, bursts: int, seed: int, now: int
) -> int:
    """Find, make and remove flows; return how many finds, in the end of their burst, were of something else."""
    wrong = 0
    random = np.uint64(seed * 2 + 1)
    for burst in range(bursts):
        begin_flow_burst(flows.head, worker)
        for n in range(PACKETS):
            random ^= random << np.uint64(13)
            random ^= random >> np.uint64(7)
            random ^= random << np.uint64(17)
            chosen = np.int64((random >> np.uint64(8)) % np.uint64(len(conversations)))
            conversation = conversations[chosen]
            hashed = key_hash(flows.head, conversation.original)
            ref = find_half(flows, conversation.original, hashed, now)
            scratch[n] = ref
            owners[n] = chosen
            if ref == 0:
                flow = create_flow(flows, conversation, now, LONG)
                scratch[n] = max(flow, 0) * 2
            elif random & np.uint64(1):
                remove_flow(flows, ref >> 1)
        for n in range(PACKETS):
            if scratch[n] > 0:
                record = flows.records[scratch[n] >> 1]
                if not is_same_key(record.original.key, conversations[owners[n]].original):
                    wrong += 1
        if burst % 1000 == 0:
            leave_flows(flows.head, worker)
    leave_flows(flows.head, worker)
    return wrong


@pytest.mark.parametrize("number", [3, 30])
def test_threads_that_race_agree_in_the_end(number: int, seed: int) -> None:
    flows = make_flows(40, seed)
    keys = crowded_keys(flows, Random(seed), number)
    conversations = np.array([(key, reverse(key)) for key in keys], CONVERSATION_DTYPE).view(np.recarray)
    now = np.uint64(1)

    def work(worker: int) -> int:
        owners, scratch = np.zeros(PACKETS, np.int64), np.zeros(PACKETS, np.int64)
        return int(hammer(flows, conversations, owners, scratch, worker, BURSTS, seed + worker, now))

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [0] * WORKERS, "records used again while they were held"
    halves = entries(flows)
    assert flows.head.flows[0] * 2 == len(halves) == len(set(halves))
    originals = [
        tuple(flows.records[ref >> 1].original.key[name] for name in TUPLE_DTYPE.names or ()) for ref in halves
    ]
    assert len(set(originals)) * 2 == len(halves), "a key has one flow"
    sweep_flows(flows, 0, len(flows.records), now + np.uint64(LONG))
    assert_empty(flows)


@kernel
def make_each_once(flows: Any, conversations: Any, outcomes: Any, worker: int, now: int) -> int:
    """Make every flow unless it is there; ``outcomes`` are as ``create_flow`` returns them, 0 where it was found.

    Records of those that were beaten come back only after their burst, so bursts are short, as a worker's are.
    """
    for n in range(len(conversations)):
        if n % PACKETS == 0:
            begin_flow_burst(flows.head, worker)
        conversation = conversations[n]
        ref = find_half(flows, conversation.original, key_hash(flows.head, conversation.original), now)
        outcomes[n] = 0 if ref else create_flow(flows, conversation, now, LONG)
    leave_flows(flows.head, worker)
    return len(conversations)


def test_one_of_several_makes_each_flow(seed: int) -> None:
    """All make the same flows in the same order; none is refused for any other reason than that another has it."""
    random = Random(seed)
    flows = make_flows(200_000, seed)  # room for all that are beaten, however long a thread is held up
    words = np.arange(1, 50_001, dtype=np.uint64) << np.uint64(40) | np.uint64(random.getrandbits(24))
    conversations = np.zeros(len(words), CONVERSATION_DTYPE).view(np.recarray)
    conversations.original.word, conversations.original.source_low = words, 1
    conversations.reply.word, conversations.reply.source_low = words, 2
    outcomes = np.zeros((WORKERS, len(words)), np.int64)
    make_each_once(flows, conversations[:0], outcomes[0], 0, np.uint64(1))

    def work(worker: int) -> int:
        return int(make_each_once(flows, conversations, outcomes[worker], worker, np.uint64(1)))

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(work, range(WORKERS))) == [len(words)] * WORKERS
    assert ((outcomes > 0).sum(axis=0) == 1).all()
    assert set(outcomes[outcomes <= 0].tolist()) <= {0, BEATEN}
    assert len(entries(flows)) == 2 * len(words)
