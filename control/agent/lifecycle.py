"""The agent's process: start, signals, reload, stop. `tapestry up` is this."""

import asyncio
import logging
import resource
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from control.agent.console import set_up_logging
from control.agent.policies import keep_policies
from control.agent.reloading import reload_on_save, reload_or_refuse, terminal_is_gone
from control.agent.rundir import InstanceLock, RunDir
from control.agent.startup import Startup
from control.agent.system import System
from control.agent.worker import COMMAND, WorkerError
from control.errors import UserError

if TYPE_CHECKING:
    from control.agent.instance import Instance

log = logging.getLogger(__name__)

Face = Callable[["Instance", RunDir], Awaitable[None]]
"""What a user sees while the instance runs; cancelled at the stop. The agent stops when its output is gone."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `tapestry up` was told. ``system`` and ``worker_command`` are the machine's and the real worker's unless a
    test says otherwise.
    """

    config: Path
    run_dir: Path
    face: Face
    watch: bool = False
    system: System | None = None
    worker_command: Sequence[str] = field(default=COMMAND)


def run_agent(options: Options) -> None:
    """Run an instance until a signal ends it; UserError if it cannot start."""
    set_up_logging()
    raise_descriptor_limit()
    run_dir = RunDir(options.run_dir)
    run_dir.make()
    lock = InstanceLock(run_dir)
    try:
        asyncio.run(_Agent(options, run_dir).run())
    finally:
        lock.release()


def raise_descriptor_limit() -> None:
    """Take as many descriptors as the system allows and workers can use: a port takes one in every process."""
    from dataplane.ports.tables import (
        MAX_DESCRIPTORS,
    )  # Brings numpy, whose threads would bar us from a user namespace.

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    usable = MAX_DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, MAX_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, usable), most))


class _Agent:
    """One run of the agent."""

    def __init__(self, options: Options, run_dir: RunDir) -> None:
        self._options = options
        self._run_dir = run_dir
        self._stop = asyncio.Event()
        self._had_terminal = not terminal_is_gone()
        self._instance: Instance | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start, stay until a signal, stop."""
        self._listen_to_signals()
        startup = Startup(self._options.config, self._run_dir, self._system(), self._options.worker_command)
        try:
            instance = await self._start(startup)
        except BaseException:
            await startup.give_up()
            raise
        if instance is None:
            await startup.give_up()
            return
        try:
            await self._stay(instance)
        finally:
            for task in self._tasks:
                task.cancel()
            await startup.stop()

    async def _start(self, startup: Startup) -> "Instance | None":
        """Return the instance, or None if a signal came first."""
        starting = asyncio.create_task(startup.start())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return None
        try:
            return starting.result()
        except WorkerError as error:
            raise UserError(str(error)) from error

    async def _stay(self, instance: "Instance") -> None:
        self._spawn(self._show(instance))
        if self._options.watch:
            self._spawn(reload_on_save(self._options.config, instance.reload))
        self._spawn(keep_policies(instance))
        self._instance = instance
        await self._stop.wait()

    async def _show(self, instance: "Instance") -> None:
        try:
            await self._options.face(instance, self._run_dir)
        except OSError as error:
            log.warning("nobody reads what is shown (%s): stopping", error)
            self._stop.set()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        """SIGHUP: read the configuration again, unless it says that the terminal was closed."""
        if self._had_terminal and terminal_is_gone():
            self._stop.set()
        elif self._instance is not None:  # Before that, the file is being read anyway.
            self._spawn(reload_or_refuse(self._options.config, self._instance.reload))

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a fault in the agent, which goes on", exc_info=error)

    def _system(self) -> System:
        if self._options.system is not None:
            return self._options.system
        from control.agent.machine import Machine

        return Machine()
