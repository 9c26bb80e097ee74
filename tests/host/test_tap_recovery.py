"""What a TAP's descriptor says when its device or its namespace goes, and that it can be opened again.

These are facts about the kernel that the agent's recovery rests on: `control/host/taps.py` states them.
"""

import errno
import fcntl
import os
import select
import struct
from collections.abc import Iterator

import pytest

from control.host.links import set_link_up
from control.host.namespaces import make_namespace, remove_namespace
from control.host.taps import OpenTap, open_tap
from tests.host.test_taps import FRAME, VNET_HEADER
from tests.netns import Namespace, namespaces, require_root, require_tools, unused_name


@pytest.fixture
def inside() -> Iterator[Namespace]:
    require_root()
    require_tools("ip")
    name = unused_name("recovery")
    make_namespace(name)
    try:
        yield Namespace(name)
    finally:
        remove_namespace(name)


@pytest.fixture
def tap(inside: Namespace) -> Iterator[OpenTap]:
    opened = open_tap(inside.name, "eth0")
    yield opened
    os.close(opened.fd)


def write_errno(fd: int) -> int:
    """Return what writing a frame gives: 0, or the error."""
    try:
        os.write(fd, VNET_HEADER + FRAME)
    except OSError as error:
        return error.errno or -1
    return 0


def read_errno(fd: int) -> int:
    """Return what reading gives once nothing waits any more."""
    try:
        while os.read(fd, 2000):
            pass
    except OSError as error:
        return error.errno or -1
    return 0


def polled(fd: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return dict(poll.poll(0)).get(fd, 0)


def test_link_down_is_eio_and_passes_by_itself(inside: Namespace, tap: OpenTap) -> None:
    set_link_up(inside.name, "eth0", up=False)
    assert write_errno(tap.fd) == errno.EIO
    assert read_errno(tap.fd) == errno.EAGAIN
    assert polled(tap.fd) == 0
    set_link_up(inside.name, "eth0")
    assert write_errno(tap.fd) == 0


def test_a_deleted_tap_is_ebadfd_and_can_be_opened_again(inside: Namespace, tap: OpenTap) -> None:
    inside.run("ip", "link", "del", "eth0")
    assert write_errno(tap.fd) == read_errno(tap.fd) == errno.EBADFD
    assert polled(tap.fd) & select.POLLERR
    again = open_tap(inside.name, "eth0")
    try:
        assert again.made
        assert write_errno(again.fd) == 0
        assert write_errno(tap.fd) == errno.EBADFD
    finally:
        os.close(again.fd)


def test_a_deleted_namespace_is_kept_alive_by_the_descriptor(inside: Namespace, tap: OpenTap) -> None:
    remove_namespace(inside.name)
    assert write_errno(tap.fd) == 0
    assert not polled(tap.fd) & select.POLLERR


def test_a_tap_opens_in_a_namespace_made_anew(inside: Namespace, tap: OpenTap) -> None:
    remove_namespace(inside.name)
    make_namespace(inside.name)
    again = open_tap(inside.name, "eth0")
    try:
        assert again.namespace != tap.namespace
        assert write_errno(again.fd) == 0
    finally:
        os.close(again.fd)


def test_a_renamed_or_moved_tap_keeps_working(inside: Namespace, tap: OpenTap) -> None:
    inside.run("ip", "link", "set", "eth0", "name", "eth9")
    assert write_errno(tap.fd) == 0
    with namespaces("elsewhere") as (elsewhere,):
        inside.run("ip", "link", "set", "eth9", "netns", elsewhere.name)
        assert write_errno(tap.fd) == errno.EIO  # Moving sets a link down.
        set_link_up(elsewhere.name, "eth9")
        assert write_errno(tap.fd) == 0


def test_the_header_is_twelve_bytes(tap: OpenTap) -> None:
    tungetvnethdrsz = 0x800454D7
    assert struct.unpack("i", fcntl.ioctl(tap.fd, tungetvnethdrsz, bytes(4))) == (12,)
