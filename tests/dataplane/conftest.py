"""A node's tables for the tests of what is written into them."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from control.fabric import Fabric


@pytest.fixture
def fabric(request: pytest.FixtureRequest) -> Iterator[Fabric]:
    """Empty tables in shared memory, with room for the mark's limits."""
    mark = request.node.get_closest_marker("limits")
    with closing(Fabric(mark.args[0], shared=True)) as made:
        yield made
