"""The agent's end of a worker's socket: who gets which answer, and what happens when nobody answers."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control.agent.channel import ChannelClosedError, WorkerChannel

Conversation = Callable[[WorkerChannel, socket.socket, list[dict[str, Any]]], Awaitable[None]]


def converse(conversation: Conversation) -> None:
    """Run ``conversation`` with a channel, the worker's end of it, and the list of what was heard unasked."""

    async def run() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        heard: list[dict[str, Any]] = []
        channel = WorkerChannel(ours, heard.append)
        try:
            async with asyncio.timeout(20):
                await conversation(channel, theirs, heard)
        finally:
            channel.close()
            theirs.close()

    asyncio.run(run())


def say(theirs: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    socket.send_fds(theirs, [json.dumps(message).encode()], descriptors or [])


def test_an_answer_goes_to_who_asked_for_that_port() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        ask = [channel.request({"op": "close_port", "index": i}, answers=[("port_closed", i)]) for i in (1, 2)]
        answers = asyncio.gather(*ask)
        await asyncio.sleep(0)
        for index in (2, 1):
            say(theirs, {"op": "port_closed", "index": index})
        assert [answer.message["index"] for answer in await answers] == [1, 2]
        assert heard == []

    converse(conversation)


def test_what_nobody_waits_for_is_heard() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        say(theirs, {"op": "port_failed", "index": 4, "errno": 77})
        while not heard:
            await asyncio.sleep(0.001)
        assert heard == [{"op": "port_failed", "index": 4, "errno": 77}]

    converse(conversation)


def test_descriptors_go_both_ways() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        read_end, write_end = os.pipe()
        asking = asyncio.ensure_future(
            channel.request({"op": "hand_over"}, [write_end], answers=[("handed_over", None)])
        )
        await asyncio.sleep(0)
        _, sent, _, _ = socket.recv_fds(theirs, 4096, 4)
        say(theirs, {"op": "handed_over"}, [sent[0]])
        _, received = await asking
        os.write(received[0], b"through")
        assert os.read(read_end, 16) == b"through"
        for fd in (read_end, write_end, *sent, *received):
            os.close(fd)

    converse(conversation)


def test_an_answer_in_parts_is_put_together() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        for part, more in ((1, True), (2, True), (3, False)):
            say(theirs, {"op": "handed_over", "part": part, "more": more})
        parts = await channel.request_parts({"op": "hand_over"}, answer=("handed_over", None))
        assert [answer.message["part"] for answer in parts] == [1, 2, 3]

    converse(conversation)


def test_a_worker_that_goes_away_answers_nobody() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        asking = asyncio.ensure_future(channel.request({"op": "attach"}, answers=[("ready", None)]))
        await asyncio.sleep(0)
        theirs.close()
        with pytest.raises(ChannelClosedError):
            await asking
        assert channel.closed.is_set()
        with pytest.raises(ChannelClosedError):
            await channel.send({"op": "stop"})

    converse(conversation)


def test_sending_waits_for_a_worker_that_is_busy() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        sending = asyncio.gather(*(channel.send({"op": "note", "number": i, "text": "x" * 8000}) for i in range(200)))
        numbers = []
        while len(numbers) < 200:
            await asyncio.sleep(0)
            numbers.append(json.loads(theirs.recv(65536))["number"])
        await sending
        assert numbers == list(range(200))

    converse(conversation)


def test_hanging_up_frees_who_waits_to_send() -> None:
    async def conversation(channel: WorkerChannel, theirs: socket.socket, heard: list[dict[str, Any]]) -> None:
        sending = asyncio.gather(
            *(channel.send({"op": "note", "text": "x" * 8000}) for _ in range(200)), return_exceptions=True
        )
        await asyncio.sleep(0.01)
        channel.close()
        assert any(isinstance(result, ChannelClosedError) for result in await sending)

    converse(conversation)
