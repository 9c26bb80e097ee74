"""Random clusters, policies and packets: the tables say what the specification says, also after changes.

``make policies`` compares ten thousand clusters.
"""

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.conftest import SEED
from tests.generate.policies import World, random_question, random_world
from tests.policy.compared import Compiled, ask_specification, changed, compare
from tests.scale import scaled

pytestmark = pytest.mark.kernel

CLUSTERS = scaled(300, jit_off=6)
CHANGES = 5


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    """One node's tables for all clusters, emptied before each."""
    return Compiled()


@settings(max_examples=CLUSTERS, suppress_health_check=list(HealthCheck))
@seed(SEED)
@given(random=st.randoms(use_true_random=False))
def test_tables_say_what_the_specification_says(compiled: Compiled, random: Random) -> None:
    compiled.clear()
    compare(compiled, random_world(random), random)


@pytest.mark.parametrize("number", range(scaled(20, jit_off=1)))
def test_changed_tables_say_what_the_specification_says(compiled: Compiled, number: int, seed: int) -> None:
    random = Random(seed)
    compiled.clear()
    world = random_world(random)
    for _ in range(CHANGES):
        compare(compiled, world, random)
        world = changed(random, world)


def test_random_clusters_ask_for_everything() -> None:
    random = Random(1)
    seen: Counter[str] = Counter()
    for _ in range(300):
        world = random_world(random)
        for _ in range(10):
            verdict = ask_specification(world, random_question(random, world))
            for said in filter(None, (verdict.egress, verdict.ingress)):
                act = "audits" if said.audited else "allows" if said.allowed else "denies"
                seen[f"{tier_of(world, said.policy)} {act}"] += 1
            seen["undecided"] += verdict.egress is None and verdict.ingress is None
    expected = {f"{tier} {act}" for tier in ("admin", "network", "baseline") for act in ("allows", "denies", "audits")}
    assert expected | {"undecided"} <= set(+seen)


def tier_of(world: World, name: str) -> str:
    """Return the tier of a policy."""
    found = [policy.tier for policy in world.manifests.cluster_policies if policy.name == name]
    return found[0] if found else "network"
