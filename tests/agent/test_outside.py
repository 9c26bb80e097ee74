"""What an instance has beside its fabric: when it is asked of the machine, and when it is given back."""

from pathlib import Path

import pytest

from control.agent.instance import Instance
from control.errors import UserError
from tests.agent.stage import Scene, eventually, stage

NETWORKS = """
networks: [{name: blue, subnets: [10.0.0.0/24, "fd00::/64"]}, {name: pods, mode: routed, subnets: [10.1.0.0/24]}]
ports:
  - {name: a, network: blue, tap: {netns: na, ifname: eth0, make_netns: true}}
"""
UPLINK = NETWORKS + "uplink: {mode: host}\n"
PUBLISHED = UPLINK.replace("true}}", 'true}, publish: ["8080:80"]}')


def test_names_are_answered_at_every_gateway_by_a_port_that_nobody_sees(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        assert scene.system.services == [("10.0.0.1", "fd00::1", "10.1.0.1", "169.254.1.1")]
        assert instance.configuration.services == "services"
        assert [port.name for port in instance.ports] == ["a"]
        assert len(scene.system.namespaces) == 2

    with stage(tmp_path, NETWORKS) as scene:
        scene.play(scenario)
        assert scene.system.namespaces == set()


def test_a_port_of_that_name_may_be_the_users(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.write(NETWORKS.replace("name: a,", "name: services,"))
        await instance.reload()
        assert [port.name for port in instance.ports] == ["services"]
        assert instance.configuration.services == "services-2"

    with stage(tmp_path, NETWORKS) as scene:
        scene.play(scenario)


def test_the_host_is_asked_once_the_device_is_there_and_given_back_at_the_stop(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        plan = scene.system.host.plan
        assert plan is not None
        assert [str(route) for route in plan.routes] == ["10.0.0.0/24", "10.1.0.0/24", "fd00::/64"]
        device = scene.system.settings[None, "tapestry-up"]
        assert device.addresses[:2] == ("169.254.254.1/30", "fd54:6170:6573::1/126")
        assert instance._record.record.host_before

    with stage(tmp_path, UPLINK) as scene:
        scene.play(scenario)
        assert scene.system.host.plan is None


def test_a_killed_agent_leaves_it_to_the_next(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        assert scene.system.host.before == {"ipv4/ip_forward": "0"}

    with stage(tmp_path, UPLINK) as scene:
        scene.play(scenario, leave=True)
        assert scene.system.host.plan is not None
        scene.play(scenario)
        assert scene.system.host.plan is None


def test_a_reload_that_the_host_refuses_changes_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.host.refusal = "port 8080/tcp of the host is taken"
        scene.write(PUBLISHED)
        with pytest.raises(UserError, match="is taken"):
            await instance.reload()
        assert scene.system.host.plan is not None
        assert scene.system.host.plan.leads == ()
        scene.system.host.refusal = ""
        await instance.reload()
        assert [lead.first for lead in scene.system.host.plan.leads] == [8080, 8080]

    with stage(tmp_path, UPLINK) as scene:
        scene.play(scenario)


def test_a_start_that_the_host_refuses_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        raise AssertionError("it does not start")

    with stage(tmp_path, UPLINK) as scene:
        scene.system.host.refusal = "uplink mode host needs the program nft"
        with pytest.raises(UserError, match="needs the program nft"):
            scene.play(scenario)
        assert scene.system.namespaces == set()
        assert scene.system.devices == {}


def test_a_device_that_comes_back_gets_again_what_went_with_it(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        applied, opened = scene.system.host.applied, len(scene.system.services)
        scene.system.delete_device(None, "tapestry-up")
        await eventually(lambda: scene.system.host.applied > applied)
        services = next(place for place in scene.system.devices if place[1] == "services")
        scene.system.delete_device(*services)
        await eventually(lambda: len(scene.system.services) > opened)

    with stage(tmp_path, UPLINK) as scene:
        scene.play(scenario)
