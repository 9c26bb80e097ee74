"""``python -m benchmarks.report``: every figure of docs/performance.md, each by the command that stands there."""

import subprocess
import sys

COMMANDS = (
    ("benchmarks.l2_learn",),
    ("benchmarks.tap_tcp",),
    ("benchmarks.overlay_tcp",),
    ("benchmarks.tap_udp",),
    ("benchmarks.tap_latency",),
    ("benchmarks.start",),
    ("benchmarks.load_captures",),
    ("benchmarks.routes",),
    ("benchmarks.policies",),
    ("benchmarks.superframes",),
    ("benchmarks.policy_packets",),
)


def main() -> None:
    """Run them one after the other; one that cannot run here says why, and the others go on."""
    for command in COMMANDS:
        print(f"\n$ python -m {' '.join(command)}", flush=True)
        subprocess.run([sys.executable, "-m", *command], check=False)


if __name__ == "__main__":
    main()
