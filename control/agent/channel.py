"""The agent's end of a worker's socket: JSON objects, one a datagram, with file descriptors beside them.

What the worker says unasked (``compiling``, ``port_failed``) goes to a callback; everything else answers a request and
is matched by what it answers: the operation, and the port's index if it has one. No knowledge of the protocol beyond.
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Message = dict[str, Any]

DATAGRAM_BYTES = 1 << 16
DESCRIPTORS_PER_DATAGRAM = 253
"""SCM_MAX_FD of Linux."""


class Answer(NamedTuple):
    """What a worker answered; the descriptors belong to who asked."""

    message: Message
    descriptors: list[int]


AnswerKey = tuple[str, int | None]
"""What an answer is known by: its ``op``, and its ``index`` where it has one."""


class ChannelClosedError(ConnectionError):
    """The worker's end of the socket is gone."""

    def __init__(self) -> None:
        super().__init__("the worker went away")


class WorkerChannel:
    """One connection to one worker."""

    def __init__(self, connection: socket.socket, on_message: Callable[[Message], None]) -> None:
        """Take over a connected, non-blocking SOCK_SEQPACKET socket; ``on_message`` gets what no request waits for."""
        self._socket = connection
        self._on_message = on_message
        self._waiting: dict[AnswerKey, asyncio.Queue[Answer | None]] = {}
        self._sending = asyncio.Lock()
        self._writable: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._receive)
        self.closed = asyncio.Event()

    @classmethod
    async def connect(cls, path: Path, on_message: Callable[[Message], None]) -> "WorkerChannel":
        """Connect to the worker that listens at ``path``; OSError when none does."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            await asyncio.get_running_loop().sock_connect(connection, os.fspath(path))
        except BaseException:
            connection.close()
            raise
        return cls(connection, on_message)

    async def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send one message, waiting for room in the socket; ChannelClosedError when nobody is there to read it."""
        payload = json.dumps(message, separators=(",", ":")).encode()
        async with self._sending:
            while not self.closed.is_set():
                try:
                    socket.send_fds(self._socket, [payload], descriptors)
                    return
                except BlockingIOError:
                    await self._wait_until_writable()
                except OSError:
                    self.close()
        raise ChannelClosedError

    async def request(
        self, message: Message, descriptors: Sequence[int] = (), *, answers: Sequence[AnswerKey]
    ) -> Answer:
        """Send a message and return the first of ``answers`` to come."""
        queue = self._expect(answers)
        try:
            await self.send(message, descriptors)
            return await self._next_answer(queue)
        finally:
            self._forget(answers)

    async def request_parts(self, message: Message, *, answer: AnswerKey) -> list[Answer]:
        """Send a message and return its answer, which comes in parts: all but the last say ``"more": true``."""
        queue = self._expect([answer])
        try:
            await self.send(message)
            parts = [await self._next_answer(queue)]
            while parts[-1].message.get("more"):
                parts.append(await self._next_answer(queue))
            return parts
        finally:
            self._forget([answer])

    def close(self) -> None:
        """Hang up; the worker keeps what it has and waits for the next agent."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._loop.remove_reader(self._socket)
        self._socket_is_writable()
        self._socket.close()
        for queue in self._waiting.values():
            queue.put_nowait(None)

    def _receive(self) -> None:
        try:
            payload, descriptors, _flags, _address = socket.recv_fds(
                self._socket, DATAGRAM_BYTES, DESCRIPTORS_PER_DATAGRAM, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not payload:
            self.close()
            return
        self._deliver(json.loads(payload), list(descriptors))

    def _deliver(self, message: Message, descriptors: list[int]) -> None:
        queue = self._waiting.get((message["op"], message.get("index")))
        if queue is not None:
            queue.put_nowait(Answer(message, descriptors))
            return
        for descriptor in descriptors:
            os.close(descriptor)
        self._on_message(message)

    def _expect(self, answers: Sequence[AnswerKey]) -> "asyncio.Queue[Answer | None]":
        queue: asyncio.Queue[Answer | None] = asyncio.Queue()
        for answer in answers:
            if answer in self._waiting:
                raise RuntimeError(f"two requests wait for the same answer: {answer}")
            self._waiting[answer] = queue
        return queue

    def _forget(self, answers: Sequence[AnswerKey]) -> None:
        for answer in answers:
            del self._waiting[answer]

    @staticmethod
    async def _next_answer(queue: "asyncio.Queue[Answer | None]") -> Answer:
        answer = await queue.get()
        if answer is None:
            raise ChannelClosedError
        return answer

    async def _wait_until_writable(self) -> None:
        self._writable = self._loop.create_future()
        self._loop.add_writer(self._socket, self._socket_is_writable)
        await self._writable

    def _socket_is_writable(self) -> None:
        if self._writable is not None:
            self._loop.remove_writer(self._socket)
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None
