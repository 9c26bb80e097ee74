"""What `flows`, `routes` and `neighbours` ask the agent for, and which conversations a filter means."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.agent.conversations import (
    flows_document,
    flush_neighbours,
    kill_flows,
    neighbours_document,
    routes_document,
)
from control.agent.instance import Instance
from control.cli import flows as flows_command
from control.cli import neighbours as neighbours_command
from control.cli import routes as routes_command
from control.cli.output import format_table
from control.client import AgentClient
from control.errors import UserError
from control.fabric import Fabric
from tests.agent.conversing import ROUTER, conversing_fabric
from tests.agent.stage import Scene, stage


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    made = conversing_fabric()
    yield made
    made.close()


def test_a_conversation_is_both_tuples_with_what_passed(fabric: Fabric) -> None:
    (flow,) = flows_document(fabric, {"number": "1"}, 0)
    age_s, expires_s = flow.pop("age_s"), flow.pop("expires_s")
    assert 0 <= age_s < 13 - expires_s + 1
    assert flow == {
        "number": 1,
        "protocol": "tcp",
        "state": "established",
        "networks": ["blue"],
        "original": {
            "source": "10.10.0.2",
            "source_port": 4000,
            "destination": "198.51.100.7",
            "destination_port": 443,
            "packets": 10,
            "bytes": 1000,
        },
        "reply": {
            "source": "198.51.100.7",
            "source_port": 443,
            "destination": "192.0.2.10",
            "destination_port": 4000,
            "packets": 10,
            "bytes": 1000,
        },
        "assured": False,
    }


@pytest.mark.parametrize(
    ("criteria", "numbers"),
    [
        ({}, [1, 2, 3, 4]),
        ({"protocol": "TCP"}, [1, 2]),
        ({"state": "established"}, [1]),
        ({"port": "443"}, [1]),
        ({"port": "4002", "protocol": "udp"}, [3]),
        ({"network": "blue"}, [1, 2, 3]),
        ({"network": "red"}, [2, 4]),
        ({"address": "10.20.0.2"}, [2, 4]),
        ({"address": "192.0.2.10"}, [1]),
        ({"address": "2001:db8::/32"}, [3]),
        ({"address": "198.51.100.0/24", "network": "red"}, [4]),
        ({"protocol": "6"}, [1, 2]),
        ({"protocol": "47"}, []),
        ({"state": "last_ack"}, []),
    ],
)
def test_a_filter_means_conversations_by_either_tuple(
    fabric: Fabric, criteria: dict[str, str], numbers: list[int]
) -> None:
    assert [flow["number"] for flow in flows_document(fabric, criteria, 0)] == numbers


def test_a_list_can_be_cut_short(fabric: Fabric) -> None:
    assert [flow["number"] for flow in flows_document(fabric, {}, 2)] == [1, 2]


@pytest.mark.parametrize(
    ("criteria", "sentence"),
    [
        ({"adress": "10.0.0.1"}, "flows: expected address, port, protocol, state, network, number, found adress"),
        ({"address": "10.0.0"}, "address: expected one such as 10.10.0.2 or fd00:10::/64, found '10.0.0'"),
        ({"port": "65536"}, "port: expected a whole number from 0 to 65535, found '65536'"),
        ({"protocol": "tpc"}, "protocol: expected tcp, udp, sctp, icmp, icmp6 or a number, found 'tpc'"),
        ({"protocol": "256"}, "protocol: expected tcp, udp, sctp, icmp, icmp6 or a number, found '256'"),
        ({"network": "bleu"}, "network: expected one of the networks, blue, red, found bleu"),
    ],
)
def test_a_filter_that_is_wrong_says_what_was_expected(fabric: Fabric, criteria: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError) as error:
        flows_document(fabric, criteria, 0)
    assert str(error.value) == sentence


def test_a_state_that_is_none_is_told_all_there_are(fabric: Fabric) -> None:
    with pytest.raises(UserError, match=r"state: expected one of one_way, two_way, syn_sent, .*, found 'etsablished'"):
        flows_document(fabric, {"state": "etsablished"}, 0)


def test_killing_ends_those_that_are_meant(fabric: Fabric) -> None:
    assert kill_flows(fabric, {"network": "red", "protocol": "tcp"}) == {"killed": 1}
    assert [flow["number"] for flow in flows_document(fabric, {}, 0)] == [1, 3, 4]
    assert kill_flows(fabric, {"number": "2"}) == {"killed": 0}
    assert kill_flows(fabric, {}) == {"killed": 3}
    assert flows_document(fabric, {}, 0) == []


def test_routes_say_where_they_lead_and_why(fabric: Fabric) -> None:
    routes = {route["to"]: route for route in routes_document(fabric)}
    link = {"network": "red", "port": None, "via": None, "weight": 1, "peer": None}
    assert routes["10.20.0.0/24"] == {"to": "10.20.0.0/24", "kind": "connected", "origin": "connected", "hops": [link]}
    assert (routes["10.10.0.1/32"]["kind"], routes["10.10.0.1/32"]["origin"]) == ("local", "local")
    assert routes["10.50.0.0/16"]["origin"] == "static"
    assert [(hop["via"], hop["weight"]) for hop in routes["10.50.0.0/16"]["hops"]] == [
        ("10.10.0.9", 1),
        ("10.10.0.8", 3),
    ]
    assert (routes["10.60.0.0/16"]["kind"], routes["10.60.0.0/16"]["hops"]) == ("blackhole", [])
    out = {"network": "uplink", "port": "wan", "via": "2001:db8::1", "weight": 1, "peer": None}
    assert routes["::/0"]["hops"] == [out]


def test_neighbours_say_who_is_where(fabric: Fabric) -> None:
    found = neighbours_document(fabric)
    assert all(0 <= entry.pop("age_s") < 60 for entry in found)
    assert found == [
        {
            "address": "fd00:10::2",
            "network": "blue",
            "port": None,
            "mac": "02:00:00:00:00:02",
            "state": "reachable",
        },
        {
            "address": "192.0.2.1",
            "network": "uplink",
            "port": "wan",
            "mac": "02:00:00:00:00:09",
            "state": "reachable",
        },
    ]


def test_neighbours_are_forgotten(fabric: Fabric) -> None:
    assert flush_neighbours(fabric, "192.0.2.1") == {"flushed": 1}
    assert [entry["address"] for entry in neighbours_document(fabric)] == ["fd00:10::2"]
    assert flush_neighbours(fabric, None) == {"flushed": 1}
    assert neighbours_document(fabric) == []
    with pytest.raises(UserError, match="address: expected one such as"):
        flush_neighbours(fabric, 5.5)


def test_tables_for_people(fabric: Fabric) -> None:
    lines = format_table(*flows_command.tabulate(flows_document(fabric, {}, 0))).splitlines()
    assert "10.10.0.2:4000 > 198.51.100.7:443 " in lines[1]
    assert " 198.51.100.7:443 > 192.0.2.10:4000 " in lines[1]
    assert "[fd00:10::2]:4002 > [2001:db8:7::7]:53" in lines[3]
    assert "10.20.0.2 > 198.51.100.7 " in lines[4]
    table = format_table(*routes_command.tabulate(routes_document(fabric)))
    assert sum(line.startswith("10.50.0.0/16") for line in table.splitlines()) == 2
    assert "10.60.0.0/16" in table
    lines = format_table(*neighbours_command.tabulate(neighbours_document(fabric))).splitlines()
    assert lines[2].split()[:5] == ["192.0.2.1", "uplink", "wan", "02:00:00:00:00:09", "reachable"]


def test_the_api_answers_and_refuses(tmp_path: Path) -> None:
    def questions(client: AgentClient) -> None:
        assert client.flows(limit=5, protocol="tcp") == []
        assert client.kill_flows() == {"killed": 0}
        assert client.neighbours() == []
        assert client.flush_neighbours("10.10.0.9") == {"flushed": 0}
        assert "10.10.0.0/24" in [route["to"] for route in client.routes()]
        with pytest.raises(UserError, match="expected one of the networks") as error:
            client.flows(network="bleu")
        assert error.value.status == 2

    async def scenario(scene: Scene, instance: Instance) -> None:
        await asyncio.to_thread(questions, AgentClient(scene.run_dir.path))

    with stage(tmp_path, ROUTER) as scene:
        scene.play(scenario)


def test_criteria_are_those_that_were_given() -> None:
    given: dict[str, Any] = {"address": "10.0.0.1", "port": 0, "state": None}
    assert flows_command.written(**given) == {"address": "10.0.0.1", "port": "0"}
