"""A running fabric is asked and does not notice; what it knows of the router, listed. Two networks, real namespaces."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.daemon import Daemon, daemon
from tests.netns import require_tools

pytestmark = pytest.mark.netns

ROUTER = """
workers: 1
networks:
  - {name: blue, subnets: [10.0.0.0/24]}
  - {name: red, subnets: [10.1.0.0/24]}
ports:
  - {name: alice, network: blue, tap: {netns: "@a", ifname: eth0, make_netns: true}}
  - {name: bob, network: red, tap: {netns: "@b", ifname: eth0, make_netns: true}}
uplink: {mode: host}
routes: [{to: 10.1.0.0/24, network: red}]
"""


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    require_tools("ping")
    with daemon(tmp_path_factory.mktemp("fabric"), ROUTER) as running:
        running.run_inside("a", "ip", "route", "replace", "default", "via", "10.0.0.1")
        running.run_inside("b", "ip", "route", "replace", "default", "via", "10.1.0.1")
        yield running


def test_nothing_is_known_before_and_nothing_is_learned_by_asking(fabric: Daemon) -> None:
    explained = fabric.ask("explain", "icmp 10.0.0.2 > 10.1.0.2")
    assert (explained["verdict"], explained["in"], explained["out"]) == ("forward", "alice", ["bob"])
    assert [each for each in explained["assumed"] if "answers at port bob" in each]
    assert [entry["address"] for entry in fabric.ask("neighbours") if entry["address"] == "10.1.0.2"] == []
    assert [flow for flow in fabric.ask("flows") if flow["original"]["destination"] == "10.1.0.2"] == []


def test_what_has_been_said_is_known(fabric: Daemon) -> None:
    fabric.ping("a", "10.1.0.2")
    neighbours = {entry["address"]: entry for entry in fabric.ask("neighbours")}
    bob = next(port for port in fabric.ask("ports") if port["name"] == "bob")
    assert (neighbours["10.1.0.2"]["network"], neighbours["10.1.0.2"]["mac"]) == ("red", bob["mac"])
    (flow,) = fabric.ask("flows", "--address", "10.1.0.2", "--protocol", "icmp")
    assert (flow["networks"], flow["state"]) == (["blue", "red"], "two_way")
    explained = fabric.ask("explain", "udp 10.0.0.2:1000 > 10.1.0.2:2000")
    assert (explained["out"], explained["assumed"]) == (["bob"], [])
    route = next(route for route in fabric.ask("routes") if route["to"] == "10.1.0.0/24")
    assert (route["kind"], route["origin"], route["hops"][0]["network"]) == ("connected", "static", "red")


def test_a_conversation_is_ended_and_begins_anew(fabric: Daemon) -> None:
    fabric.ping("a", "10.1.0.2")
    (flow, *_) = fabric.ask("flows", "--protocol", "icmp")
    assert fabric.ask("flows", "kill", str(flow["number"])) == {"killed": 1}
    assert flow["number"] not in [other["number"] for other in fabric.ask("flows")]
    fabric.ping("a", "10.1.0.2")
    assert fabric.ask("neighbours", "flush")["flushed"] >= 1
    fabric.ping("a", "10.1.0.2")


def test_the_way_back_is_closed_and_explained(fabric: Daemon) -> None:
    explained = fabric.ask("explain", "icmp 10.1.0.2 > 10.0.0.2")
    assert (explained["verdict"], explained["reason"], explained["stages"][-1]["stage"]) == (
        "drop",
        "networks_isolated",
        "permission",
    )


def test_people_read_tables(fabric: Daemon, tmp_path: Path) -> None:
    fabric.ping("a", "10.1.0.2")
    assert "10.0.0.2 > 10.1.0.2" in fabric.tapestry("flows").stdout
    assert "10.1.0.0/24" in fabric.tapestry("routes").stdout
    assert "reachable" in fabric.tapestry("neighbours").stdout
    assert "out by bob" in fabric.tapestry("explain", "icmp 10.0.0.2 > 10.1.0.2").stdout
