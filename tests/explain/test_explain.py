"""What `explain` says of packets: the pipeline's own verdict, the stages up to it, and how the packet leaves."""

import json
from collections.abc import Iterator

import pytest

from control.explain.copies import BEGINNING_NS, make_tables
from control.explain.explain import Explanation, explain
from control.explain.packet import parse_packet
from control.explain.stages import ROUTED, STAGE_OF
from control.fabric import Fabric
from control.fabric.interfaces import router_mac
from dataplane.verdict import REASON_NAMES
from tests.config.read import load

pytestmark = pytest.mark.kernel

TEXT = """
node: n
networks:
  - {name: blue, subnets: [10.10.0.0/24, "fd00:10::/64"]}
  - {name: red, subnets: [10.20.0.0/24], masquerade: false, mtu: 1000}
  - {name: pods, mode: routed, subnets: [10.30.0.0/24]}
  - {name: apart, subnets: [10.40.0.0/24], internal: true, icc: false}
ports:
  - {name: wan, pcap: {}}
  - {name: web, network: blue, pcap: {}, addresses: [10.10.0.2, "fd00:10::2"], mac: "02:00:00:00:00:02",
     publish: ["8080:80"]}
  - {name: db, network: blue, pcap: {}, addresses: [10.10.0.3, "fd00:10::3"], mac: "02:00:00:00:00:03"}
  - {name: r1, network: red, pcap: {}, addresses: 10.20.0.2}
  - {name: pod1, network: pods, pcap: {}, addresses: 10.30.0.2, mac: "02:00:00:00:00:32"}
  - {name: pod2, network: pods, pcap: {}, addresses: 10.30.0.3, mac: "02:00:00:00:00:33"}
  - {name: i1, network: apart, pcap: {}, addresses: 10.40.0.2, mac: "02:00:00:00:00:42"}
  - {name: i2, network: apart, pcap: {}, addresses: 10.40.0.3, mac: "02:00:00:00:00:43"}
uplink: {mode: port, port: wan, addresses: [192.0.2.10/24, "2001:db8::10/64"], gateway: [192.0.2.1, "2001:db8::1"]}
routes:
  - {to: 10.90.0.0/16, blackhole: true}
  - {to: 10.91.0.0/16, via: 10.10.0.77}
limits: {fdb: 256, flows: 256, neighbours: 64, routes: 256, fragments: 16}
"""


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made, _ = make_tables(load(TEXT))
    yield made
    made.close()


def ask(fabric: Fabric, text: str, in_port: str | None = None, is_running: bool = False) -> Explanation:
    found = explain(parse_packet(text), fabric, BEGINNING_NS, in_port, is_running, rule_names={})
    json.dumps(found.as_document())
    return found


def names(found: Explanation) -> list[str]:
    return [stage.stage for stage in found.stages]


def note(found: Explanation, stage: str) -> str:
    return next(each.note for each in found.stages if each.stage == stage)


def sent(found: Explanation) -> list[tuple[str, str]]:
    return [(each.port, each.packet) for each in found.sent]


def test_every_reason_of_the_router_has_its_stage() -> None:
    assert set(STAGE_OF) <= set(REASON_NAMES.values())
    assert set(STAGE_OF.values()) <= {*ROUTED, "send"}


def test_on_one_link_a_packet_is_bridged(fabric: Fabric) -> None:
    found = ask(fabric, "tcp 10.10.0.2:4000 > 10.10.0.3:80")
    assert (found.verdict, found.reason, found.in_port, found.out) == ("forward", None, "web", ("db",))
    assert names(found) == ["parse", "admit", "learn", "bridge"]
    assert all(stage.verdict == "forward" for stage in found.stages)
    assert (note(found, "admit"), note(found, "bridge")) == ("network blue", "to port db")
    assert sent(found) == [("db", "tcp 10.10.0.2:4000 > 10.10.0.3:80 syn")]
    assert (found.flow, found.answers, found.assumed) == (None, (), ())


def test_what_is_running_is_asked_what_it_knows(fabric: Fabric) -> None:
    """Nobody has been heard: a running switch would flood."""
    assert ask(fabric, "udp 10.10.0.2:1 > 10.10.0.3:2", is_running=True).out == ("db",)
    found = ask(fabric, "udp 10.40.0.2:1 > 10.40.0.3:2", is_running=True)
    assert (found.verdict, found.reason) == ("drop", "isolated")


def test_a_spoofed_source_ends_at_admission(fabric: Fabric) -> None:
    found = ask(fabric, "udp 10.10.0.3:1 > 10.10.0.2:2", in_port="web")
    assert (found.verdict, found.reason, found.out) == ("drop", "spoofed_address", ())
    assert names(found) == ["parse", "admit"]
    assert found.stages[-1].note == "the source address is not one of the port's own"


def test_the_way_out_with_translation(fabric: Fabric) -> None:
    found = ask(fabric, "tcp 10.10.0.2:4000 > 198.51.100.7:443 ttl=9")
    assert (found.verdict, found.out) == ("forward", ("wan",))
    routed = ["packet", "flow", "route", "permission", "lifetime", "size", "neighbour", "source", "send"]
    assert names(found) == ["parse", "admit", "learn", *routed]
    assert note(found, "route") == "0.0.0.0/0 via 192.0.2.1 in uplink"
    assert note(found, "permission") == "from blue to uplink"
    assert note(found, "lifetime") == "9 becomes 8"
    assert note(found, "source") == "192.0.2.10:4000 instead of 10.10.0.2:4000"
    (leaving,) = found.sent
    assert (leaving.packet, leaving.ttl, leaving.length) == ("tcp 192.0.2.10:4000 > 198.51.100.7:443 syn", 8, 40)
    assert leaving.source_mac == router_mac("n", "").hex(":")
    assert found.flow is not None
    assert found.flow["reply"] == {
        "source": "198.51.100.7",
        "source_port": 443,
        "destination": "192.0.2.10",
        "destination_port": 4000,
    }
    assert [each.packet for each in found.answers] == ["arp who has 192.0.2.1, tell 192.0.2.10"]
    assert len(found.assumed) == 1


def test_packets_of_a_conversation_that_is_known(fabric: Fabric) -> None:
    ask(fabric, "udp [fd00:10::2]:4000 > [2001:db8:7::7]:53")
    again = ask(fabric, "udp [fd00:10::2]:4000 > [2001:db8:7::7]:53", is_running=True)
    assert note(again, "flow") == "of flow 1, as it began"
    assert note(again, "neighbour") == "known"
    assert again.assumed == ()
    answer = ask(fabric, "udp [2001:db8:7::7]:53 > [2001:db8::10]:4000", is_running=True)
    assert (note(answer, "flow"), answer.out) == ("of flow 1, an answer", ("web",))
    assert note(answer, "destination") == "[fd00:10::2]:4000 instead of [2001:db8::10]:4000"
    assert note(answer, "permission") == "from uplink to blue, as its conversation"
    assert "source" not in names(answer)


def test_a_published_port(fabric: Fabric) -> None:
    found = ask(fabric, "tcp 203.0.113.9:5000 > 192.0.2.10:8080")
    assert (found.in_port, found.out) == ("wan", ("web",))
    assert note(found, "destination") == "10.10.0.2:80 instead of 192.0.2.10:8080"
    assert note(found, "permission") == "from uplink to blue, as it is published"
    assert sent(found) == [("web", "tcp 203.0.113.9:5000 > 10.10.0.2:80 syn")]


def test_a_published_port_from_inside(fabric: Fabric) -> None:
    found = ask(fabric, "tcp 10.10.0.2:5000 > 192.0.2.10:8080")
    assert sent(found) == [("web", "tcp 192.0.2.10:5000 > 10.10.0.2:80 syn")]


def test_a_routed_network(fabric: Fabric) -> None:
    found = ask(fabric, "icmp 10.30.0.2 > 10.30.0.3")
    assert (found.out, note(found, "admit")) == (("pod2",), "network pods")
    assert found.sent[0].destination_mac == "02:00:00:00:00:33"


def test_the_router_answers(fabric: Fabric) -> None:
    found = ask(fabric, "icmp 10.10.0.2 > 10.10.0.1")
    assert (found.verdict, found.reason, found.out, names(found)[-1]) == ("consume", None, (), "service")
    assert [(each.port, each.packet) for each in found.answers] == [("web", "icmp 10.10.0.1 > 10.10.0.2 echo reply")]


def test_a_next_hop_that_nobody_is_known_to_have(fabric: Fabric) -> None:
    found = ask(fabric, "icmp 10.10.0.2 > 10.91.0.1")
    assert (found.verdict, names(found)[-1]) == ("consume", "neighbour")
    said = "10.10.0.77 is asked for; no port is known to have it; kept until its neighbour has answered"
    assert note(found, "neighbour") == said


DROPS = {
    "icmp 10.10.0.2 > 127.0.0.1": ("martian_address", "packet", None),
    "icmp 10.20.0.2 > 10.90.0.1": ("route_blackhole", "route", None),
    "icmp 10.30.0.2 > 10.30.0.9": ("no_route", "route", "unreachable code 1"),
    "udp 10.10.0.2:1 > 10.10.0.1:9": ("no_service", "service", "unreachable code 3"),
    "tcp 10.10.0.2:1 > 10.10.0.1:9": ("no_service", "service", "rst,ack"),
    "tcp 203.0.113.9:1 > 192.0.2.10:81": ("unsolicited", "service", None),
    "tcp 203.0.113.9:1 > 10.10.0.2:80": ("unsolicited", "permission", None),
    "icmp 10.10.0.2 > 10.20.0.2": ("networks_isolated", "permission", "unreachable code 13"),
    "icmp 10.40.0.2 > 198.51.100.7": ("network_internal", "permission", "unreachable code 13"),
    "icmp 10.10.0.2 > 198.51.100.7 ttl=1": ("ttl_exceeded", "lifetime", "time exceeded"),
    "udp 203.0.113.9:1 > 10.20.0.2:2 length=1001": ("packet_too_big", "size", None),
}


@pytest.mark.parametrize(("text", "expected"), DROPS.items())
def test_a_drop_is_told_where_it_happens(text: str, expected: tuple[str, str, str | None], fabric: Fabric) -> None:
    found = ask(fabric, text)
    reason, stage, answer = expected
    assert (found.verdict, found.reason, found.out, found.flow) == ("drop", reason, (), None)
    assert (found.stages[-1].stage, found.stages[-1].verdict) == (stage, "drop")
    assert all(each.verdict == "forward" for each in found.stages[:-1])
    if answer is not None:
        assert found.answers[0].packet.endswith(answer)
        assert found.answers[0].port == found.in_port


def test_what_is_too_large_is_cut_where_it_may_be(fabric: Fabric) -> None:
    found = ask(fabric, "udp 203.0.113.9:1 > 10.20.0.2:2 length=1800 fragments")
    assert (found.verdict, found.out) == ("forward", ("r1",))
    assert len(found.sent) == 2
    assert found.sent[1].packet == "udp 203.0.113.9 > 10.20.0.2 later fragment"
