"""A worker's life: load the kernels, serve the devices, and answer the agent between bursts.

The agent may go and come back: devices, tables and what they learned stay here. A new agent asks for all of it by
``hand_over``.
"""

import os
import select
import socket
import time

from dataplane.shm import LayoutError
from dataplane.state import attach_state
from dataplane.worker.compiling import compile_loop
from dataplane.worker.devices import KINDS, Devices
from dataplane.worker.kernels import CONTROL_READY, DEVICE_FAILED, INTERRUPTED, run_worker
from dataplane.worker.lane import make_lane
from dataplane.worker.messages import (
    AgentGoneError,
    Message,
    MessageError,
    brief,
    close_all,
    read_index,
    read_port_request,
    receive_message,
    send_message,
)

PORTS_PER_MESSAGE = 64
AGENT_PATIENCE_S = 5.0
"""How long an agent may let a full socket stand before it counts as gone: packets wait meanwhile."""
OPERATIONS = ("attach", "open_port", "close_port", "hand_over", "stop")


def readable(sockets: list[socket.socket], patience_ms: int | None) -> list[socket.socket]:
    """Return which sockets have something to read, after ``patience_ms`` at the latest; None waits for ever."""
    poll = select.poll()  # select() knows no descriptor from 1024 on.
    for each in sockets:
        poll.register(each, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(patience_ms)}
    return [each for each in sockets if each.fileno() in ready]


class Service:
    """One worker. ``connection`` is the agent's, None while there is none."""

    def __init__(self, listener: socket.socket, index: int, vector_limit: int) -> None:
        self.listener = listener
        self.lane = make_lane(None, index, vector_limit)
        self.devices = Devices(self.lane.devices, self.lane.vtep)
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
        """Accept a connection or handle one message, whichever has come; before the tables have, wait for one."""
        patience_ms = None if self.lane.state is None else 0
        waiting = [self.listener] if self.connection is None else [self.connection, self.listener]
        ready = readable(waiting, patience_ms)
        if self.connection is not None and self.connection in ready:
            try:
                self.handle(*receive_message(self.connection))
            except AgentGoneError:
                self.hang_up()
        elif self.listener in ready:
            connection, _ = self.listener.accept()
            connection.settimeout(AGENT_PATIENCE_S)
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

    def handle(self, message: Message | None, descriptors: list[int]) -> None:
        """Do what the agent asks, or say why not; descriptors that nobody wanted are closed by then."""
        try:
            try:
                self.obey(message, descriptors)
            finally:
                close_all(descriptors)
        except (MessageError, LayoutError) as error:
            self.tell({"op": "refused", "reason": str(error)})

    def obey(self, message: Message | None, descriptors: list[int]) -> None:
        """Do what the agent asks, taking the descriptors that are wanted; MessageError if it cannot be understood."""
        operation = message.get("op") if message else None
        if message is None:
            raise MessageError("expected a JSON object")
        if operation == "attach":
            self.attach(descriptors)
        elif operation == "open_port":
            self.open_port(message, descriptors)
        elif operation == "close_port":
            index = read_index(message)
            self.devices.close_port(index)
            self.tell({"op": "port_closed", "index": index})
        elif operation == "hand_over":
            self.hand_over()
        elif operation == "stop":
            self.stopped = True
        else:
            raise MessageError(f"op: expected one of {', '.join(OPERATIONS)}, found {brief(operation)}")

    def attach(self, descriptors: list[int]) -> None:
        """Map the tables and load the kernels, telling of each that has to be compiled."""
        started = time.monotonic()
        if self.lane.state is not None or not descriptors:
            raise MessageError("attach: expected one memory, once")
        state, _ = attach_state(descriptors[0])
        workers = len(state.port_counters)
        if not self.lane.worker < workers:
            raise MessageError(f"attach: expected tables for worker {self.lane.worker}, found {workers} workers")
        self.memory_fd = descriptors.pop(0)
        self.lane = self.lane._replace(state=state)
        compile_loop(self.lane, self.tell)
        self.tell({"op": "ready", "pid": os.getpid(), "load_s": round(time.monotonic() - started, 3)})

    def open_port(self, message: Message, descriptors: list[int]) -> None:
        """Begin to serve a device."""
        request = read_port_request(message, tuple(KINDS))
        needed = wanted = 1
        if request.kind == "vtep":
            needed, wanted = request.options["receivers"] + 1, len(descriptors)
        if len(descriptors) < needed:
            raise MessageError(f"open_port: expected {needed} or more descriptors, found {len(descriptors)}")
        try:
            self.devices.open_port(request, *[descriptors.pop(0) for _ in range(wanted)])
        except OSError as error:
            self.tell({"op": "port_failed", "index": request.index, "errno": error.errno or 0})
        else:
            self.tell({"op": "port_open", "index": request.index})

    def hand_over(self) -> None:
        """Give a new agent all that it needs: the tables' memory and the devices."""
        ports = sorted(self.devices.open.items())
        first = True
        while first or ports:
            batch, ports = ports[:PORTS_PER_MESSAGE], ports[PORTS_PER_MESSAGE:]
            described = [
                {
                    "index": index,
                    "kind": device.kind,
                    "receive": device.receives,
                    "options": device.options,
                    "descriptors": len(device.descriptors),
                }
                for index, device in batch
            ]
            descriptors = [descriptor for _, device in batch for descriptor in device.descriptors]
            memory = first and self.memory_fd >= 0
            if memory:
                descriptors.insert(0, self.memory_fd)
            self.tell(
                {"op": "handed_over", "memory": memory, "ports": described, "more": bool(ports)}, tuple(descriptors)
            )
            first = False
