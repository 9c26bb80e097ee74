"""``python -m benchmarks.tap_latency``: round-trip time of ping through the switch, idle and under a TCP stream."""

import argparse
import re
import subprocess
import time
from statistics import median, quantiles

from benchmarks.live import Pair, fabric_pair, inside, require


def main() -> None:
    """Print median, 90th and 99th percentile of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=0.005, help="seconds between two pings")
    arguments = parser.parse_args()
    require("iperf3", "nsenter", "ping")
    with fabric_pair() as pair:
        report("idle", ping(pair, arguments.count, arguments.interval))
        seconds = int(arguments.count * arguments.interval) + 5
        server = subprocess.Popen(inside(pair.right, "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
        time.sleep(0.5)  # iperf3 does not say when it listens.
        stream = inside(pair.left, "iperf3", "-c", pair.right_address, "-t", str(seconds))
        client = subprocess.Popen(stream, stdout=subprocess.DEVNULL)
        try:
            time.sleep(1)  # Past the stream's slow start.
            report("under a TCP stream", ping(pair, arguments.count, arguments.interval))
        finally:
            for process in (client, server):
                process.terminate()
                process.wait(10)


def ping(pair: Pair, count: int, interval: float) -> list[float]:
    """Return round-trip times in microseconds."""
    command = inside(pair.left, "ping", "-c", str(count), "-i", str(interval), pair.right_address)
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout
    return [float(milliseconds) * 1000 for milliseconds in re.findall(r"time=([\d.]+) ms", output)]


def report(name: str, times_us: list[float]) -> None:
    """Print one line."""
    cuts = quantiles(times_us, n=100)
    print(
        f"ping, {name}: median {median(times_us):.0f} us, 90 % under {cuts[89]:.0f} us, 99 % under {cuts[98]:.0f} us "
        f"({len(times_us)} answers)"
    )


if __name__ == "__main__":
    main()
