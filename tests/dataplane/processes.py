"""Real worker processes, and a test in the agent's place: JSON over the worker's socket, descriptors beside it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from control.fabric import Fabric
from tests.sources import ROOT

PATIENCE_S = 240.0
"""How long a worker may take to answer; it may have everything to compile."""
PAIR = (socket.AF_UNIX, socket.SOCK_SEQPACKET)

Message = dict[str, Any]


class Agent:
    """One connection to a worker. Descriptors that come with a message are closed unless somebody asked for them."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def say(self, message: Any, *descriptors: int) -> None:
        """Send a message, or bytes as they are."""
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        socket.send_fds(self.socket, [payload], descriptors)

    def hear_with_descriptors(self) -> tuple[Message, list[int]]:
        """Return the next message but those that tell of compiling."""
        while True:
            payload, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 16, 253)
            if not payload:
                raise EOFError("the worker has hung up")
            message = json.loads(payload)
            if message["op"] != "compiling":
                return message, list(descriptors)

    def hear(self) -> Message:
        message, descriptors = self.hear_with_descriptors()
        for descriptor in descriptors:
            os.close(descriptor)
        return message

    def ask(self, message: Any, *descriptors: int) -> Message:
        self.say(message, *descriptors)
        return self.hear()

    def open_port(self, index: int, receive: bool = True) -> tuple[socket.socket, Message]:
        """Give the worker one end of a socket pair as a TAP; return the other end and the answer."""
        far, near = socket.socketpair(*PAIR)
        far.settimeout(PATIENCE_S)
        with near:
            asked = {"op": "open_port", "index": index, "kind": "tap", "receive": receive, "options": {}}
            return far, self.ask(asked, near.fileno())

    def close(self) -> None:
        self.socket.close()


class WorkerProcess:
    """A running worker."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self.path = path

    def connect(self) -> Agent:
        """Connect as soon as it listens."""
        until = time.monotonic() + PATIENCE_S
        while True:
            connection = socket.socket(*PAIR)
            connection.settimeout(PATIENCE_S)
            try:
                connection.connect(os.fspath(self.path))
                return Agent(connection)
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                assert self.process.poll() is None, "the worker ended as it started"
                assert time.monotonic() < until
                time.sleep(0.01)

    def descriptors(self) -> int:
        """Return how many descriptors it holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_s(self) -> float:
        """Return the processor time of all its threads."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def worker_process(folder: Path, index: int = 0) -> Iterator[WorkerProcess]:
    """Run a worker whose socket is in ``folder``; it is ended afterwards whatever happened."""
    path = folder / f"worker-{index}.sock"
    command = [sys.executable, "-m", "dataplane.worker", "--socket", os.fspath(path), "--index", str(index)]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        yield WorkerProcess(process, path)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def shared_fabric(configuration: Any) -> Iterator[Fabric]:
    """A fabric that workers can attach to, with ``configuration`` in force and all links up."""
    fabric = Fabric(configuration.limits, workers=configuration.workers, shared=True)
    try:
        fabric.apply(configuration)
        for port in configuration.ports:
            fabric.set_link(port.name, up=True)
        yield fabric
    finally:
        fabric.close()
