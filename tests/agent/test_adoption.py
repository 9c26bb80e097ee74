"""An agent takes over what the one before it left running, and cleans up after one that is dead as a whole."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from control.agent.instance import Instance
from control.agent.process import ProcessId
from control.agent.record import RecordFile, WorkerRecord, read_record, write_record
from control.agent.worker import start_process
from control.errors import ConfigurationError
from tests.agent.stage import FAKE_WORKER, PATIENCE_S, Scene, eventually, stage
from tests.agent.test_instance import TWO_PORTS, links, states


async def nothing(scene: Scene, instance: Instance) -> None:
    """Just start."""


async def attach_c(scene: Scene, instance: Instance) -> None:
    tap = {"netns": "nc", "ifname": "eth0", "make_netns": True}
    await instance.attach({"name": "c", "network": "blue", "tap": tap}, None)


def pids(instance: Instance) -> list[int]:
    return [worker.process.pid for _, worker in sorted(instance.workers.workers.items())]


def kill_workers(scene: Scene, *indexes: int) -> None:
    record = read_record(scene.run_dir.record)
    assert record is not None
    for worker in record.workers:
        if worker.index in indexes:
            os.kill(worker.process.pid, signal.SIGKILL)
            child = scene.startups[-1]._pool.workers[worker.index]._child
            assert child is not None
            child.wait()


def test_workers_and_devices_go_on_untouched(tmp_path: Path) -> None:
    async def first(scene: Scene, instance: Instance) -> None:
        scene.pids = pids(instance)  # type: ignore[attr-defined]

    async def second(scene: Scene, instance: Instance) -> None:
        assert pids(instance) == scene.pids  # type: ignore[attr-defined]
        assert states(instance) == {"a": "up", "b": "up"}
        assert links(instance) == {"a": True, "b": True}
        assert scene.system.opened == {"a": 1, "b": 1}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(first, leave=True)
        asked = len(scene.asked())
        scene.play(second)
        assert [message["op"] for message in scene.asked()[asked:]] == ["hand_over", "stop"]
        assert scene.system.namespaces == set()


def test_the_file_as_it_is_now_comes_into_force_by_its_difference(tmp_path: Path) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert states(instance) == {"a": "up", "c": "up"}
        assert scene.system.opened == {"a": 1, "b": 1, "c": 1}
        assert not scene.system.is_held(None, "tap-b")

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(nothing, leave=True)
        scene.write(TWO_PORTS.replace("name: b,", "name: c,").replace("tap-b", "tap-c"))
        scene.play(second)


def test_attached_ports_are_still_attached(tmp_path: Path) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert states(instance) == {"a": "up", "b": "up", "c": "up"}
        await instance.detach("c")
        assert scene.system.namespaces == {"na"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(attach_c, leave=True)
        scene.play(second)


def test_a_port_whose_owner_ended_meanwhile_goes(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    async def first(scene: Scene, instance: Instance) -> None:
        await instance.attach({"name": "c", "network": "blue", "tap": {"ifname": "tap-c"}}, ProcessId.of(owner.pid))

    async def second(scene: Scene, instance: Instance) -> None:
        await eventually(lambda: "c" not in states(instance))

    try:
        with stage(tmp_path, TWO_PORTS) as scene:
            scene.play(first, leave=True)
            owner.kill()
            owner.wait()
            scene.play(second)
    finally:
        owner.kill()
        owner.communicate()


def test_a_worker_that_died_meanwhile_is_replaced(tmp_path: Path) -> None:
    async def first(scene: Scene, instance: Instance) -> None:
        scene.pids = pids(instance)  # type: ignore[attr-defined]

    async def second(scene: Scene, instance: Instance) -> None:
        assert pids(instance)[0] == scene.pids[0]  # type: ignore[attr-defined]
        assert instance.workers.are_ready
        await eventually(lambda: instance.workers.workers[1].holds == {0, 1})
        assert sorted(len(worker.receives) for worker in instance.workers.workers.values()) == [1, 1]
        assert scene.system.opened == {"a": 1, "b": 1}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(first, leave=True)
        kill_workers(scene, 1)
        scene.play(second)


def test_a_wrong_file_is_refused_and_the_workers_go_on(tmp_path: Path) -> None:
    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(nothing, leave=True)
        scene.write(TWO_PORTS.replace("network: blue", "network: green"))
        with pytest.raises(ConfigurationError):
            scene.play(nothing)
        assert scene.system.is_held("na", "eth0")
        scene.write(TWO_PORTS)
        scene.play(nothing)
        assert scene.system.opened == {"a": 1, "b": 1}


def test_what_a_dead_instance_made_is_used_again_or_removed(tmp_path: Path) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert scene.system.namespaces == {"na"}
        assert states(instance) == {"a": "up", "b": "up"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(attach_c, leave=True)
        assert scene.system.namespaces == {"na", "nc"}
        kill_workers(scene, 0, 1)
        scene.play(second)
        assert scene.system.namespaces == set()


def test_what_a_dead_instance_made_is_removed_even_if_the_next_start_fails(tmp_path: Path) -> None:
    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(nothing, leave=True)
        kill_workers(scene, 0, 1)
        scene.write("networks: 7")
        with pytest.raises(ConfigurationError):
            scene.play(nothing)
        assert scene.system.namespaces == set()
        assert not scene.run_dir.record.exists()


def test_a_worker_that_never_got_its_tables_is_replaced(tmp_path: Path) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert states(instance) == {"a": "up", "b": "up"}

    with stage(tmp_path, TWO_PORTS) as scene:
        child = start_process(scene.run_dir, 0, FAKE_WORKER)
        try:
            record = RecordFile(scene.run_dir.record)
            record.update(workers=(WorkerRecord(0, ProcessId.of(child.pid)),))
            scene.play(second)
            assert child.wait(PATIENCE_S) != 0
        finally:
            child.kill()
            child.wait()


def test_a_worker_that_does_not_answer_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert states(instance) == {"a": "up", "b": "up"}
        assert scene.pids != pids(instance)  # type: ignore[attr-defined]

    async def first(scene: Scene, instance: Instance) -> None:
        scene.pids = pids(instance)  # type: ignore[attr-defined]

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(first, leave=True)
        for pid in scene.pids:  # type: ignore[attr-defined]
            os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr("control.agent.worker.ANSWER_LIMIT_S", 0.2)
        scene.play(second)


def test_a_worker_that_no_record_tells_of_is_stopped(tmp_path: Path) -> None:
    with stage(tmp_path, TWO_PORTS) as scene:
        child = start_process(scene.run_dir, 7, FAKE_WORKER)
        try:
            asyncio.run(eventually(lambda: scene.run_dir.worker_socket(7).exists()))
            scene.play(nothing)
            assert child.wait(PATIENCE_S) == 0
        finally:
            child.kill()
            child.wait()


def test_a_record_of_another_version_is_no_reason_to_fail(tmp_path: Path) -> None:
    async def second(scene: Scene, instance: Instance) -> None:
        assert states(instance) == {"a": "up", "b": "up"}

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(nothing, leave=True)
        record = read_record(scene.run_dir.record)
        assert record is not None
        write_record(scene.run_dir.record, record)
        path = scene.run_dir.record
        path.write_text(path.read_text().replace('"version": 1', '"version": 0'))
        scene.play(second)
