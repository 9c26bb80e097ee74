"""The kernel's bridge with a veth to each end: what all others are measured by."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.switches.ends import LEFT, RIGHT, SWITCH, Ends, ends


@contextmanager
def kernel_bridge() -> Iterator[Ends]:
    """Join two namespaces."""
    with ends() as here:
        here.run(SWITCH, "ip", "link", "add", "bridge", "type", "bridge")
        here.run(SWITCH, "ip", "link", "set", "bridge", "up")
        for place in (LEFT, RIGHT):
            here.run(SWITCH, "ip", "link", "set", here.cable(place), "master", "bridge")
        yield here
