"""Into the tunnel by frames of our own making: every byte of the outer headers, whom it goes to, and what waits."""

from collections import Counter
from collections.abc import Iterable

import pytest
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from control.fabric.interfaces import InterfaceKey
from dataplane.vector import EXTRA_FRAMES, MAX_PEERS
from dataplane.wire import VXLAN_FIRST_PORT, VXLAN_PORTS
from tests.encap.frames import ALICE, BOB, carried
from tests.encap.node import GROUP4, GROUP6, LINK4, LINK6, RED, Link, Node, Sent, peer_mac
from tests.packets import BROADCAST, UNKNOWN, mac, mac_text, plain, tag, tagged

LINKS = pytest.mark.parametrize("link", [LINK4, LINK6], ids=["IPv4", "IPv6"])
NEEDS_CHECKSUM = bytes((1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0))


@pytest.fixture
def node() -> Node:
    return ready(LINK4)


def ready(link: Link) -> Node:
    """Return a node that knows the MACs of its peers, and that Bob is at the first."""
    node = Node(link)
    node.meet_peers()
    node.add_endpoint("red", 1, BOB, "10.20.0.9")
    return node


def to_bob(length: int = 60) -> bytes:
    """Return an opaque frame from Alice."""
    return plain(BOB, ALICE, length)


def udp_to_bob(size: int = 100, tos: int = 0, flags: str = "", sport: int = 4000) -> bytes:
    """Return a datagram from Alice whose packet has ``size`` bytes."""
    packet = IP(src="10.20.0.8", dst="10.20.0.9", id=7, tos=tos, flags=flags) / UDP(sport=sport, dport=53)
    return bytes(Ether(dst=mac_text(BOB), src=mac_text(ALICE)) / packet / Raw(bytes(size - 28)))


def wrapped(node: Node, inner: bytes, peer: int, **fields: object) -> bytes:
    """Return what scapy makes of a frame for a peer, with the source port that ``outer_port`` has said."""
    link = node.link
    udp = {"sport": outer_port(inner), "chksum": 0 if link is LINK4 else None}
    network = {"sender": link.own, "destination": link.peers[peer], "udp": udp} | fields
    outer = carried(peer_mac(peer), inner, link=link, **network)  # type: ignore[arg-type]
    outer.src = mac_text(node.own_mac)
    if link is LINK6:
        outer[IPv6].fl = udp["sport"]
        if udp["chksum"] is None:
            del outer[UDP].chksum
    return bytes(outer)


def outer_port(inner: bytes) -> int:
    """Return the source port that a fresh node gives an inner frame."""
    fresh = ready(LINK4)
    return int(Ether(fresh.carry("red", inner[:12] + inner[12:])[-1].frame)[UDP].sport)


def at_peers(node: Node, sent: Iterable[Sent]) -> list[tuple[int, bytes]]:
    """Return what leaves by the underlay as peers' numbers, by MAC and address alike, and inner frames."""
    found = []
    for each in sent:
        if each.port != "wan":
            continue
        outer = Ether(each.frame)
        (peer,) = [n for n, address in node.link.peers.items() if outer.payload.dst == address]
        assert outer.dst == mac_text(peer_mac(peer))
        assert outer.src == mac_text(node.own_mac)
        found.append((peer, bytes(outer[VXLAN].payload)))
    return found


@LINKS
@pytest.mark.parametrize("length", [14, 60, 280, 321, 1400, 1444])
def test_a_frame_for_one_peer_is_wrapped_as_scapy_would(link: Link, length: int) -> None:
    node, inner = ready(link), to_bob(length)
    (sent,) = node.carry("red", inner)
    assert sent.port == "wan"
    assert sent.frame == wrapped(node, inner, 1)


def test_the_columns_are_those_of_the_outer_frame(node: Node) -> None:
    (sent,) = node.carry("red", to_bob())
    assert int(node.vector.destination_mac[0]).to_bytes(6, "little") == sent.frame[:6]
    assert int(node.vector.source_mac[0]).to_bytes(6, "little") == sent.frame[6:12]
    assert node.vector.domain[0] == node.overlay.underlay_domain


def test_both_ports_count_it(node: Node) -> None:
    before = node.counted("tunnel").get("tx_packets", 0)
    node.carry("red", to_bob(), to_bob(200))
    assert before == 0
    assert node.counted("tunnel") == {"tx_packets": 2, "tx_bytes": 260}


def test_what_leaves_is_what_another_node_opens(node: Node) -> None:
    """Its MAC and addresses are turned round, so that it comes from a peer."""
    inner = udp_to_bob()
    (sent,) = node.carry("red", inner)
    outer = Ether(sent.frame)
    back = bytes(carried(node.own_mac, bytes(outer[VXLAN].payload)))
    (met,) = node.receive(back)
    assert (met.end, met.frame, met.network) == ("forward", inner, "red")


@LINKS
@pytest.mark.parametrize("length", [60, 61, 329, 1400])
def test_the_udp_checksum_is_written_where_it_is_asked_for(link: Link, length: int) -> None:
    node = ready(link)
    node.overlay.checksums = 1
    (sent,) = node.carry("red", to_bob(length))
    written = Ether(sent.frame)[UDP].chksum
    again = Ether(sent.frame)
    del again[UDP].chksum
    assert written == Ether(bytes(again))[UDP].chksum != 0


def test_time_to_live_port_and_group_are_the_settings(node: Node) -> None:
    node.overlay.ttl, node.overlay.udp_port, node.overlay.has_groups = 9, 8472, 1
    node.overlay.group_of_port[node.index("red")] = 0xBEEF
    (sent,) = node.carry("red", to_bob())
    outer = Ether(sent.frame)
    assert (outer[IP].ttl, outer[UDP].dport) == (9, 8472)
    assert bytes(outer[UDP].payload)[:8] == bytes.fromhex("8800beef") + RED.to_bytes(3, "big") + b"\0"


def test_no_group_is_written_where_groups_are_not_in_use(node: Node) -> None:
    node.overlay.group_of_port[node.index("red")] = 0xBEEF
    (sent,) = node.carry("red", to_bob())
    assert bytes(Ether(sent.frame)[UDP].payload)[:4] == bytes.fromhex("08000000")


@LINKS
@pytest.mark.parametrize("tos", [0, 1, 2, 3, 46 << 2, 0xFF])
def test_the_class_is_the_packets_or_has_a_dscp_of_its_own(link: Link, tos: int) -> None:
    node = ready(link)
    outer = [Ether(sent.frame) for sent in node.carry("red", udp_to_bob(tos=tos))]
    node.overlay.dscp = 10
    outer += [Ether(sent.frame) for sent in node.carry("red", udp_to_bob(tos=tos), to_bob())]
    classes = [each[IP].tos if link is LINK4 else each[IPv6].tc for each in outer]
    assert classes == [tos, 10 << 2 | tos & 3, 10 << 2]


class TestEntropy:
    """The source port: the same for a flow, and spread over all of them."""

    @staticmethod
    def ports(node: Node, frames: list[bytes]) -> list[int]:
        found = []
        for first in range(0, len(frames), 32):
            found += [Ether(sent.frame)[UDP].sport for sent in node.carry("red", *frames[first : first + 32])]
        return found

    def test_frames_of_a_flow_have_one_port(self, node: Node) -> None:
        assert len(set(self.ports(node, [udp_to_bob(), udp_to_bob(200), udp_to_bob(tos=3)]))) == 1

    def test_flows_are_spread(self, node: Node) -> None:
        ports = self.ports(node, [udp_to_bob(sport=port) for port in range(1000, 1512)])
        assert all(VXLAN_FIRST_PORT <= port < VXLAN_FIRST_PORT + VXLAN_PORTS for port in ports)
        assert len(set(ports)) > 480
        assert max(Counter(port % 4 for port in ports).values()) < 200

    def test_flows_of_ipv6_are_spread_too(self, node: Node) -> None:
        head = Ether(dst=mac_text(BOB), src=mac_text(ALICE))
        flows = [
            bytes(head / IPv6(src="fd00:20::8", dst=f"fd00:20::{last:x}") / TCP(sport=port))
            for last in range(16)
            for port in range(1000, 1016)
        ]
        assert len(set(self.ports(node, flows))) > 240

    def test_what_is_not_ip_is_told_apart_by_its_macs(self, node: Node) -> None:
        ports = self.ports(node, [plain(BOB, mac(0x100 + number)) for number in range(64)])
        assert len(set(ports)) > 56

    def test_all_fragments_have_one_port(self, node: Node) -> None:
        whole = IP(bytes(Ether(udp_to_bob(1000))[IP]))
        head = Ether(dst=mac_text(BOB), src=mac_text(ALICE))
        assert len(set(self.ports(node, [bytes(head / piece) for piece in fragment(whole, 400)]))) == 1


class TestEveryNode:
    """Head-end replication, or a group."""

    @LINKS
    @pytest.mark.parametrize("length", [60, 1400])
    @pytest.mark.parametrize("to", [BROADCAST, UNKNOWN])
    def test_every_member_gets_a_copy(self, link: Link, length: int, to: bytes) -> None:
        node, frame = ready(link), plain(to, ALICE, length)
        sent = node.carry("red", frame)
        assert at_peers(node, sent) == [(1, frame), (2, frame), (3, frame)]
        assert node.ends() == ["forward"]

    def test_only_nodes_of_the_network_do(self, node: Node) -> None:
        node.remotes.member_bits[node.domains["red"], 0] = 0b1010
        node.remotes.members[node.domains["red"]] = 2
        frame = plain(BROADCAST, ALICE)
        assert at_peers(node, node.carry("red", frame)) == [(1, frame), (3, frame)]

    def test_members_of_any_number_are_found(self, node: Node) -> None:
        bits = node.remotes.member_bits[node.domains["red"]]
        last = MAX_PEERS - 1
        for peer in (1, 63, 64, last):
            node.remotes.peer[peer] = node.remotes.peer[1]
            bits[peer // 64] |= 1 << peer % 64
        node.remotes.members[node.domains["red"]] = 6
        frame = plain(BROADCAST, ALICE)
        assert [peer for peer, _ in at_peers(node, node.carry("red", frame))] == [1, 2, 3, 1, 1, 1]

    def test_a_network_without_other_nodes_keeps_its_frames(self, node: Node) -> None:
        node.remotes.members[node.domains["red"]] = 0
        assert node.carry("red", plain(BROADCAST, ALICE)) == []
        assert node.ends() == ["no_receiver"]

    @pytest.mark.parametrize(("link", "group"), [(LINK4, GROUP4), (LINK6, GROUP6)], ids=["IPv4", "IPv6"])
    def test_a_group_gets_one_copy(self, link: Link, group: str) -> None:
        node, frame = ready(link), plain(BROADCAST, ALICE)
        node.use_group(group)
        (sent,) = node.carry("red", frame)
        outer = Ether(sent.frame)
        assert outer.payload.dst == group
        assert outer.dst == ("01:00:5e:01:01:01" if link is LINK4 else "33:33:00:00:47:89")
        assert bytes(outer[VXLAN].payload) == frame

    def test_there_are_as_many_copies_as_a_vector_has_room_for(self, node: Node) -> None:
        frames = [plain(BROADCAST, ALICE)] * 60
        sent = [each for _ in range(2) for each in node.carry("red", *frames)]
        assert len(sent) == 2 * 3 * 60 <= 2 * EXTRA_FRAMES
        node.remotes.members[node.domains["red"]] = 300
        node.remotes.peer[4:304] = node.remotes.peer[1]
        node.remotes.member_bits[node.domains["red"], :5] = (1 << 64) - 1
        node.remotes.member_bits[node.domains["red"], 0] -= 1
        assert len(node.carry("red", plain(BROADCAST, ALICE))) == EXTRA_FRAMES
        assert node.ends() == ["forward"]
        assert node.counted("tunnel")["transmit_errors"] == 300 - EXTRA_FRAMES

    def test_a_copy_that_no_route_leads_on_is_counted(self, node: Node) -> None:
        node.remotes.peer[2].address_high = 1
        assert len(node.carry("red", plain(BROADCAST, ALICE))) == 2
        assert node.ends() == ["forward"]
        assert node.counted("tunnel")["transmit_errors"] == 1

    def test_what_a_peer_sent_goes_to_no_peer(self, node: Node) -> None:
        node.carry("green", to_bob())
        sent = node.carry("wan", bytes(carried(node.own_mac, plain(BROADCAST, BOB))))
        assert [each.port for each in sent] == ["red"]


class TestWaiting:
    """Where the next hop's MAC is not known."""

    @LINKS
    def test_a_frame_waits_as_it_was_and_is_sent_then(self, link: Link) -> None:
        node, frame = Node(link), to_bob(1400)
        node.add_endpoint("red", 1, BOB)
        (asked,) = node.carry("red", frame)
        assert node.ends() == ["consume"]
        assert (asked.port, ARP in Ether(asked.frame)) == ("wan", link is LINK4)
        sent = node.carry("wan", node.greeting_of(1))
        assert at_peers(node, [each for each in sent if VXLAN in Ether(each.frame)]) == [(1, frame)]

    def test_its_group_waits_with_it(self) -> None:
        node = Node()
        node.add_endpoint("red", 1, BOB)
        node.overlay.has_groups, node.overlay.group_of_port[node.index("red")] = 1, 7
        node.carry("red", to_bob())
        node.overlay.group_of_port[:] = 0
        sent = node.carry("wan", node.greeting_of(1))
        assert bytes(Ether(sent[-1].frame)[UDP].payload)[:4] == bytes.fromhex("88000007")

    def test_copies_wait_each_for_its_node_while_others_go(self) -> None:
        node, frame = Node(), plain(BROADCAST, ALICE)
        node.carry("wan", node.greeting_of(2))
        sent = node.carry("red", frame)
        assert at_peers(node, [each for each in sent if VXLAN in Ether(each.frame)]) == [(2, frame)]
        assert len(sent) == 3, "two are asked for"
        assert node.ends() == ["forward"]
        for peer in (3, 1):
            sent = node.carry("wan", node.greeting_of(peer))
            assert at_peers(node, [each for each in sent if VXLAN in Ether(each.frame)]) == [(peer, frame)]

    def test_what_the_router_asks_itself_has_no_group(self) -> None:
        node = Node()
        node.overlay.has_groups, node.overlay.group_of_port[node.index("green")] = 1, 7
        packet = IP(src="10.20.0.8", dst="10.20.0.77") / UDP(sport=1, dport=2)
        router = node.fabric.plan.interfaces[InterfaceKey("network", "red")].mac
        node.meet_peers()
        node.overlay.group_of_port[node.index("red")] = 7
        sent = node.carry("red", bytes(Ether(dst=mac_text(router), src=mac_text(ALICE)) / packet))
        asked = [bytes(Ether(each.frame)[UDP].payload)[:4] for each in sent if each.port == "wan"]
        assert asked == [bytes.fromhex("08000000")] * 3

    def test_a_frame_is_asked_for_once(self) -> None:
        node = Node()
        node.add_endpoint("red", 1, BOB)
        assert len(node.carry("red", to_bob(), to_bob(), to_bob())) == 1
        assert node.ends() == ["consume"] * 3
        assert len(node.carry("wan", node.greeting_of(1))) == 4

    def test_where_no_route_leads_nothing_waits(self, node: Node) -> None:
        node.remotes.peer[1].address_low += 1 << 24
        assert node.carry("red", to_bob()) != []
        node.remotes.peer[1].address_high = 1
        assert node.carry("red", to_bob()) == []
        assert node.ends() == ["no_route"]


class TestSize:
    """What is too big for the tunnel, and what is left to a device."""

    def test_the_largest_packet_fits(self, node: Node) -> None:
        (sent,) = node.carry("red", udp_to_bob(1450, flags="DF"))
        assert len(sent.frame) == 1514

    def test_one_that_may_not_be_cut_comes_back(self, node: Node) -> None:
        (sent,) = node.carry("red", udp_to_bob(1451, flags="DF"))
        answer = Ether(sent.frame)
        assert node.ends() == ["packet_too_big"]
        assert (sent.port, answer.dst, answer[IP].src) == ("red", mac_text(ALICE), "10.20.0.1")
        assert (answer.payload.payload.type, answer.payload.payload.code) == (3, 4)
        assert answer.payload.payload.nexthopmtu == 1450

    def test_one_that_may_be_cut_is_cut(self, node: Node) -> None:
        inner = udp_to_bob(3000)
        found = at_peers(node, node.carry("red", inner))
        pieces = fragment(IP(inner[14:]), 1430 // 8 * 8)
        assert found == [(1, inner[:14] + bytes(piece)) for piece in pieces]

    def test_so_are_the_copies_of_one_for_all(self, node: Node) -> None:
        inner = BROADCAST + udp_to_bob(3000)[6:]
        sent = node.carry("red", inner)
        found = at_peers(node, sent)
        pieces = [inner[:14] + bytes(piece) for piece in fragment(IP(inner[14:]), 1430 // 8 * 8)]
        assert found == [(peer, piece) for piece in pieces for peer in (1, 2, 3)]
        assert node.ends() == ["forward"]

    def test_what_is_no_packet_ends(self, node: Node) -> None:
        assert node.carry("red", to_bob(1465)) == []
        assert node.ends() == ["packet_too_big"]

    def test_where_others_have_it_still_only_the_tunnel_does_not(self, node: Node) -> None:
        assert node.carry("red", plain(BROADCAST, ALICE, 1465)) == []
        assert node.ends() == ["packet_too_big"], "nobody else was there"

    def test_tags_stay_here_unless_they_are_kept(self, node: Node) -> None:
        frame = tagged(to_bob(), tag(10))
        assert node.carry("red", frame) == []
        assert node.ends() == ["inner_vlan"]
        node.overlay.keeps_tags[node.domains["red"]] = 1
        assert at_peers(node, node.carry("red", frame)) == [(1, frame)]

    def test_a_checksum_left_to_a_device_is_computed(self, node: Node) -> None:
        whole = Ether(udp_to_bob())
        pseudo = bytes(whole[IP])[12:20] + b"\0\x11" + bytes(whole[UDP])[4:6]
        total = sum(int.from_bytes(pseudo[at : at + 2], "big") for at in range(0, 12, 2))
        left = whole.copy()
        left[UDP].chksum = total % 0xFFFF
        for to, count in ((BOB, 1), (BROADCAST, 3)):
            right = to + bytes(whole)[6:]
            sent = node.carry("red", to + bytes(left)[6:], virtio=NEEDS_CHECKSUM)
            assert [inner for _, inner in at_peers(node, sent)] == [right] * count
            assert all(each.virtio == bytes(12) for each in sent)

    @pytest.mark.parametrize(("to", "count"), [(BOB, 1), (BROADCAST, 3)])
    def test_a_superframe_is_cut(self, node: Node, to: bytes, count: int) -> None:
        superframe, segments = tcp_superframe(to, 5000, 1000)
        sent = node.carry("red", superframe, virtio=bytes((1, 1, 54, 0, 0xE8, 3, 34, 0, 16, 0, 0, 0)))
        assert [inner for peer, inner in at_peers(node, sent) if peer == 1] == segments
        assert len(sent) == count * len(segments)

    def test_a_superframe_of_too_large_segments_comes_back(self, node: Node) -> None:
        superframe, _ = tcp_superframe(BOB, 5000, 1000)
        (sent,) = node.carry("red", superframe, virtio=bytes((1, 1, 54, 0, 0xDC, 5, 34, 0, 16, 0, 0, 0)))
        assert (sent.port, node.ends()) == ("red", ["packet_too_big"])


def tcp_superframe(to: bytes, size: int, each: int) -> tuple[bytes, list[bytes]]:
    """Return a superframe of TCP that leaves its checksum to a device, and the segments that it is to become."""
    payload = bytes(k & 0xFF for k in range(size))
    head = Ether(dst=mac_text(to), src=mac_text(ALICE))
    ip = {"src": "10.20.0.8", "dst": "10.20.0.9", "flags": "DF"}
    segments = [
        bytes(head / IP(id=7 + k, **ip) / TCP(seq=1 + k * each, flags="A") / Raw(payload[k * each : (k + 1) * each]))
        for k in range(-(-size // each))
    ]
    whole = head / IP(id=7, **ip) / TCP(seq=1, flags="A", chksum=0) / Raw(payload)
    whole = Ether(bytes(whole))
    pseudo = bytes(whole[IP])[12:20] + b"\0\x06" + (len(whole) - 34).to_bytes(2, "big")
    total = sum(int.from_bytes(pseudo[at : at + 2], "big") for at in range(0, 12, 2))
    whole[TCP].chksum = total % 0xFFFF
    return bytes(whole), segments
