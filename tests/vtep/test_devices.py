"""A VTEP as a worker's device: what it asks for, which of its descriptors are watched, and that none is left open."""

import os
import socket
from collections.abc import Iterator

import pytest

from dataplane.ports.vtep.tables import SENDERS
from dataplane.worker.devices import NO_PORT, Devices
from dataplane.worker.lane import make_lane
from dataplane.worker.messages import MessageError, PortRequest, read_port_request

pytestmark = pytest.mark.kernel

OPTIONS = {"receivers": 2, "cuts": 1}
PORT = 9


@pytest.fixture
def devices() -> Iterator[Devices]:
    lane = make_lane(None, 0, 16)
    made = Devices(lane.devices, lane.vtep)
    yield made
    for index in list(made.open):
        made.close_port(index)
    made.epoll.close()


def sockets(count: int) -> list[int]:
    """Return descriptors of UDP sockets that are bound to nothing."""
    return [socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach() for _ in range(count)]


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "options: receivers: expected one of (1, 2), found None"),
        ({"receivers": 3, "cuts": 0}, "options: receivers: expected one of (1, 2), found 3"),
        ({"receivers": 1, "cuts": "yes"}, "options: cuts: expected one of (0, 1), found 'yes'"),
    ],
)
def test_a_request_says_which_descriptors_receive(options: dict[str, object], said: str) -> None:
    message = {"index": PORT, "kind": "vtep", "receive": True, "options": options}
    with pytest.raises(MessageError) as refused:
        read_port_request(message, ("tap", "vtep"))
    assert str(refused.value) == said


def test_receivers_are_watched_by_the_worker_that_receives(devices: Devices) -> None:
    given = sockets(2 + SENDERS)
    devices.open_port(PortRequest(PORT, "vtep", True, OPTIONS), *given)
    assert [int(devices.record.port_of_descriptor[each]) for each in given] == [PORT] * 2 + [NO_PORT] * SENDERS
    assert devices.vtep.senders.tolist() == given[2:]
    for descriptor in given[:2]:
        with pytest.raises(FileExistsError):
            devices.epoll.register(descriptor)
    assert not any(os.get_blocking(each) for each in given)


def test_another_worker_only_sends(devices: Devices) -> None:
    given = sockets(2 + SENDERS)
    devices.open_port(PortRequest(PORT, "vtep", False, OPTIONS), *given)
    devices.epoll.register(given[0])
    devices.epoll.unregister(given[0])
    assert devices.vtep.sender_count == SENDERS


def test_all_descriptors_are_closed_with_it(devices: Devices) -> None:
    first, second = sockets(2 + SENDERS), sockets(2 + SENDERS)
    request = PortRequest(PORT, "vtep", True, OPTIONS)
    devices.open_port(request, *first)
    devices.open_port(request, *second)
    assert not any(map(is_open, set(first) - set(second)))
    devices.close_port(PORT)
    assert not any(map(is_open, second))
    assert set(devices.record.port_of_descriptor) == {NO_PORT}


def test_what_cannot_be_used_is_closed_and_not_watched(devices: Devices) -> None:
    """Epoll takes no regular file. The agent has the descriptors too: one that stayed in the set would tell of it."""
    ours, agents = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with agents, ours:
        given = [os.dup(ours.fileno()), os.open(__file__, os.O_RDONLY), *sockets(2)]
        with pytest.raises(PermissionError):
            devices.open_port(PortRequest(PORT, "vtep", True, OPTIONS), *given)
        assert not any(map(is_open, given))
        assert PORT not in devices.open
        agents.send(b"x")
        assert devices.epoll.poll(0) == []
