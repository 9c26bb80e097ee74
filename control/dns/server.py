"""Answers on sockets that are given to it: UDP and TCP, one of each for every address that it is asked at.

Limits: so many connections and forwarded queries at once; what is too much is dropped, and asked again by who wants it.
A connection that says nothing is closed.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from ipaddress import ip_address

import dns.rcode

from control.dns.answer import MalformedQueryError, answer_query, refuse
from control.dns.forward import Forwarder, NoAnswerError
from control.dns.names import Names
from control.model import Address

log = logging.getLogger(__name__)

OnAnswer = Callable[[bytes], Awaitable[None]]

MOST_CONNECTIONS = 128
IDLE_S = 10.0
MOST_WAITING = 512
"""Datagrams being worked on; a forwarded one waits for its resolver."""


class NameServer:
    """Serves until ``close``. ``names`` may be replaced while it does."""

    def __init__(self, names: Names, forwarder: Forwarder, on_answer: OnAnswer | None = None) -> None:
        """``on_answer`` is waited for before an answer is given."""
        self.names = names
        self._forwarder = forwarder
        self._on_answer = on_answer
        self._transports: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Answer on these sockets, bound (and listening) ones that are ours from now on, instead of those before."""
        self.close()
        loop = asyncio.get_running_loop()
        for each in sockets:
            asked = _address_of(each.getsockname())
            if each.type == socket.SOCK_DGRAM:
                transport, _ = await loop.create_datagram_endpoint(partial(_Datagrams, self, asked), sock=each)
                self._transports.append(transport)
            else:
                self._servers.append(await asyncio.start_server(self._converse, sock=each))

    def close(self) -> None:
        """Let go of all sockets."""
        for transport in self._transports:
            transport.abort()
        for server in self._servers:
            server.close()
        for task in (*self._connections, *self._waiting):
            task.cancel()
        self._transports, self._servers = [], []

    async def answer(self, query: bytes, asker: Address, asked: Address, *, by_tcp: bool) -> bytes | None:
        """Return the answer's bytes, None for what deserves none."""
        names = self.names.of_asker(asker, asked)
        try:
            if names is None:
                return refuse(query, dns.rcode.REFUSED) if len(query) >= 12 and not query[2] & 0x80 else None
            answer = answer_query(query, names)
            if answer is None:
                answer = await self._forwarder.ask(query, by_tcp=by_tcp)
            if self._on_answer is not None:
                await self._on_answer(answer)
            return answer
        except MalformedQueryError:
            return None
        except NoAnswerError:
            return refuse(query, dns.rcode.SERVFAIL)

    def take(self, work: Awaitable[None]) -> None:
        """Do a datagram's work beside others, unless there is too much of it."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        if len(self._waiting) >= MOST_WAITING:
            task.cancel()
            return
        self._waiting.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._waiting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a query could not be answered", exc_info=error)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        try:
            if task is None or len(self._connections) >= MOST_CONNECTIONS:
                return
            self._connections.add(task)
            await self._answer_in_turn(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            if task is not None:
                self._connections.discard(task)
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer_in_turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asker = _address_of(writer.get_extra_info("peername"))
        asked = _address_of(writer.get_extra_info("sockname"))
        while True:
            async with asyncio.timeout(IDLE_S):
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            answer = await self.answer(query, asker, asked, by_tcp=True)
            if answer is None:
                return
            writer.write(len(answer).to_bytes(2, "big") + answer)
            async with asyncio.timeout(IDLE_S):
                await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer, asked: Address) -> None:
        self._server = server
        self._asked = asked
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, place: tuple[object, ...]) -> None:
        self._server.take(self._answer(data, place))

    async def _answer(self, query: bytes, place: tuple[object, ...]) -> None:
        answer = await self._server.answer(query, _address_of(place), self._asked, by_tcp=False)
        if answer is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, place)


def _address_of(place: tuple[object, ...]) -> Address:
    """Return the address of a socket's name, without its scope."""
    return ip_address(str(place[0]).partition("%")[0])
