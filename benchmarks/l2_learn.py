"""``python -m benchmarks.l2_learn``: the learning switch in memory, over numbers of MACs and sizes of the vector."""

from control.bench.runner import measure
from control.bench.workload import Parameters
from control.cli.output import format_table

FLOWS = (1, 5_000, 16_384, 30_000)
"""Pairs: twice as many MACs, half of them on each of two ports."""
VECTORS = (32, 64, 128, 256, 512, 1024)


def main() -> None:
    """Print one row for each."""
    cases = [Parameters(flows=flows) for flows in FLOWS]
    cases += [Parameters(vector=vector) for vector in VECTORS if vector != Parameters().vector]
    results = [measure("l2_learn", case) for case in cases]
    rows = [[2 * r.flows, r.vector, r.frame_bytes, f"{r.mpps:.1f}", f"{r.min:.1f}", f"{r.max:.1f}"] for r in results]
    print(format_table(["MACs", "vector", "bytes", "M frames/s", "slowest", "fastest"], rows))


if __name__ == "__main__":
    main()
