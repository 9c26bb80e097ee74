"""The answerer on real sockets: UDP and TCP, its own names and those of a resolver that stands beside it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from control.dns import forward
from control.dns.forward import Forwarder, is_answer_to
from control.dns.names import Names, NetworkNames
from control.dns.resolvers import Resolvers, parse_resolvers
from control.dns.server import NameServer

PATIENCE_S = 20.0

Asked = Callable[[int], Awaitable[None]]


class EverybodyIsInside(Names):
    """Knows one name, and takes everybody for an endpoint."""

    def __init__(self) -> None:
        self.answer = NetworkNames("blue", False, {"web": (ip_address("10.0.0.2"),)})

    def of_asker(self, asker: object, asked: object) -> NetworkNames:
        return self.answer


def bound(kind: socket.SocketKind, port: int = 0) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    opened.bind(("127.0.0.1", port))
    if kind == socket.SOCK_STREAM:
        opened.listen()
    return opened


def both_kinds() -> tuple[int, list[socket.socket]]:
    """Return a port and a socket of each kind bound to it."""
    udp = bound(socket.SOCK_DGRAM)
    port = udp.getsockname()[1]
    return port, [udp, bound(socket.SOCK_STREAM, port)]


class Upstream:
    """A resolver that knows one address for every name; ``silent`` times it says nothing."""

    def __init__(self, silent: int = 0, lies: int = 0) -> None:
        self.silent, self.lies = silent, lies
        self.asked: list[tuple[str, bool]] = []

    async def answer(self, query: bytes, asker: object, asked: object, *, by_tcp: bool) -> bytes | None:
        message = dns.message.from_wire(query)
        self.asked.append((message.question[0].name.to_text(), by_tcp))
        if len(self.asked) <= self.silent:
            return None
        response = dns.message.make_response(message)
        name = message.question[0].name
        response.answer = [dns.rrset.from_text(name, 60, dns.rdataclass.IN, dns.rdatatype.A, "198.51.100.7")]
        return response.to_wire()


async def with_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: Upstream, asked: Asked) -> None:
    """Ask a server that forwards to ``upstream``."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    up_port, up_sockets = both_kinds()
    monkeypatch.setattr(forward, "PORT", up_port)
    beside = NameServer(EverybodyIsInside(), Forwarder(Resolvers(tmp_path / "none")))
    beside.answer = upstream.answer  # type: ignore[method-assign]
    server = NameServer(EverybodyIsInside(), Forwarder(Resolvers(tmp_path / "resolv.conf")))
    port, sockets = both_kinds()
    try:
        await beside.serve(up_sockets)
        await server.serve(sockets)
        async with asyncio.timeout(PATIENCE_S):
            await asked(port)
    finally:
        server.close()
        beside.close()
        await asyncio.sleep(0)


def addresses(message: dns.message.Message) -> list[str]:
    return [record.to_text() for rrset in message.answer for record in rrset]


@pytest.mark.parametrize("ask", [dns.asyncquery.udp, dns.asyncquery.tcp], ids=["udp", "tcp"])
def test_own_names_are_answered_here_and_others_by_the_resolver_in_the_same_way(
    ask: Callable[..., Awaitable[dns.message.Message]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = Upstream()

    async def asked(port: int) -> None:
        own = await ask(dns.message.make_query("web.", "A"), "127.0.0.1", port=port)
        assert addresses(own) == ["10.0.0.2"]
        others = await ask(dns.message.make_query("example.com.", "A"), "127.0.0.1", port=port)
        assert addresses(others) == ["198.51.100.7"]

    asyncio.run(with_servers(tmp_path, monkeypatch, upstream, asked))
    assert upstream.asked == [("example.com.", ask is dns.asyncquery.tcp)]


def test_a_resolver_that_says_nothing_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "PATIENCE_S", 0.2)

    async def asked(port: int) -> None:
        answer = await dns.asyncquery.udp(dns.message.make_query("example.com.", "A"), "127.0.0.1", port=port)
        assert addresses(answer) == ["198.51.100.7"]

    asyncio.run(with_servers(tmp_path, monkeypatch, Upstream(silent=1), asked))


def test_without_an_answer_the_asker_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "PATIENCE_S", 0.05)

    async def asked(port: int) -> None:
        answer = await dns.asyncquery.udp(dns.message.make_query("example.com.", "A"), "127.0.0.1", port=port)
        assert answer.rcode() == dns.rcode.SERVFAIL

    asyncio.run(with_servers(tmp_path, monkeypatch, Upstream(silent=100), asked))


def test_several_questions_follow_each_other_on_one_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for name in ("web.", "example.com.", "web."):
            query = dns.message.make_query(name, "A").to_wire()
            writer.write(len(query).to_bytes(2, "big") + query)
            answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            assert dns.message.from_wire(answer).answer
        writer.close()
        await writer.wait_closed()

    asyncio.run(with_servers(tmp_path, monkeypatch, Upstream(), asked))


def test_an_answer_to_another_question_does_not_count() -> None:
    query = dns.message.make_query("example.com.", "A")
    other = dns.message.make_query("example.net.", "A")
    other.id = query.id
    right = dns.message.make_response(query)
    assert is_answer_to(right.to_wire(), query.to_wire())
    assert is_answer_to(right.to_wire().replace(b"example", b"EXAMPLE"), query.to_wire())
    assert not is_answer_to(dns.message.make_response(other).to_wire(), query.to_wire())
    assert not is_answer_to(query.to_wire(), query.to_wire())
    right.id ^= 1
    assert not is_answer_to(right.to_wire(), query.to_wire())


def test_resolvers_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    resolvers = Resolvers(path)
    assert resolvers.addresses() == ()
    path.write_text("nameserver 192.0.2.1\n")
    assert resolvers.addresses() == ("192.0.2.1",)
    path.write_text("nameserver 192.0.2.2 \n nameserver 2001:db8::1\n")
    assert resolvers.addresses() == ("192.0.2.2", "2001:db8::1")


def test_what_is_no_resolver_is_passed_over() -> None:
    text = "# nameserver 1.1.1.1\nnameserver\nnameserver localhost\nsearch a b\nnameserver fe80::1%eth0\n" + "".join(
        f"nameserver 192.0.2.{number}\n" for number in range(9)
    )
    assert parse_resolvers(text) == ("fe80::1%eth0", "192.0.2.0", "192.0.2.1")
