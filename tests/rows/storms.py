"""Storm limits: a tenth of a second's worth at once, then the rate, each kind of frame on its own."""

from control.model import Storm
from tests.checkers import Check, came_out_of, dropped
from tests.configurations import guarded, port, switch
from tests.packets import BROADCAST, GROUP, UNKNOWN, mac, plain
from tests.rows.row import Row, Step, step

HELLO = plain(BROADCAST, mac(1))
TO_GROUP = plain(GROUP, mac(1))
TO_UNKNOWN = plain(UNKNOWN, mac(1))
PASSES = came_out_of("p2")
MS = 1_000_000


def limited(**rates: int) -> Storm:
    """Return storm limits, unlimited where nothing is said."""
    return Storm(**rates)


def burst(count: int, frame: bytes, result: Check, after_ns: int = 0) -> tuple[Step, ...]:
    """Return ``count`` frames at one moment."""
    return tuple(step("p1", frame, result, after_ns=after_ns) for _ in range(count))


ALL_KINDS = switch([port("p1", storm=limited(broadcast=10, multicast=20, unknown_unicast=30)), "p2"])
HUNDRED = switch([port("p1", storm=limited(broadcast=100)), "p2"])

ROWS = [
    Row(
        "a tenth of a second's worth passes at once",
        HUNDRED,
        (*burst(10, HELLO, PASSES), *burst(3, HELLO, dropped("storm_broadcast"))),
    ),
    Row(
        "then one frame for every hundredth of a second, to the nanosecond",
        HUNDRED,
        (
            *burst(10, HELLO, PASSES),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=10 * MS - 1),
            *burst(1, HELLO, PASSES, after_ns=10 * MS),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=20 * MS - 1),
            *burst(1, HELLO, PASSES, after_ns=20 * MS),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=20 * MS),
        ),
    ),
    Row(
        "quiet refills the bucket, and no further than full",
        HUNDRED,
        (
            *burst(10, HELLO, PASSES),
            *burst(5, HELLO, PASSES, after_ns=50 * MS),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=50 * MS),
            *burst(10, HELLO, PASSES, after_ns=10_000 * MS),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=10_000 * MS),
        ),
    ),
    Row(
        "less than ten a second is one at once",
        switch([port("p1", storm=limited(broadcast=3)), "p2"]),
        (
            *burst(1, HELLO, PASSES),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=333_333_332),
            *burst(1, HELLO, PASSES, after_ns=333_333_333),
            *burst(1, HELLO, PASSES, after_ns=3_000 * MS),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=3_000 * MS),
        ),
    ),
    Row(
        "one a second",
        switch([port("p1", storm=limited(broadcast=1)), "p2"]),
        (
            *burst(1, HELLO, PASSES),
            *burst(1, HELLO, dropped("storm_broadcast"), after_ns=1_000 * MS - 1),
            *burst(1, HELLO, PASSES, after_ns=1_000 * MS),
        ),
    ),
    Row(
        "each kind has a bucket of its own, and names its drop",
        ALL_KINDS,
        (
            *burst(1, HELLO, PASSES),
            *burst(2, TO_GROUP, PASSES),
            *burst(3, TO_UNKNOWN, PASSES),
            *burst(1, HELLO, dropped("storm_broadcast")),
            *burst(1, TO_GROUP, dropped("storm_multicast")),
            *burst(1, TO_UNKNOWN, dropped("storm_unknown_unicast")),
        ),
    ),
    Row(
        "a kind without a limit is free",
        switch([port("p1", storm=limited(multicast=1)), "p2"]),
        (
            *burst(20, HELLO, PASSES),
            *burst(20, TO_UNKNOWN, PASSES),
            *burst(1, TO_GROUP, PASSES),
            *burst(1, TO_GROUP, dropped("storm_multicast")),
        ),
    ),
    Row(
        "a port's storm is its own",
        switch(
            [port("p1", storm=limited(broadcast=1)), port("p2", storm=limited(broadcast=1)), port("p3")],
        ),
        (
            step("p1", HELLO, came_out_of("p2", "p3")),
            step("p1", HELLO, dropped("storm_broadcast")),
            step("p2", plain(BROADCAST, mac(2)), came_out_of("p1", "p3")),
            step("p3", plain(BROADCAST, mac(3)), came_out_of("p1", "p2")),
            step("p3", plain(BROADCAST, mac(3)), came_out_of("p1", "p2")),
        ),
    ),
    Row(
        "known unicast is no storm",
        ALL_KINDS,
        (
            step("p2", plain(BROADCAST, mac(2))),
            *burst(50, plain(mac(2), mac(1)), PASSES),
            *burst(3, TO_UNKNOWN, PASSES),
        ),
    ),
    Row(
        "a stormy broadcast teaches nothing, a stormy unknown unicast was learned before",
        switch([port("p1", storm=limited(broadcast=1, unknown_unicast=1)), "p2", "p3"]),
        (
            step("p1", plain(BROADCAST, mac(1)), came_out_of("p2", "p3")),
            step("p1", plain(BROADCAST, mac(4)), dropped("storm_broadcast")),
            step("p1", plain(UNKNOWN, mac(5)), came_out_of("p2", "p3")),
            step("p1", plain(UNKNOWN, mac(6)), dropped("storm_unknown_unicast")),
            step("p2", plain(mac(4), mac(2)), came_out_of("p1", "p3")),
            step("p2", plain(mac(6), mac(2)), came_out_of("p1")),
        ),
        counters={"learned": 4},
    ),
    Row(
        "what is dropped before costs no token, what finds no receiver does",
        switch([guarded("p1", 1, storm=limited(broadcast=10))]),
        (
            step("p1", plain(BROADCAST, mac(2)), dropped("spoofed_mac")),
            step("p1", plain(bytes.fromhex("0180c2000000"), mac(1)), dropped("reserved_multicast")),
            step("p1", plain(BROADCAST, mac(1)), dropped("no_receiver")),
            step("p1", plain(BROADCAST, mac(1)), dropped("storm_broadcast")),
        ),
    ),
    Row(
        "a limit as fast as a wire counts exactly",
        switch([port("p1", storm=limited(broadcast=1_000_000)), "p2"]),
        (
            step("p1", HELLO, PASSES),
            step("p1", HELLO, PASSES, after_ns=1),
            step("p1", HELLO, PASSES, after_ns=999),
        ),
    ),
]
