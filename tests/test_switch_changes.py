"""A configuration that changes under traffic: what was learned stays where it may, and nothing else is disturbed."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from control.config import parse_configuration
from control.model import Port
from tests.configurations import access, port, switch
from tests.drive import run_naive_phases, run_phases
from tests.generate.changes import changed
from tests.generate.nodes import random_configuration
from tests.generate.traffic import random_arrivals, random_conditions
from tests.generate.written import write_configuration
from tests.packets import BROADCAST, mac, plain
from tests.runs import Arrival, Phase, Run
from tests.scale import scaled

each_switch = pytest.mark.parametrize(
    "run",
    [pytest.param(run_naive_phases, id="twin"), pytest.param(run_phases, id="pipeline", marks=pytest.mark.kernel)],
)

HELLO = Arrival("p1", plain(BROADCAST, mac(1)), 0)
TO_IT = Arrival("p2", plain(mac(1), mac(2)), 0)


Runner = Callable[[Sequence[Phase]], Run]


def receivers(run: Run) -> list[tuple[str, ...]]:
    """Return which ports each frame left by."""
    return [tuple(name for name, _ in outcome.out) for outcome in run.outcomes]


def known_after(run: Runner, before: Sequence[Port | str], after: Sequence[Port | str]) -> bool:
    """Return whether p2 still knows the station behind p1 after a change of ports."""
    phases = [Phase(switch(before), [HELLO]), Phase(switch(after), [TO_IT])]
    return receivers(run(phases))[1] == ("p1",)


@each_switch
def test_a_change_elsewhere_disturbs_nobody(run: Runner) -> None:
    assert known_after(run, ["p1", "p2", "p3"], ["p3", "p1", "p2", "p4"])
    assert known_after(run, ["p1", "p2", "p3", "p4"], ["p1", "p2", "p3"])
    assert known_after(run, ["p1", "p2", "p3"], [port("p1", hairpin=True, max_macs=0), "p2", "p3"])


@each_switch
def test_a_port_that_changes_its_vlan_is_learned_anew(run: Runner) -> None:
    vlan = [port(name, vlan=access(10)) for name in ("p1", "p2", "p3")]
    moved = [port(name, vlan=access(20)) for name in ("p1", "p2", "p3")]
    assert known_after(run, vlan, vlan)
    assert not known_after(run, vlan, moved)
    assert not known_after(run, ["p1", "p2", "p3"], vlan)


@each_switch
def test_a_port_that_left_is_forgotten_and_its_successor_begins_anew(run: Runner) -> None:
    there, gone = switch(["p1", "p2", "p3"]), switch(["p2", "p3"])
    phases = [Phase(there, [HELLO]), Phase(gone, [TO_IT]), Phase(there, [TO_IT])]
    assert receivers(run(phases))[1:] == [("p3",), ("p1", "p3")]


@each_switch
def test_static_macs_come_and_go(run: Runner) -> None:
    fixed = switch(["p1", "p2", port("p3", static_macs=(mac(1),))])
    free = switch(["p1", "p2", "p3"])
    phases = [Phase(free, [HELLO]), Phase(fixed, [TO_IT, HELLO]), Phase(free, [TO_IT, HELLO, TO_IT])]
    assert receivers(run(phases))[1:] == [("p3",), (), ("p1", "p3"), ("p2", "p3"), ("p1",)]


@each_switch
def test_a_shorter_lifetime_counts_from_now_on(run: Runner) -> None:
    later = TO_IT._replace(time_ns=2 * 10**9)
    phases = [Phase(switch(["p1", "p2", "p3"]), [HELLO]), Phase(switch(["p1", "p2", "p3"], fdb_s=1), [later])]
    assert receivers(run(phases))[1] == ("p1", "p3")


@each_switch
def test_what_a_port_left_behind_takes_no_room(run: Runner) -> None:
    full, fewer = switch(["p1", "p2", "p3", "p4"], fdb=2), switch(["p2", "p3", "p4"], fdb=2)
    second = Arrival("p1", plain(BROADCAST, mac(3)), 0)
    third = Arrival("p2", plain(BROADCAST, mac(2)), 0)
    to_third = Arrival("p3", plain(mac(2), mac(4)), 0)
    phases = [Phase(full, [HELLO, second, third, to_third]), Phase(fewer, [third, to_third])]
    assert receivers(run(phases))[3:] == [("p1", "p2", "p4"), ("p3", "p4"), ("p2",)]


@each_switch
def test_many_changes_in_a_row_bring_nothing_back(run: Runner) -> None:
    there, gone = switch(["p1", "p2", "p3"]), switch(["p2", "p3"])
    phases = [Phase(there, [HELLO]), *[Phase(each, []) for _ in range(256) for each in (gone, there)]]
    assert receivers(run([*phases, Phase(there, [TO_IT])]))[-1] == ("p1", "p3")


@pytest.mark.kernel
@pytest.mark.parametrize("number", range(scaled(20, jit_off=2)))
def test_random_changes_agree_with_the_twin(number: int, seed: int) -> None:
    random = Random(seed)
    configuration = random_configuration(random)
    phases, start_ns = [], 0
    for _ in range(6):
        arrivals = list(random_arrivals(random, configuration, scaled(60, jit_off=20))) if configuration.ports else []
        shifted = [arrival._replace(time_ns=start_ns + arrival.time_ns % 2**40) for arrival in arrivals]
        shifted.sort(key=lambda arrival: arrival.time_ns)
        phases.append(Phase(configuration, shifted, random_conditions(random, configuration)))
        start_ns = shifted[-1].time_ns if shifted else start_ns
        configuration = changed(random, configuration)
    naive, real = run_naive_phases(phases), run_phases(phases)
    for frame, (expected, found) in enumerate(zip(naive.outcomes, real.outcomes, strict=True)):
        assert expected == found, f"frame {frame} of {[len(phase.arrivals) for phase in phases]}"
    assert +naive.counters == +real.counters


def test_changes_are_valid_configurations(seed: int) -> None:
    random = Random(seed)
    configuration = random_configuration(random)
    for _ in range(20):
        configuration = changed(random, configuration)
        assert parse_configuration(write_configuration(configuration), "changed.yaml").configuration == configuration
