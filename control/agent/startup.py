"""How an instance comes up: fresh, or out of what an agent before this one left running.

Side by side: worker processes are started first, since they take longest to load; while they do, the configuration is
read, devices are opened and the API comes up. A fresh start that fails leaves nothing. One that takes workers over and
fails leaves them as it found them.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from control.agent.console import CompileProgress
from control.agent.desired import keep_capacities, ports_named
from control.agent.leftovers import end_strangers
from control.agent.peers import fed_peers
from control.agent.record import Record, RecordFile, read_record
from control.agent.rundir import RunDir
from control.agent.system import System
from control.agent.worker import HandedOver
from control.agent.workers import WorkerPool
from control.manifests import Library
from control.model import Configuration
from control.overlay.journal import read_journal

if TYPE_CHECKING:
    from control.agent.instance import Instance
    from control.api import ApiServer
    from control.fabric import Fabric

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """A forwarding fabric that an agent before this one left."""

    fabric: "Fabric"
    handed_over: HandedOver


class Startup:
    """Brings one instance up, as ``instance``, and takes it down again."""

    def __init__(self, config: Path, run_dir: RunDir, system: System, worker_command: Sequence[str]) -> None:
        self.instance: Instance | None = None
        self._config = config
        self._run_dir = run_dir
        self._system = system
        self._worker_command = worker_command
        self._library = Library()
        self._progress = CompileProgress()
        self._before = read_record(run_dir.record) or Record()
        self._is_heir = any(worker.process.is_alive() for worker in self._before.workers)
        self._record = RecordFile(run_dir.record, self._before)
        self._pool = self._new_pool()
        self._api: ApiServer | None = None

    async def start(self) -> "Instance":
        """Return the instance when it forwards. UserError or WorkerError if it cannot: then ``give_up``."""
        end_strangers(self._run_dir, self._before)
        if not self._is_heir:
            self._pool.start(1)  # There is at least one; it loads while the configuration is read.
        configuration, warnings = self._load_configuration()
        found = await self._take_over() if self._is_heir else None
        self._is_heir = found is not None
        self.instance = instance = self._make_instance(configuration, found)
        instance.warnings = warnings
        self._pool.start(configuration.workers)
        loading = asyncio.create_task(self._pool.load(instance.fabric.memory_fd))
        try:
            if found:
                await instance.take_over(configuration, found.handed_over, self._before)
            else:
                await instance.bring_up(configuration)
            await self._start_api(instance)
            await loading
        finally:
            loading.cancel()
            self._progress.finish()
        instance.state = "running"
        return instance

    async def stop(self) -> None:
        """Take everything down; nothing is left."""
        if self._api is not None:
            await self._api.stop()
        if self.instance is not None:
            await self.instance.close()
        else:
            await self._pool.stop()
            for name in sorted(self._record.record.made_namespaces):
                self._system.remove_namespace(name)
            self._system.host_side(self._record.record.host_before, lambda _: None).remove()
        self._run_dir.remove()

    async def give_up(self) -> None:
        """Undo a start that failed."""
        if not self._is_heir:
            await self.stop()
            return
        if self._api is not None:
            await self._api.stop()
        if self.instance is not None:
            self.instance.leave()
        self._pool.hang_up()

    def _load_configuration(self) -> tuple[Configuration, tuple[str, ...]]:
        from control.config import load_configuration

        previous = self._before.configuration if self._is_heir else None
        attached = ports_named(previous, [port.name for port in self._before.attached]) if previous else ()
        fed = fed_peers(self._run_dir.peers) if self._is_heir else ()
        ways = self._system.underlay_mtus
        configuration, warnings = load_configuration(self._config, previous, attached, ways, fed, self._library)
        if previous is not None:
            configuration, kept = keep_capacities(configuration, previous)
            warnings = (*warnings, *kept)
        for warning in warnings:
            log.warning("%s", warning)
        return configuration, warnings

    async def _take_over(self) -> _Found | None:
        """Adopt the workers that run; None if they are of no use, and then they are gone."""
        from control.fabric import Fabric
        from dataplane.generation.build import GenerationTimeoutError
        from dataplane.shm import LayoutError

        before = self._before
        handed_over = await self._pool.adopt(before.workers) if before.configuration else None
        if handed_over is not None and before.configuration is not None:
            try:
                gone = set(range(before.configuration.workers)) - set(self._pool.workers)
                fabric = Fabric.attach(
                    handed_over.memory_fd,
                    before.configuration,
                    before.fabric,
                    gone,
                    known=read_journal(self._run_dir.peers),
                )
            except (LayoutError, GenerationTimeoutError) as error:
                os.close(handed_over.memory_fd)
                log.warning("the workers that run cannot be taken over (%s): they are replaced", error)
            else:
                return _Found(fabric, handed_over)
        await self._pool.end(before.workers)
        self._pool = self._new_pool()
        return None

    def _make_instance(self, configuration: Configuration, found: _Found | None) -> "Instance":
        from control.agent.instance import Instance
        from control.fabric import Fabric

        if found:
            before = self._before
            return Instance(self._config, found.fabric, self._pool, self._system, self._record, before, self._library)
        fabric = Fabric(configuration.limits, workers=configuration.workers, shared=True)
        # Of an instance that is dead as a whole only the namespaces are left; those still wanted go on.
        leftover = Record(made_namespaces=self._before.made_namespaces, host_before=self._before.host_before)
        return Instance(self._config, fabric, self._pool, self._system, self._record, leftover, self._library)

    async def _start_api(self, instance: "Instance") -> None:
        from control.api import ApiServer
        from control.capture import Captures
        from control.observe.known import Known
        from control.observe.observers import Observers

        captures = Captures(instance.fabric)
        captures.reset()
        observers = Observers(instance.fabric, Known(instance.fabric).narrator)
        observers.reset()
        self._api = ApiServer(instance, self._run_dir, captures, observers)
        await self._api.start()

    def _new_pool(self) -> WorkerPool:
        return WorkerPool(
            self._run_dir,
            on_port_failed=self._hear_failure,
            on_compiling=self._progress.hear,
            on_change=lambda: self._record.update(workers=self._pool.records),
            on_worker_end=self._hear_worker_end,
            command=self._worker_command,
        )

    def _hear_failure(self, index: int, error_number: int) -> None:
        if self.instance is not None:
            self.instance.hear_failure(index, error_number)

    def _hear_worker_end(self, worker: int) -> None:
        if self.instance is not None:
            self.instance.hear_worker_end(worker)
