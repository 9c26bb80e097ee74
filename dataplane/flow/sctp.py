"""SCTP associations (RFC 9260): their states by chunk types, and the verification tags that keep strangers out.

``windows[direction]`` holds, as ``max_window`` says of which (``HAS_TAG``, ``HAS_NEXT_TAG``):

    end       the tag that packets of the direction carry
    max_end   the tag that they will carry once an INIT of the other direction, which asks for it, is answered

A packet whose tag is not its direction's changes nothing, save an INIT, which has none, and its answer. Tags that were
not seen are learned: of an association that is PICKED_UP, and of its further paths, from the first packet each way.
"""

from typing import Any, Final

import numpy as np

from dataplane.flow.tables import (
    ANSWERED,
    ASSURED,
    BEGUN_BY_NODE,
    NEVER_SEEN,
    OPENS,
    ORIGINAL,
    PICKED_UP,
    REPLY,
    SCTP_CLOSED,
    SCTP_COOKIE_ECHOED,
    SCTP_COOKIE_WAIT,
    SCTP_ESTABLISHED,
    SCTP_HEARTBEAT_SENT,
    SCTP_SHUTDOWN_ACK_SENT,
    SCTP_SHUTDOWN_SENT,
    SCTP_UNANSWERED,
    UNCHANGED,
)
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be
from dataplane.wire import ETHERNET_BYTES, SCTP_BYTES, SCTP_TAG

INIT: Final = 1
INIT_ACK: Final = 2
HEARTBEAT: Final = 4
HEARTBEAT_ACK: Final = 5
ABORT: Final = 6
SHUTDOWN: Final = 7
SHUTDOWN_ACK: Final = 8
COOKIE_ECHO: Final = 10
COOKIE_ACK: Final = 11
SHUTDOWN_COMPLETE: Final = 14
OTHER: Final = 0
"""DATA, and what else changes no state."""
NO_CHUNK: Final = -1

CHUNK_BYTES: Final = 4
INIT_BYTES: Final = 8
"""What is read of an INIT: its chunk header, and the tag that it asks for."""
CHUNKS_READ: Final = 8
REFLECTED_TAG: Final = 1
"""The T bit: the sender had no association, and took the tag from the packet that it answers (section 8.5.1)."""

HAS_TAG: Final = 1
HAS_NEXT_TAG: Final = 2


@kernel
def first_sctp_row(vector: Any, heads: Any, i: int) -> int:
    """Return the row of timeouts for an association whose first packet seen is frame ``i``."""
    state = first_sctp_state(telling_chunk(vector, heads, i))
    return SCTP_UNANSWERED if state == SCTP_ESTABLISHED else state


@inlined
def first_sctp_state(chunk: int) -> int:
    """Return the state of an association by the first chunk seen of it."""
    if chunk == INIT:
        return SCTP_COOKIE_WAIT
    if chunk == HEARTBEAT:
        return SCTP_HEARTBEAT_SENT
    return SCTP_ESTABLISHED if chunk in (OTHER, HEARTBEAT_ACK, COOKIE_ECHO) else SCTP_CLOSED


@kernel
def begin_sctp(record: Any, vector: Any, heads: Any, i: int) -> int:
    """Begin an association by frame ``i`` of its original direction; return the row of timeouts."""
    chunk = telling_chunk(vector, heads, i)
    state = first_sctp_state(chunk)
    record.state = state
    if chunk == INIT:
        note_wanted_tag(record.windows[REPLY], vector, heads, i)
    elif chunk != NO_CHUNK:
        record.traits |= PICKED_UP
        learn_tag(record.windows[ORIGINAL], tag_of(heads, np.int64(vector.transport_at[i])))
    return SCTP_UNANSWERED if state == SCTP_ESTABLISHED else state


@kernel
def track_sctp(record: Any, direction: int, vector: Any, heads: Any, i: int) -> int:
    """Follow an association by frame ``i``; return the row of timeouts, UNCHANGED or OPENS."""
    state = np.int64(record.state)
    at = np.int64(vector.transport_at[i])
    if at == 0:  # A later fragment.
        return state
    chunk = telling_chunk(vector, heads, i)
    if chunk == NO_CHUNK:
        return UNCHANGED
    own = record.windows[direction]
    if chunk == INIT:
        if tag_of(heads, at) != 0:
            return UNCHANGED
        if state == SCTP_CLOSED:
            return OPENS
        note_wanted_tag(record.windows[1 - direction], vector, heads, i)
        return state if state == SCTP_COOKIE_WAIT and direction == ORIGINAL else UNCHANGED
    if chunk == INIT_ACK:
        if not takes_wanted_tag(own, tag_of(heads, at)):
            return UNCHANGED
        note_wanted_tag(record.windows[1 - direction], vector, heads, i)
        adopt_tag(record.windows[1 - direction])
        record.traits &= ASSURED | ANSWERED | BEGUN_BY_NODE
        state = SCTP_COOKIE_WAIT
    elif not may_carry(record, direction, chunk, heads, at):
        return UNCHANGED
    learn_tag(own, tag_of(heads, at))
    return enter_state(record, direction, state_after_chunk(state, chunk, direction))


@inlined
def enter_state(record: Any, direction: int, state: int) -> int:
    """Leave the association in ``state``; return the row of timeouts."""
    traits = np.int64(record.traits)
    if direction == REPLY:
        traits |= ANSWERED
    if state == SCTP_ESTABLISHED and traits & ANSWERED != 0:
        traits |= ASSURED
    elif state == SCTP_CLOSED:
        traits &= ~ASSURED
    if record.state != state:
        record.state = state
    if record.traits != traits:
        record.traits = traits
    return SCTP_UNANSWERED if state == SCTP_ESTABLISHED and traits & ANSWERED == 0 else state


@inlined
def state_after_chunk(state: int, chunk: int, direction: int) -> int:
    """Return an association's state after a chunk that it may have."""
    if chunk in (ABORT, SHUTDOWN_COMPLETE):
        return SCTP_CLOSED
    if chunk == COOKIE_ECHO:
        return SCTP_COOKIE_ECHOED if state in (NEVER_SEEN, SCTP_COOKIE_WAIT) else state
    if chunk == COOKIE_ACK:
        return SCTP_ESTABLISHED if state == SCTP_COOKIE_ECHOED else state
    if chunk == HEARTBEAT_ACK:
        return SCTP_ESTABLISHED if state == SCTP_HEARTBEAT_SENT and direction == REPLY else state
    if chunk == SHUTDOWN:
        return SCTP_SHUTDOWN_SENT if state == SCTP_ESTABLISHED else state
    if chunk == SHUTDOWN_ACK:
        return SCTP_SHUTDOWN_ACK_SENT if state == SCTP_SHUTDOWN_SENT else state
    return state


@kernel
def telling_chunk(vector: Any, heads: Any, i: int) -> int:
    """Return the type of the first chunk of frame ``i`` that can change a state, OTHER if there are only others, or
    NO_CHUNK if there is none to be read."""
    at = np.int64(vector.transport_at[i])
    if at == 0:
        return NO_CHUNK
    frame = np.int64(vector.head_at[i])
    packet_end = frame + ETHERNET_BYTES + np.int64(vector.packet_bytes[i])
    end = min(packet_end, frame + np.int64(vector.head_length[i]))
    found = NO_CHUNK
    chunk = at + SCTP_BYTES
    for _ in range(CHUNKS_READ):
        if chunk + CHUNK_BYTES > end:
            break
        type_ = np.int64(heads[chunk])
        length = np.int64(load_u16_be(heads, chunk + 2))
        if length < CHUNK_BYTES:
            break
        if type_ in (INIT, INIT_ACK):
            return type_ if chunk + INIT_BYTES <= end else NO_CHUNK
        if type_ in (HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK):
            return type_
        if type_ in (COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE):
            return type_
        found = OTHER
        chunk += (length + 3) & ~3
    return found


@inlined
def tag_of(heads: Any, at: int) -> Any:
    """Return the verification tag of the packet whose transport header is at ``at``."""
    return np.int64(load_u32_be(heads, at + SCTP_TAG))


@inlined
def note_wanted_tag(window: Any, vector: Any, heads: Any, i: int) -> None:
    """Note the tag that the INIT or INIT ACK of frame ``i``, its first chunk, asks the other direction for."""
    at = np.int64(vector.transport_at[i]) + SCTP_BYTES + CHUNK_BYTES
    window.max_end = load_u32_be(heads, at)
    window.max_window |= HAS_NEXT_TAG


@inlined
def takes_wanted_tag(window: Any, tag: int) -> bool:
    """Whether a direction was asked for this tag; if so it has it from now on."""
    if window.max_window & HAS_NEXT_TAG == 0 or window.max_end != tag:
        return False
    adopt_tag(window)
    return True


@inlined
def adopt_tag(window: Any) -> None:
    """Let a direction carry the tag that it was asked for."""
    window.end = window.max_end
    window.max_window = HAS_TAG


@inlined
def learn_tag(window: Any, tag: int) -> None:
    """Take a direction's tag from its packet if it is not known."""
    if window.max_window & HAS_TAG == 0:
        window.end = tag
        window.max_window |= HAS_TAG


@inlined
def may_carry(record: Any, direction: int, chunk: int, heads: Any, at: int) -> bool:
    """Whether the packet's tag is right (section 8.5), or cannot be told."""
    own = record.windows[direction]
    tag = tag_of(heads, at)
    if chunk in (ABORT, SHUTDOWN_COMPLETE) and heads[at + SCTP_BYTES + 1] & REFLECTED_TAG != 0:
        other = record.windows[1 - direction]
        return other.max_window & HAS_TAG != 0 and other.end == tag
    if own.max_window & HAS_TAG != 0:
        return own.end == tag
    if own.max_window & HAS_NEXT_TAG != 0:  # An answer to the INIT, other than INIT ACK: ABORT.
        return own.max_end == tag
    return record.traits & PICKED_UP != 0
