"""The link watcher: each change is told once, in order, for interfaces and for their namespaces.

The tests let the loop run until the event they wait for has come; a namespace's path is compared when they say so.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from control.host import namespaces
from control.host.links import set_link_up
from control.host.taps import open_tap
from control.host.watch import Change, LinkEvent, LinkWatcher
from tests.netns import Namespace, connect, require_tools

pytestmark = pytest.mark.netns

PATIENCE_S = 20
FLIPS = 1000


class Heard:
    """Events as they come."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[LinkEvent] = asyncio.Queue()
        self.watcher = LinkWatcher(self._events.put_nowait, asyncio.get_running_loop(), poll_s=3600)

    async def next(self) -> LinkEvent:
        return await asyncio.wait_for(self._events.get(), PATIENCE_S)

    async def changes(self, count: int) -> list[Change]:
        return [(await self.next()).change for _ in range(count)]

    def none_waits(self) -> bool:
        return self._events.empty()


def listen(test: Callable[[Heard], Coroutine[Any, Any, None]]) -> None:
    """Run ``test`` with a watcher on an event loop; namespaces are made before, outside of it."""

    async def run() -> None:
        heard = Heard()
        try:
            await test(heard)
        finally:
            heard.watcher.close()

    asyncio.run(run())


@pytest.fixture
def only(make_namespace: Callable[[str], Namespace]) -> Namespace:
    require_tools("ip")
    return make_namespace("only")


@pytest.fixture
def pair(make_namespace: Callable[[str], Namespace]) -> tuple[Namespace, Namespace]:
    """Two namespaces, connected by their eth0."""
    require_tools("ip")
    left, right = make_namespace("left"), make_namespace("right")
    connect(left, "eth0", right, "eth0")
    return left, right


def test_the_link_is_returned_as_it_is_when_watching_begins(pair: tuple[Namespace, Namespace]) -> None:
    async def test(heard: Heard) -> None:
        link = heard.watcher.watch(pair[0].name, "eth0")
        assert link is not None
        assert link.passes_frames
        assert heard.watcher.watch(pair[0].name, "nope") is None
        assert heard.watcher.watch("tapestry-no-such", "eth0") is None

    listen(test)


def test_added_up_down_and_removed_are_told(only: Namespace) -> None:
    async def test(heard: Heard) -> None:
        heard.watcher.watch(only.name, "eth0")
        tap = open_tap(only.name, "eth0")
        try:
            assert await heard.changes(2) == [Change.ADDED, Change.UP]
            set_link_up(only.name, "eth0", up=False)
            assert await heard.changes(1) == [Change.DOWN]
            set_link_up(only.name, "eth0")
            assert await heard.changes(1) == [Change.UP]
        finally:
            os.close(tap.fd)
        assert await heard.changes(2) == [Change.DOWN, Change.REMOVED]

    listen(test)


def test_the_peers_carrier_counts(pair: tuple[Namespace, Namespace]) -> None:
    left, right = pair

    async def test(heard: Heard) -> None:
        heard.watcher.watch(left.name, "eth0")
        set_link_up(right.name, "eth0", up=False)
        event = await heard.next()
        assert event.change is Change.DOWN
        assert event.link is not None
        assert event.link.is_up

    listen(test)


def test_an_interface_is_followed_when_renamed_and_when_it_leaves_a_bridge(pair: tuple[Namespace, Namespace]) -> None:
    left = pair[0]
    commands = (
        "add br0 type bridge",
        "set eth0 master br0",
        "set eth0 nomaster",
        "set eth0 name eth9",
        "set eth9 down",
    )

    async def test(heard: Heard) -> None:
        heard.watcher.watch(left.name, "eth0")
        for command in commands:
            left.run("ip", "link", *command.split())
        event = await heard.next()
        assert (event.ifname, event.change) == ("eth0", Change.DOWN)
        assert event.link is not None
        assert event.link.name == "eth9"

    listen(test)


def test_only_what_is_watched_is_told(pair: tuple[Namespace, Namespace]) -> None:
    left = pair[0]

    async def test(heard: Heard) -> None:
        heard.watcher.watch(left.name, "eth0")
        heard.watcher.watch(left.name, "eth1")
        heard.watcher.unwatch(left.name, "eth0")
        set_link_up(left.name, "eth0", up=False)
        left.run("ip", "link", "add", "eth1", "type", "bridge")
        assert (await heard.next()).ifname == "eth1"
        assert heard.none_waits()

    listen(test)


def test_a_namespace_deleted_and_made_anew_is_noticed(only: Namespace) -> None:
    async def test(heard: Heard) -> None:
        tap = open_tap(only.name, "eth0")
        try:
            assert heard.watcher.watch(only.name, "eth0") is not None
            namespaces.remove_namespace(only.name)
            heard.watcher.check_namespaces()
            assert await heard.changes(1) == [Change.NAMESPACE_REMOVED]
            namespaces.make_namespace(only.name)
            heard.watcher.check_namespaces()
            event = await heard.next()
            assert (event.change, event.link) == (Change.NAMESPACE_ADDED, None)
        finally:
            os.close(tap.fd)

    listen(test)


def test_a_namespace_replaced_between_two_looks_is_noticed(only: Namespace) -> None:
    async def test(heard: Heard) -> None:
        heard.watcher.watch(only.name, "br0")
        namespaces.remove_namespace(only.name)
        namespaces.make_namespace(only.name)
        only.run("ip", "link", "add", "br0", "type", "bridge")
        heard.watcher.check_namespaces()
        assert (await heard.next()).change is Change.NAMESPACE_REMOVED
        event = await heard.next()
        assert event.change is Change.NAMESPACE_ADDED
        assert event.link is not None
        only.run("ip", "link", "del", "br0")
        assert await heard.changes(1) == [Change.REMOVED]

    listen(test)


def test_watching_in_a_namespace_that_appeared_since_finds_it(only: Namespace) -> None:
    async def test(heard: Heard) -> None:
        namespaces.remove_namespace(only.name)
        assert heard.watcher.watch(only.name, "eth0") is None
        namespaces.make_namespace(only.name)
        assert heard.watcher.watch(only.name, "lo") is not None
        assert await heard.changes(1) == [Change.NAMESPACE_ADDED]

    listen(test)


def test_a_callback_may_stop_watching(only: Namespace) -> None:
    calls: list[LinkEvent] = []

    async def test(_heard: Heard) -> None:
        def stop(event: LinkEvent) -> None:
            calls.append(event)
            watcher.unwatch(only.name, "eth0")

        watcher = LinkWatcher(stop, asyncio.get_running_loop(), poll_s=3600)
        watcher.watch(only.name, "eth0")
        namespaces.remove_namespace(only.name)
        namespaces.make_namespace(only.name)
        watcher.check_namespaces()
        assert [event.change for event in calls] == [Change.NAMESPACE_REMOVED]
        assert list(watcher.watched()) == []
        watcher.close()

    listen(test)


def test_an_overflow_is_made_good_by_asking_anew(only: Namespace) -> None:
    # More messages than the socket's buffer holds, while the loop does not read; the last of them says "up".
    flips = "link set br0 up\nlink set br0 down\n" * FLIPS + "link set br0 up\n"

    async def test(heard: Heard) -> None:
        heard.watcher.watch(only.name, "br0")
        only.run("ip", "link", "add", "br0", "type", "bridge")
        only.run("sh", "-c", f"ip -batch - <<'END'\n{flips}END")
        event = await heard.next()
        while event.link is None or not event.link.is_up:
            event = await heard.next()

    listen(test)
