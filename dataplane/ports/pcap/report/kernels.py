"""Kernels that write a report, line by line."""

from typing import Any, Final

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import copy_bytes
from dataplane.ports.pcap.report.tables import (
    COMMA,
    END,
    IN,
    INDEX,
    OUT,
    PORTS,
    RANK_BITS,
    RANK_WORDS,
    REASONS,
    TIME,
    VERDICTS,
)
from dataplane.ports.pcap.tables import NANOSECONDS_PER_SECOND
from dataplane.verdict import DROP

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


@kernel
def append_line(report: Any, vector: Any, i: int) -> None:
    """Append the line of frame ``i``. Precondition: the text has room for ``longest_line`` bytes more."""
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
    state.used = append_phrase(report, at, END)
    state.next_index += 1


@kernel
def append_lines(report: Any, vector: Any) -> None:
    """Append a line for every frame that came in, and forget by which ports its frames left."""
    for i in range(vector.received):
        append_line(report, vector, i)
        for word in range(RANK_WORDS):
            report.state.left_by[i, word] = NONE


@kernel
def note_leaving(report: Any, port: int, i: int) -> None:
    """Remember that frame ``i`` left by ``port``."""
    rank = np.int64(report.state.rank[port])
    report.state.left_by[i, rank // RANK_BITS] |= ONE << np.uint64(rank % RANK_BITS)
