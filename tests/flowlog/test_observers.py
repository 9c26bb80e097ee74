"""Observing a fabric: the rings are read while somebody listens, and whoever asks for what was gets it first."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from control.fabric import Fabric
from control.model import Limits
from control.observe import observers as module
from control.observe.filters import EventFilter
from control.observe.known import Known
from control.observe.narrator import Narrator
from control.observe.observers import Observers, Wish
from control.observe.who import Directory
from dataplane.flow.tables import LIVE
from dataplane.flowlog.tables import CLOSED, EVENTS
from tests.flowlog.making import event, words


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    fabric = Fabric(Limits(flows=64), seed=1)
    yield fabric
    fabric.close()


def write(fabric: Fabric, *events: Any) -> None:
    """Write events as a worker does."""
    log = fabric.state.flow_logs[0]
    for each in events:
        log.events[int(log.head[0]) % EVENTS] = each[0]
        log.head[0] += 1


def make_flow(fabric: Fabric, number: int, port: int) -> None:
    """Put a flow into the table that begins now."""
    record = fabric.state.flow_records[number]
    record["original"]["key"] = tuple(words("10.0.0.2", port, "10.0.0.3", 80))
    record["reply"]["key"] = tuple(words("10.0.0.3", 80, "10.0.0.2", port))
    tick = (time.monotonic_ns() >> 27) & 0xFFFF_FFFF
    record["created"], record["expires"], record["status"] = tick, tick + 1000, LIVE
    fabric.state.flow_head[0].unused[0] = max(int(fabric.state.flow_head[0].unused[0]), number + 1)


async def documents(stream: AsyncGenerator[bytes, None], count: int) -> list[dict[str, Any]]:
    """Return the first documents of a stream."""
    text = b""
    async for chunk in stream:
        text += chunk
        if text.count(b"\n") >= count:
            break
    return [json.loads(line) for line in text.splitlines()]


def observe(
    fabric: Fabric, wish: Wish, scenario: Callable[[Observers, AsyncGenerator[bytes, None]], Awaitable[Any]]
) -> Any:
    """Run ``scenario`` with a stream that has begun."""

    async def run() -> Any:
        observers = Observers(fabric, Known(fabric).narrator)
        async with aclosing(observers.stream(wish)) as stream:
            await anext(stream)
            return await scenario(observers, stream)

    return asyncio.run(run())


def test_workers_write_only_while_somebody_observes(fabric: Fabric) -> None:
    head = fabric.state.flow_head[0]

    async def scenario(observers: Observers, stream: AsyncGenerator[bytes, None]) -> list[int]:
        during = int(head.observed[0]), observers.describe()["observers"]
        await stream.aclose()
        return [*during, int(head.observed[0]), observers.describe()["observers"]]

    assert observe(fabric, Wish(), scenario) == [1, 1, 0, 0]


def test_events_come_as_they_are_written(fabric: Fabric) -> None:
    async def scenario(_observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        write(fabric, event(("10.0.0.2", 1)), event(("10.0.0.2", 2)))
        return await documents(stream, 2)

    assert [each["source"]["port"] for each in observe(fabric, Wish(), scenario)] == [1, 2]


def test_each_gets_what_its_filter_takes(fabric: Fabric) -> None:
    async def scenario(_observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        write(fabric, event(("10.0.0.2", 1)), event(("10.0.0.2", 2)), event(("10.0.0.2", 3)))
        return await documents(stream, 1)

    (only,) = observe(fabric, Wish(EventFilter(port=2)), scenario)
    assert only["source"]["port"] == 2


def test_what_was_observed_comes_first_to_who_asks_for_it(fabric: Fabric) -> None:
    now = time.monotonic_ns()

    async def scenario(observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        write(fabric, *(event(("10.0.0.2", port), timestamp_ns=now + port) for port in range(1, 6)))
        await documents(stream, 5)
        return await documents(observers.stream(Wish(last=2, follows=False)), 2)

    assert [each["source"]["port"] for each in observe(fabric, Wish(), scenario)] == [4, 5]


def test_what_began_before_anybody_observed_is_known_from_the_flow_table(fabric: Fabric) -> None:
    make_flow(fabric, 3, 4711)

    async def scenario(observers: Observers, _stream: AsyncGenerator[bytes, None]) -> Any:
        return await documents(observers.stream(Wish(since_s=60, follows=False)), 1)

    (begun,) = observe(fabric, Wish(), scenario)
    assert (begun["event"], begun["source"]["port"], begun["flow"]) == ("new", 4711, 3)
    assert abs(begun["time"] - time.time()) < 60


def test_since_leaves_out_what_is_older(fabric: Fabric) -> None:
    now = time.monotonic_ns()

    async def scenario(observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        old, new = event(("10.0.0.2", 1), timestamp_ns=now - 10**11), event(("10.0.0.2", 2), timestamp_ns=now)
        write(fabric, old, new)
        await documents(stream, 2)
        return await documents(observers.stream(Wish(since_s=50, follows=False)), 9)

    assert [each["source"]["port"] for each in observe(fabric, Wish(), scenario)] == [2]


def test_what_was_is_told_by_what_was_known_then(fabric: Fabric) -> None:
    nodes = iter("abcdefgh")

    async def run() -> Any:
        observers = Observers(fabric, lambda: Narrator(next(nodes), Directory()))
        async with aclosing(observers.stream(Wish())) as stream:
            await anext(stream)
            for port in (1, 2):
                write(fabric, event(("10.0.0.2", port), timestamp_ns=time.monotonic_ns()))
                await documents(stream, 1)
            return await documents(observers.stream(Wish(last=9, follows=False)), 9)

    assert [(each["source"]["port"], each["node"]) for each in asyncio.run(run())] == [(1, "a"), (2, "b")]


def test_only_the_newest_are_remembered(fabric: Fabric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)

    async def scenario(observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        for port in range(1, 6):
            write(fabric, event(("10.0.0.2", port), timestamp_ns=time.monotonic_ns()))
            await documents(stream, 1)
        return await documents(observers.stream(Wish(last=9, follows=False)), 9)

    assert [each["source"]["port"] for each in observe(fabric, Wish(), scenario)] == [4, 5]


def test_what_was_lost_is_told(fabric: Fabric) -> None:
    async def scenario(observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        fabric.state.flow_logs[0].lost[0] += np.uint64(5)
        write(fabric, event(kind=CLOSED))
        seen = await documents(stream, 2)
        return seen, observers.describe()["lost"]

    seen, lost = observe(fabric, Wish(), scenario)
    assert sorted(each["event"] for each in seen) == ["closed", "lost"]
    assert ([each["count"] for each in seen if each["event"] == "lost"], lost) == ([5], 5)


def test_who_reads_too_slowly_loses_events_and_nobody_else_does(fabric: Fabric, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "BACKLOG_BYTES", 100)

    async def scenario(observers: Observers, stream: AsyncGenerator[bytes, None]) -> Any:
        slow = observers.stream(Wish())
        await anext(slow)
        for port in range(1, 4):
            write(fabric, event(("10.0.0.2", port)))
            await documents(stream, 1)
        return await documents(slow, 2)

    kept, lost = observe(fabric, Wish(), scenario)
    assert (kept["event"], lost["event"], lost["count"]) == ("new", "lost", 2)


@pytest.mark.parametrize("query", [{"last": "x"}, {"since": "-1"}])
def test_a_wrong_wish_is_refused(query: dict[str, str]) -> None:
    from control.errors import UserError

    with pytest.raises(UserError, match="expected a whole number"):
        Wish.of(query)
