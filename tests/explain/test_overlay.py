"""Packets for other nodes, explained: which node gets them, and why."""

import pytest

from control.explain.copies import make_tables
from control.explain.explain import Explanation, explain
from control.explain.packet import parse_packet
from tests.config.read import load

pytestmark = pytest.mark.kernel

TEXT = """
node: n
networks:
  - {name: red, mode: overlay, vni: 200, subnets: [10.20.0.0/16]}
  - {name: blue, subnets: [10.10.0.0/24]}
ports:
  - {name: wan, pcap: {}}
  - {name: web, network: red, pcap: {}, addresses: 10.20.1.2, mac: "02:00:00:00:00:02"}
  - {name: b1, network: blue, pcap: {}, addresses: 10.10.0.2, mac: "02:00:00:00:00:12"}
uplink: {mode: port, port: wan, addresses: 192.0.2.1/24, gateway: 192.0.2.254}
overlay:
  address: 192.0.2.1
  peers:
    - {node: node2, address: 192.0.2.2, subnets: 10.20.2.0/24}
    - node: node3
      address: 192.0.2.3
      endpoints: [{network: red, address: 10.20.9.9, mac: "02:00:00:00:09:09"}]
routes: [{to: 10.20.0.0/16, network: red}]
limits: {fdb: 256, flows: 256, neighbours: 64, routes: 256, fragments: 16}
"""


def ask(packet: str, text: str = TEXT) -> Explanation:
    fabric, now_ns = make_tables(load(text))
    try:
        return explain(parse_packet(packet), fabric, now_ns, None, is_running=False, rule_names={})
    finally:
        fabric.close()


def notes(found: Explanation) -> dict[str, str]:
    return {stage.stage: stage.note for stage in found.stages}


def test_an_endpoint_that_is_known_is_sent_to_its_node_by_its_mac() -> None:
    found = ask("udp 10.20.1.2:1 > 10.20.9.9:2")
    assert (found.verdict, found.out, found.assumed) == ("forward", ("overlay",), ())
    assert notes(found)["bridge"] == "to node3 by the overlay"
    assert found.sent[0].destination_mac == "02:00:00:00:09:09"


def test_an_address_in_a_nodes_subnet_is_sent_to_that_node_alone() -> None:
    found = ask("udp 10.20.1.2:1 > 10.20.2.7:2")
    assert (found.verdict, found.out) == ("forward", ("overlay",))
    assert notes(found)["bridge"] == "to node2 by the overlay"


def test_what_nobody_is_known_to_have_goes_to_every_node() -> None:
    found = ask("udp 10.20.1.2:1 > 10.20.5.5:2")
    assert notes(found)["bridge"] == "to every other node of the network by the overlay"


def test_the_router_names_the_node_behind_a_route() -> None:
    found = ask("udp 10.10.0.2:1 > 10.20.2.7:2")
    assert notes(found)["route"] == "10.20.2.0/24 connected in red, at node2"


def test_the_router_knows_the_macs_of_endpoints_elsewhere() -> None:
    found = ask("udp 10.10.0.2:1 > 10.20.9.9:2")
    assert (found.verdict, found.out, found.assumed) == ("forward", ("overlay",), ())
    assert notes(found)["send"] == "to node3 by the overlay"


def test_raw_frames_go_to_their_node_as_well() -> None:
    raw = TEXT.replace("  address: 192.0.2.1\n", "  transport: raw\n", 1)
    found = ask("udp 10.20.1.2:1 > 10.20.9.9:2", raw)
    assert (found.verdict, found.out) == ("forward", ("wan",))
    assert notes(found)["bridge"] == "to node3 by the overlay"
    assert found.sent[0].packet.endswith(" > 192.0.2.3:4789")
    assert found.assumed[0].startswith("192.0.2.3 answers at port wan")


def test_what_goes_to_a_nodes_own_address_goes_by_no_tunnel() -> None:
    raw = TEXT.replace("  address: 192.0.2.1\n", "  transport: raw\n", 1)
    found = ask("udp 10.10.0.2:1 > 192.0.2.3:2", raw)
    assert (found.verdict, found.out) == ("forward", ("wan",))
    assert notes(found)["send"] == "to port wan"
