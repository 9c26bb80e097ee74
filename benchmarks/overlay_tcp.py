"""``python -m benchmarks.overlay_tcp``: TCP between namespaces on two nodes, ours beside the kernel and Open vSwitch.

All of them are set up at once, each on an underlay of its own, and take turns, so that whatever else the machine does
hits all alike.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pytest

from benchmarks.live import inside, require
from tests.overlay.fabric import OverlayNode, running
from tests.overlay.kernel import KernelNode
from tests.overlay.openvswitch import open_vswitch
from tests.overlay.stations import Net, Station, Vtep, join, stations
from tests.overlay.underlay import ETHERNET_MTU, Underlay, own_folder, underlay

CORES = 2
NET = Net("bench", 30, 300)
OUTER_BYTES = 50
PATIENCE_S = 10
KERNEL, OPEN_VSWITCH = "kernel vxlan, bridge, veth", "Open vSwitch, user space"


@dataclass(frozen=True)
class Setting:
    """What every contender works with: two nodes, and a station of one network on each."""

    under: Underlay
    stations: list[Station]
    folder: Path
    mtu: int

    def joined(self, vteps: Sequence[Vtep]) -> None:
        join(vteps, self.stations, self.mtu)


Contender = Callable[[Setting], AbstractContextManager[None]]


@contextmanager
def ours(setting: Setting, transport: str) -> Iterator[None]:
    """Run this fabric on both nodes."""
    nodes = [OverlayNode(node, own_folder(setting.folder, node), 4, transport) for node in setting.under.nodes]
    setting.joined(nodes)
    with running(nodes):
        yield


@contextmanager
def kernel(setting: Setting) -> Iterator[None]:
    """Set the kernel's devices up on both nodes."""
    setting.joined([KernelNode(node, [NET]) for node in setting.under.nodes])
    yield


@contextmanager
def switches(setting: Setting, **settings: str) -> Iterator[None]:
    """Run Open vSwitch on both nodes."""
    with ExitStack() as stack:
        middle, folder = setting.under.middle, setting.folder
        setting.joined(
            [
                stack.enter_context(open_vswitch(node, middle, own_folder(folder, node), [NET], **settings))
                for node in setting.under.nodes
            ]
        )
        yield


CONTENDERS: dict[str, Contender] = {
    "tapestry, socket": partial(ours, transport="socket"),
    "tapestry, socket, uncut": partial(ours, transport="uncut"),
    "tapestry, raw": partial(ours, transport="raw"),
    KERNEL: kernel,
    OPEN_VSWITCH: switches,
    f"{OPEN_VSWITCH}, userspace-tso-enable": partial(switches, userspace_tso_enable="true"),
}


@dataclass
class Entrant:
    """A contender that runs, the two stations that it connects, and its rates in Gbit/s."""

    client: Station
    server: Station
    rates: list[float] = field(default_factory=list)


def main() -> None:
    """Print the median, slowest and fastest of several runs of each, and what they are to each other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--mtu", type=int, default=ETHERNET_MTU, help="of the underlay")
    parser.add_argument("--only", nargs="*", metavar="TEXT", help="contenders with one of these in their name")
    arguments = parser.parse_args()
    require("iperf3", "nsenter")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with ExitStack() as stack:
        entrants = {
            name: entrant
            for name in CONTENDERS
            if arguments.only is None or any(text in name for text in arguments.only)
            if (entrant := enter(stack, name, arguments.mtu)) is not None
        }
        for _ in range(arguments.runs):
            for entrant in entrants.values():
                entrant.rates.append(measure(entrant, arguments.seconds))
    print_rates({name: entrant.rates for name, entrant in entrants.items()}, arguments.seconds)


def enter(stack: ExitStack, name: str, mtu: int) -> Entrant | None:
    """Set a contender up and let it carry something; None, with a sentence, if it cannot."""
    mine = ExitStack()
    try:
        under = mine.enter_context(underlay(2, mtu))
        client, server = mine.enter_context(stations([NET], under.nodes))
        folder = Path(mine.enter_context(TemporaryDirectory()))
        mine.enter_context(CONTENDERS[name](Setting(under, [client, server], folder, mtu - OUTER_BYTES)))
        entrant = Entrant(client, server)
        measure(entrant, 1)
    except pytest.skip.Exception as missing:
        return leave(mine, name, str(missing))
    except (subprocess.SubprocessError, AssertionError) as error:
        return leave(mine, name, f"carries no TCP here: {error}".splitlines()[0])
    stack.enter_context(mine)
    return entrant


def leave(mine: ExitStack, name: str, why: str) -> None:
    """Take down what was set up for a contender that does not take part, and say why."""
    mine.close()
    print(f"{name}: left out, {why}", file=sys.stderr)


def measure(entrant: Entrant, seconds: int) -> float:
    """Return Gbit/s that arrived."""
    client, server = entrant.client, entrant.server
    command = inside(server.place.name, "iperf3", "--server", "--one-off")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as listening:
        try:
            time.sleep(0.3)  # iperf3 does not say when it listens.
            ask = inside(client.place.name, "iperf3", "--json", "--client", server.address(), "--time", str(seconds))
            done = subprocess.run(ask, stdout=subprocess.PIPE, check=True, timeout=seconds + PATIENCE_S)
            return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e9
        finally:
            listening.terminate()


def print_rates(rates: dict[str, list[float]], seconds: int) -> None:
    """Print a line for each, and one for each of ours that says what it is to the others."""
    runs = max(map(len, rates.values()), default=0)
    print(f"TCP between two nodes, median of {runs} runs of {seconds} s that took turns on {CORES} cores")
    width = max(map(len, rates), default=0)
    print(f"{'':{width}}  Gbit/s  slowest  fastest")
    for name, measured in rates.items():
        print(f"{name:{width}}  {median(measured):<6.2f}  {min(measured):<7.2f}  {max(measured):.2f}")
    switch = max((median(found) for name, found in rates.items() if name.startswith(OPEN_VSWITCH)), default=None)
    for name in (name for name in rates if name.startswith("tapestry")):
        own = median(rates[name])
        beside = [f"{own / switch:.1f} times Open vSwitch"] if switch else []
        beside += [f"{own / median(rates[KERNEL]):.2f} of the kernel"] if KERNEL in rates else []
        if beside:
            print(f"{name}: {', '.join(beside)}")


if __name__ == "__main__":
    main()
