"""Policies of a running agent: their files are watched, what is wrong with them changes nothing and is told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from control.agent import documents
from control.agent.instance import Instance
from control.agent.policies import keep_policies
from control.errors import UserError
from tests.agent.stage import Scene, eventually, stage
from tests.manifests.read import HEAD

CONFIGURATION = """
workers: 1
networks: [{name: blue, subnets: [10.0.0.0/24]}]
ports:
- {name: a, network: blue, tap: {netns: na, ifname: eth0}}
manifests: [policies]
"""
WRONG = HEAD + "spec: 5\n"


def names(instance: Instance) -> list[str]:
    manifests = instance.configuration.manifests
    assert manifests is not None
    return [policy.name for policy in manifests.policies]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "p.yaml").write_text(HEAD)
    return folder


def play(tmp_path: Path, scenario: Callable[[Scene, Instance], Awaitable[None]]) -> None:
    """Run the scenario in an agent that watches its policies."""

    async def watched(scene: Scene, instance: Instance) -> None:
        keeping = asyncio.create_task(keep_policies(instance))
        try:
            await scenario(scene, instance)
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    with stage(tmp_path, CONFIGURATION) as scene:
        scene.system.namespaces.add("na")
        scene.play(watched)


def refused(scene: Scene, instance: Instance) -> list[str]:
    manifests = documents.status_document(instance, scene.run_dir)["manifests"]
    assert manifests is not None
    return list(manifests["refused"])


def test_files_that_change_come_and_go_are_in_force(tmp_path: Path, folder: Path) -> None:
    async def scenario(_: Scene, instance: Instance) -> None:
        assert names(instance) == ["p"]
        await asyncio.sleep(0)
        (folder / "q.yaml").write_text(HEAD.replace("{name: p}", "{name: q}"))
        await eventually(lambda: names(instance) == ["p", "q"])
        (folder / "p.yaml").write_text(HEAD.replace("{name: p}", "{name: r}"))
        await eventually(lambda: names(instance) == ["q", "r"])
        (folder / "q.yaml").unlink()
        await eventually(lambda: names(instance) == ["r"])

    play(tmp_path, scenario)


def test_a_file_that_is_wrong_leaves_all_as_it_was_and_is_told(tmp_path: Path, folder: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        before = instance.configuration
        (folder / "q.yaml").write_text(HEAD.replace("{name: p}", "{name: q}"))
        (folder / "p.yaml").write_text(WRONG)
        await eventually(lambda: refused(scene, instance))
        assert instance.configuration == before
        assert refused(scene, instance) == [f"{folder}/p.yaml:4: spec: expected a mapping, found the number 5"]
        (folder / "p.yaml").unlink()
        await eventually(lambda: names(instance) == ["q"])
        assert refused(scene, instance) == []

    play(tmp_path, scenario)


def test_a_folder_that_is_gone_leaves_all_as_it_was(tmp_path: Path, folder: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        folder.rename(tmp_path / "elsewhere")
        await eventually(lambda: refused(scene, instance))
        assert names(instance) == ["p"]
        (tmp_path / "elsewhere").rename(folder)
        await eventually(lambda: not refused(scene, instance))

    play(tmp_path, scenario)


def test_nothing_new_is_not_applied(tmp_path: Path, folder: Path) -> None:
    async def scenario(_: Scene, instance: Instance) -> None:
        before = instance.configuration
        (folder / "p.yaml").write_text("# the same\n" + HEAD)
        assert not await instance.reload_manifests()
        assert instance.configuration is before

    play(tmp_path, scenario)


def test_a_reload_reads_them_too_and_refuses_them_with_the_file(tmp_path: Path, folder: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        (folder / "p.yaml").write_text(WRONG)
        scene.write(CONFIGURATION.replace("workers: 1", "workers: 9"))
        with pytest.raises(UserError) as error:
            await instance.reload()
        assert [line.partition(": expected")[0] for line in str(error.value).splitlines()] == [
            f"{scene.config}:2: workers",
            f"{folder}/p.yaml:4: spec",
        ]
        assert names(instance) == ["p"]
        scene.write(CONFIGURATION.replace("manifests: [policies]", ""))
        await instance.reload()
        assert instance.configuration.manifests is None

    play(tmp_path, scenario)


def test_the_record_of_an_agent_holds_no_policies_but_that_they_are_on(tmp_path: Path, folder: Path) -> None:
    async def scenario(scene: Scene, instance: Instance) -> None:
        assert '"Manifests", "policies": []' in scene.run_dir.record.read_text()
        assert names(instance) == ["p"]

    play(tmp_path, scenario)


def test_the_next_agent_reads_them_again(tmp_path: Path, folder: Path) -> None:
    async def nothing(_: Scene, instance: Instance) -> None:
        assert names(instance) == ["p"]

    async def after(_: Scene, instance: Instance) -> None:
        assert names(instance) == ["q"]

    with stage(tmp_path, CONFIGURATION) as scene:
        scene.system.namespaces.add("na")
        scene.play(nothing, leave=True)
        (folder / "p.yaml").write_text(HEAD.replace("{name: p}", "{name: q}"))
        scene.play(after)
