"""An instance on a fake machine with fake workers: what users and devices do to it, and what it does about it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from control.agent.instance import Instance, NoSuchPortError
from control.agent.process import ProcessId
from control.agent.worker import WorkerError
from control.errors import ConfigurationError, UserError
from tests.agent.stage import Scene, eventually, stage

TWO_PORTS = """
node: n
workers: 2
networks: [{name: blue, mode: none, subnets: [10.0.0.0/24]}]
ports:
  - {name: a, network: blue, tap: {netns: na, ifname: eth0, make_netns: true}}
  - {name: b, network: blue, tap: {ifname: tap-b}}
"""
ONE_PORT = "\n".join(TWO_PORTS.splitlines()[:-1]) + "\n"


def states(instance: Instance) -> dict[str, str]:
    return {name: keeper.state.value for name, keeper in instance.keepers.items()}


def links(instance: Instance) -> dict[str, bool]:
    return {port.name: instance.fabric.link_is_up(port.name) for port in instance.configuration.ports}


def test_ports_come_up_and_each_has_one_receiver(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        assert states(instance) == {"a": "up", "b": "up"}
        assert links(instance) == {"a": True, "b": True}
        assert scene.system.namespaces == {"na"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)
        receives: dict[int, list[int]] = {}
        for worker in (0, 1):
            for message in scene.asked(worker):
                if message["op"] == "open_port" and message["receive"]:
                    receives.setdefault(message["index"], []).append(worker)
        assert sorted(receives) == [0, 1]
        assert sorted(workers[0] for workers in receives.values()) == [0, 1]


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.pids = [worker.process.pid for worker in instance.workers.workers.values()]  # type: ignore[attr-defined]

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)
        assert scene.system.namespaces == set()
        assert not scene.system.is_held("na", "eth0")
        assert not scene.system.is_held(None, "tap-b")
        for pid in scene.pids:  # type: ignore[attr-defined]
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        assert [path.suffix for path in scene.run_dir.path.iterdir()] == [".asked"] * 2


def test_a_namespace_that_was_there_before_is_left_in_place(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        pass

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.system.namespaces.add("na")
        scene.play(scenario)
        assert scene.system.namespaces == {"na"}


def test_a_start_whose_device_is_refused_fails_and_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        raise AssertionError("it started")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.system.refused[None, "tap-b"] = "the name is taken"
        with pytest.raises(UserError, match="port b: the name is taken"):
            scene.play(scenario)
        assert scene.system.namespaces == set()
        assert not scene.system.is_held("na", "eth0")
        assert not scene.run_dir.record.exists()


def test_a_start_without_its_namespace_says_so_before_anything_is_touched(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        raise AssertionError("it started")

    with stage(tmp_path, TWO_PORTS.replace(", make_netns: true", "")) as scene:
        with pytest.raises(UserError, match="port a: namespace 'na' does not exist"):
            scene.play(scenario)
        assert scene.system.opened == {}


@pytest.mark.parametrize(("mode", "sentence"), [("dies", "no compiler on this machine"), ("mute", "said nothing for")])
def test_a_worker_that_does_not_come_up_fails_the_start_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, sentence: str
) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        raise AssertionError("it started")

    monkeypatch.setenv("FAKE_WORKER", mode)
    monkeypatch.setattr("control.agent.worker.SILENCE_LIMIT_S", 0.2)
    with stage(tmp_path, TWO_PORTS) as scene, pytest.raises(WorkerError, match=sentence):
        scene.play(scenario)


def test_a_reload_applies_the_difference_and_touches_nothing_else(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.write(TWO_PORTS + "  - {name: c, network: blue, tap: {ifname: tap-c}}\n")
        await instance.reload()
        assert states(instance) == {"a": "up", "b": "up", "c": "up"}
        scene.write(ONE_PORT)
        await instance.reload()
        assert states(instance) == {"a": "up"}
        assert scene.system.opened == {"a": 1, "b": 1, "c": 1}
        assert scene.system.is_held("na", "eth0")
        assert not scene.system.is_held(None, "tap-b")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_new_addresses_are_set_on_the_open_device(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.write(TWO_PORTS.replace("make_netns: true}", "make_netns: true}, addresses: [10.0.0.77]"))
        await instance.reload()
        assert scene.system.settings["na", "eth0"].addresses == ("10.0.0.77/24",)
        assert scene.system.opened == {"a": 1, "b": 1}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_wrong_file_is_refused_and_the_old_state_kept(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        before = instance.configuration
        scene.write(TWO_PORTS.replace("network: blue", "network: green"))
        with pytest.raises(ConfigurationError, match="green"):
            await instance.reload()
        scene.write(TWO_PORTS + "  - {name: c, network: blue, tap: {netns: missing, ifname: eth0}}\n")
        with pytest.raises(UserError, match="port c: namespace 'missing' does not exist"):
            await instance.reload()
        assert instance.configuration == before
        assert states(instance) == {"a": "up", "b": "up"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_namespace_that_cannot_be_made_refuses_the_reload_and_the_old_state_is_kept(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.unmakeable.add("nc")
        scene.write(TWO_PORTS + "  - {name: c, network: blue, tap: {netns: nc, ifname: eth0, make_netns: true}}\n")
        with pytest.raises(UserError, match="cannot make namespace 'nc'"):
            await instance.reload()
        assert states(instance) == {"a": "up", "b": "up"}
        assert scene.system.namespaces == {"na"}
        assert scene.system.opened == {"a": 1, "b": 1}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_what_a_running_fabric_cannot_change_stays_and_is_told(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.write(TWO_PORTS.replace("workers: 2", "workers: 3") + "limits: {fdb: 1024}\n")
        await instance.reload()
        assert [warning.partition(" stays")[0] for warning in instance.warnings] == ["workers", "limits.fdb"]
        assert len(instance.workers.workers) == 2

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_device_that_cannot_be_opened_at_a_reload_is_waited_for(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.refused[None, "tap-c"] = "the name is taken"
        scene.write(TWO_PORTS + "  - {name: c, network: blue, tap: {ifname: tap-c}}\n")
        await instance.reload()
        assert (states(instance)["c"], instance.keepers["c"].reason) == ("waiting", "the name is taken")
        assert not links(instance)["c"]
        scene.system.refused.clear()
        await eventually(lambda: states(instance)["c"] == "up")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_link_that_goes_down_takes_its_port_down_alone_and_comes_back(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.set_link("na", "eth0", up=False)
        assert states(instance) == {"a": "down", "b": "up"}
        assert links(instance) == {"a": False, "b": True}
        scene.system.set_link("na", "eth0", up=True)
        assert links(instance) == {"a": True, "b": True}
        assert scene.system.opened == {"a": 1, "b": 1}
        await eventually(lambda: scene.system.restored == {"a": 1})

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_device_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.delete_device("na", "eth0")
        await eventually(lambda: scene.system.opened == {"a": 2, "b": 1} and states(instance)["a"] == "up")
        assert links(instance) == {"a": True, "b": True}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_namespace_of_somebody_else_is_waited_for(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.delete_namespace("na")
        await eventually(lambda: "does not exist" in instance.keepers["a"].reason)
        assert links(instance) == {"a": False, "b": True}
        assert not scene.system.is_held("na", "eth0")
        scene.system.namespaces.add("na")
        await eventually(lambda: states(instance)["a"] == "up")

    with stage(tmp_path, TWO_PORTS.replace(", make_netns: true", "")) as scene:
        scene.system.namespaces.add("na")
        scene.play(scenario)
        assert scene.system.namespaces == {"na"}


def test_a_namespace_that_we_answer_for_is_made_again(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        scene.system.delete_namespace("na")
        await eventually(lambda: scene.system.opened == {"a": 2, "b": 1} and states(instance)["a"] == "up")
        assert scene.system.namespaces == {"na"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)
        assert scene.system.namespaces == set()


def test_a_device_that_a_worker_loses_is_opened_anew(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        instance.hear_failure(instance.fabric.index_of("b"), 77)
        await eventually(lambda: scene.system.opened == {"a": 1, "b": 2} and states(instance)["b"] == "up")
        assert scene.system.is_held(None, "tap-b")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_worker_that_dies_is_replaced_and_given_every_port(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        dead = instance.workers.workers[1]
        received = set(dead.receives)
        os.kill(dead.process.pid, signal.SIGKILL)
        await eventually(lambda: instance.workers.workers[1] is not dead and instance.workers.are_ready)
        await eventually(lambda: instance.workers.workers[1].holds == {0, 1})
        await eventually(lambda: instance.workers.workers[1].receives == received)
        assert states(instance) == {"a": "up", "b": "up"}
        assert instance.workers.restarts == {1: 1}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_nic_is_opened_anew_for_the_worker_that_takes_over_its_ring(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        os.kill(instance.workers.workers[0].process.pid, signal.SIGKILL)
        await eventually(lambda: scene.system.opened == {"lan": 2} and instance.workers.are_ready)
        await eventually(lambda: states(instance) == {"lan": "up"})

    nic = TWO_PORTS.partition("ports:")[0] + "ports: [{name: lan, network: blue, nic: {ifname: eth1}}]\n"
    with stage(tmp_path, nic.replace("workers: 2", "workers: 1")) as scene:
        scene.play(scenario)


def test_an_attached_port_survives_reloads_and_goes_when_it_is_detached(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        name = await instance.attach({"name": "c", "network": "blue", "tap": {"ifname": "tap-c"}}, None)
        await instance.reload()
        assert states(instance) == {"a": "up", "b": "up", "c": "up"}
        await instance.detach(name)
        assert states(instance) == {"a": "up", "b": "up"}
        assert not scene.system.is_held(None, "tap-c")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_an_attachment_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        before = instance.configuration
        scene.system.refused["nc", "eth0"] = "no room for it"
        with pytest.raises(UserError, match="port c: no room for it"):
            await instance.attach(
                {"name": "c", "network": "blue", "tap": {"netns": "nc", "ifname": "eth0", "make_netns": True}}, None
            )
        assert instance.configuration == before
        assert not instance.is_attached("c")
        assert scene.system.namespaces == {"na"}
        with pytest.raises(ConfigurationError, match="a name that nothing else has"):
            await instance.attach({"name": "a", "network": "blue", "tap": {"ifname": "x"}}, None)
        with pytest.raises(UserError, match="a pcap port is for"):
            await instance.attach({"name": "p", "network": "blue", "pcap": {}}, None)

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_what_cannot_be_detached_is_told_apart(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        with pytest.raises(UserError, match=r"port a stands in .*tapestry.yaml"):
            await instance.detach("a")
        with pytest.raises(NoSuchPortError, match="there is no port z"):
            await instance.detach("z")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_a_port_ends_with_its_owner(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            entry = {"name": "c", "network": "blue", "tap": {"ifname": "tap-c"}}
            await instance.attach(entry, ProcessId.of(owner.pid))
            owner.kill()
            await eventually(lambda: "c" not in states(instance))
            await eventually(lambda: not scene.system.is_held(None, "tap-c"))
        finally:
            owner.kill()
            owner.communicate()

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)


def test_changes_come_one_after_the_other(tmp_path: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        entries = [{"name": f"c{i}", "network": "blue", "tap": {"ifname": f"tap-c{i}"}} for i in range(8)]
        await asyncio.gather(*(instance.attach(entry, None) for entry in entries), instance.reload())
        assert len(states(instance)) == 10
        await asyncio.gather(*(instance.detach(entry["name"]) for entry in entries))  # type: ignore[arg-type]
        assert states(instance) == {"a": "up", "b": "up"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)
