"""vde2: a switch as a process, to which a process at each end carries the frames of a TAP."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.switches.ends import IFNAME, LEFT, RIGHT, SWITCH, Ends, ends, require


@contextmanager
def vde() -> Iterator[Ends]:
    """Join two namespaces."""
    require("vde_switch", "vde_plug2tap")
    with tempfile.TemporaryDirectory() as folder, ends() as here, ExitStack() as stack:
        stack.enter_context(here.running(SWITCH, "vde_switch", "-s", f"{folder}/switch"))
        here.until(SWITCH, "test", "-e", f"{folder}/switch/ctl")
        for place in (LEFT, RIGHT):
            stack.enter_context(here.running(place, "vde_plug2tap", "-s", f"{folder}/switch", IFNAME))
            here.until(place, "ip", "link", "show", IFNAME)
            here.set_up(place)
        yield here
