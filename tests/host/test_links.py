"""Links: listed, found, counted and set, in the namespace that is asked for."""

import pytest

from control.errors import UserError
from control.host.links import find_link, list_links, read_link_counters, set_link_up
from tests.netns import connect, namespaces, set_up

pytestmark = pytest.mark.netns


def test_links_of_a_namespace_are_listed_with_their_state() -> None:
    with namespaces("left", "right") as (left, right):
        connect(left, "eth0", right, "eth1")
        assert {link.name for link in list_links(left.name)} == {"lo", "eth0"}
        link = find_link(right.path, "eth1")
        assert link is not None
        assert (link.kind, link.mtu, link.passes_frames) == ("veth", 1500, True)
        assert len(link.mac) == 6
        assert find_link(left.name, "eth1") is None


def test_setting_a_link_down_takes_the_others_carrier() -> None:
    with namespaces("left", "right") as (left, right):
        connect(left, "eth0", right, "eth0")
        set_link_up(left.name, "eth0", up=False)
        here, there = find_link(left.name, "eth0"), find_link(right.name, "eth0")
        assert here is not None
        assert there is not None
        assert (here.is_up, there.is_up, there.carrier) == (False, True, False)
        set_link_up(left.name, "eth0")
        again = find_link(right.name, "eth0")
        assert again is not None
        assert again.passes_frames


def test_counters_count() -> None:
    with namespaces("left", "right") as (left, right):
        connect(left, "eth0", right, "eth0")
        set_up(left, "eth0", "10.0.0.1/24")
        set_up(right, "eth0", "10.0.0.2/24")
        before = read_link_counters(right.name, "eth0")
        left.run("ping", "-c1", "-W5", "10.0.0.2")
        after = read_link_counters(right.name, "eth0")
        assert before is not None
        assert after is not None
        assert after.rx_packets >= before.rx_packets + 2  # ARP and the echo request
        assert after.rx_bytes > before.rx_bytes


def test_what_is_not_there_is_none_or_a_sentence() -> None:
    with namespaces("only") as (only,):
        assert find_link(only.name, "nope") is None
        assert find_link(only.name, "longer-than-an-interface-name") is None
        assert read_link_counters(only.name, "nope") is None
        with pytest.raises(UserError, match=f"no interface 'nope' in namespace '{only.name}'"):
            set_link_up(only.name, "nope")
