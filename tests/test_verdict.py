"""The one list of drop reasons: numbers and names are for good, and the page in docs/ shows the list as it is."""

import ast
from pathlib import Path

import pytest

from control.docs import PAGES
from dataplane import verdict
from dataplane.verdict import DROP_REASONS, REASON_NAMES, REASONS_CAPACITY
from tests.rows import ALL_ROWS
from tests.sources import ROOT

GIVEN = {
    1: "runt",
    2: "oversize",
    3: "source_mac_multicast",
    4: "source_mac_zero",
    5: "reserved_multicast",
    6: "truncated_vlan",
    7: "vlan_not_member",
    8: "spoofed_mac",
    9: "spoofed_address",
    10: "storm_broadcast",
    11: "storm_multicast",
    12: "storm_unknown_unicast",
    13: "static_mac_elsewhere",
    14: "same_port",
    15: "isolated",
    16: "port_down",
    17: "no_receiver",
    18: "transmit_failed",
    19: "not_routable",
    20: "malformed_neighbour",
    21: "gateway_claimed",
    22: "malformed_packet",
    23: "martian_address",
    24: "malformed_transport",
    25: "no_route",
    26: "route_blackhole",
    27: "ttl_exceeded",
    28: "packet_too_big",
    29: "networks_isolated",
    30: "network_internal",
    31: "unsolicited",
    32: "unrelated_error",
    33: "no_service",
    34: "neighbour_unresolved",
    35: "flow_table_full",
    36: "nat_exhausted",
    37: "fragment_table_full",
    38: "fragment_overlap",
    39: "burst_full",
    40: "vxlan_truncated",
    41: "vxlan_checksum",
    42: "vxlan_no_vni",
    43: "unknown_peer",
    44: "unknown_vni",
    45: "inner_vlan",
    46: "ecn_conflict",
    47: "policy_denied",
    48: "policy_unreadable",
}
"""Numbers that were given. Lines are added here; none is changed or taken out."""


SHOWN_ELSEWHERE = {"burst_full"}
"""It depends on how frames are grouped into vectors, as no row does: tests/test_router_bursts.py."""


def test_numbers_and_names_are_unique() -> None:
    assert len({reason.number for reason in DROP_REASONS}) == len(DROP_REASONS)
    assert len({reason.name for reason in DROP_REASONS}) == len(DROP_REASONS)


def test_given_numbers_keep_their_names() -> None:
    assert {reason.number: reason.name for reason in DROP_REASONS} == GIVEN


def test_numbers_index_the_counters() -> None:
    assert all(0 < reason.number < REASONS_CAPACITY for reason in DROP_REASONS)
    assert sorted(REASON_NAMES) == [reason.number for reason in DROP_REASONS], "in order of their numbers"


def test_every_constant_is_in_the_list() -> None:
    for reason in DROP_REASONS:
        assert getattr(verdict, reason.name.upper()) == reason.number


def test_every_reason_is_explained() -> None:
    assert all(len(reason.help) > 10 and not reason.help.endswith(".") for reason in DROP_REASONS)


def test_every_reason_has_a_row() -> None:
    """A reason that no packet test produces is untested or dead."""
    source = "".join(path.read_text() for path in sorted((ROOT / "tests/rows").rglob("*.py")))
    texts = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    shown = texts & {reason.name for reason in DROP_REASONS}
    assert ALL_ROWS
    assert shown | SHOWN_ELSEWHERE == {reason.name for reason in DROP_REASONS if not reason.retired}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_are_current(name: str) -> None:
    page: Path = ROOT / "docs" / name
    assert page.read_text() == PAGES[name](), "write it again with `python -m control.docs`"
