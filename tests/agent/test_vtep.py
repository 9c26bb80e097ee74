"""The sockets of an overlay are a device like others: opened, handed over and let go of as one, and always up."""

from pathlib import Path

from control.agent.instance import Instance
from control.host.vtep import VtepSettings
from control.model import TUNNEL
from tests.agent.stage import Scene, eventually, stage
from tests.agent.test_instance import states

OVERLAY = """
node: n
workers: 2
overlay: {address: 192.0.2.1, mtu: 1500, peers: [{node: m, address: 192.0.2.2}]}
networks: [{name: red, mode: overlay, vni: 7, subnets: [10.0.0.0/24]}]
ports:
  - {name: a, network: red, tap: {ifname: tap-a}}
"""
SOCKETS = (None, "")
"""Where the fake machine keeps what has no name."""
GROUPED = (None, "wan")
"""And what is in a group there."""


async def nothing(scene: Scene, instance: Instance) -> None:
    """Just start."""


def test_every_worker_sends_and_one_receives(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        assert states(instance)[TUNNEL] == "up"
        assert scene.system.settings[SOCKETS].vtep == VtepSettings("192.0.2.1", uncut=True)

    with stage(tmp_path, OVERLAY) as scene:
        scene.play(scenario)
        given = [[message for message in scene.asked(worker) if message.get("kind") == "vtep"] for worker in (0, 1)]
        assert sorted(any(message["receive"] for message in messages) for messages in given) == [False, True]
        assert all(given), "both may send"
        assert not scene.system.is_held(*SOCKETS), "all descriptors are closed"


def test_another_agent_takes_all_descriptors_over(tmp_path: Path) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert states(instance)[TUNNEL] == "up"
        assert scene.system.opened[TUNNEL] == 1
        [vtep] = [port for port in instance.workers.open_ports().values() if port.kind == "vtep"]
        assert len(vtep.descriptors) == 3

    with stage(tmp_path, OVERLAY) as scene:
        scene.play(nothing, leave=True)
        scene.play(second)
        assert not scene.system.is_held(*SOCKETS)


def test_only_other_sockets_are_opened_anew(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        for changed, opened in (("10.0.0.0/24", 1), ("address: 192.0.2.9", 2), ("port: 8472, mtu: 1500", 3)):
            before = {"1": "10.0.0.0/24", "2": "address: 192.0.2.1", "3": "mtu: 1500"}[str(opened)]
            scene.write(scene.config.read_text().replace(before, changed))
            await instance.reload()
            assert scene.system.opened[TUNNEL] == opened
            assert states(instance)[TUNNEL] == "up"
        scene.write("node: n\n")
        await instance.reload()
        assert not scene.system.is_held(*SOCKETS)

    with stage(tmp_path, OVERLAY) as scene:
        scene.play(scenario)


def test_sockets_that_fail_are_opened_again(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.refused[SOCKETS] = "the address is gone"
        instance._executor.hear_failure(instance.fabric.index_of(TUNNEL), 9)
        await eventually(lambda: states(instance)[TUNNEL] == "waiting")
        del scene.system.refused[SOCKETS]
        await eventually(lambda: states(instance)[TUNNEL] == "up")
        assert scene.system.opened[TUNNEL] == 2

    with stage(tmp_path, OVERLAY) as scene:
        scene.play(scenario)


def test_sockets_in_a_group_are_opened_again_with_its_interface(tmp_path: Path) -> None:
    """The kernel forgets a membership with the interface that it is on."""

    async def scenario(scene: Scene, instance: Instance) -> None:
        assert states(instance)[TUNNEL] == "up"
        scene.system.refused[GROUPED] = "there is no interface wan"
        scene.system.delete_device(*GROUPED)
        await eventually(lambda: states(instance)[TUNNEL] == "waiting")
        del scene.system.refused[GROUPED]
        await eventually(lambda: states(instance)[TUNNEL] == "up")
        assert scene.system.opened[TUNNEL] == 2

    with stage(tmp_path, OVERLAY.replace("mtu: 1500", "mtu: 1500, group: 239.1.1.1, group_interface: wan")) as scene:
        scene.play(scenario)


def test_what_the_host_filters_is_looked_at_when_its_rules_change(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        await eventually(lambda: scene.system.looked_after_uncut == 1)
        assert scene.system.rule_news is not None
        scene.system.rule_news.send(b"a rule")
        await eventually(lambda: scene.system.looked_after_uncut == 2)
        scene.write(scene.config.read_text().replace("mtu: 1500", "mtu: 1500, uncut: false"))
        await instance.reload()
        assert scene.system.rule_news.recv(1) == b"", "nobody listens any more"

    with stage(tmp_path, OVERLAY) as scene:
        scene.play(scenario)


def test_a_way_that_is_gone_stops_neither_a_reload_nor_the_next_agent(tmp_path: Path) -> None:
    text = OVERLAY.replace(", mtu: 1500", "")

    async def first(scene: Scene, instance: Instance) -> None:
        assert instance.configuration.network("red").mtu == 1350
        scene.system.ways = {"192.0.2.2": "Network is unreachable"}
        scene.write(text.replace("vni: 7", "vni: 8"))
        await instance.reload()
        assert_kept(instance)

    async def second(scene: Scene, instance: Instance) -> None:
        assert_kept(instance)

    def assert_kept(instance: Instance) -> None:
        assert (instance.configuration.network("red").vni, instance.configuration.network("red").mtu) == (8, 1350)
        (warning,) = instance.warnings
        assert "overlay.mtu: there is no way to 192.0.2.2" in warning

    with stage(tmp_path, text) as scene:
        scene.system.ways = {"192.0.2.2": 1400}
        scene.play(first, leave=True)
        scene.play(second)
