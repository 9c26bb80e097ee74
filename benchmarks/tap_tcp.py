"""``python -m benchmarks.tap_tcp``: TCP between two namespaces by several switches, in turn, on the same two cores."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from statistics import median

from benchmarks.live import fabric_pair, inside, require
from benchmarks.switches.ends import ADDRESSES, LEFT, RIGHT, Ends, MissingError
from benchmarks.switches.kernel import kernel_bridge
from benchmarks.switches.openvswitch import open_vswitch
from benchmarks.switches.vde import vde

CORES = 2


@contextmanager
def tapestry() -> Iterator[Ends]:
    """Join two namespaces by the daemon, one worker."""
    with fabric_pair() as pair:
        yield Ends({LEFT: pair.left, RIGHT: pair.right})


SWITCHES: dict[str, Callable[[], AbstractContextManager[Ends]]] = {
    "tapestry": tapestry,
    "kernel bridge, veth": kernel_bridge,
    "Open vSwitch, TSO": partial(open_vswitch, True),
    "Open vSwitch": partial(open_vswitch, False),
    "vde2": vde,
}
KERNEL = "kernel bridge, veth"


def main() -> None:
    """Print the median, slowest and fastest run of each switch, and its median's ratio to the kernel's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SWITCHES, default=list(SWITCHES), metavar="SWITCH")
    arguments = parser.parse_args()
    require("iperf3", "nsenter", "ip")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    rates: dict[str, list[float]] = {name: [] for name in arguments.only}
    for _ in range(arguments.runs):
        for name in list(rates):
            try:
                with SWITCHES[name]() as here:
                    rates[name].append(measure(here, arguments.seconds, arguments.streams))
            except MissingError as error:
                print(f"{name}: not measured, {error}", file=sys.stderr)
                del rates[name]
    report(rates)


def measure(here: Ends, seconds: int, streams: int) -> float:
    """Return the bits a second that arrived."""
    server_command = inside(here.names[RIGHT], "iperf3", "--server", "--one-off")
    with subprocess.Popen(server_command, stdout=subprocess.DEVNULL) as server:
        time.sleep(0.5)  # iperf3 does not say when it listens.
        client = inside(
            here.names[LEFT], "iperf3", "--client", ADDRESSES[RIGHT], "--time", str(seconds),
            "--parallel", str(streams), "--omit", "1", "--json",
        )  # fmt: skip
        done = subprocess.run(client, stdout=subprocess.PIPE, check=True, timeout=seconds + 30)
        server.wait(30)
    return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"])


def report(rates: dict[str, list[float]]) -> None:
    """Print a line for each switch."""
    kernel = median(rates[KERNEL]) if rates.get(KERNEL) else None
    for name, each in rates.items():
        ratio = f"   {median(each) / kernel:.2f} of the kernel's" if kernel else ""
        print(
            f"{name:20} {median(each) / 1e9:5.1f} Gbit/s ({min(each) / 1e9:.1f} to {max(each) / 1e9:.1f} "
            f"in {len(each)} runs){ratio}"
        )


if __name__ == "__main__":
    main()
