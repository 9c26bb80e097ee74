"""Out of the tunnel: what is stripped, what is refused and why, and what is left for the router."""

import pytest

from dataplane.vector import VIRTIO_BYTES
from encap.tables import SOCKET
from tests.encap.frames import BOB, advertisement, arp, carried, header, inner4, inner6, inner_tcp4, with_checksum
from tests.encap.node import GREEN, GROUP4, GROUP6, LINK4, LINK6, RED, Link, Node
from tests.packets import mac, plain, tag, tagged

LINKS = pytest.mark.parametrize("link", [LINK4, LINK6], ids=["IPv4", "IPv6"])


@pytest.fixture
def node() -> Node:
    return Node()


def sent(node: Node, inner: bytes, **fields: object) -> bytes:
    """Return what a peer sends to the node."""
    return bytes(carried(node.own_mac, inner, link=node.link, **fields))  # type: ignore[arg-type]


@LINKS
def test_a_frame_for_the_vtep_comes_out_of_the_tunnel(link: Link) -> None:
    node = Node(link)
    (met,) = node.receive(sent(node, inner4()))
    assert (met.end, met.frame, met.port) == ("forward", inner4(), "tunnel")
    assert (met.remote, met.network, met.group) == (1, "red", 0)


def test_it_counts_as_consumed_at_the_uplink_and_as_received_at_the_tunnel(node: Node) -> None:
    node.receive(sent(node, inner4()), sent(node, inner4()), sent(node, inner4(), vxlan=header(flags=0)))
    assert node.counted("wan") == {"consumed": 3}
    assert node.counted("tunnel") == {"rx_packets": 3, "rx_bytes": 3 * len(inner4())}


def test_the_vni_says_which_network(node: Node) -> None:
    met = node.receive(*(sent(node, inner4(), vxlan=header(vni)) for vni in (RED, GREEN)))
    assert [each.network for each in met] == ["red", "green"]


def test_the_columns_are_those_of_the_inner_frame(node: Node) -> None:
    node.receive(sent(node, inner4()))
    vector = node.vector
    assert int(vector.destination_mac[0]).to_bytes(6, "little") == inner4()[:6]
    assert int(vector.source_mac[0]).to_bytes(6, "little") == BOB
    assert vector.ether_type[0] == 0x0800


@pytest.mark.parametrize("length", [60, 328 - 50, 329, 1400, 8900])
def test_frames_of_every_size_come_out_whole(node: Node, length: int) -> None:
    frame = plain(mac(1), BOB, length)
    (met,) = node.receive(sent(node, frame))
    assert (met.end, met.frame) == ("forward", frame)


def test_what_lies_behind_the_datagram_is_cut_off(node: Node) -> None:
    met = node.receive(*(sent(node, plain(mac(1), BOB, length)) + b"padding" for length in (20, 1400)))
    assert [each.frame for each in met] == [plain(mac(1), BOB, length) for length in (20, 1400)]


def test_options_of_the_outer_header_are_skipped(node: Node) -> None:
    (met,) = node.receive(sent(node, inner4(), options=b"\x01" * 40))
    assert (met.end, met.frame) == ("forward", inner4())


def test_frames_for_others_are_the_routers(node: Node) -> None:
    rows = {
        "to another MAC": bytes(carried(mac(0x77), inner4())),
        "to another address": sent(node, inner4(), destination="192.0.2.9"),
        "to another port": sent(node, inner4(), port=4790),
        "of another protocol": sent(node, inner4(), proto=6),
        "a first fragment": sent(node, inner4(), flags="MF"),
        "a later fragment": sent(node, inner4(), frag=5),
        "of another version": sent(node, inner4(), version=5),
        "with too short a header": sent(node, inner4(), ihl=4),
        "cut before the UDP header's end": sent(node, inner4())[:41],
        "no IP": plain(node.own_mac, BOB),
    }
    met = dict(zip(rows, node.receive(*rows.values()), strict=True))
    assert {name: (each.end, each.frame, each.port) for name, each in met.items()} == {
        name: ("forward", frame, "wan") for name, frame in rows.items()
    }
    assert not node.counted("tunnel")


def test_frames_of_other_ports_are_not_opened(node: Node) -> None:
    (met,) = node.receive(sent(node, inner4()), name="red")
    assert (met.end, met.port) == ("forward", "red")


def test_nothing_is_opened_of_what_parsing_dropped(node: Node) -> None:
    (met,) = node.receive(sent(node, inner4())[:10])
    assert (met.end, met.port) == ("runt", "wan")


@pytest.mark.parametrize(("link", "group"), [(LINK4, GROUP4), (LINK6, GROUP6)], ids=["IPv4", "IPv6"])
def test_a_multicast_group_is_the_vteps_too_if_there_is_one(link: Link, group: str) -> None:
    node = Node(link)
    group_mac = bytes.fromhex("01005e010101" if link is LINK4 else "333300004789")
    frame = bytes(carried(group_mac, inner4(), link=link, destination=group))
    assert node.receive(frame)[0].port == "wan"
    node.use_group(group)
    (met,) = node.receive(frame)
    assert (met.end, met.frame, met.remote) == ("forward", inner4(), 1)
    assert node.receive(bytes(carried(group_mac, inner4(), link=link)))[0].port == "wan", "one station's, to a group"


@LINKS
def test_every_truncation_behind_the_udp_header_has_one_reason(link: Link) -> None:
    node = Node(link)
    whole = sent(node, plain(mac(1), BOB, 14))
    headers = len(whole) - 22
    met = [node.receive(whole[:length])[0].end for length in range(headers, len(whole) + 1)]
    assert met == ["vxlan_truncated"] * 22 + ["forward"]


@LINKS
def test_every_truncation_with_true_lengths_has_the_same(link: Link) -> None:
    node = Node(link)
    whole = header() + plain(mac(1), BOB, 14)
    for length in range(len(whole)):
        frame = bytes(carried(node.own_mac, b"", link=link, vxlan=whole[:length] or b"\0"))
        assert node.receive(frame)[0].end == "vxlan_truncated"


@pytest.mark.parametrize("lies", [0, 7, 8, 15, 16, 29, 63, 65535])
def test_a_udp_length_that_cannot_be_is_a_truncation(node: Node, lies: int) -> None:
    assert node.receive(sent(node, inner4(), udp={"len": lies}))[0].end == "vxlan_truncated"


@pytest.mark.parametrize("lies", [0, 19, 20, 27, 57, 65535])
def test_a_total_length_that_cannot_be_is_a_truncation(node: Node, lies: int) -> None:
    assert node.receive(sent(node, inner4(), len=lies))[0].end == "vxlan_truncated"


@LINKS
@pytest.mark.parametrize("length", [60, 61, 328, 329, 1401])
def test_a_udp_checksum_is_verified(link: Link, length: int) -> None:
    node = Node(link)
    right = with_checksum(carried(node.own_mac, plain(mac(1), BOB, length), link=link))
    wrong = right[:-1] + bytes((right[-1] ^ 1,))
    assert [met.end for met in node.receive(right, wrong)] == ["forward", "vxlan_checksum"]


def test_a_wrong_ipv4_header_checksum_is_met(node: Node) -> None:
    assert node.receive(sent(node, inner4(), chksum=0x1234))[0].end == "vxlan_checksum"


def test_a_device_vouches_for_the_checksum_that_it_left_undone(node: Node) -> None:
    frame = sent(node, inner4(), udp={"chksum": 0x1234})
    undone = bytes((1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0))
    (met,) = node.receive(frame, virtio=undone)
    assert (met.end, met.frame, met.virtio) == ("forward", inner4(), bytes(VIRTIO_BYTES))


def test_without_the_i_flag_there_is_no_vni(node: Node) -> None:
    assert [node.receive(sent(node, inner4(), vxlan=header(flags=f)))[0].end for f in (0x00, 0xF7)] == [
        "vxlan_no_vni"
    ] * 2


def test_reserved_bits_are_ignored(node: Node) -> None:
    (met,) = node.receive(sent(node, inner4(), vxlan=header(flags=0xFF, reserved=0xFF, group=0xFFFF)))
    assert (met.end, met.network, met.group) == ("forward", "red", 0)


@LINKS
def test_who_is_no_peer_is_not_heard(link: Link) -> None:
    node = Node(link)
    stranger = "192.0.2.77" if link is LINK4 else "2001:db8::77"
    (met,) = node.receive(sent(node, inner4(), sender=stranger))
    assert (met.end, met.port) == ("unknown_peer", "tunnel")


@pytest.mark.parametrize("vni", [0, 1, RED + 4096, (1 << 24) - 1])
def test_a_vni_that_no_network_has_is_refused(node: Node, vni: int) -> None:
    assert node.receive(sent(node, inner4(), vxlan=header(vni)))[0].end == "unknown_vni"


def test_inner_tags_are_refused_unless_they_are_kept(node: Node) -> None:
    frame = tagged(inner4(), tag(10))
    assert node.receive(sent(node, frame))[0].end == "inner_vlan"
    node.overlay.keeps_tags[node.domains["red"]] = 1
    (met,) = node.receive(sent(node, frame))
    assert (met.end, met.frame) == ("forward", frame)
    assert node.receive(sent(node, frame, vxlan=header(GREEN)))[0].end == "inner_vlan"


def test_the_first_check_that_fails_says_why(node: Node) -> None:
    """Each row passes all checks but one more than the row before."""
    tagged_frame, marked = tagged(inner4(), tag(10)), inner4(tos=0)
    rows = [
        (sent(node, b"", sender="192.0.2.77", vxlan=header(9, 0), chksum=1), "vxlan_truncated"),
        (sent(node, tagged_frame, sender="192.0.2.77", vxlan=header(9, 0), chksum=1), "vxlan_checksum"),
        (sent(node, tagged_frame, sender="192.0.2.77", vxlan=header(9, 0)), "vxlan_no_vni"),
        (sent(node, tagged_frame, sender="192.0.2.77", vxlan=header(9)), "unknown_peer"),
        (sent(node, tagged_frame, vxlan=header(9), tos=3), "unknown_vni"),
        (sent(node, tagged_frame, tos=3), "inner_vlan"),
        (sent(node, marked, tos=3), "ecn_conflict"),
        (sent(node, marked), "spoofed_mac"),
    ]
    node.add_endpoint("red", 2, BOB)
    assert [met.end for met in node.receive(*(frame for frame, _ in rows))] == [end for _, end in rows]


def test_groups_are_read_where_they_are_in_use(node: Node) -> None:
    frame = sent(node, inner4(), vxlan=header(flags=0x88, group=0xBEEF))
    assert node.receive(frame)[0].group == 0
    node.overlay.has_groups = 1
    assert node.receive(frame)[0].group == 0xBEEF
    assert node.receive(sent(node, inner4(), vxlan=header(group=0xBEEF)))[0].group == 0


def test_a_mac_that_is_known_elsewhere_is_spoofed(node: Node) -> None:
    node.add_endpoint("red", 2, BOB)
    met = node.receive(*(sent(node, inner4(), sender=node.link.peers[peer]) for peer in (1, 2)))
    assert [each.end for each in met] == ["spoofed_mac", "forward"]
    assert node.receive(sent(node, inner4(), vxlan=header(GREEN)))[0].end == "forward", "of another network"


@pytest.mark.parametrize("frame", [inner4(), inner6(), arp("10.20.0.9")], ids=["IPv4", "IPv6", "ARP"])
def test_an_address_that_is_known_elsewhere_is_spoofed(node: Node, frame: bytes) -> None:
    for address in ("10.20.0.9", "fd00:20::9"):
        node.add_endpoint("red", 2, mac(0xC), address)
    met = node.receive(*(sent(node, frame, sender=node.link.peers[peer]) for peer in (1, 2)))
    assert [each.end for each in met] == ["spoofed_address", "forward"]
    assert node.receive(sent(node, frame, vxlan=header(GREEN)))[0].end == "forward", "of another network"


def test_a_subnet_is_its_peers_but_for_endpoints_of_others(node: Node) -> None:
    frames = [inner4(f"10.20.7.{last}") for last in (9, 10)]
    node.add_endpoint("red", 1, mac(0xC), "10.20.7.10")
    met = [[met.end for met in node.receive(*(sent(node, f, sender=peer) for f in frames))] for peer in peers(node)]
    assert met == [["spoofed_address", "forward"], ["spoofed_address"] * 2, ["forward", "spoofed_address"]]


def peers(node: Node) -> list[str]:
    """Return the peers' addresses."""
    return list(node.link.peers.values())


def test_arp_speaks_for_the_mac_that_it_names(node: Node) -> None:
    node.add_endpoint("red", 2, mac(0xC))
    met = node.receive(*(sent(node, arp("10.20.0.9", claimed)) for claimed in (mac(0xC), mac(0xD))))
    assert [each.end for each in met] == ["spoofed_mac", "forward"]


def test_a_probe_speaks_for_nobody(node: Node) -> None:
    node.add_endpoint("red", 2, mac(0xC), "0.0.0.0")
    assert node.receive(sent(node, arp("0.0.0.0")))[0].end == "forward"


def test_an_advertisement_speaks_for_its_target(node: Node) -> None:
    node.add_endpoint("red", 2, mac(0xC), "fd00:20::9")
    met = node.receive(*(sent(node, advertisement(f"fd00:20::{last}")) for last in (8, 9)))
    assert [each.end for each in met] == ["forward", "spoofed_address"]


def test_kept_tags_hide_no_claim(node: Node) -> None:
    node.overlay.keeps_tags[node.domains["red"]] = 1
    node.add_endpoint("red", 2, mac(0xC), "10.20.0.9")
    met = node.receive(*(sent(node, tagged(frame, tag(10))) for frame in (inner4(), inner4("10.20.0.8"))))
    assert [each.end for each in met] == ["spoofed_address", "forward"]


def test_frames_too_short_to_claim_anything_pass(node: Node) -> None:
    node.add_endpoint("red", 2, mac(0xC), "10.20.0.9")
    frames = [inner4()[:33], inner6()[:53], arp("10.20.0.9")[:41]]
    assert [met.end for met in node.receive(*(sent(node, frame) for frame in frames))] == ["forward"] * 3


SUPERFRAME = bytes((1, 1, 104, 0, 100, 0, 84, 0, 16, 0, 0, 0))
"""TCP over IPv4 in segments of 100 bytes; its checksum begins 84 bytes in, behind 50 of the outer headers."""


def test_a_superframe_inside_stays_one(node: Node) -> None:
    inner = inner_tcp4(bytes(20_000))
    frame = sent(node, inner, udp={"chksum": 0x1234})
    (met,) = node.receive(frame, virtio=SUPERFRAME)
    assert (met.end, met.frame) == ("forward", inner)
    assert met.virtio == bytes((1, 1, 54, 0, 100, 0, 34, 0, 16, 0, 0, 0))


def test_a_superframe_of_the_underlays_own_datagrams_is_refused(node: Node) -> None:
    of_datagrams = bytes((1, 5, 42, 0, 200, 0, 34, 0, 6, 0, 0, 0))
    assert node.receive(sent(node, inner_tcp4(bytes(2000))), virtio=of_datagrams)[0].end == "oversize"


def test_more_than_the_fabric_carries_is_refused(node: Node) -> None:
    assert Node(transport=SOCKET).receive_datagrams("192.0.2.2", header() + plain(mac(1), BOB, 9217))[0].end == (
        "oversize"
    )


class TestDevice:
    """Where the host's stack takes the outer headers off."""

    @pytest.fixture
    def node(self) -> Node:
        return Node(transport=SOCKET)

    def test_datagrams_are_opened(self, node: Node) -> None:
        met = node.receive_datagrams("192.0.2.3", header() + inner4(), header(GREEN) + inner6())
        assert [(each.end, each.frame, each.remote) for each in met] == [
            ("forward", inner4(), 2),
            ("forward", inner6(), 2),
        ]
        assert [each.network for each in met] == ["red", "green"]

    def test_the_device_has_counted_them(self, node: Node) -> None:
        node.receive_datagrams("192.0.2.3", header() + inner4())
        assert not node.counted("tunnel")

    def test_every_truncation_has_one_reason(self, node: Node) -> None:
        whole = header() + plain(mac(1), BOB, 14)
        met = node.receive_datagrams("192.0.2.3", *(whole[:length] for length in range(len(whole) + 1)))
        assert [each.end for each in met] == ["vxlan_truncated"] * len(whole) + ["forward"]

    def test_strangers_are_not_heard(self, node: Node) -> None:
        assert node.receive_datagrams("192.0.2.9", header() + inner4())[0].end == "unknown_peer"

    def test_congestion_comes_with_the_datagram(self, node: Node) -> None:
        (met,) = node.receive_datagrams("192.0.2.3", header() + inner4(tos=2), tos=3)
        assert met.frame == inner4(tos=3)

    def test_frames_of_the_underlay_are_the_routers(self, node: Node) -> None:
        assert node.receive(sent(node, inner4()))[0].port == "wan"

    def test_a_merged_superframe_stays_one(self, node: Node) -> None:
        inner = inner_tcp4(bytes(20_000))
        merged = bytes((1, 1, 62, 0, 100, 0, 42, 0, 16, 0, 0, 0))
        (met,) = node.receive_datagrams("192.0.2.3", header() + inner, virtio=merged)
        assert (met.end, met.frame) == ("forward", inner)
        assert met.virtio == bytes((1, 1, 54, 0, 100, 0, 34, 0, 16, 0, 0, 0))
