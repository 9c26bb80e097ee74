"""``python -m benchmarks.start``: from the command to forwarding, warm; and what an idle daemon takes."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.live import CONFIGURATION, require, wait_until_ready

RUNS = 5
IDLE_S = 5.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print start times, and memory and CPU of each process after a while of nothing."""
    require()
    once()  # Compiles what is not compiled yet.
    starts = [once() for _ in range(RUNS)]
    print(f"warm start to forwarding: {median(starts):.2f} s ({min(starts):.2f} to {max(starts):.2f} in {RUNS} runs)")
    once(idle=True)


def once(idle: bool = False) -> float:
    """Start the daemon and stop it again; return the seconds until it forwarded."""
    names = [f"bench-{os.getpid()}-{side}" for side in "lr"]
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "bench.yaml")
        configuration.write_text(CONFIGURATION.format(workers=1, left=names[0], right=names[1]))
        started = time.perf_counter()
        command = [sys.executable, "-m", "control", "up", str(configuration), "--run-dir", f"{folder}/run"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            try:
                wait_until_ready(daemon)
                taken = time.perf_counter() - started
                if idle:
                    report_idle(daemon.pid)
            finally:
                daemon.terminate()
                daemon.wait(30)
    return taken


def report_idle(agent: int) -> None:
    """Print what the agent and its workers use while nothing happens."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    processes = {"agent": agent} | {f"worker {n}": int(child) for n, child in enumerate(children)}
    before = {name: cpu_seconds(process) for name, process in processes.items()}
    time.sleep(IDLE_S)
    for name, process in processes.items():
        share = (cpu_seconds(process) - before[name]) / IDLE_S
        print(f"idle {name}: {share:.2%} of a core, {resident_mib(process):.0f} MiB resident")


def cpu_seconds(process: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_mib(process: int) -> float:
    """Return the memory that a process has in RAM."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(match.group(1)) / 1024 if match else 0.0


if __name__ == "__main__":
    main()
