"""Thousands of conversations through this router and through nftables' masquerade: alike, but for what is listed."""

import pytest

from tests.kernelnat.differences import DIFFERENCES, compare
from tests.kernelnat.fabric import Fabricated
from tests.kernelnat.kernel import kernel_router
from tests.kernelnat.place import IPV4, IPV6
from tests.kernelnat.play import play
from tests.kernelnat.traffic import make_traffic

pytestmark = pytest.mark.netns

CONVERSATIONS = 3000


def test_it_translates_as_linux_does(seed: int) -> None:
    steps = make_traffic(seed, CONVERSATIONS, (IPV4, IPV6))
    with kernel_router() as kernel:
        theirs = play(kernel, steps)
    with Fabricated(seed) as fabric:
        ours = play(fabric, steps)
    result = compare(steps, theirs, ours, DIFFERENCES)
    print(result)
    assert not result.unexplained, result
    assert result.alike > 0.9 * len(steps)


def test_linux_translates_as_linux_does(seed: int) -> None:
    """What is compared depends on nothing that the kernel draws at random."""
    steps = make_traffic(seed, CONVERSATIONS // 10, (IPV4, IPV6))
    with kernel_router() as one:
        theirs = play(one, steps)
    with kernel_router() as other:
        assert play(other, steps) == theirs
