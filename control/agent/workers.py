"""All workers of an instance: each index has a process, whatever happens to processes; each port has one receiver.

Invariants: a port that the agent holds open is held by every ready worker, and exactly one of them receives on it. A
worker that dies is replaced; the tables are in memory that the agent holds too, so flows and MACs are still there.
"""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence

from control.agent.channel import Message
from control.agent.record import WorkerRecord
from control.agent.rundir import RunDir
from control.agent.worker import COMMAND, HandedOver, PortDescriptor, Worker, WorkerError, start_process

log = logging.getLogger(__name__)

RESTART_DELAYS_S = (0.0, 0.2, 1.0, 5.0)
"""Waits before a replacement; the last one repeats. After ``STEADY_S`` of good service it is the first one again."""

STEADY_S = 30.0


class WorkerPool:
    """The workers, one an index. ``on_port_failed(index, errno)`` tells that a worker lost a device."""

    def __init__(
        self,
        run_dir: RunDir,
        *,
        on_port_failed: Callable[[int, int], object],
        on_compiling: Callable[[int, int, int], object],
        on_change: Callable[[], object],
        on_worker_end: Callable[[int], object],
        command: Sequence[str] = COMMAND,
    ) -> None:
        """``on_compiling(worker, done, total)`` tells a cold start's progress; ``on_change`` that a process changed.

        ``on_worker_end(worker)`` comes before a replacement is started.
        """
        self.workers: dict[int, Worker] = {}
        self.restarts: dict[int, int] = {}
        self._run_dir = run_dir
        self._on_port_failed = on_port_failed
        self._on_compiling = on_compiling
        self._on_change = on_change
        self._on_worker_end = on_worker_end
        self._command = command
        self._ports: dict[int, PortDescriptor] = {}
        self._receiver: dict[int, int] = {}
        self._memory_fd = -1
        self._supervisors: list[asyncio.Task[None]] = []
        self._closing: dict[int, asyncio.Task[None]] = {}

    @property
    def records(self) -> tuple[WorkerRecord, ...]:
        """The processes, for the record."""
        return tuple(WorkerRecord(worker.index, worker.process) for _, worker in sorted(self.workers.items()))

    @property
    def are_ready(self) -> bool:
        return bool(self.workers) and all(worker.is_ready for worker in self.workers.values())

    def start(self, count: int) -> None:
        """Start processes for the indexes below ``count`` that have none; they load while the caller goes on."""
        new = [index for index in range(count) if index not in self.workers]
        for index in new:
            self._start_one(index)
        for port in set(self._ports) - set(self._receiver):
            self._choose_receiver(port, new or list(self.workers))
        self._on_change()

    async def adopt(self, records: Sequence[WorkerRecord]) -> HandedOver | None:
        """Take over workers that outlived their agent; those that cannot be are ended. None: there are none.

        The first one's descriptors are kept, for workers to come; the others hold the same. A NIC whose receiver is
        gone is closed, to be opened anew: where its ring is being filled is known to its receiver alone.
        """
        kept: HandedOver | None = None
        for record in records:
            if not record.process.is_alive():
                continue
            worker = Worker(self._run_dir, record.index, record.process, None)
            try:
                handed_over = await worker.hand_over(self._listener(record.index))
            except WorkerError as error:
                log.warning("%s: it is replaced", error)
                await worker.stop()
                continue
            self.workers[record.index] = worker
            self._receiver |= dict.fromkeys(handed_over.receives, record.index)
            if kept is None:
                kept = handed_over
                self._ports = dict(handed_over.ports)
            else:
                _close_all(handed_over)
        if kept is not None:
            for port in [p for p, device in kept.ports.items() if device.kind == "nic" and p not in self._receiver]:
                del kept.ports[port]
                await self.close_port(port)
        return kept

    async def end(self, records: Sequence[WorkerRecord]) -> None:
        """End all workers, and those of ``records`` that run."""
        await self.stop()
        for record in records:
            if record.process.is_alive():
                await Worker(self._run_dir, record.index, record.process, None).stop()

    async def load(self, memory_fd: int) -> None:
        """Give every worker the tables and return when all are ready, and supervised from then on.

        WorkerError if a process that was started for this does not come up.
        """
        self._memory_fd = memory_fd
        loading = [self._load_one(worker) for worker in self.workers.values() if not worker.is_ready]
        results = await asyncio.gather(*loading, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        self._supervisors = [asyncio.create_task(self._supervise(index)) for index in self.workers]

    def open_ports(self) -> dict[int, PortDescriptor]:
        """Return the ports that the workers hold, or will as soon as they are ready."""
        return dict(self._ports)

    async def open_port(self, index: int, port: PortDescriptor) -> None:
        """Give a port to all workers; the descriptor is the pool's from now on. OSError as a worker met it."""
        await self.close_port(index)
        self._ports[index] = port
        self._choose_receiver(index, list(self.workers))
        await self._on_each_ready_worker(lambda worker: self._give(worker, index))

    async def close_port(self, index: int) -> None:
        """Take a port from all workers and close its descriptor: afterwards nobody holds it. No such port: no error.

        What has begun is ended even if the caller is cancelled; whoever else asks meanwhile waits for that.
        """
        if index not in self._closing:
            self._closing[index] = asyncio.create_task(self._close_port(index))
            self._closing[index].add_done_callback(lambda _: self._closing.pop(index))
        await asyncio.shield(self._closing[index])

    async def _close_port(self, index: int) -> None:
        port = self._ports.pop(index, None)
        self._receiver.pop(index, None)
        await self._on_each_ready_worker(lambda worker: worker.close_port(index))
        if port is not None:
            await asyncio.to_thread(port.close)  # The last one takes a TAP with it: some 20 ms.

    async def stop(self) -> None:
        """End all workers and close all descriptors."""
        for supervisor in self._supervisors:
            supervisor.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self.workers.values()))
        await asyncio.gather(*(asyncio.to_thread(port.close) for port in self._ports.values()))
        self._ports.clear()
        for index in self.workers:
            self._run_dir.worker_socket(index).unlink(missing_ok=True)

    def hang_up(self) -> None:
        """Leave the workers to the next agent."""
        for supervisor in self._supervisors:
            supervisor.cancel()
        for worker in self.workers.values():
            worker.hang_up()

    def _start_one(self, index: int) -> None:
        child = start_process(self._run_dir, index, self._command)
        self.workers[index] = Worker.of_child(self._run_dir, index, child)

    async def _load_one(self, worker: Worker) -> None:
        await worker.load(self._memory_fd, self._listener(worker.index))
        async with worker.giving:
            # It receives only when it can send to every port: until then frames wait where they are.
            await self._give_all(worker, list(self._ports), receive=False)
            received = [index for index in self._ports if self._receiver[index] == worker.index]
            await self._give_all(worker, received, receive=True)

    async def _supervise(self, index: int) -> None:
        """Replace the process of ``index`` whenever it ends."""
        failures = 0
        ready_at: float | None = time.monotonic()
        while True:
            worker = self.workers[index]
            await worker.wait()
            if ready_at is not None and time.monotonic() - ready_at >= STEADY_S:
                failures = 0
            ready_at = None
            self._on_worker_end(index)
            self._renew_rings(index)
            log.warning("%s: a new one takes its place", worker.describe_end())
            await asyncio.sleep(RESTART_DELAYS_S[min(failures, len(RESTART_DELAYS_S) - 1)])
            failures += 1
            self.restarts[index] = self.restarts.get(index, 0) + 1
            try:
                self._start_one(index)
                self._on_change()
                await self._load_one(self.workers[index])
            except (WorkerError, OSError) as error:
                log.error("%s", error)
                await self.workers[index].stop()
                continue
            ready_at = time.monotonic()
            log.info("worker %d is back", index)

    async def _on_each_ready_worker(self, act: Callable[[Worker], Awaitable[None]]) -> None:
        """Act on all workers that forward; one that dies meanwhile is the supervisor's business."""
        ready = [worker for worker in self.workers.values() if worker.is_ready]
        results = await asyncio.gather(*(self._locked(worker, act) for worker in ready), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, WorkerError):
                raise result

    @staticmethod
    async def _locked(worker: Worker, act: Callable[[Worker], Awaitable[None]]) -> None:
        async with worker.giving:
            await act(worker)

    async def _give(self, worker: Worker, index: int) -> None:
        """Give a port to a worker that may have been given it as it came up."""
        port = self._ports.get(index)
        if port is not None and index not in worker.holds:
            await worker.open_port(index, port, self._receiver[index] == worker.index)

    async def _give_all(self, worker: Worker, indexes: Sequence[int], *, receive: bool) -> None:
        ports = {index: self._ports[index] for index in indexes}
        giving = [worker.open_port(index, port, receive) for index, port in ports.items()]
        results = await asyncio.gather(*giving, return_exceptions=True)
        for index, result in zip(ports, results, strict=True):
            if isinstance(result, OSError):
                self._on_port_failed(index, result.errno or 0)
            elif isinstance(result, BaseException):
                raise result

    def _choose_receiver(self, port: int, among: Sequence[int]) -> None:
        """Let the worker with the fewest ports receive on this one."""
        receivers = list(self._receiver.values())
        self._receiver[port] = min(sorted(among), key=receivers.count)

    def _renew_rings(self, dead_worker: int) -> None:
        """Have the NICs opened anew that a dead worker received on: it alone knew where their rings are filled."""
        for index, port in self._ports.items():
            if port.kind == "nic" and self._receiver[index] == dead_worker:
                self._on_port_failed(index, errno.EOWNERDEAD)

    def _listener(self, worker: int) -> Callable[[Message], None]:
        def hear(message: Message) -> None:
            if message["op"] == "port_failed":
                self._on_port_failed(message["index"], message["errno"])
            elif message["op"] == "compiling":
                self._on_compiling(worker, message["done"], message["total"])

        return hear


def _close_all(handed_over: HandedOver) -> None:
    os.close(handed_over.memory_fd)
    for port in handed_over.ports.values():
        port.close()
