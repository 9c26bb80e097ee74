"""``python -m benchmarks.tap_udp``: small UDP packets a second from TAP to TAP, delivered."""

import argparse
import json
import subprocess
import time
from statistics import median

from benchmarks.live import Pair, fabric_pair, inside, require


def main() -> None:
    """Print the median, slowest and fastest of several runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=18, help="UDP payload; 18 makes a frame of 60 bytes")
    arguments = parser.parse_args()
    require("iperf3", "nsenter")
    with fabric_pair() as pair:
        rates = [measure(pair, arguments.seconds, arguments.bytes) for _ in range(arguments.runs)]
    print(
        f"UDP, {arguments.bytes} bytes, TAP to TAP: {median(rates) / 1e6:.3f} M packets/s delivered "
        f"({min(rates) / 1e6:.3f} to {max(rates) / 1e6:.3f} in {len(rates)} runs)"
    )


def measure(pair: Pair, seconds: int, payload: int) -> float:
    """Return packets a second that arrived."""
    server_command = inside(pair.right, "iperf3", "--server", "--one-off", "--json")
    with subprocess.Popen(server_command, stdout=subprocess.PIPE, text=True) as server:
        time.sleep(0.5)  # iperf3 does not say when it listens.
        client = inside(
            pair.left, "iperf3", "--client", pair.right_address, "--udp", "--bitrate", "0",
            "--length", str(payload), "--time", str(seconds), "--json",
        )  # fmt: skip
        result = json.loads(subprocess.run(client, stdout=subprocess.PIPE, check=True, timeout=seconds + 30).stdout)
        server.communicate(timeout=30)
    total = result["end"]["sum"]
    return (total["packets"] - total["lost_packets"]) / total["seconds"]


if __name__ == "__main__":
    main()
