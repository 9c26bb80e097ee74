"""How many MACs a port and the table hold, and what happens at the limit: not learned, still forwarded, counted."""

from tests.checkers import came_out_of, dropped
from tests.configurations import port, switch
from tests.packets import BROADCAST, mac, plain
from tests.rows.row import LIFETIME_TICKS, Row, step


def hello(source: int) -> bytes:
    """Return a broadcast from ``mac(source)``, which teaches the switch where that is."""
    return plain(BROADCAST, mac(source))


TWO_MACS = switch([port("p1", max_macs=2), "p2", "p3"])
TABLE_OF_THREE = switch(["p1", "p2", "p3"], fdb=3)

ROWS = [
    Row(
        "a full port teaches no more, and its frames go on",
        TWO_MACS,
        (
            step("p1", hello(1)),
            step("p1", hello(2)),
            step("p1", hello(3), came_out_of("p2", "p3")),
            step("p2", plain(mac(2), mac(9)), came_out_of("p1")),
            step("p2", plain(mac(3), mac(9)), came_out_of("p1", "p3")),
            step("p1", plain(mac(9), mac(3)), came_out_of("p2")),
        ),
        counters={"learned": 3, "refused_port": 2},
    ),
    Row(
        "a full port still refreshes what it knows",
        TWO_MACS,
        (
            step("p1", hello(1)),
            step("p1", hello(2)),
            step("p1", hello(1), after_ticks=LIFETIME_TICKS),
            step("p2", plain(mac(1), mac(9)), came_out_of("p1"), after_ticks=LIFETIME_TICKS + 1),
            step("p2", plain(mac(2), mac(9)), came_out_of("p1", "p3"), after_ticks=LIFETIME_TICKS + 1),
        ),
        counters={"learned": 3},
    ),
    Row(
        "a MAC that ages out makes room at its port",
        TWO_MACS,
        (
            step("p1", hello(1)),
            step("p1", hello(2), after_ticks=1),
            step("p1", hello(3), after_ticks=LIFETIME_TICKS),
            step("p1", hello(3), after_ticks=LIFETIME_TICKS + 1),
            step("p1", hello(4), after_ticks=LIFETIME_TICKS + 1),
            step("p2", plain(mac(3), mac(9)), came_out_of("p1"), after_ticks=LIFETIME_TICKS + 1),
        ),
        counters={"learned": 4, "refused_port": 2},
    ),
    Row(
        "a MAC that moves away makes room at its port",
        TWO_MACS,
        (
            step("p1", hello(1)),
            step("p1", hello(2)),
            step("p2", hello(2)),
            step("p1", hello(3)),
            step("p2", plain(mac(3), mac(2)), came_out_of("p1")),
        ),
        counters={"learned": 3, "moved": 1},
    ),
    Row(
        "a full port takes no MAC from another",
        TWO_MACS,
        (
            step("p1", hello(1)),
            step("p1", hello(2)),
            step("p2", hello(3)),
            step("p1", hello(3), came_out_of("p2", "p3")),
            step("p3", plain(mac(3), mac(9)), came_out_of("p2")),
        ),
        counters={"learned": 4, "refused_port": 1},
    ),
    Row(
        "a limit of one guards a port with one station",
        switch([port("p1", max_macs=1), "p2"]),
        (
            step("p1", hello(1), came_out_of("p2")),
            step("p1", hello(2), came_out_of("p2")),
            step("p1", hello(1), came_out_of("p2")),
            step("p2", plain(mac(2), mac(9)), came_out_of("p1")),
        ),
        counters={"learned": 2, "refused_port": 1},
    ),
    Row(
        "static MACs do not count against their port",
        switch([port("p1", max_macs=1, static_macs=(mac(1), mac(2))), "p2"]),
        (
            step("p1", hello(1)),
            step("p1", hello(3)),
            step("p1", hello(4)),
            step("p2", plain(mac(3), mac(9)), came_out_of("p1")),
        ),
        counters={"learned": 2, "refused_port": 1},
    ),
    Row(
        "a full table teaches no more, and frames go on",
        TABLE_OF_THREE,
        (
            step("p1", hello(1)),
            step("p2", hello(2)),
            step("p3", hello(3)),
            step("p1", hello(4), came_out_of("p2", "p3")),
            step("p2", plain(mac(4), mac(2)), came_out_of("p1", "p3")),
            step("p2", plain(mac(1), mac(2)), came_out_of("p1")),
        ),
        counters={"learned": 3, "refused_table": 1},
    ),
    Row(
        "a full table still lets its MACs move",
        TABLE_OF_THREE,
        (
            step("p1", hello(1)),
            step("p2", hello(2)),
            step("p3", hello(3)),
            step("p3", hello(1)),
            step("p2", plain(mac(1), mac(2)), came_out_of("p3")),
        ),
        counters={"learned": 3, "moved": 1},
    ),
    Row(
        "a MAC that ages out makes room in the table",
        TABLE_OF_THREE,
        (
            step("p1", hello(1)),
            step("p2", hello(2)),
            step("p3", hello(3)),
            step("p1", hello(4), after_ticks=LIFETIME_TICKS),
            step("p1", hello(4), after_ticks=LIFETIME_TICKS + 1),
            step("p2", plain(mac(4), mac(2)), came_out_of("p1"), after_ticks=LIFETIME_TICKS + 1),
        ),
        counters={"learned": 5, "refused_table": 1},
    ),
    Row(
        "static MACs take room in the table",
        switch([port("p1", static_macs=(mac(1), mac(2))), "p2"], fdb=3),
        (
            step("p2", hello(3)),
            step("p2", hello(4), came_out_of("p1")),
        ),
        counters={"learned": 1, "refused_table": 1},
    ),
    Row(
        "the table is one for all networks",
        switch(["p1", "p2", port("b1", "red"), port("b2", "red")], fdb=2),
        (
            step("p1", hello(1)),
            step("b1", hello(1)),
            step("p2", hello(2)),
            step("b2", hello(2)),
        ),
        counters={"learned": 2, "refused_table": 2},
    ),
    Row(
        "a port and a table both full: the port refuses first",
        switch([port("p1", max_macs=1), "p2"], fdb=1),
        (
            step("p1", hello(1)),
            step("p1", hello(2)),
            step("p2", hello(3)),
            step("p2", plain(mac(2), mac(3)), came_out_of("p1")),
            step("p1", plain(mac(1), mac(1)), dropped("same_port")),
        ),
        counters={"learned": 1, "refused_port": 1, "refused_table": 2},
    ),
]
