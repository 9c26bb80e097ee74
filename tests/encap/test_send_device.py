"""Into the tunnel where a device sends: what stays in its queue, and what it says of itself."""

import pytest
from scapy.layers.inet import IP, fragment
from scapy.layers.l2 import Ether

from dataplane.vector import EVERY_PEER
from encap.tables import SOCKET
from tests.encap.frames import ALICE, BOB
from tests.encap.node import Node, Sent
from tests.encap.test_send import tcp_superframe, to_bob, udp_to_bob
from tests.packets import BROADCAST, mac_text, plain, tag, tagged

TCP_IN_THOUSANDS = bytes((1, 1, 54, 0, 0xE8, 3, 34, 0, 16, 0, 0, 0))


@pytest.fixture
def node() -> Node:
    node = Node(transport=SOCKET)
    node.add_endpoint("red", 2, BOB, "10.20.0.9")
    return node


def left(sent: list[Sent]) -> list[tuple[bytes, int]]:
    """Return the frames in the tunnel's queue, and which peer gets each."""
    return [(each.frame, each.remote) for each in sent if each.port == "tunnel"]


def test_frames_stay_as_they_are_and_say_who_gets_them(node: Node) -> None:
    flood = plain(BROADCAST, ALICE)
    assert left(node.carry("red", to_bob(), flood)) == [(to_bob(), 2), (flood, EVERY_PEER)]
    assert node.ends() == ["forward", "forward"]


def test_their_group_is_their_ports(node: Node) -> None:
    node.overlay.has_groups, node.overlay.group_of_port[node.index("red")] = 1, 7
    assert [each.group for each in node.carry("red", to_bob())] == [7]


def test_nothing_is_wrapped_nor_asked_for(node: Node) -> None:
    assert [each.port for each in node.carry("red", to_bob())] == ["tunnel"]


def test_tags_do_not_stay(node: Node) -> None:
    assert left(node.carry("red", to_bob(), tagged(to_bob(), tag(5)), to_bob(80))) == [(to_bob(), 2), (to_bob(80), 2)]
    assert node.ends() == ["forward", "inner_vlan", "forward"]


def test_what_is_too_big_comes_back(node: Node) -> None:
    (sent,) = node.carry("red", udp_to_bob(1451, flags="DF"))
    answer = Ether(sent.frame)
    assert (sent.port, answer.dst, node.ends()) == ("red", mac_text(ALICE), ["packet_too_big"])
    assert answer.payload.payload.nexthopmtu == 1450


def test_what_may_be_cut_is_cut(node: Node) -> None:
    inner = udp_to_bob(3000)
    pieces = [inner[:14] + bytes(piece) for piece in fragment(IP(inner[14:]), 1430 // 8 * 8)]
    assert left(node.carry("red", inner, to_bob())) == [(pieces[0], 2), (to_bob(), 2), (pieces[1], 2), (pieces[2], 2)]


def test_what_others_may_have_too_is_copied_before_it_is_cut(node: Node) -> None:
    inner = BROADCAST + udp_to_bob(3000)[6:]
    pieces = [inner[:14] + bytes(piece) for piece in fragment(IP(inner[14:]), 1430 // 8 * 8)]
    assert left(node.carry("red", inner)) == [(piece, EVERY_PEER) for piece in pieces]
    assert node.bytes_of(0) == inner
    assert node.ends() == ["forward"]


@pytest.mark.parametrize("to", [BOB, BROADCAST])
def test_a_superframe_stays_one(node: Node, to: bytes) -> None:
    superframe, _ = tcp_superframe(to, 5000, 1000)
    (sent,) = node.carry("red", superframe, virtio=TCP_IN_THOUSANDS)
    assert (sent.port, sent.frame, sent.virtio) == ("tunnel", superframe, TCP_IN_THOUSANDS)


def test_a_checksum_stays_to_be_computed(node: Node) -> None:
    to_be_done = bytes((1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0))
    (sent,) = node.carry("red", udp_to_bob(), virtio=to_be_done)
    assert (sent.frame, sent.virtio) == (udp_to_bob(), to_be_done)


def test_a_node_without_a_router_does_the_same_but_tells_nobody() -> None:
    node = Node(transport=SOCKET, router=False)
    node.state.interfaces[node.copy].routes = 0
    node.add_endpoint("red", 2, BOB)
    sent = node.carry("red", to_bob(), udp_to_bob(1451, flags="DF"), udp_to_bob(1451))
    assert [(each.port, len(each.frame)) for each in sent] == [("tunnel", 60), ("tunnel", 1458), ("tunnel", 41)]
    assert node.ends() == ["forward", "packet_too_big", "forward"]
