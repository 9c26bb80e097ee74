"""The DHCP client: its messages against scapy's, and what it says when, on a clock that a test owns."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from control.uplink.dhcp.client import DhcpClient, Lease, keep_lease
from control.uplink.dhcp.messages import Kind, Reply, Request, read_frame, write_frame

MAC = bytes.fromhex("020000000001")
SERVER_MAC = "02:00:00:00:00:99"
SERVER, ROUTER, OURS = "192.0.2.1", "192.0.2.254", "192.0.2.50"


class EnoughError(Exception):
    """The test has seen what it wanted."""


class NothingComesError(Exception):
    """Nothing is on the link."""


@dataclass
class Server:
    """The link and whoever answers on it: for each request ``answer`` says with what."""

    answer: Callable[[dict[str, object], Ether], Ether | None]
    now_s: float = 0.0
    sent: list[tuple[float, str, Ether]] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)

    async def send(self, frame: bytes) -> None:
        packet = Ether(frame)
        options = {option[0]: option[1] for option in packet[DHCP].options if isinstance(option, tuple)}
        kind = {1: "discover", 3: "request", 7: "release"}[options["message-type"]]
        self.sent.append((self.now_s, kind, packet))
        reply = self.answer(options | {"kind": kind}, packet)
        if reply is not None:
            self.waiting.append(bytes(reply))

    async def receive(self) -> bytes:
        if not self.waiting:
            raise NothingComesError
        return self.waiting.pop(0)

    def now(self) -> float:
        return self.now_s

    async def wait(self, work: Awaitable[Reply], seconds: float) -> Reply:
        try:
            return await work
        except NothingComesError:
            self.now_s += seconds
            raise TimeoutError from None

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def reply_to(packet: Ether, kind: str, address: str = OURS, **options: object) -> Ether:
    listed = {"server_id": SERVER, "subnet_mask": "255.255.255.0", "router": ROUTER, "lease_time": 1000} | options
    return (
        Ether(src=SERVER_MAC, dst="ff:ff:ff:ff:ff:ff")
        / IP(src=SERVER, dst="255.255.255.255")
        / UDP(sport=67, dport=68)
        / BOOTP(op=2, xid=packet[BOOTP].xid, chaddr=packet[BOOTP].chaddr, yiaddr=address)
        / DHCP(options=[("message-type", kind), *listed.items(), "end"])
    )


def friendly(options: dict[str, object], packet: Ether) -> Ether | None:
    return reply_to(packet, "offer" if options["kind"] == "discover" else "ack")


def run(server: Server, *, before: str | None = None, leases: int = 1) -> list[Lease | None]:
    """Run a client until it has told of so many changes; return them."""
    told: list[Lease | None] = []

    async def take(lease: Lease | None) -> None:
        told.append(lease)
        if len(told) == leases:
            raise EnoughError

    async def client() -> None:
        await keep_lease(DhcpClient(server, MAC, server, seed=1), IPv4Address(before) if before else None, take)

    with pytest.raises(EnoughError):
        asyncio.run(client())
    return told


def test_an_address_is_found_with_its_router_and_mask() -> None:
    server = Server(friendly)
    (lease,) = run(server)
    assert lease is not None
    assert (lease.interface, lease.router) == (IPv4Interface(f"{OURS}/24"), IPv4Address(ROUTER))
    assert (lease.renew_at, lease.rebind_at, lease.ends_at) == (500, 875, 1000)
    (_, _, discover), (_, _, request) = server.sent
    assert (discover.dst, discover[IP].src, discover[IP].dst) == ("ff:ff:ff:ff:ff:ff", "0.0.0.0", "255.255.255.255")
    options = dict(option for option in request[DHCP].options if isinstance(option, tuple) and len(option) == 2)
    assert (options["requested_addr"], options["server_id"]) == (OURS, SERVER)


def test_nobody_answers_and_it_asks_on_ever_more_slowly() -> None:
    server = Server(lambda options, packet: friendly(options, packet) if len(server.sent) > 7 else None)
    run(server)
    times = [time for time, kind, _ in server.sent if kind == "discover"]
    gaps = [after - before for before, after in pairwise(times)]
    for gap, expected in zip(gaps, [4, 8, 16, 32, 64, 64, 64], strict=True):
        assert abs(gap - expected) <= 1


def test_it_is_renewed_with_its_server_alone_and_nobody_hears_of_it() -> None:
    def answer(options: dict[str, object], packet: Ether) -> Ether | None:
        is_renewal = options["kind"] == "request" and packet[BOOTP].ciaddr == OURS
        if is_renewal and len(server.sent) < 6:
            return reply_to(packet, "ack")
        return None if is_renewal else friendly(options, packet)

    server = Server(answer)
    first, last = run(server, leases=2)
    assert first is not None
    assert last is None
    renewal = server.sent[2]
    assert renewal[0] == 500
    assert (renewal[2].dst, renewal[2][IP].src, renewal[2][IP].dst) == (SERVER_MAC, OURS, SERVER)
    asked_later = [(time, packet[IP].dst) for time, _, packet in server.sent[5:]]
    assert asked_later[0][1] == SERVER
    assert asked_later[-1][1] == "255.255.255.255"
    assert server.now_s == pytest.approx(1500 + 1000 + 0, abs=600)


def test_an_address_that_is_refused_ends_at_once() -> None:
    def answer(options: dict[str, object], packet: Ether) -> Ether | None:
        return reply_to(packet, "nak") if packet[BOOTP].ciaddr == OURS else friendly(options, packet)

    first, end, again = run(Server(answer), leases=3)
    assert first is not None
    assert end is None
    assert again is not None
    assert again.interface == first.interface


def test_a_former_address_is_asked_for_first() -> None:
    server = Server(lambda options, packet: reply_to(packet, "ack", address=str(options["requested_addr"])))
    (lease,) = run(server, before="192.0.2.77")
    assert lease is not None
    assert lease.interface == IPv4Interface("192.0.2.77/24")
    assert [kind for _, kind, _ in server.sent] == ["request"]


def test_a_former_address_that_is_refused_is_given_up() -> None:
    def answer(options: dict[str, object], packet: Ether) -> Ether | None:
        return reply_to(packet, "nak") if options.get("requested_addr") == "192.0.2.77" else friendly(options, packet)

    end, lease = run(Server(answer), before="192.0.2.77", leases=2)
    assert end is None
    assert lease is not None
    assert lease.interface == IPv4Interface(f"{OURS}/24")


def test_answers_to_others_are_not_ours() -> None:
    def answer(options: dict[str, object], packet: Ether) -> Ether | None:
        if len(server.sent) > 3:
            return friendly(options, packet)
        reply = friendly(options, packet)
        if reply is not None:
            reply[BOOTP].chaddr = b"\x02\0\0\0\0\x77"
        return reply

    server = Server(answer)
    run(server)
    assert len(server.sent) > 3


@given(st.binary(max_size=400))
def test_no_bytes_are_too_strange_to_be_read(frame: bytes) -> None:
    assert read_frame(frame) is None or len(frame) > 278


@given(st.data())
def test_no_part_of_an_answer_that_is_missing_or_changed_is_too_strange(data: st.DataObject) -> None:
    asked = Ether(write_frame(Request(Kind.DISCOVER, 7, MAC)))
    good = bytearray(bytes(reply_to(asked, "offer")))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    read_frame(bytes(good[: data.draw(st.integers(0, len(good)))]))


def test_our_frames_have_right_checksums_and_lengths() -> None:
    frame = write_frame(Request(Kind.REQUEST, 7, MAC, has=IPv4Address(OURS), asks_for=IPv4Address(OURS)))
    packet = Ether(frame)
    again = Ether(frame)
    del again[IP].chksum, again[UDP].chksum, again[IP].len, again[UDP].len
    assert bytes(again) == frame
    assert packet[BOOTP].chaddr[:6] == MAC
