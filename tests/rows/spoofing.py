"""Port security: a port speaks for its own MAC and addresses, in Ethernet, ARP, IPv4 and IPv6."""

from tests.checkers import came_out_of, dropped, untouched
from tests.configurations import access, guarded, port, switch, trunk
from tests.packets import (
    BROADCAST,
    UNKNOWN,
    arp_request,
    ip4,
    ip6,
    mac,
    mac_text,
    neighbour_solicitation,
    ping4,
    ping6,
    plain,
    service_tag,
    tag,
    tagged,
    tcp4,
    udp4,
)
from tests.rows.row import Row, step

GUARDED = switch([guarded("p1", 1), "p2"])
MAC_UNKNOWN = switch([guarded("p1", 1, mac_known=False), "p2"])
PASSES = (came_out_of("p2"), untouched())
WRONG_MAC = dropped("spoofed_mac")
WRONG_ADDRESS = dropped("spoofed_address")


def bare(ethertype: int, payload: int) -> bytes:
    """Return a broadcast of the port's own MAC that has ``payload`` zero bytes after ``ethertype``."""
    return BROADCAST + mac(1) + ethertype.to_bytes(2, "big") + bytes(payload)


ROWS = [
    Row(
        "what is the port's own passes",
        GUARDED,
        (
            step("p1", plain(UNKNOWN, mac(1)), *PASSES),
            step("p1", arp_request(2, 1), *PASSES),
            step("p1", udp4(2, 1), *PASSES),
            step("p1", tcp4(2, 1), *PASSES),
            step("p1", ping4(2, 1), *PASSES),
            step("p1", ping6(2, 1), *PASSES),
            step("p1", neighbour_solicitation(2, 1), *PASSES),
        ),
        counters={"learned": 1},
    ),
    Row(
        "another's MAC is dropped and not learned",
        GUARDED,
        (
            step("p1", plain(UNKNOWN, mac(3)), WRONG_MAC),
            step("p1", arp_request(2, 3), WRONG_MAC),
            step("p1", udp4(2, 3), WRONG_MAC),
        ),
        counters={},
    ),
    Row(
        "another's IPv4 address is dropped",
        GUARDED,
        (
            step("p1", udp4(2, 1, source_address=ip4(3)), WRONG_ADDRESS),
            step("p1", udp4(2, 1, source_address="255.255.255.255"), WRONG_ADDRESS),
            step("p1", udp4(2, 1, source_address="127.0.0.1"), WRONG_ADDRESS),
            step("p1", udp4(2, 1, source_address="10.0.0.0"), WRONG_ADDRESS),
            step("p1", udp4(2, 1, source_address="0.0.0.1"), WRONG_ADDRESS),
        ),
        counters={},
    ),
    Row(
        "a DHCP client has no address yet",
        GUARDED,
        (
            step("p1", udp4(2, 1, source_address="0.0.0.0"), *PASSES),
            step("p1", ping6(2, 1, source_address="::"), *PASSES),
        ),
    ),
    Row(
        "ARP is held to the sender's MAC, then to the sender's address",
        GUARDED,
        (
            step("p1", arp_request(2, 1, hwsrc=mac_text(mac(3))), WRONG_MAC),
            step("p1", arp_request(2, 1, hwsrc=mac_text(mac(3)), psrc=ip4(3)), WRONG_MAC),
            step("p1", arp_request(2, 1, psrc=ip4(3)), WRONG_ADDRESS),
            step("p1", arp_request(2, 1, psrc="0.0.0.0"), *PASSES),
            step("p1", arp_request(2, 1, hwsrc="00:00:00:00:00:00", psrc="0.0.0.0"), WRONG_MAC),
        ),
    ),
    Row(
        "another's IPv6 address is dropped, a link-local one is not",
        GUARDED,
        (
            step("p1", ping6(2, 1, source_address=ip6(3)), WRONG_ADDRESS),
            step("p1", ping6(2, 1, source_address="::1"), WRONG_ADDRESS),
            step("p1", ping6(2, 1, source_address="fd00:0:0:1::1"), WRONG_ADDRESS),
            step("p1", neighbour_solicitation(2, 1, source_address=ip6(2)), WRONG_ADDRESS),
            step("p1", ping6(2, 1, source_address="fe80::1"), *PASSES),
            step("p1", ping6(2, 1, source_address="fe80:1:2:3::ffff"), *PASSES),
            step("p1", ping6(2, 1, source_address="febf:ffff::1"), *PASSES),
            step("p1", ping6(2, 1, source_address="fec0::1"), WRONG_ADDRESS),
            step("p1", ping6(2, 1, source_address="fe7f:ffff::1"), WRONG_ADDRESS),
        ),
    ),
    Row(
        "an IPv4 address does not answer for the IPv6 address that maps it",
        GUARDED,
        (
            step("p1", ping6(2, 1, source_address=f"::ffff:{ip4(1)}"), WRONG_ADDRESS),
            step("p1", ping6(2, 1, source_address=f"::{ip4(1)}"), WRONG_ADDRESS),
            step("p1", ping6(2, 1, source_address="::ffff:0.0.0.0"), WRONG_ADDRESS),
        ),
    ),
    Row(
        "a header that ends too early is not believed",
        GUARDED,
        (
            *(step("p1", bare(0x0806, n), WRONG_ADDRESS) for n in (0, 13, 18, 27)),
            *(step("p1", bare(0x0800, n), WRONG_ADDRESS) for n in (0, 11, 16, 19)),
            *(step("p1", bare(0x86DD, n), WRONG_ADDRESS) for n in (0, 23, 24, 39)),
            step("p1", bare(0x0806, 28), WRONG_MAC),
            step("p1", bare(0x0800, 20), *PASSES),
            step("p1", bare(0x86DD, 40), *PASSES),
        ),
    ),
    Row(
        "other ethertypes have no address to hold against the port",
        GUARDED,
        (
            step("p1", bare(0x8847, 0), *PASSES),
            step("p1", bare(0x0801, 20), *PASSES),
            step("p1", bare(0x0000, 46), *PASSES),
            step("p1", bare(0x05DC, 46), *PASSES),
        ),
    ),
    Row(
        "where the MAC is not known, only addresses are held against the port",
        MAC_UNKNOWN,
        (
            step("p1", plain(UNKNOWN, mac(3)), *PASSES),
            step("p1", arp_request(2, 1, hwsrc=mac_text(mac(3))), *PASSES),
            step("p1", arp_request(2, 3), WRONG_ADDRESS),
            step("p1", udp4(2, 3), WRONG_ADDRESS),
        ),
    ),
    Row(
        "without the check a port may say anything",
        switch([guarded("p1", 1, spoof_check=False), "p2"]),
        (
            step("p1", udp4(2, 3), *PASSES),
            step("p1", arp_request(2, 1, psrc=ip4(9)), *PASSES),
            step("p1", bare(0x0806, 3), *PASSES),
        ),
    ),
    Row(
        "a port with the check and no address has nothing to say in IP",
        switch([port("p1", spoof_check=True, mac=mac(1), mac_known=True), "p2"]),
        (
            step("p1", udp4(2, 1), WRONG_ADDRESS),
            step("p1", ping6(2, 1), WRONG_ADDRESS),
            step("p1", arp_request(2, 1), WRONG_ADDRESS),
            step("p1", arp_request(2, 1, psrc="0.0.0.0"), *PASSES),
            step("p1", plain(UNKNOWN, mac(1)), *PASSES),
        ),
    ),
    Row(
        "the check looks behind the tag that the fabric takes off",
        switch([guarded("t", 1, vlan=trunk(10)), port("a", vlan=access(10)), guarded("b", 2, vlan=access(10))]),
        (
            step("t", tagged(udp4(2, 1), tag(10)), came_out_of("a", "b")),
            step("t", tagged(udp4(2, 1, source_address=ip4(3)), tag(10)), WRONG_ADDRESS),
            step("t", tagged(arp_request(2, 1, psrc=ip4(3)), tag(10)), WRONG_ADDRESS),
            step("b", tagged(udp4(1, 2, source_address=ip4(3)), tag(0)), WRONG_ADDRESS),
            step("t", tagged(udp4(2, 3), tag(99)), dropped("vlan_not_member")),
            step("t", tagged(bare(0x0806, 27), tag(10)), WRONG_ADDRESS),
            step("t", tagged(bare(0x0800, 20), tag(10)), came_out_of("a", "b")),
        ),
    ),
    Row(
        "the check looks through up to four tags that are payload, as a receiver may",
        switch(
            [guarded("p1", 1), "p2", guarded("a", 1, network="red", vlan=access(10)), port("b", "red", vlan=access(10))]
        ),
        (
            step("p1", tagged(udp4(2, 1), tag(10)), *PASSES),
            step("p1", tagged(udp4(2, 1), *[tag(0)] * 4), *PASSES),
            step("p1", tagged(udp4(2, 1, source_address=ip4(3)), tag(10)), WRONG_ADDRESS),
            step("p1", tagged(arp_request(2, 1, psrc=ip4(3)), tag(0)), WRONG_ADDRESS),
            step("p1", tagged(udp4(2, 1, source_address=ip4(3)), *[tag(0)] * 4), WRONG_ADDRESS),
            step("p1", tagged(udp4(2, 1), *[tag(0)] * 5), WRONG_ADDRESS),
            step("p1", bare(0x8100, 2), WRONG_ADDRESS),
            step("a", tagged(udp4(2, 1), service_tag(10)), came_out_of("b"), untouched()),
            step("a", tagged(udp4(2, 1, source_address=ip4(3)), service_tag(0)), WRONG_ADDRESS),
            step("a", tagged(udp4(2, 1, source_address=ip4(3)), tag(0), tag(10)), WRONG_ADDRESS),
        ),
    ),
    Row(
        "what a guarded port receives is not checked",
        GUARDED,
        (step("p2", udp4(1, 7), came_out_of("p1"), untouched()),),
    ),
]
