"""Well-known recipes, unchanged, through a replay: every pair of pods, and somebody outside, by every service."""

import pytest

from tests.policy.recipes import NAMESPACES, PODS, RECIPES, Talk, read_recipe, recipes_folder, talks
from tests.policy.story import Policies, tell


def line_of(talk: Talk, is_allowed: bool) -> str:
    """Return the line of a story."""
    outcome = "passes" if is_allowed else "denied"
    return f"{talk.source} > {talk.destination}:{talk.port} {talk.protocol}: {outcome}"


def test_there_is_something_to_expect_of_every_recipe() -> None:
    assert {path.stem for path in recipes_folder().glob("*.yaml")} == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_lets_pass_what_it_is_meant_to(name: str) -> None:
    lines = [line_of(talk, RECIPES[name](talk)) for talk in talks()]
    tell(PODS, Policies(read_recipe(name) + "\n---\n" + NAMESPACES), *lines, has_twin=False)
