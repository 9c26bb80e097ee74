"""The fuzzer's own parts: it complains about what is wrong, makes failing inputs smaller, and finds them again."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.arrival_files import captures_of, in_replay_order
from tests.drive import run_naive
from tests.fuzz import broken_files, regressions
from tests.fuzz.broken_files import damaged, keep_file, kept_files
from tests.fuzz.corpus import CRAFTED, frames_of
from tests.fuzz.minimise import minimise
from tests.fuzz.mutate import MUTATIONS, mutated
from tests.fuzz.oracle import ComplaintError, hold, traffic_of
from tests.generate.nodes import random_configuration
from tests.generate.traffic import random_arrivals
from tests.naive.switch import Outcome
from tests.runs import Arrival, Run, Traffic

CONFIGURATION = random_configuration(Random(5))
ARRIVALS = in_replay_order(list(random_arrivals(Random(5), CONFIGURATION, 60)))


def good_run() -> Run:
    """Return a run without fault."""
    run = run_naive(CONFIGURATION, ARRIVALS)
    run.traffic = traffic_of(ARRIVALS, run)
    return run


def position(run: Run, verdict: str) -> int:
    """Return the index of the first frame with that verdict."""
    return next(at for at, outcome in enumerate(run.outcomes) if outcome.verdict == verdict)


def test_a_run_without_fault_passes() -> None:
    hold(CONFIGURATION, ARRIVALS, good_run())


def test_a_lost_frame_is_found() -> None:
    run = good_run()
    run.outcomes[3] = Outcome("lost")
    with pytest.raises(ComplaintError, match="60 frames in"):
        hold(CONFIGURATION, ARRIVALS, run)


def test_a_wrong_byte_is_found() -> None:
    run = good_run()
    at = position(run, "forward")
    port, copy = run.outcomes[at].out[0]
    run.outcomes[at] = replace(run.outcomes[at], out=((port, copy[:-1] + b"\xa5"), *run.outcomes[at].out[1:]))
    with pytest.raises(ComplaintError, match=f"frame {at}: "):
        hold(CONFIGURATION, ARRIVALS, run)


def test_a_wrong_drop_counter_is_found() -> None:
    run = good_run()
    run.drops[ARRIVALS[position(run, "drop")].port, "runt"] += 1
    with pytest.raises(ComplaintError, match="drops by port and reason"):
        hold(CONFIGURATION, ARRIVALS, run)


def test_wrong_traffic_is_found() -> None:
    run = good_run()
    assert run.traffic
    run.traffic["p0"] = Traffic(1, 2, 3, 4)
    with pytest.raises(ComplaintError, match="traffic by port"):
        hold(CONFIGURATION, ARRIVALS, run)


def test_a_wrong_fdb_counter_is_found() -> None:
    run = good_run()
    run.counters["moved"] += 1
    with pytest.raises(ComplaintError, match="FDB counters"):
        hold(CONFIGURATION, ARRIVALS, run)


def test_minimising_leaves_what_the_failure_needs() -> None:
    needed = {ARRIVALS[11], ARRIVALS[42]}
    assert set(minimise(ARRIVALS, lambda fewer: needed <= set(fewer))) == needed


def test_minimising_shortens_frames() -> None:
    long = Arrival("p0", bytes(1000), 1)
    assert minimise([long], lambda fewer: len(fewer[0].frame) > 15) == [long._replace(frame=bytes(18))]


def test_a_kept_input_is_loaded_as_it_was(tmp_path: Path) -> None:
    name = regressions.keep(CONFIGURATION, ARRIVALS, "what was\nwrong", tmp_path)
    assert regressions.names(tmp_path) == [name]
    assert regressions.load(name, tmp_path) == (CONFIGURATION, ARRIVALS)


def test_a_kept_capture_is_a_capture() -> None:
    frames = [Arrival("p0", frame, 0) for frame in CRAFTED]
    assert frames_of(captures_of(frames)["p0"]) == list(CRAFTED)


@pytest.mark.parametrize(
    "mutation", sorted(set(MUTATIONS), key=lambda each: each.__name__), ids=lambda each: each.__name__
)
def test_mutations_take_any_frame(mutation, seed: int) -> None:  # type: ignore[no-untyped-def]
    random = Random(seed)
    for length in (0, 1, 6, 13, 14, 15, 18, 64, 9216):
        assert isinstance(mutation(random, bytes(length), CRAFTED), bytes)


def test_one_seed_mutates_one_way() -> None:
    assert mutated(Random(3), CRAFTED) == mutated(Random(3), CRAFTED)


def test_damage_spares_what_says_which_format_it_is(seed: int) -> None:
    random = Random(seed)
    for whole in broken_files.CRAFTED:
        assert all(damaged(random, whole)[:4] == whole[:4] for _ in range(100))


def test_a_file_that_is_read_wrongly_is_kept(tmp_path: Path) -> None:
    name = keep_file(broken_files.CRAFTED[0], tmp_path)
    assert [path.name for path in kept_files(tmp_path)] == [name]
    assert kept_files(tmp_path)[0].read_bytes() == broken_files.CRAFTED[0]
