"""A node's tables for the tests of what is written into them."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from control.fabric import Fabric


@pytest.fixture
def fabric(request: pytest.FixtureRequest) -> Iterator[Fabric]:
    """Empty tables, in shared memory, with room for what the test's file calls SMALL."""
    with closing(Fabric(request.module.SMALL, shared=True)) as made:
        yield made
