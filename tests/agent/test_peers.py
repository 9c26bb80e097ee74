"""Other nodes in a running agent: the file's by reload, others fed by the API, leases, what the next agent knows."""

import asyncio
import json
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from control.agent.instance import Instance
from control.client import AgentClient
from control.errors import UserError
from control.overlay import journal
from control.overlay.journal import read_journal
from tests.agent.stage import PATIENCE_S, Scene, stage
from tests.cli.test_documented import SHOWN, shape

NETWORK = "networks: [{name: red, mode: overlay, vni: 200, subnets: [10.20.0.0/16]}]\n"
NODE = "node: n\nworkers: 1\nlimits: {flows: 1024, fdb: 1024}\n" + NETWORK
PORT = "ports: [{name: a, network: red, tap: {netns: na, ifname: eth0, make_netns: true}, addresses: 10.20.1.2}]\n"
UPLINK = "uplink: {mode: nic, ifname: up0, addresses: 192.0.2.1/24}\n"
"""Frames leave by the uplink, so that the tunnel needs no device of the fake machine's."""


def with_peers(*peers: dict[str, Any]) -> str:
    return NODE + PORT + UPLINK + "overlay: " + json.dumps({"transport": "raw", "peers": peers}) + "\n"


def node(number: int, *endpoints: int, **fields: Any) -> dict[str, Any]:
    """Return the node ``nodeN`` with 10.20.N.0/24 and endpoints there."""
    listed = [
        {"network": "red", "address": f"10.20.{number}.{each}", "mac": f"02:00:00:00:{number:02x}:{each:02x}"}
        for each in endpoints
    ]
    own = {"node": f"node{number}", "address": f"192.0.2.{number}", "subnets": [f"10.20.{number}.0/24"]}
    return own | {"endpoints": listed} | fields


def names(instance: Instance) -> dict[str, str]:
    return {name: known.source for name, known in instance.peers.store.known.items()}


def generation(instance: Instance) -> int:
    return int(instance.fabric.state.control[0].active[0])


def ask(tmp_path: Path, text: str, questions: Callable[[AgentClient, Instance], Any]) -> None:
    """Ask a running agent from another thread, as another process would."""

    async def scenario(scene: Scene, instance: Instance) -> None:
        await asyncio.to_thread(questions, AgentClient(scene.run_dir.path), instance)

    with stage(tmp_path, text) as scene:
        scene.play(scenario)


def test_a_reload_with_other_peers_alone_needs_no_new_generation(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        before = generation(instance)
        assert names(instance) == {"node2": "file"}
        scene.write(with_peers(node(2, 5), node(3)))
        await instance.reload()
        assert names(instance) == {"node2": "file", "node3": "file"}
        assert generation(instance) == before
        assert ip_network("10.20.3.0/24") in instance.fabric.router.routes
        scene.write(with_peers(node(3)))
        await instance.reload()
        assert names(instance) == {"node3": "file"}
        assert ip_network("10.20.2.0/24") not in instance.fabric.router.routes

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(scenario)


def test_peers_are_fed_changed_and_forgotten(tmp_path: Path) -> None:
    def questions(client: AgentClient, instance: Instance) -> None:
        assert client.feed_peers([node(3, 5), node(4)]) == {"peers": ["node3", "node4"]}
        assert client.feed_endpoint("node4", {"network": "red", "address": "10.20.3.5"}) == {"peers": ["node4"]}
        assert [(peer["node"], len(peer["endpoints"])) for peer in client.peers()] == [
            ("node2", 0),
            ("node3", 0),
            ("node4", 1),
        ]
        client.forget_endpoint("node4", "red", "10.20.3.5")
        client.forget_peer("node3")
        assert [(peer["node"], peer["source"], peer["endpoints"]) for peer in client.peers()] == [
            ("node2", "file", []),
            ("node4", "api", []),
        ]

    ask(tmp_path, with_peers(node(2)), questions)


@pytest.mark.parametrize(
    ("fed", "sentence"),
    [
        (node(1), "peer: address: expected another node's address, found 192.0.2.1, our own"),
        (node(3, subnets=["10.21.0.0/24"]), "peer: subnets[0]: expected a subnet within one of an overlay"),
        (node(2), "peer node2: expected one that is known by api, found one by file"),
        (node(3, subnets=["10.20.1.0/24"]), "peer node3: subnets[0]: expected a subnet without addresses of our own"),
        (node(3, lease_s=0), "peer: lease_s: expected a whole number from 1 to 100000000, found the number 0"),
        ({"nod": 1}, "peer: nod: expected a field that is known (did you mean node?), found 'nod'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(tmp_path: Path, fed: dict[str, Any], sentence: str) -> None:
    def questions(client: AgentClient, instance: Instance) -> None:
        before = client.peers()
        with pytest.raises(UserError) as refused:
            client.feed_peers([fed])
        assert sentence in str(refused.value)
        assert client.peers() == before

    ask(tmp_path, with_peers(node(2)), questions)


def test_a_node_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    def questions(client: AgentClient, instance: Instance) -> None:
        for question in (lambda: client.forget_peer("lost"), lambda: client.feed_endpoint("lost", {})):
            with pytest.raises(UserError, match="there is no peer lost: `tapestry peers` lists those there are"):
                question()

    ask(tmp_path, with_peers(node(2)), questions)


def test_without_an_overlay_nobody_is_fed(tmp_path: Path) -> None:
    def questions(client: AgentClient, instance: Instance) -> None:
        with pytest.raises(UserError, match="expected an overlay to reach other nodes by, found none"):
            client.feed_peers([node(2)])

    ask(tmp_path, NODE.replace("mode: overlay, vni: 200, ", "") + PORT, questions)


def test_a_port_that_is_attached_keeps_off_what_peers_have(tmp_path: Path) -> None:
    def questions(client: AgentClient, instance: Instance) -> None:
        client.feed_peers([node(0)])
        tap = {"network": "red", "tap": {"netns": "nb", "ifname": "eth0", "make_netns": True}}
        assert client.attach(tap | {"name": "b"})["addresses"] == ["10.20.1.0/16"]
        with pytest.raises(UserError, match=r"10\.20\.0\.9, which peer 10\.20\.0\.0/24 of node0 has"):
            client.attach(tap | {"name": "c", "addresses": ["10.20.0.9"]})

    ask(tmp_path, with_peers(node(2)), questions)


def test_a_part_of_our_own_is_for_our_ports_alone(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.write(with_peers(node(2)).replace('"transport"', '"subnets": ["10.20.8.0/24"], "transport"'))
        await instance.reload()
        await instance.attach(
            {"name": "b", "network": "red", "tap": {"netns": "nb", "ifname": "eth0", "make_netns": True}}, None
        )
        (attached,) = (port for port in instance.ports if port.name == "b")
        assert [str(address) for address in attached.addresses] == ["10.20.8.1/16"]
        with pytest.raises(UserError, match=r"10\.20\.8\.128/25, which overlaps our 10\.20\.8\.0/24"):
            await instance.peers.upsert([node(3, subnets=["10.20.8.128/25"])])

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(scenario)


def test_a_file_that_takes_what_is_fed_is_refused(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3, 5)])
        scene.write(with_peers(node(2), node(4, subnets=["10.20.3.0/25"])))
        with pytest.raises(UserError, match=r"10\.20\.3\.0/25, which overlaps 10\.20\.3\.0/24 of node3"):
            await instance.reload()
        assert names(instance) == {"node2": "file", "node3": "api"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(scenario)


def test_a_lease_ends_by_itself(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3, lease_s=1), node(4, lease_s=1000)])
        async with asyncio.timeout(PATIENCE_S):
            while "node3" in names(instance):
                await asyncio.sleep(0.05)
        assert names(instance) == {"node2": "file", "node4": "api"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(scenario)


def test_the_next_agent_knows_what_was_fed_and_traffic_never_noticed(tmp_path: Path) -> None:
    entries: list[bytes] = []

    async def leave(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3, 5, 6), node(4)])
        await instance.peers.remove_endpoint("node3", "red", "10.20.3.5")
        entries.append(instance.fabric.state.remotes.tobytes())

    async def take_over(scene: Scene, instance: Instance) -> None:
        assert names(instance) == {"node2": "file", "node3": "api", "node4": "api"}
        assert [str(key[1]) for key in instance.peers.store.known["node3"].endpoints] == ["10.20.3.6"]
        assert instance.fabric.state.remotes.tobytes() == entries[0]
        assert ip_network("10.20.4.0/24") in instance.fabric.router.routes
        await instance.peers.remove("node4")
        scene.write(with_peers())
        await instance.reload()
        assert names(instance) == {"node3": "api"}

    async def last(scene: Scene, instance: Instance) -> None:
        assert names(instance) == {"node3": "api"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(leave, leave=True)
        scene.play(take_over, leave=True)
        scene.play(last)
        assert not scene.run_dir.peers.exists()


def test_the_next_agent_knows_leases_that_later_changes_left_as_they_were(tmp_path: Path) -> None:
    ends: dict[str, float | None] = {}

    def leases(instance: Instance) -> dict[str, float | None]:
        return {name: known.expires_at for name, known in instance.peers.store.known.items()}

    async def leave(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3, 5, lease_s=1000), node(4, 6, lease_s=2000), node(5)])
        ends.update(leases(instance))
        await instance.peers.upsert_endpoint("node4", {"network": "red", "address": "10.20.3.5"})
        await instance.peers.remove_endpoint("node4", "red", "10.20.4.6")
        assert leases(instance) == ends
        assert None not in (ends["node3"], ends["node4"])

    async def take_over(scene: Scene, instance: Instance) -> None:
        assert leases(instance) == ends

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(leave, leave=True)
        scene.play(take_over)


def test_a_fresh_start_knows_nothing_that_was_fed(tmp_path: Path) -> None:
    async def feed(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3)])

    async def look(scene: Scene, instance: Instance) -> None:
        assert names(instance) == {"node2": "file"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(feed)
        scene.play(look)


def test_half_a_line_is_none(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3, 5)])
        whole = read_journal(scene.run_dir.peers)
        with scene.run_dir.peers.open("a") as file:
            file.write('{"source": "api", "node": "node4", "he')
        assert read_journal(scene.run_dir.peers) == whole
        assert {change.node for plan in whole for change in plan.changes} == {"node2", "node3"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(scenario)


def test_a_change_is_in_force_though_the_journal_cannot_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LONGEST", 0)

    async def leave(scene: Scene, instance: Instance) -> None:
        in_the_way = scene.run_dir.peers.with_suffix(".new")
        in_the_way.mkdir()
        await instance.peers.upsert([node(3)])
        assert names(instance) == {"node2": "file", "node3": "api"}
        in_the_way.rmdir()
        await instance.peers.upsert([node(4)])

    async def take_over(scene: Scene, instance: Instance) -> None:
        assert names(instance) == {"node2": "file", "node3": "api", "node4": "api"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(leave, leave=True)
        scene.play(take_over)


def test_the_next_agent_starts_whatever_was_torn(tmp_path: Path) -> None:
    async def leave(scene: Scene, instance: Instance) -> None:
        await instance.peers.upsert([node(3)])
        with scene.run_dir.peers.open("a") as file:
            file.write('{"source": "api", "node": "node4", "he{"source": "api"}\n')

    async def take_over(scene: Scene, instance: Instance) -> None:
        assert names(instance) == {"node2": "file", "node3": "api"}

    with stage(tmp_path, with_peers(node(2))) as scene:
        scene.play(leave, leave=True)
        scene.play(take_over)


def test_peers_have_the_fields_that_the_page_shows(tmp_path: Path) -> None:
    def questions(client: AgentClient, instance: Instance) -> None:
        (shown,) = (each for each in SHOWN if isinstance(each, list) and "subnets" in each[0])
        client.feed_peers([node(3, 5)])
        fed = next(peer for peer in client.peers() if peer["node"] == "node3")
        assert shape([fed]) == shape(shown)

    ask(tmp_path, with_peers(node(2)), questions)
