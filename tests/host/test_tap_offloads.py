"""What a TAP's kernel leaves to whoever reads: checksums and cutting, as far as it knows how and we asked."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from control.host import tun
from control.host.taps import OpenTap, open_tap
from control.host.tun import NO_OFFLOADS, OFFLOADS, TSO, USO, set_offloads
from tests.netns import Namespace, namespaces, require_tools

SEGMENTATION = {"tcp-segmentation-offload", "tx-tcp-ecn-segmentation", "tx-tcp6-segmentation"}


@pytest.fixture
def inside() -> Iterator[Namespace]:
    require_tools("ip", "ethtool")
    with namespaces("offloads") as (namespace,):
        yield namespace


@pytest.fixture
def opened() -> Iterator[Callable[..., OpenTap]]:
    with ExitStack() as stack:

        def open_and_keep(*arguments: str, **settings: bool) -> OpenTap:
            tap = open_tap(*arguments, **settings)  # type: ignore[arg-type]
            stack.callback(os.close, tap.fd)
            return tap

        yield open_and_keep


def features(namespace: Namespace, ifname: str) -> set[str]:
    """Return which features of an interface are on."""
    shown = namespace.run("ethtool", "-k", ifname).stdout.splitlines()[1:]
    words = (line.replace(":", " ").split() for line in shown)
    return {name for name, state, *_ in words if state == "on"}


def test_superframes_and_partial_checksums_are_asked_for(inside: Namespace, opened: Callable[..., OpenTap]) -> None:
    opened(inside.name, "eth0")
    assert {*SEGMENTATION, "tx-checksumming"} <= features(inside, "eth0")


def test_a_tap_may_be_opened_without(inside: Namespace, opened: Callable[..., OpenTap]) -> None:
    opened(inside.name, "eth0", offloads=False)
    assert not {*SEGMENTATION, "tx-checksumming", "tx-udp-segmentation"} & features(inside, "eth0")


def test_a_tap_that_was_there_is_had_as_asked_whoever_had_it_before(inside: Namespace) -> None:
    inside.run("ip", "tuntap", "add", "dev", "vm1", "mode", "tap")
    for offloads in (True, False, True):
        tap = open_tap(inside.name, "vm1", offloads=offloads)
        assert ("tcp-segmentation-offload" in features(inside, "vm1")) == offloads
        os.close(tap.fd)


@pytest.mark.parametrize(
    ("known", "granted"), [(USO, USO), (TSO, TSO), (tun.TUN_F_CSUM, tun.TUN_F_CSUM), (NO_OFFLOADS, NO_OFFLOADS)]
)
def test_a_kernel_that_knows_fewer_is_asked_for_fewer(
    monkeypatch: pytest.MonkeyPatch, known: int, granted: int
) -> None:
    asked = []

    def ioctl(_fd: int, _request: int, flags: int) -> None:
        asked.append(flags)
        if flags & ~known:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert set_offloads(3) == granted
    assert asked == list(OFFLOADS[: OFFLOADS.index(granted) + 1])


def test_a_tap_that_is_gone_is_told() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        set_offloads(-1 & 0xFFFF)
