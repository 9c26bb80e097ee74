"""Congestion and priority across the tunnel: RFC 6040's tables, word for word."""

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from tests.encap.frames import arp, carried, inner4, inner6
from tests.encap.node import LINK4, LINK6, Link, Node
from tests.packets import tag, tagged

NOT_ECT, ECT_1, ECT_0, CE = range(4)
OUTER = (NOT_ECT, ECT_0, ECT_1, CE)
LEAVES_AS = {
    NOT_ECT: (NOT_ECT, NOT_ECT, NOT_ECT, None),
    ECT_0: (ECT_0, ECT_0, ECT_1, CE),
    ECT_1: (ECT_1, ECT_1, ECT_1, CE),
    CE: (CE, CE, CE, CE),
}
"""RFC 6040 figure 4: by the inner field, then the outer one; None is dropped."""

LINKS = pytest.mark.parametrize("link", [LINK4, LINK6], ids=["IPv4", "IPv6"])
DSCP = 46 << 2


def through(node: Node, inner: bytes, outer: int) -> tuple[str, bytes]:
    """Return what comes out of the tunnel of a frame whose outer header has a traffic class."""
    field = {"tos": outer} if node.link is LINK4 else {"tc": outer}
    (met,) = node.receive(bytes(carried(node.own_mac, inner, link=node.link, **field)))
    return met.end, met.frame


@LINKS
@pytest.mark.parametrize("inner", LEAVES_AS)
@pytest.mark.parametrize("make", [inner4, inner6], ids=["inner IPv4", "inner IPv6"])
def test_the_fields_are_combined(link: Link, inner: int, make: type) -> None:
    node = Node(link)
    for outer, leaves in zip(OUTER, LEAVES_AS[inner], strict=True):
        end, frame = through(node, make(tos=DSCP | inner), 8 << 2 | outer)
        if leaves is None:
            assert end == "ecn_conflict"
        else:
            assert (end, frame) == ("forward", make(tos=DSCP | leaves)), "the checksum is right again, the DSCP kept"


@LINKS
def test_what_has_no_class_is_let_through(link: Link) -> None:
    node = Node(link)
    node.overlay.keeps_tags[:] = 1
    for frame in (arp("10.20.0.9"), tagged(inner4(), tag(10)), inner4()[:33], inner6()[:53]):
        assert through(node, frame, CE) == ("forward", frame)


def test_the_test_reads_classes_as_scapy_does() -> None:
    assert Ether(inner4(tos=0xB9))[IP].tos == Ether(inner6(tos=0xB9))[IPv6].tc == 0xB9
