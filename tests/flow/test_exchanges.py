"""What is no connection: packets one way, then both ways, and when the flow's time is over."""

import numpy as np
import pytest

from dataplane.flow.build import flow_state_name
from dataplane.flow.tables import ANSWERED, ASSURED
from dataplane.vector import LATER_FRAGMENT
from tests.flow.conversations import Conversation, Outcome, ticks
from tests.flow.tables import find

pytestmark = pytest.mark.kernel

EITHER = {"UDP": (17, "udp", "udp_stream"), "ICMP": (1, "icmp", "icmp"), "ICMPv6": (58, "icmp", "icmp")}
EITHER |= {"GRE": (47, "generic", "generic"), "IGMP": (2, "generic", "generic")}


@pytest.mark.parametrize(("protocol", "one_way", "two_way"), EITHER.values(), ids=EITHER)
def test_one_way_and_then_both(protocol: int, one_way: str, two_way: str) -> None:
    packets = Conversation(protocol)
    assert packets.send(0, bytes(8)) == Outcome("one_way", ticks(one_way), 0, False)
    packets.tick += 50
    assert packets.send(0, bytes(8)) == Outcome("one_way", ticks(one_way), 0, False)
    for direction in (1, 0, 1):
        packets.tick += 50
        expected = Outcome("two_way", ticks(two_way), ASSURED | ANSWERED, False)
        assert packets.send(direction, bytes(8), payload=1000) == expected
    assert packets.counted() == [[3, 28 + 28 + 1028], [2, 2 * 1028]]


def test_later_fragments_count_as_packets_of_their_flow() -> None:
    packets = Conversation(17)
    packets.send(0, bytes(8), payload=1400)
    assert packets.send(1, b"", LATER_FRAGMENT, 700) == Outcome("two_way", ticks("udp_stream"), 3, False)
    assert packets.counted() == [[1, 1428], [1, 720]]


def test_a_flow_is_absent_when_its_time_is_over_and_not_before() -> None:
    packets = Conversation(17, tick=(1 << 32) - 100)
    packets.send(0, bytes(8))
    over = packets.tick + ticks("udp")
    key = (1, 2, 3, 4, 17 << 24)
    assert find(packets.flows, key, (over - 1) % (1 << 32)) == packets.flow * 2
    assert find(packets.flows, key, over % (1 << 32)) == 0
    packets.tick = (over - 1) % (1 << 32)
    packets.send(0, bytes(8))
    assert find(packets.flows, key, over % (1 << 32)) == packets.flow * 2


def test_the_most_that_is_counted_stays_exact() -> None:
    packets = Conversation(17)
    packets.send(0, bytes(8))
    packets.record.original.bytes = packets.record.original.packets = np.uint64((1 << 60) + 1)
    packets.send(0, bytes(8))
    assert packets.counted()[0] == [(1 << 60) + 2, (1 << 60) + 29]


def test_every_state_has_a_name() -> None:
    assert [flow_state_name(6, state) for state in (1, 3)] == ["syn_sent", "established"]
    assert [flow_state_name(132, state) for state in (1, 3)] == ["cookie_wait", "established"]
    assert [flow_state_name(17, state) for state in (0, 1, 2)] == ["new", "one_way", "two_way"]
