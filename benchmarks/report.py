"""``python -m benchmarks.report``: every figure of docs/performance.md, each by the command that stands there."""

import subprocess
import sys

BENCH = ("control", "bench")
KNOWN_FLOWS = ("l2_learn", "ip4_route", "ip6_route", "snat", "dnat")
TUNNELLED = ("vxlan_encap", "vxlan_decap", "l2_learn")

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
    *((*BENCH, *KNOWN_FLOWS, "snat_new", "--flows", flows) for flows in ("10", "16384", "100000")),
    (*BENCH, *KNOWN_FLOWS, "--flows", "1000000"),
    *(
        (*BENCH, *TUNNELLED, "--flows", flows, "--frame-bytes", frame_bytes)
        for flows in ("1", "16384")
        for frame_bytes in ("64", "1400")
    ),
    ("benchmarks.peers",),
    ("benchmarks.superframes",),
    ("benchmarks.observe",),
    ("benchmarks.policy_packets",),
)


def main() -> None:
    """Run them one after the other; one that cannot run here says why, and the others go on."""
    for command in COMMANDS:
        print(f"\n$ python -m {' '.join(command)}", flush=True)
        subprocess.run([sys.executable, "-m", *command], check=False)


if __name__ == "__main__":
    main()
