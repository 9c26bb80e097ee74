"""Asks the host's resolvers what is not known here, in the way that we were asked: UDP by UDP, TCP by TCP.

The query goes on as it came, but for its number, which is drawn anew; every query has a socket of its own, so a port
of its own (RFC 5452). An answer counts if it has the number and the question, in any case.
"""

import asyncio
import secrets
import socket

from control.dns.resolvers import Resolvers

PORT = 53
PATIENCE_S = 2.0
"""With each resolver; asked in order, twice over."""
ROUNDS = 2
MOST_AT_ONCE = 512
HEADER_BYTES = 12


class NoAnswerError(Exception):
    """Nobody answered in time, or there is nobody to ask, or too much is being asked already."""


class Forwarder:
    """Asks for all askers."""

    def __init__(self, resolvers: Resolvers) -> None:
        self._resolvers = resolvers
        self._asking = 0

    async def ask(self, query: bytes, *, by_tcp: bool) -> bytes:
        """Return a resolver's answer, with the query's number; NoAnswerError if there is none."""
        if self._asking >= MOST_AT_ONCE:
            raise NoAnswerError
        self._asking += 1
        try:
            for address in self._resolvers.addresses() * ROUNDS:
                number = secrets.token_bytes(2)
                asked = number + query[2:]
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        answer = await (_ask_by_tcp(address, asked) if by_tcp else _ask_by_udp(address, asked))
                except (OSError, EOFError):  # TimeoutError is an OSError, IncompleteReadError an EOFError.
                    continue
                if is_answer_to(answer, asked):
                    return query[:2] + answer[2:]
        finally:
            self._asking -= 1
        raise NoAnswerError


def is_answer_to(answer: bytes, query: bytes) -> bool:
    """Return whether it has the query's number and question; one without a question only refuses."""
    if len(answer) < HEADER_BYTES or answer[:2] != query[:2] or not answer[2] & 0x80:
        return False
    end = question_end(query)
    has_question = answer[4:6] == b"\0\1"
    return not has_question or answer[HEADER_BYTES:end].lower() == query[HEADER_BYTES:end].lower()


def question_end(message: bytes) -> int:
    """Return where the first question of a well-formed query ends: its name is never compressed."""
    at = HEADER_BYTES
    while at < len(message) and message[at]:
        at += message[at] + 1
    return at + 5


async def _ask_by_udp(address: str, query: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    family, place = await _place_of(address, socket.SOCK_DGRAM)
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as asking:
        asking.connect(place)
        await loop.sock_sendall(asking, query)
        while not is_answer_to(answer := await loop.sock_recv(asking, 1 << 16), query):
            pass
        return answer


async def _ask_by_tcp(address: str, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(address, PORT)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        await writer.drain()
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()


async def _place_of(address: str, kind: int) -> tuple[int, tuple[object, ...]]:
    """Return family and socket address; an IPv6 scope is looked up, nothing else is."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address, PORT, type=kind, flags=socket.AI_NUMERICHOST)
    return found[0][0], found[0][4]
