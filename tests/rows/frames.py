"""Which frames may enter at all: lengths, impossible sources, reserved groups."""

from tests.checkers import came_out_of, dropped, untouched
from tests.configurations import access, port, switch
from tests.packets import BROADCAST, UNKNOWN, mac, plain, tag, tagged
from tests.rows.row import Row, step

PAIR = switch(["p1", "p2"])
VLAN_PAIR = switch([port("p1", vlan=access(10)), port("p2", vlan=access(10))])

HEADER = plain(mac(2), mac(1), 14)
FORWARDED = (came_out_of("p2"), untouched())


def reserved_group(last: int) -> bytes:
    """Return the reserved (or nearly reserved) group address that ends in ``last``."""
    return bytes.fromhex("0180c20000") + bytes([last])


ROWS = [
    *(
        Row(f"{length} bytes are a runt", PAIR, (step("p1", HEADER[:length], dropped("runt")),), counters={})
        for length in (0, 1, 6, 12, 13)
    ),
    *(
        Row(
            f"{length} bytes go through",
            PAIR,
            (step("p1", plain(mac(2), mac(1), length), *FORWARDED),),
            counters={"learned": 1},
        )
        for length in (14, 15, 59, 60, 64, 319, 320, 321, 447, 448, 449, 1514, 1518, 9000, 9215, 9216)
    ),
    Row(
        "9217 bytes are oversize",
        PAIR,
        (step("p1", plain(mac(2), mac(1), 9217), dropped("oversize")),),
        counters={},
    ),
    Row(
        "20000 bytes are oversize", PAIR, (step("p1", plain(mac(2), mac(1), 20000), dropped("oversize")),), counters={}
    ),
    Row(
        "the longest frame counts its tag",
        VLAN_PAIR,
        (
            step("p1", tagged(plain(mac(2), mac(1), 9212), tag(0)), came_out_of("p2")),
            step("p1", tagged(plain(mac(2), mac(1), 9213), tag(0)), dropped("oversize")),
        ),
    ),
    Row(
        "a frame that nobody could have sent is not learned",
        PAIR,
        (
            step("p1", plain(mac(2), bytes(6)), dropped("source_mac_zero")),
            step("p1", plain(mac(2), BROADCAST), dropped("source_mac_multicast")),
            step("p1", plain(mac(2), bytes.fromhex("010000000001")), dropped("source_mac_multicast")),
            step("p1", plain(mac(2), bytes.fromhex("030000000001")), dropped("source_mac_multicast")),
        ),
        counters={},
    ),
    Row(
        "a source is zero only if all of it is",
        PAIR,
        tuple(step("p1", plain(UNKNOWN, bytes(k) + b"\x02" + bytes(5 - k)), *FORWARDED) for k in range(6)),
        counters={"learned": 6},
    ),
    Row(
        "the reserved group stays on its link, all sixteen of it",
        PAIR,
        tuple(step("p1", plain(reserved_group(k), mac(1)), dropped("reserved_multicast")) for k in range(16)),
        counters={},
    ),
    Row(
        "the group addresses next to the reserved ones are flooded",
        PAIR,
        (
            step("p1", plain(reserved_group(0x10), mac(1)), *FORWARDED),
            step("p1", plain(reserved_group(0x20), mac(1)), *FORWARDED),
            step("p1", plain(reserved_group(0xFF), mac(1)), *FORWARDED),
            step("p1", plain(bytes.fromhex("0180c2000100"), mac(1)), *FORWARDED),
            step("p1", plain(bytes.fromhex("0180c1000000"), mac(1)), *FORWARDED),
        ),
    ),
    Row(
        "a reserved group is reserved inside a tag as well",
        VLAN_PAIR,
        (step("p1", tagged(plain(reserved_group(0), mac(1)), tag(0)), dropped("reserved_multicast")),),
    ),
    Row(
        "the first fault found names the drop",
        VLAN_PAIR,
        (
            step("p1", plain(reserved_group(0), bytes(6)), dropped("source_mac_zero")),
            step("p1", plain(reserved_group(0), BROADCAST), dropped("source_mac_multicast")),
            step("p1", plain(mac(2), bytes(6), 9217), dropped("oversize")),
            step("p1", bytes(13), dropped("runt")),
            step("p1", tagged(plain(reserved_group(3), mac(1)), tag(99)), dropped("reserved_multicast")),
            step("p1", plain(mac(2), bytes(6), 14, ethertype=0x8100), dropped("source_mac_zero")),
        ),
    ),
]
