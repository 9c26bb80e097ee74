"""What `tapestry up` shows once it runs: a line that says so, and under `--demo` what to try and a live table."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from control.agent.rundir import RunDir, default_run_dir
from control.cli.output import REFRESH_S, rich_table
from control.cli.rates import PortRates
from control.model import Port, Tap

if TYPE_CHECKING:
    from control.agent.instance import Instance


async def say_ready(instance: "Instance", run_dir: RunDir) -> None:
    """Print one line: the instance forwards."""
    keepers = (instance.keepers.get(port.name) for port in instance.ports)
    states = [keeper.state.value for keeper in keepers if keeper is not None]
    workers = len(instance.workers.workers)
    plural = "" if workers == 1 else "s"
    print(
        f"ready: {states.count('up')} of {len(states)} ports up, {workers} worker{plural}, API at {run_dir.api_socket}",
        flush=True,
    )


class Demonstration:
    """Three things to try, then the ports with their rates for as long as it runs, if this is a terminal."""

    def __init__(self, run_dir: Path) -> None:
        """Make it before the process becomes root somewhere else: how a user calls us is worked out here."""
        self._tapestry = how_to_call(run_dir)

    async def __call__(self, instance: "Instance", run_dir: RunDir) -> None:
        await say_ready(instance, run_dir)
        print("\nThree things to try in another terminal:\n")
        for purpose, command in things_to_try([port for port in instance.ports if port.network]):
            print(f"  {purpose}:\n      {self._tapestry} {command}\n")
        print("Ctrl-C stops it and leaves nothing behind.\n", flush=True)
        if sys.stdout.isatty():
            await _show_table(instance)


def things_to_try(ports: Sequence[Port]) -> list[tuple[str, str]]:
    """Return what to try with these ports, three of (what it shows, the command's arguments)."""
    inside = [port for port in ports if isinstance(port.attachment, Tap) and port.attachment.netns and port.addresses]
    tries = []
    if len(inside) >= 2:
        first, second = inside[:2]
        greeting = f"exec {first.name} -- ping -c 3 {second.addresses[0].ip}"
        tries.append((f"let {first.name} greet {second.name}", greeting))
    network = next((port.network for port in ports if port.network), None)
    if network is not None:
        tries.append(("run a command in a namespace of its own", f"run --network {network} -- ip address"))
    tries.append(("see which addresses the switch has learned", "fdb"))
    tries.append(("see what did not go through, and why", "drops --watch"))
    return tries[:3]


def how_to_call(run_dir: Path) -> str:
    """Return how a user calls `tapestry` from here, with the run directory where it is not the usual one."""
    return our_name() if run_dir == default_run_dir() else f"TAPESTRY_RUN_DIR={run_dir} {our_name()}"


def our_name() -> str:
    """Return the shortest way to name this command in this folder: `tapestry` where PATH finds it."""
    called, found = Path(sys.argv[0]).absolute(), shutil.which("tapestry")
    if found is not None and Path(found).resolve() == called.resolve():
        return "tapestry"
    return min(os.path.relpath(called), str(called), key=len)


async def _show_table(instance: "Instance") -> None:
    from rich.live import Live

    from control.agent.documents import ports_document

    rates = PortRates()
    with Live(auto_refresh=False) as live:
        while True:
            live.update(rich_table(rates.tabulate(ports_document(instance))), refresh=True)
            await asyncio.sleep(REFRESH_S)
