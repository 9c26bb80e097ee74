"""The recipes of a well-known collection, as they were published."""

import os
from pathlib import Path

import pytest

from control.manifests import read_manifests


def recipes() -> list[Path]:
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("TAPESTRY_SHARED") or root.parent / "shared") / "netpol"
    return sorted(folder.glob("*.yaml"))


needs_recipes = pytest.mark.skipif(
    not recipes(), reason="no folder shared/netpol beside the project (or $TAPESTRY_SHARED)"
)


@needs_recipes
@pytest.mark.parametrize("recipe", recipes(), ids=lambda path: path.stem)
def test_a_recipe_is_read_unchanged(recipe: Path) -> None:
    found = read_manifests([recipe])
    assert len(found.manifests.policies) == 1
    assert len(found.warnings) == recipe.read_text().count("\n---\n")  # The second of a name replaces the first.


@needs_recipes
def test_all_recipes_are_read_together() -> None:
    found = read_manifests([recipes()[0].parent])
    assert len(found.manifests.policies) == len(recipes())
