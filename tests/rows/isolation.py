"""``icc: false``: endpoints of one network do not reach each other, other ports reach and are reached by all."""

from tests.checkers import came_out_of, dropped, untouched
from tests.configurations import access, port, switch, trunk
from tests.packets import BROADCAST, mac, plain, tag, tagged
from tests.rows.row import Row, step
from tests.runs import Conditions

PODS = switch(["e1", "e2", port("lan", endpoint=False)], icc=False)
HELLO = plain(BROADCAST, mac(1))

ROWS = [
    Row(
        "an endpoint's flood reaches only what is no endpoint",
        PODS,
        (
            step("e1", HELLO, came_out_of("lan"), untouched()),
            step("e1", plain(mac(9), mac(1)), came_out_of("lan"), untouched()),
            step("lan", plain(BROADCAST, mac(3)), came_out_of("e1", "e2"), untouched()),
        ),
    ),
    Row(
        "endpoints do not reach each other, but the way out and back",
        PODS,
        (
            step("e2", plain(BROADCAST, mac(2))),
            step("e1", plain(mac(2), mac(1)), dropped("isolated")),
            step("lan", plain(mac(1), mac(3)), came_out_of("e1")),
            step("e1", plain(mac(3), mac(1)), came_out_of("lan")),
            step("lan", plain(mac(2), mac(3)), came_out_of("e2")),
        ),
        counters={"learned": 3},
    ),
    Row(
        "a flood that only isolation ends says so",
        switch(["e1", "e2", "e3"], icc=False),
        (
            step("e1", HELLO, dropped("isolated")),
            step("e2", plain(mac(1), mac(2)), dropped("isolated")),
            step("e3", plain(mac(8), mac(3)), dropped("isolated")),
        ),
        counters={"learned": 3},
    ),
    Row(
        "an endpoint alone has no receiver",
        switch(["e1"], icc=False),
        (step("e1", HELLO, dropped("no_receiver")),),
    ),
    Row(
        "if a dead link is to blame as well, there was no receiver",
        PODS,
        (
            step("e1", HELLO, dropped("no_receiver")),
            step("e1", plain(mac(9), mac(1)), dropped("no_receiver")),
        ),
        conditions=Conditions(down=frozenset({"lan"})),
    ),
    Row(
        "isolation comes before a dead link",
        PODS,
        (
            step("e2", plain(BROADCAST, mac(2)), came_out_of("lan")),
            step("e1", plain(mac(2), mac(1)), dropped("isolated")),
            step("lan", plain(mac(2), mac(3)), dropped("port_down")),
        ),
        conditions=Conditions(down=frozenset({"e2"})),
    ),
    Row(
        "a flood among isolated endpoints is isolated, links up or down",
        switch(["e1", "e2", "e3"], icc=False),
        (step("e1", HELLO, dropped("isolated")),),
        conditions=Conditions(down=frozenset({"e2"})),
    ),
    Row(
        "two ports that are no endpoints are never isolated",
        switch([port("u1", endpoint=False), port("u2", endpoint=False), "e1"], icc=False),
        (
            step("u1", HELLO, came_out_of("u2", "e1")),
            step("u2", plain(mac(1), mac(2)), came_out_of("u1")),
        ),
    ),
    Row(
        "an isolated hairpin endpoint is apart even from itself",
        switch([port("e1", hairpin=True), port("lan", endpoint=False, hairpin=True)], icc=False),
        (
            step("e1", HELLO, came_out_of("lan")),
            step("e1", plain(mac(1), mac(4)), dropped("isolated")),
            step("lan", plain(BROADCAST, mac(3)), came_out_of("e1", "lan")),
            step("lan", plain(mac(3), mac(5)), came_out_of("lan")),
        ),
    ),
    Row(
        "isolation is one network's, another talks freely",
        switch(["p1", "p2"], icc=True),
        (step("p1", HELLO, came_out_of("p2")),),
    ),
    Row(
        "isolation holds within each VLAN",
        switch(
            [
                port("e1", vlan=access(10)),
                port("e2", vlan=access(10)),
                port("e3", vlan=access(20)),
                port("t", vlan=trunk(10, 20), endpoint=False),
            ],
            icc=False,
        ),
        (
            step("e1", HELLO, came_out_of("t")),
            step("e2", plain(mac(1), mac(2)), dropped("isolated")),
            step("e3", plain(mac(1), mac(3)), came_out_of("t")),
            step("t", tagged(plain(BROADCAST, mac(4)), tag(10)), came_out_of("e1", "e2")),
        ),
    ),
]
