"""Kernels that write a report, line by line."""

from typing import Any, Final

import numpy as np

from dataplane.flow.tables import NO_HALF
from dataplane.jit import inlined, kernel
from dataplane.memory import copy_bytes
from dataplane.policy.tables import ACTION_MASK, ACTION_SHIFT, AUDIT, DENY, RULE_MASK
from dataplane.ports.pcap.report.tables import (
    AUDITED_END,
    COMMA,
    END,
    IN,
    INDEX,
    NO_RULE,
    OUT,
    PORTS,
    RANK_BITS,
    RANK_WORDS,
    REASONS,
    RULES,
    TIME,
    VERDICTS,
)
from dataplane.ports.pcap.tables import NANOSECONDS_PER_SECOND
from dataplane.verdict import DROP, POLICY_DENIED, POLICY_UNREADABLE

FRACTION_DIGITS: Final = 9
DIGIT_ZERO: Final = ord("0")
POINT: Final = ord(".")
TEN: Final = np.uint64(10)
PER_SECOND: Final = np.uint64(NANOSECONDS_PER_SECOND)
ONE: Final = np.uint64(1)
NONE: Final = np.uint64(0)


@kernel
def append_phrase(report: Any, at: int, number: int) -> int:
    """Append a phrase to the text and return where the next one goes."""
    start = report.starts[number]
    length = report.starts[number + 1] - start
    copy_bytes(report.text, at, report.phrases, start, length)
    return at + length


@kernel
def append_number(text: Any, at: int, number: Any) -> int:
    """Append ``number`` (uint64) in decimal digits and return where the next character goes."""
    digits = 1
    rest = number // TEN
    while rest != NONE:
        digits += 1
        rest //= TEN
    rest = number
    for k in range(digits):
        text[at + digits - 1 - k] = DIGIT_ZERO + np.int64(rest % TEN)
        rest //= TEN
    return at + digits


@kernel
def append_seconds(text: Any, at: int, timestamp_ns: Any) -> int:
    """Append nanoseconds (uint64) as seconds, exactly: as many decimals as it takes, and at least one."""
    at = append_number(text, at, timestamp_ns // PER_SECOND)
    text[at] = POINT
    fraction = timestamp_ns % PER_SECOND
    digits = FRACTION_DIGITS
    while digits > 1 and fraction % TEN == NONE:
        fraction //= TEN
        digits -= 1
    for k in range(digits):
        text[at + digits - k] = DIGIT_ZERO + np.int64(fraction % TEN)
        fraction //= TEN
    return at + 1 + digits


@inlined
def is_action(judgement: Any, action: int) -> bool:
    """Whether a judgement (uint64) was given, and is to do this."""
    return judgement != NONE and (judgement >> ACTION_SHIFT) & ACTION_MASK == np.uint64(action)


@kernel
def deciding_judgement(vector: Any, flows: Any, i: int) -> Any:
    """Return the judgement (uint64) by which frame ``i`` was dropped or went on; 0 if it was dropped for another
    reason, or if nobody's policy was asked.

    Of what went on it is one that would have denied it but for an audit; else that of the receiver's ingress if there
    is one, else that of the sender's egress. What is of a known conversation was let pass by what that keeps.
    """
    half = np.int64(vector.likely_half[i])
    egress, ingress = np.uint64(vector.egress_judgement[i]), np.uint64(vector.ingress_judgement[i])
    if egress == NONE and ingress == NONE and half != NO_HALF:
        record = flows[half >> 1]
        egress, ingress = np.uint64(record.original.judgement), np.uint64(record.reply.judgement)
    wanted = AUDIT
    if vector.verdict[i] == DROP:
        if vector.reason[i] != POLICY_DENIED and vector.reason[i] != POLICY_UNREADABLE:
            return NONE
        wanted = DENY
    if is_action(egress, wanted):
        return egress
    if is_action(ingress, wanted):
        return ingress
    if wanted == DENY:
        return NONE
    return ingress if ingress != NONE else egress


@kernel
def append_line(report: Any, vector: Any, i: int, judgement: Any) -> None:
    """Append the line of frame ``i``, by whose ``judgement`` (uint64) it is so, 0 for nobody's. Precondition: the text
    has room for ``longest_line`` bytes more."""
    state = report.state
    text = report.text
    at = append_phrase(report, state.used, INDEX)
    at = append_number(text, at, np.uint64(state.next_index))
    at = append_phrase(report, at, TIME)
    at = append_seconds(text, at, vector.timestamp_ns[i])
    at = append_phrase(report, at, IN)
    at = append_phrase(report, at, PORTS + np.int64(vector.in_port[i]))
    at = append_phrase(report, at, OUT)
    is_first = True
    for word in range(RANK_WORDS):
        left_by = state.left_by[i, word]
        rank = word * RANK_BITS
        while left_by != NONE:
            if left_by & ONE != NONE:
                if not is_first:
                    at = append_phrase(report, at, COMMA)
                at = append_phrase(report, at, PORTS + np.int64(state.ports_by_rank[rank]))
                is_first = False
            left_by >>= ONE
            rank += 1
    at = append_phrase(report, at, VERDICTS + np.int64(vector.verdict[i]))
    reason = np.int64(vector.reason[i]) if vector.verdict[i] == DROP else 0
    at = append_phrase(report, at, REASONS + reason)
    rule = np.int64(judgement & RULE_MASK)
    has_name = 0 < rule < state.rules and report.starts[RULES + rule + 1] > report.starts[RULES + rule]
    at = append_phrase(report, at, RULES + rule if has_name else NO_RULE)
    state.used = append_phrase(report, at, AUDITED_END if is_action(judgement, AUDIT) else END)
    state.next_index += 1


@kernel
def append_lines(report: Any, vector: Any, flows: Any, is_judged: bool) -> None:
    """Append a line for every frame that came in, and forget by which ports its frames left.

    ``flows``: the records of the conversations that frames are of; ``is_judged``: policies are asked about them.
    """
    for i in range(vector.received):
        append_line(report, vector, i, deciding_judgement(vector, flows, i) if is_judged else NONE)
        for word in range(RANK_WORDS):
            report.state.left_by[i, word] = NONE


@kernel
def note_leaving(report: Any, port: int, i: int) -> None:
    """Remember that frame ``i`` left by ``port``."""
    rank = np.int64(report.state.rank[port])
    report.state.left_by[i, rank // RANK_BITS] |= ONE << np.uint64(rank % RANK_BITS)
