"""Switching generations under the readers' hands: nobody sees half of two, nobody is waited for in vain."""

import multiprocessing
import os
import signal
from typing import Any

import numpy as np
import pytest

from dataplane.generation.build import (
    PATIENCE_S,
    GenerationTimeoutError,
    activate,
    forget_worker,
    free_copy,
    wait_until_free,
)
from dataplane.generation.grace import WorkersGrace
from dataplane.generation.kernels import enter_generation, leave_generation
from dataplane.generation.tables import ASLEEP, CONTROL_DTYPE, COPIES, FIRST_GENERATION
from dataplane.jit import kernel
from dataplane.shm import Region, attach_region, create_region
from tests.scale import scaled

pytestmark = pytest.mark.kernel

WORDS = 512
SECTIONS = {"control": (CONTROL_DTYPE, (1,)), "copies": (np.dtype("u4"), (COPIES, WORDS))}
BURSTS = scaled(300_000, jit_off=300)


@kernel
def count_torn_bursts(control: Any, copies: Any, worker: int, bursts: int) -> int:
    """Read the copy in force again and again, as a worker does; return how often it was not all of one generation."""
    torn = 0
    for _ in range(bursts):
        generation = enter_generation(control, worker)
        copy = copies[generation % COPIES]
        for n in range(WORDS):
            if copy[n] != generation:
                torn += 1
                break
        leave_generation(control, worker)
    return torn


def make_memory(shared: bool) -> Region:
    """Return memory in its first generation, which fills its copy as those to come do."""
    region = create_region(SECTIONS, {}, shared)
    region.arrays["control"][0].active[0] = FIRST_GENERATION
    region.arrays["copies"][FIRST_GENERATION % COPIES] = FIRST_GENERATION
    return region


@pytest.fixture
def control() -> Any:
    return make_memory(shared=False).arrays["control"][0]


def no_sleep(seconds: float) -> None:
    raise AssertionError("nobody has to be waited for")


def test_readers_see_whole_generations_only() -> None:
    """Two workers in processes of their own read while the agent here changes as fast as it can."""
    region = make_memory(shared=True)
    control, copies = region.arrays["control"][0], region.arrays["copies"]

    def read(worker: int, results: Any) -> None:
        own = attach_region(region.fd, SECTIONS).arrays
        results.put(int(count_torn_bursts(own["control"][0], own["copies"], worker, BURSTS)))

    count_torn_bursts(control, copies, 0, 1)  # compiled once, for both
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    readers = [context.Process(target=read, args=(worker, results)) for worker in (0, 1)]
    for reader in readers:
        reader.start()
    changes = 0
    try:
        while any(reader.is_alive() for reader in readers):
            wait_until_free(control)
            copies[free_copy(control)] = control.active[0] + 1
            activate(control)
            changes += 1
    finally:
        for reader in readers:
            reader.kill() if reader.exitcode is None else None
            reader.join()
        os.close(region.fd)
    assert [results.get(), results.get()] == [0, 0]
    assert changes > 1


def test_the_copy_that_is_free_is_the_one_not_in_force(control: Any) -> None:
    free = free_copy(control)
    assert enter_generation(control, 0) % COPIES != free
    activate(control)
    assert enter_generation(control, 0) % COPIES == free
    assert free_copy(control) != free


def test_nobody_waits_for_workers_that_sleep_or_are_up_to_date(control: Any) -> None:
    wait_until_free(control, no_sleep)
    activate(control)
    enter_generation(control, 0)
    enter_generation(control, 3)
    leave_generation(control, 3)
    wait_until_free(control, no_sleep)


def test_a_worker_in_an_old_generation_is_waited_for(control: Any) -> None:
    activate(control)
    enter_generation(control, 1)
    activate(control)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            enter_generation(control, 1)

    wait_until_free(control, sleep)
    assert len(slept) == 3


def test_a_stuck_worker_is_named_and_a_dead_one_forgotten(control: Any) -> None:
    activate(control)
    enter_generation(control, 2)
    activate(control)
    slept: list[float] = []
    with pytest.raises(GenerationTimeoutError, match="worker 2"):
        wait_until_free(control, slept.append)
    assert sum(slept) >= PATIENCE_S
    forget_worker(control, 2)
    assert control.in_use[2] == ASLEEP
    wait_until_free(control, no_sleep)


def test_a_killed_reader_holds_its_generation_until_it_is_forgotten() -> None:
    region = make_memory(shared=True)
    control = region.arrays["control"][0]
    activate(control)

    def die() -> None:
        enter_generation(attach_region(region.fd, SECTIONS).arrays["control"][0], 0)
        os.kill(os.getpid(), signal.SIGKILL)

    reader = multiprocessing.get_context("fork").Process(target=die)
    reader.start()
    reader.join()
    activate(control)
    with pytest.raises(GenerationTimeoutError):
        wait_until_free(control, lambda seconds: None)
    forget_worker(control, 0)
    wait_until_free(control, no_sleep)
    os.close(region.fd)


def test_a_period_of_grace_is_waited_for_until_every_worker_has_begun_another_burst(control: Any) -> None:
    grace = WorkersGrace(control)
    control.in_use[0], control.in_use[1] = control.active[0], control.active[0]
    waits = iter(range(10))

    def begin_bursts(_seconds: float) -> None:
        control.noted_turn[next(waits) // 3 % 2] = control.turn[0]

    grace.wait(begin_bursts)
    assert next(waits) == 4


def test_a_worker_that_begins_no_burst_is_not_waited_for_in_vain(control: Any) -> None:
    control.in_use[0] = control.active[0]
    with pytest.raises(GenerationTimeoutError, match="began no burst"):
        WorkersGrace(control).wait(lambda _: None)
