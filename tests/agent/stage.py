"""An agent on a stage: a run directory, fake workers, a fake machine, and a configuration file to change.

with stage(tmp_path, CONFIGURATION) as scene:
    scene.play(scenario)             # async def scenario(scene, instance)
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.agent.instance import Instance
from control.agent.rundir import RunDir
from control.agent.startup import Startup
from tests.agent import fake_worker
from tests.agent.fake_system import FakeSystem

FAKE_WORKER = (sys.executable, fake_worker.__file__)

PATIENCE_S = 20.0
"""How long something may take to come about before the test gives up on it; no assertion depends on it."""

Scenario = Callable[["Scene", Instance], Awaitable[None]]


@dataclass
class Scene:
    """What a scenario works with."""

    run_dir: RunDir
    config: Path
    system: FakeSystem = field(default_factory=FakeSystem)
    startups: list[Startup] = field(default_factory=list)

    def play(self, scenario: Scenario, *, leave: bool = False) -> None:
        """Start an instance, run the scenario, then stop it, or leave its workers as a killed agent does."""
        asyncio.run(self._play(scenario, leave))

    async def _play(self, scenario: Scenario, leave: bool) -> None:
        startup = Startup(self.config, self.run_dir, self.system, FAKE_WORKER)
        self.startups.append(startup)
        try:
            instance = await startup.start()
            await scenario(self, instance)
        except BaseException:
            await startup.give_up()
            raise
        if leave:
            await self._die(startup)
        else:
            await startup.stop()

    async def _die(self, startup: Startup) -> None:
        """Do what the kernel does when an agent is killed: its descriptors are closed, and nothing else happens."""
        assert startup.instance is not None
        assert startup._api is not None
        startup.instance.leave()
        await startup._api.stop()
        for port in startup._pool.open_ports().values():
            port.close()
        startup.instance.fabric.close()

    def asked(self, worker: int = 0) -> list[dict[str, Any]]:
        """Return what the worker of that index was asked, by all its processes."""
        path = self.run_dir.path / f"worker-{worker}.asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def write(self, text: str) -> None:
        """Save the configuration file."""
        self.config.write_text(text)


@contextmanager
def stage(folder: Path, configuration: str) -> Iterator[Scene]:
    """Make a scene; whatever it started is ended afterwards, by its id."""
    run_dir = RunDir(folder / "run")
    run_dir.make()
    scene = Scene(run_dir, folder / "tapestry.yaml")
    scene.write(configuration)
    try:
        yield scene
    finally:
        for startup in scene.startups:
            for worker in startup._pool.workers.values():
                if worker.process.is_alive():
                    os.kill(worker.process.pid, 9)
                if worker._child is not None:
                    worker._child.wait()
        scene.system.close()


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)
