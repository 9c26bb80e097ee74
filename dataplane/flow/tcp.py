"""TCP connections: their states, and which segments are in window.

What is kept of a direction, all of it from segments that were in window (after Guido van Rooij, "Real stateful TCP
packet filtering in IP Filter", 2000):

    end         the sequence number after the last one that it has sent
    max_end     how far it may send: the furthest that the other direction's acknowledgements and windows have allowed
    max_window  the largest window that it has offered; 0 until a segment of it has been seen
    max_ack     the highest acknowledgement that it has sent, or where the other direction began

A segment is in window if it begins at or before ``max_end`` and ends no earlier than the other direction's window
before ``end``, and acknowledges nothing that was not sent, nor less than its own window ago. Both lower bounds are at
least ``SLACK``. Windows are not shrunk, so no loss, retransmission or reordering of segments on the way here matters. A
segment out of window changes nothing.

Stricter are resets. One resets the connection if its number is exactly the next, as RFC 5961 section 3.2 has it, by
what the other side has acknowledged or this one sent. Another in window is answered by those who follow that, so the
connection stays as it is but for its time, which is that of a closed one until the next segment.

A connection that is PICKED_UP has windows of unknown scale: every segment is in window but resets too far off.

A SYN within a connection is ignored, since one end may have begun anew and we cannot know whether it did. If the other
end answers it, both are in step and we follow.
"""

from typing import Any, Final

import numpy as np

from dataplane.flow.segment import (
    ACK,
    FIN,
    NONSENSE,
    RST,
    SYN,
    SYN_ACK,
    UNSCALED,
    acknowledgement_of,
    has_ack,
    is_after,
    kind_of,
    offered_scale,
    payload_of,
    plus,
    sequence_of,
    sequence_space,
    window_of,
)
from dataplane.flow.tables import (
    ANSWERED,
    ASSURED,
    FINISHED,
    NEVER_SEEN,
    OPENS,
    ORIGINAL,
    PICKED_UP,
    REPLY,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT,
    TCP_LAST_ACK,
    TCP_SIMULTANEOUS_OPEN,
    TCP_SYN_RECEIVED,
    TCP_SYN_SENT,
    TCP_TIME_WAIT,
    TCP_UNANSWERED,
    UNCHANGED,
)
from dataplane.jit import inlined, kernel
from dataplane.vector import WHOLE

SLACK: Final = 1 << 17
"""What a direction may lag behind the other's numbers whatever its windows: two superframes."""
LARGEST_WINDOW: Final = 1 << 30
"""RFC 7323 section 2.3."""
SCALE_BITS: Final = 15
ANY_WINDOW: Final = 0xFFFF
"""The window assumed of a SYN that was ignored; there is none larger in a SYN."""


@kernel
def first_tcp_row(vector: Any, heads: Any, i: int) -> int:
    """Return the row of timeouts for a connection whose first segment seen is frame ``i``."""
    state = first_tcp_state(vector, heads, i)
    return TCP_UNANSWERED if state == TCP_ESTABLISHED else state


@kernel
def first_tcp_state(vector: Any, heads: Any, i: int) -> int:
    """Return the state of a connection whose first segment seen is frame ``i``.

    One that no connection has in its middle is over soon: its flow is for its own way, and the answer's, alone.
    """
    at = np.int64(vector.transport_at[i])
    if at == 0 or payload_of(vector, heads, i, at) < 0:
        return TCP_CLOSE
    kind = kind_of(heads, at)
    if kind == SYN:
        return TCP_SYN_SENT
    if kind == SYN_ACK:
        return TCP_SYN_RECEIVED
    if kind == ACK:
        return TCP_ESTABLISHED
    return TCP_FIN_WAIT if kind == FIN else TCP_CLOSE


@kernel
def begin_tcp(record: Any, vector: Any, heads: Any, i: int) -> int:
    """Begin a connection by frame ``i`` of its original direction; return the row of timeouts."""
    state = first_tcp_state(vector, heads, i)
    record.state = state
    if state != TCP_SYN_SENT or vector.fragment[i] != WHOLE:
        record.traits |= PICKED_UP
    if state == TCP_CLOSE:
        return state
    at = np.int64(vector.transport_at[i])
    kind = kind_of(heads, at)
    if kind == SYN:
        begin_direction(record, ORIGINAL, vector, heads, i, at)
        return state
    record.reply.max_ack = sequence_of(heads, at)
    end = plus(sequence_of(heads, at), sequence_space(kind, payload_of(vector, heads, i, at)))
    note_segment(record, record.original, ORIGINAL, end, acknowledgement_of(heads, at), window_of(heads, at))
    if kind == FIN:
        record.traits |= FINISHED << ORIGINAL
    return TCP_UNANSWERED if state == TCP_ESTABLISHED else state


@kernel
def track_tcp(record: Any, direction: int, vector: Any, heads: Any, i: int) -> int:
    """Follow a connection by frame ``i``; return the row of timeouts, UNCHANGED or OPENS."""
    at = np.int64(vector.transport_at[i])
    state = np.int64(record.state)
    if at == 0:  # A later fragment, of a segment whose head has been seen.
        return row_of(record, state)
    payload = payload_of(vector, heads, i, at)
    kind = kind_of(heads, at)
    if payload < 0 or kind == NONSENSE:
        return UNCHANGED
    if vector.fragment[i] != WHOLE:  # How long the segment is, nobody here can tell.
        record.traits |= PICKED_UP
    if kind == SYN:
        return track_syn(record, direction, vector, heads, i, at)
    if kind == SYN_ACK:
        return track_syn_ack(record, direction, vector, heads, i, at)
    if kind == RST:
        return track_reset(record, direction, heads, at)
    if state in (TCP_SYN_SENT, TCP_SIMULTANEOUS_OPEN):
        return UNCHANGED
    own = record.reply if direction == REPLY else record.original
    other = record.original if direction == REPLY else record.reply
    return track_segment(record, own, other, direction, heads, at, kind, payload)


@inlined
def track_segment(
    record: Any, own: Any, other: Any, direction: int, heads: Any, at: int, kind: int, payload: int
) -> int:
    """Follow a connection that is open, or is closing, by an acknowledgement or a FIN; return the row or UNCHANGED."""
    sequence = sequence_of(heads, at)
    ack = acknowledgement_of(heads, at)
    end = plus(sequence, sequence_space(kind, payload))
    if not is_in_window(record, direction, sequence, end, ack):
        return UNCHANGED
    note_segment(record, own, direction, end, ack, window_of(heads, at))
    traits = np.int64(record.traits)
    if kind == FIN:
        traits |= FINISHED << direction
    if direction == REPLY:
        traits |= ANSWERED
    state = state_after(record, own, other, direction, np.int64(record.state), traits)
    if state == TCP_ESTABLISHED and traits & ANSWERED != 0:
        traits |= ASSURED
    elif state >= TCP_TIME_WAIT:
        traits &= ~ASSURED
    if record.state != state:
        record.state = state
    if record.traits != traits:
        record.traits = traits
    return row_of(record, state)


@inlined
def row_of(record: Any, state: int) -> int:
    """Return the row of timeouts for a state."""
    return TCP_UNANSWERED if state == TCP_ESTABLISHED and record.traits & ANSWERED == 0 else state


@inlined
def is_in_window(record: Any, direction: int, sequence: int, end: int, ack: int) -> bool:
    """Whether a segment with an acknowledgement is in window."""
    if record.traits & PICKED_UP != 0:
        return True
    sender = record.windows[direction]
    receiver = record.windows[1 - direction]
    if end == sequence:  # An acknowledgement alone may have any number: only what it acknowledges counts.
        sequence = end = np.int64(sender.end)
    return (
        not is_after(sequence, sender.max_end)
        and not is_after(plus(sender.end, -max(np.int64(receiver.max_window), SLACK)), end)
        and not is_after(ack, receiver.end)
        and not is_after(plus(receiver.end, -max(np.int64(sender.max_window), SLACK)), ack)
    )


@inlined
def note_segment(record: Any, own: Any, direction: int, end: int, ack: int, window: int) -> None:
    """Note how far a segment of ``direction`` has sent, acknowledged, and allows the other direction to send."""
    sender = record.windows[direction]
    receiver = record.windows[1 - direction]
    scaled = max(window << (np.int64(sender.scale) & SCALE_BITS), 1)
    is_first = sender.max_window == 0
    if is_first or is_after(end, sender.end):
        sender.end = end
    if is_first or is_after(ack, own.max_ack):
        own.max_ack = ack
    if scaled > np.int64(sender.max_window):
        sender.max_window = scaled
    edge = plus(ack, scaled)
    if is_first or is_after(edge, receiver.max_end):
        receiver.max_end = edge
    if sender.ignored_scale != 0:  # It goes on as before, so that SYN was none of its own.
        sender.ignored_scale = 0


@inlined
def state_after(record: Any, own: Any, other: Any, direction: int, state: int, traits: int) -> int:
    """Return the state once a segment in window has been noted: by who has sent a FIN, and whose is acknowledged."""
    if state >= TCP_TIME_WAIT:
        return state
    finished = traits & (FINISHED << ORIGINAL | FINISHED << REPLY)
    if finished == 0:
        return TCP_ESTABLISHED if state == TCP_SYN_RECEIVED and direction == ORIGINAL else state
    mine_acknowledged = not is_after(record.windows[direction].end, other.max_ack)
    theirs_acknowledged = not is_after(record.windows[1 - direction].end, own.max_ack)
    if finished == FINISHED << direction:
        return TCP_CLOSE_WAIT if mine_acknowledged else TCP_FIN_WAIT
    if finished == FINISHED << (1 - direction):
        return TCP_CLOSE_WAIT if theirs_acknowledged else TCP_FIN_WAIT
    return TCP_TIME_WAIT if mine_acknowledged and theirs_acknowledged else TCP_LAST_ACK


@kernel
def begin_direction(record: Any, direction: int, vector: Any, heads: Any, i: int, at: int) -> None:
    """Begin a direction's window by its SYN; windows in SYNs are not scaled (RFC 7323 section 2.2)."""
    sender = record.windows[direction]
    end = plus(sequence_of(heads, at), sequence_space(SYN, payload_of(vector, heads, i, at)))
    if sender.max_window == 0 or sender.end != end:
        sender.end = end
        sender.max_end = end
    sender.max_window = max(window_of(heads, at), 1)
    sender.scale = offered_scale(vector, heads, i, at)
    sender.ignored_scale = 0
    begun = plus(sequence_of(heads, at), 1)
    if direction == REPLY:
        record.original.max_ack = begun
    else:
        record.reply.max_ack = begun


@kernel
def track_syn(record: Any, direction: int, vector: Any, heads: Any, i: int, at: int) -> int:
    """Follow a connection by a SYN."""
    state = np.int64(record.state)
    if state in (TCP_TIME_WAIT, TCP_CLOSE):
        return OPENS
    if state in (TCP_SYN_SENT, TCP_SIMULTANEOUS_OPEN, NEVER_SEEN):
        begin_direction(record, direction, vector, heads, i, at)
        if direction == REPLY:
            record.traits |= ANSWERED
            state = TCP_SIMULTANEOUS_OPEN
        elif state == NEVER_SEEN:
            state = TCP_SYN_SENT
        record.state = state
        return state
    if direction == ORIGINAL:
        sender = record.windows[direction]
        end = plus(sequence_of(heads, at), sequence_space(SYN, payload_of(vector, heads, i, at)))
        sender.ignored_syn = end & 0xFFFF
        sender.ignored_scale = 0 if end == np.int64(sender.end) else offered_scale(vector, heads, i, at) + 1
    return UNCHANGED


@kernel
def track_syn_ack(record: Any, direction: int, vector: Any, heads: Any, i: int, at: int) -> int:
    """Follow a connection by the answer to a SYN."""
    state = np.int64(record.state)
    is_opening = state == TCP_SIMULTANEOUS_OPEN or (state in (TCP_SYN_SENT, TCP_SYN_RECEIVED) and direction == REPLY)
    ack = acknowledgement_of(heads, at)
    if not (is_opening and acknowledges_syn(record, direction, ack)):
        if direction == ORIGINAL or not answers_ignored_syn(record, ack):
            return UNCHANGED
        follow_ignored_syn(record, ack, sequence_of(heads, at))
    begin_direction(record, direction, vector, heads, i, at)
    answer_direction(record, direction, ack, window_of(heads, at))
    record.state = TCP_SYN_RECEIVED
    record.traits |= ANSWERED
    return TCP_SYN_RECEIVED


@inlined
def acknowledges_syn(record: Any, direction: int, ack: int) -> bool:
    """Whether an acknowledgement covers the other direction's SYN, and nothing that was not sent with it."""
    least = record.reply.max_ack if direction == REPLY else record.original.max_ack
    return not is_after(least, ack) and not is_after(ack, record.windows[1 - direction].end)


@inlined
def answer_direction(record: Any, direction: int, ack: int, window: int) -> None:
    """Note what a SYN's answer acknowledges and allows; windows are scaled if both have offered it."""
    sender = record.windows[direction]
    receiver = record.windows[1 - direction]
    receiver.max_end = plus(ack, max(window, 1))
    edge = plus(sender.end, np.int64(receiver.max_window))
    if is_after(edge, sender.max_end):
        sender.max_end = edge
    if direction == REPLY:
        record.reply.max_ack = ack
    else:
        record.original.max_ack = ack
    if sender.scale == UNSCALED or receiver.scale == UNSCALED:
        sender.scale = UNSCALED
        receiver.scale = UNSCALED


@inlined
def answers_ignored_syn(record: Any, ack: int) -> bool:
    """Whether this acknowledges a SYN of the original direction that was ignored."""
    sender = record.windows[ORIGINAL]
    return sender.ignored_scale != 0 and ack & 0xFFFF == sender.ignored_syn


@inlined
def follow_ignored_syn(record: Any, ack: int, sequence: int) -> None:
    """Begin the connection anew where the SYN that was ignored had begun it: its end is what is acknowledged."""
    sender = record.windows[ORIGINAL]
    sender.end = ack
    sender.max_end = ack
    sender.max_window = ANY_WINDOW
    sender.scale = sender.ignored_scale - 1
    sender.ignored_scale = 0
    record.original.max_ack = sequence
    record.traits &= ASSURED | ANSWERED


@kernel
def track_reset(record: Any, direction: int, heads: Any, at: int) -> int:
    """Follow a connection by a reset."""
    sequence = sequence_of(heads, at)
    sender = record.windows[direction]
    if record.state == TCP_SYN_SENT and direction == REPLY:  # It has no number yet, and answers the SYN.
        if not has_ack(heads, at) or not acknowledges_syn(record, direction, acknowledgement_of(heads, at)):
            return UNCHANGED
        return close_tcp(record, direction)
    expected = record.original.max_ack if direction == REPLY else record.reply.max_ack
    if sequence == expected or (sender.max_window != 0 and sequence == sender.end):
        return close_tcp(record, direction)
    if is_after(expected, sequence):
        return UNCHANGED
    limit = plus(expected, LARGEST_WINDOW) if record.traits & PICKED_UP != 0 else sender.max_end
    return UNCHANGED if is_after(sequence, limit) else TCP_CLOSE


@inlined
def close_tcp(record: Any, direction: int) -> int:
    """Close a connection that has been reset."""
    record.state = TCP_CLOSE
    record.traits &= 0xFF - ASSURED
    if direction == REPLY:
        record.traits |= ANSWERED
    return TCP_CLOSE
