"""A worker's life: load the kernels, serve the devices, and answer the agent between bursts.

The agent may go and come back: devices, tables and what they learned stay here. A new agent asks for all of it by
``hand_over``.
"""

import os
import select
import socket
import time
from typing import Any

import numba
from numba.core import event

from dataplane.jit import KERNELS
from dataplane.state import attach_state
from dataplane.worker.devices import Devices
from dataplane.worker.kernels import CONTROL_READY, DEVICE_FAILED, INTERRUPTED, run_worker
from dataplane.worker.lane import make_lane
from dataplane.worker.messages import AgentGoneError, Message, close_all, receive_message, send_message

PORTS_PER_MESSAGE = 64


class CompileReporter(event.Listener):
    """Tells of every kernel that numba begins to compile or to load."""

    def __init__(self, tell: Any) -> None:
        self.tell = tell
        self.done = 0

    def on_start(self, happening: event.Event) -> None:
        self.done += 1
        self.tell(
            {
                "op": "compiling",
                "done": min(self.done, len(KERNELS)),
                "total": len(KERNELS),
                "kernel": happening.data["dispatcher"].py_func.__name__,
            }
        )

    def on_end(self, happening: event.Event) -> None:
        pass


class Service:
    """One worker. ``connection`` is the agent's, None while there is none."""

    def __init__(self, listener: socket.socket, index: int, vector_limit: int) -> None:
        self.listener = listener
        self.lane = make_lane(None, index, vector_limit)
        self.devices = Devices(self.lane.devices)
        self.devices.watch_socket(listener.fileno())
        self.connection: socket.socket | None = None
        self.memory_fd = -1
        self.stopped = False

    def serve(self) -> None:
        """Serve until the agent says stop."""
        while not self.stopped:
            if self.lane.state is None:
                self.answer_agent()
                continue
            outcome = int(run_worker(self.lane))
            if outcome == DEVICE_FAILED:
                self.report_failed()
            elif outcome == CONTROL_READY:
                self.answer_agent()
            elif outcome != INTERRUPTED:
                raise OSError(outcome, "waiting for devices failed")

    def report_failed(self) -> None:
        """Take out the devices that are gone and tell the agent, who brings them back when it can."""
        for index, error in self.devices.take_failed():
            self.lane.state.switches[0].link[index] = 0
            self.tell({"op": "port_failed", "index": index, "errno": error})

    def answer_agent(self) -> None:
        """Accept a connection or handle one message, whichever has come."""
        waiting = [self.listener] if self.connection is None else [self.connection, self.listener]
        ready, _, _ = select.select(waiting, [], [], None if self.lane.state is None else 0)
        if self.connection in ready and self.connection is not None:
            try:
                self.handle(*receive_message(self.connection))
            except AgentGoneError:
                self.hang_up()
        elif self.listener in ready:
            connection, _ = self.listener.accept()
            self.hang_up()  # An agent that comes while another is connected is its successor.
            self.connection = connection
            self.devices.watch_socket(connection.fileno())

    def hang_up(self) -> None:
        """Forget the agent."""
        if self.connection is not None:
            self.devices.forget_socket(self.connection.fileno())
            self.connection.close()
            self.connection = None

    def tell(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        """Send to the agent, if there is one."""
        if self.connection is None:
            return
        try:
            send_message(self.connection, message, descriptors)
        except AgentGoneError:
            self.hang_up()

    def handle(self, message: Message, descriptors: list[int]) -> None:
        """Do what the agent asks."""
        operation = message.get("op")
        if operation == "attach" and descriptors and self.lane.state is None:
            self.attach(descriptors.pop(0))
        elif operation == "open_port" and descriptors:
            self.open_port(message, descriptors.pop(0))
        elif operation == "close_port":
            self.devices.close_port(message["index"])
            self.tell({"op": "port_closed", "index": message["index"]})
        elif operation == "hand_over":
            self.hand_over()
        elif operation == "stop":
            self.stopped = True
        else:
            self.tell({"op": "refused", "message": message})
        close_all(descriptors)

    def attach(self, memory_fd: int) -> None:
        """Map the tables and load the kernels, telling of each that has to be compiled."""
        started = time.monotonic()
        self.memory_fd = memory_fd
        self.lane = self.lane._replace(state=attach_state(memory_fd)[0])
        with event.install_listener("numba:compile", CompileReporter(self.tell)):
            loop: Any = run_worker
            loop.compile((numba.typeof(self.lane),))
        self.tell({"op": "ready", "pid": os.getpid(), "load_s": round(time.monotonic() - started, 3)})

    def open_port(self, message: Message, descriptor: int) -> None:
        """Begin to serve a device."""
        index = message["index"]
        try:
            self.devices.open_port(index, message["kind"], message["receive"], message["options"], descriptor)
        except OSError as error:
            self.tell({"op": "port_failed", "index": index, "errno": error.errno or 0})
        else:
            self.tell({"op": "port_open", "index": index})

    def hand_over(self) -> None:
        """Give a new agent all that it needs: the tables' memory and the devices."""
        ports = sorted(self.devices.open.items())
        first = True
        while first or ports:
            batch, ports = ports[:PORTS_PER_MESSAGE], ports[PORTS_PER_MESSAGE:]
            described = [
                {"index": index, "kind": device.kind, "receive": device.receives, "options": device.options}
                for index, device in batch
            ]
            descriptors = [device.descriptor for _, device in batch]
            if first:
                descriptors.insert(0, self.memory_fd)
            self.tell(
                {"op": "handed_over", "memory": first, "ports": described, "more": bool(ports)}, tuple(descriptors)
            )
            first = False
