"""How long a MAC is remembered, at the edges of the tick that counts it."""

from tests.checkers import came_out_of
from tests.configurations import switch
from tests.packets import BROADCAST, mac, plain
from tests.rows.row import EPOCH_NS, LIFETIME_TICKS, TICK_NS, Row, step

TRIO = switch(["p1", "p2", "p3"])
HELLO = plain(BROADCAST, mac(1))
TO_IT = plain(mac(1), mac(2))
KNOWN = came_out_of("p1")
FORGOTTEN = came_out_of("p1", "p3")


def silence(description: str, **times: int) -> Row:
    """Return a row in which ``mac(1)`` speaks once, and is forgotten when asked for much later."""
    return Row(description, TRIO, (step("p1", HELLO), step("p2", TO_IT, FORGOTTEN, **times)))


ROWS = [
    Row(
        "an entry is valid through the tick that its lifetime ends in",
        TRIO,
        (
            step("p1", HELLO),
            step("p2", TO_IT, KNOWN, after_s=300),
            step("p2", TO_IT, KNOWN, after_ticks=LIFETIME_TICKS, after_ns=TICK_NS - 1),
            step("p2", TO_IT, FORGOTTEN, after_ticks=LIFETIME_TICKS + 1),
        ),
        counters={"learned": 2},
    ),
    Row(
        "the tick counts, not the nanosecond within it",
        TRIO,
        (
            step("p1", HELLO, after_ns=TICK_NS - 1),
            step("p2", TO_IT, KNOWN, after_ticks=LIFETIME_TICKS, after_ns=TICK_NS - 1),
            step("p2", TO_IT, FORGOTTEN, after_ticks=LIFETIME_TICKS + 1),
        ),
    ),
    Row(
        "whoever speaks is remembered on",
        TRIO,
        (
            step("p1", HELLO),
            step("p1", HELLO, after_ticks=LIFETIME_TICKS),
            step("p2", TO_IT, KNOWN, after_ticks=2 * LIFETIME_TICKS),
            step("p2", TO_IT, FORGOTTEN, after_ticks=2 * LIFETIME_TICKS + 1),
        ),
        counters={"learned": 2},
    ),
    Row(
        "being spoken to keeps nobody",
        TRIO,
        (
            step("p1", HELLO),
            step("p2", TO_IT, KNOWN, after_ticks=LIFETIME_TICKS),
            step("p2", TO_IT, FORGOTTEN, after_ticks=LIFETIME_TICKS + 1),
        ),
    ),
    Row(
        "who comes back after being forgotten is new, at the old port or at another",
        TRIO,
        (
            step("p1", HELLO),
            step("p1", HELLO, after_ticks=LIFETIME_TICKS + 1),
            step("p2", HELLO, after_ticks=3 * LIFETIME_TICKS),
            step("p3", plain(mac(1), mac(3)), came_out_of("p2"), after_ticks=3 * LIFETIME_TICKS),
        ),
        counters={"learned": 4},
    ),
    Row(
        "a move is a sign of life",
        TRIO,
        (
            step("p1", HELLO),
            step("p3", HELLO, after_ticks=LIFETIME_TICKS),
            step("p2", TO_IT, came_out_of("p3"), after_ticks=2 * LIFETIME_TICKS),
        ),
        counters={"learned": 2, "moved": 1},
    ),
    Row(
        "one second is eight ticks, rounded up",
        switch(["p1", "p2", "p3"], fdb_s=1),
        (
            step("p1", HELLO),
            step("p2", TO_IT, KNOWN, after_ticks=8, after_ns=TICK_NS - 1),
            step("p2", TO_IT, FORGOTTEN, after_ticks=9),
        ),
    ),
    Row(
        "a lifetime of weeks is kept",
        switch(["p1", "p2", "p3"], fdb_s=2_000_000),
        (step("p1", HELLO), step("p2", TO_IT, KNOWN, after_s=2_000_000)),
    ),
    silence("a silence of 2**8 + 1 seconds more is still a silence", after_s=300 + 257),
    silence("2**16 ticks do not come round", after_ticks=1 << 16),
    silence("2**16 ticks and a few do not come round", after_ticks=(1 << 16) + 5),
    silence("2**24 ticks do not come round", after_ticks=1 << 24),
    silence("2**31 ticks do not come round", after_ticks=1 << 31),
    silence("18 years are a silence, up to where 32 bits of ticks come round", after_ticks=(1 << 32) - (1 << 17)),
    Row(
        "the first nanosecond of 1970 is a time like any other",
        TRIO,
        (
            step("p1", HELLO),
            step("p2", TO_IT, KNOWN, after_ticks=LIFETIME_TICKS),
            step("p2", TO_IT, FORGOTTEN, after_ticks=LIFETIME_TICKS + 1),
        ),
        counters={"learned": 2},
        epoch_ns=0,
    ),
    Row(
        "a clock that begins at zero may jump to today",
        TRIO,
        (step("p1", HELLO), step("p2", TO_IT, FORGOTTEN, after_ns=EPOCH_NS)),
        epoch_ns=0,
    ),
]
