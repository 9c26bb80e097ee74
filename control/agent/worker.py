"""One worker process as the agent sees it: start it, connect, give it memory and ports, or adopt one that runs."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from control.agent.channel import ChannelClosedError, Message, WorkerChannel
from control.agent.process import ProcessId, wait_for_end
from control.agent.rundir import RunDir
from control.own_code import PYTHON, own_environment

COMMAND = (*PYTHON, "-m", "dataplane.worker")

SILENCE_LIMIT_S = 120.0
"""How long a worker may load without a word (each kernel it compiles is a word) before it counts as stuck."""

ANSWER_LIMIT_S = 30.0
"""How long a worker that forwards may take to answer; it looks at its socket between bursts."""

CONNECT_INTERVAL_S = 0.005
STOP_GRACE_S = 3.0
LOG_TAIL_LINES = 15


class WorkerError(Exception):
    """The worker ended, got stuck, or never came up; the message says which, with the end of its log."""


@dataclass(slots=True)
class PortDescriptor:
    """An open port as workers get it: ``kind`` is tap, nic or vtep; ``options`` are the kind's own (ring sizes).

    ``others``: the descriptors beside ``fd`` of a device that has several.
    """

    fd: int
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    others: tuple[int, ...] = ()

    @property
    def descriptors(self) -> list[int]:
        return [self.fd, *self.others]

    def close(self) -> None:
        """Let go of all descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)


@dataclass(slots=True)
class HandedOver:
    """What an orphaned worker gave back: the tables' memory, and its ports by index with whether it receives there."""

    memory_fd: int
    ports: dict[int, PortDescriptor]
    receives: set[int]


def start_process(run_dir: RunDir, index: int, command: Sequence[str] = COMMAND) -> subprocess.Popen[bytes]:
    """Start a worker process; it loads by itself while the caller goes on.

    It has a session of its own, so that a terminal's Ctrl-C reaches the agent alone; its output goes to a file, since
    the terminal or pipe of the agent may end before it does.
    """
    socket_path = run_dir.worker_socket(index)
    socket_path.unlink(missing_ok=True)
    with open(run_dir.worker_log(index), "wb", opener=_open_privately) as log:
        return subprocess.Popen(
            [*command, "--socket", os.fspath(socket_path), "--index", str(index)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=own_environment(),
            umask=0o077,
        )


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Worker:
    """A worker process with the channel to it. ``holds`` are the indexes of the ports it was given."""

    def __init__(self, run_dir: RunDir, index: int, process: ProcessId, child: subprocess.Popen[bytes] | None) -> None:
        """``child`` is the process where we are its parent (and have to collect its exit status)."""
        self.index = index
        self.process = process
        self.holds: set[int] = set()
        self.receives: set[int] = set()
        self.is_ready = False
        self.giving = asyncio.Lock()
        self._run_dir = run_dir
        self._child = child
        self._channel: WorkerChannel | None = None
        self._heard_at = time.monotonic()
        self._on_message: Callable[[Message], None] = lambda message: None

    @classmethod
    def of_child(cls, run_dir: RunDir, index: int, child: subprocess.Popen[bytes]) -> "Worker":
        """Return the worker of a process just started; WorkerError if it has ended already."""
        try:
            process = ProcessId.of(child.pid)
        except ProcessLookupError:
            child.wait()
            raise WorkerError(_with_log(run_dir, index, f"worker {index} ended as it started")) from None
        return cls(run_dir, index, process, child)

    async def load(self, memory_fd: int, on_message: Callable[[Message], None]) -> None:
        """Connect, give the tables' memory and return when the kernels are loaded; WorkerError if that fails."""
        self._on_message = on_message
        await self._unless_it_ends(self._load(memory_fd))
        self.is_ready = True

    async def hand_over(self, on_message: Callable[[Message], None]) -> HandedOver:
        """Connect to a worker whose agent died and return what it holds; WorkerError if it has nothing or is stuck."""
        self._on_message = on_message
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                handed_over = await self._unless_it_ends(self._hand_over())
        except TimeoutError:
            raise WorkerError(f"worker {self.index} (pid {self.process.pid}) does not answer") from None
        self.holds = set(handed_over.ports)
        self.receives = handed_over.receives
        self.is_ready = True
        return handed_over

    async def open_port(self, index: int, port: PortDescriptor, receive: bool) -> None:
        """Give the worker a port; OSError as the worker met it, WorkerError if the worker is no good any more."""
        message = {
            "op": "open_port",
            "index": index,
            "kind": port.kind,
            "receive": receive,
            "options": port.options,
        }
        self.holds.add(index)
        if receive:
            self.receives.add(index)
        answer = await self._ask(message, port.descriptors, [("port_open", index), ("port_failed", index)])
        if answer["op"] == "port_failed":
            self.holds.discard(index)
            self.receives.discard(index)
            raise OSError(answer["errno"], os.strerror(answer["errno"]))

    async def close_port(self, index: int) -> None:
        """Take a port from the worker; when this returns the worker has closed its descriptor."""
        if index in self.holds:
            self.holds.discard(index)
            self.receives.discard(index)
            await self._ask({"op": "close_port", "index": index}, [], [("port_closed", index)])

    async def stop(self) -> None:
        """Ask the worker to end, then insist; returns when it is gone."""
        grace_s = 0.0
        if self.is_ready and self._channel is not None:  # One that loads does not listen, and has nothing to tidy up.
            grace_s = STOP_GRACE_S
            with contextlib.suppress(ChannelClosedError):
                await self._channel.send({"op": "stop"})
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                async with asyncio.timeout(grace_s):
                    await self.wait()
                    return
            except TimeoutError:
                self.process.send(number)
        await self.wait()

    async def wait(self) -> None:
        """Return when the process has ended."""
        await wait_for_end(self.process)
        self.is_ready = False
        self.hang_up()
        if self._child is not None:
            self._child.wait()

    def hang_up(self) -> None:
        """Close the channel; the worker forwards on."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def describe_end(self) -> str:
        """Return how the process ended, for a log line."""
        status = self._child.returncode if self._child is not None else None
        how = "ended" if status is None else f"was ended by signal {-status}" if status < 0 else f"exited with {status}"
        return f"worker {self.index} (pid {self.process.pid}) {how}"

    async def _load(self, memory_fd: int) -> None:
        channel = await self._connect()
        request = channel.request({"op": "attach"}, [memory_fd], answers=[("ready", None)])
        await self._while_it_talks(request)

    async def _hand_over(self) -> HandedOver:
        channel = await self._connect()
        parts = await channel.request_parts({"op": "hand_over"}, answer=("handed_over", None))
        handed_over = HandedOver(-1, {}, set())
        for message, descriptors in parts:
            remaining = iter(descriptors)
            if message.get("memory"):
                handed_over.memory_fd = next(remaining)
            for port in message["ports"]:
                first, *others = islice(remaining, port["descriptors"])
                descriptor = PortDescriptor(first, port["kind"], port["options"], tuple(others))
                handed_over.ports[port["index"]] = descriptor
                if port["receive"]:
                    handed_over.receives.add(port["index"])
        if handed_over.memory_fd < 0:
            raise WorkerError(f"worker {self.index} (pid {self.process.pid}) has no tables yet")
        return handed_over

    async def _connect(self) -> WorkerChannel:
        """Connect as soon as the process listens."""
        while self._channel is None:
            try:
                path = self._run_dir.worker_socket(self.index)
                self._channel = await WorkerChannel.connect(path, self._heard)
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(CONNECT_INTERVAL_S)
        return self._channel

    async def _ask(self, message: Message, descriptors: list[int], answers: list[tuple[str, int | None]]) -> Message:
        if self._channel is None:
            raise WorkerError(f"worker {self.index} is not connected")
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                return (await self._channel.request(message, descriptors, answers=answers)).message
        except ChannelClosedError as error:
            raise WorkerError(f"worker {self.index}: {error}") from error
        except TimeoutError:
            self.process.send(signal.SIGKILL)  # It is replaced like any that died.
            raise WorkerError(f"worker {self.index} did not answer {message['op']} in {ANSWER_LIMIT_S:.0f} s") from None

    def _heard(self, message: Message) -> None:
        self._heard_at = time.monotonic()
        self._on_message(message)

    async def _while_it_talks(self, request: Any) -> Any:
        """Await ``request`` for as long as the worker says something now and then."""
        task = asyncio.ensure_future(request)
        self._heard_at = time.monotonic()
        try:
            while not task.done():
                silence_s = time.monotonic() - self._heard_at
                if silence_s >= SILENCE_LIMIT_S:
                    raise WorkerError(
                        f"worker {self.index} (pid {self.process.pid}) said nothing for {silence_s:.0f} s while "
                        f"loading: see {self._run_dir.worker_log(self.index)}"
                    )
                await asyncio.wait({task}, timeout=SILENCE_LIMIT_S - silence_s)
            return task.result()
        finally:
            task.cancel()

    async def _unless_it_ends(self, work: Any) -> Any:
        """Await ``work``; WorkerError if the process ends first."""
        task, end = asyncio.ensure_future(work), asyncio.ensure_future(wait_for_end(self.process))
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not isinstance(task.exception(), ChannelClosedError):
                return task.result()
            await asyncio.wait({end}, timeout=STOP_GRACE_S)  # A channel that broke tells that it is ending.
            self.process.send(signal.SIGKILL)
            await self.wait()
            raise WorkerError(_with_log(self._run_dir, self.index, f"{self.describe_end()} before it was ready"))
        finally:
            task.cancel()
            end.cancel()


def _with_log(run_dir: RunDir, index: int, sentence: str) -> str:
    try:
        lines = run_dir.worker_log(index).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except OSError:
        lines = []
    return "\n  ".join([sentence + ("; its last words:" if lines else ""), *lines])
