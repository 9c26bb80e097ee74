"""What becomes of frames, told to whoever observes (``flowlog/``): asked once for each frame that was decided."""

from typing import Any, Final

import numpy as np

from dataplane.flow.tables import NO_HALF
from dataplane.flowlog.kernels import log_begun, log_packet
from dataplane.flowlog.tables import AUDITED, DENIED
from dataplane.jit import inlined, kernel
from dataplane.policy.tables import ACTION_MASK, ACTION_SHIFT, AUDIT
from dataplane.router.tables import NEW
from dataplane.router.tuples import copy_reversed, word_of_packet
from dataplane.router.view import flows_of, log_of, way_of
from dataplane.verdict import (
    DROP,
    FLOW_TABLE_FULL,
    NAT_EXHAUSTED,
    NETWORK_INTERNAL,
    NETWORKS_ISOLATED,
    POLICY_DENIED,
    POLICY_UNREADABLE,
    UNRELATED_ERROR,
    UNSOLICITED,
)

REFUSALS: Final = (
    *(POLICY_DENIED, POLICY_UNREADABLE, NETWORKS_ISOLATED, NETWORK_INTERNAL, UNSOLICITED, UNRELATED_ERROR),
    *(FLOW_TABLE_FULL, NAT_EXHAUSTED),
)
"""Reasons by which a conversation may not be, or may not go on. Others say what is wrong with one packet."""


@kernel
def tell_frame(vector: Any, router: Any, i: int, is_packet: bool) -> None:
    """Tell what frame ``i``, which has just been decided, has begun, or that it was refused, or audited.

    Reads: its verdict, reason, likely_half and judgements, and the way, which is still its own. ``is_packet``: its
    packet's columns are. Writes: the way's conversation.
    """
    way, half = way_of(router), np.int64(vector.likely_half[i])
    if is_packet and way.standing == NEW and half != NO_HALF:
        flow = half >> 1
        log_begun(log_of(router), flow, flows_of(router).records[flow], vector, i)
    elif vector.verdict[i] == DROP:
        if vector.reason[i] in REFUSALS:
            tell_packet(vector, router, i, DENIED, is_packet)
    elif is_packet and (is_audited(vector.egress_judgement[i]) or is_audited(vector.ingress_judgement[i])):
        tell_packet(vector, router, i, AUDITED, True)


@inlined
def is_audited(judgement: Any) -> bool:
    """Whether something passes though it is denied."""
    return (np.uint64(judgement) >> ACTION_SHIFT) & ACTION_MASK == AUDIT


@kernel
def tell_packet(vector: Any, router: Any, i: int, kind: int, is_packet: bool) -> None:
    """Tell of frame ``i`` alone: by its flow's tuples if it has one, else by its own."""
    way, half = way_of(router), np.int64(vector.likely_half[i])
    original, reply = way.conversation.original, way.conversation.reply
    if not is_packet:
        clear_tuple(original)
        log_packet(log_of(router), kind, original, original, vector, i, 0, np.int64(vector.length[i]))
        return
    octets = np.int64(vector.packet_bytes[i])
    if half != NO_HALF:
        record = flows_of(router).records[half >> 1]
        log_packet(log_of(router), kind, record.original.key, record.reply.key, vector, i, half, octets)
        return
    original.source_high, original.source_low = vector.source_high[i], vector.source_low[i]
    original.destination_high, original.destination_low = vector.destination_high[i], vector.destination_low[i]
    original.word = word_of_packet(vector, i)
    if way.standing != NEW:
        copy_reversed(original, reply)
    log_packet(log_of(router), kind, original, reply, vector, i, half, octets)


@inlined
def clear_tuple(key: Any) -> None:
    """Make a tuple that of nothing."""
    key.source_high = key.source_low = key.destination_high = key.destination_low = key.word = np.uint64(0)
