"""`tapestry run`."""

import contextlib
import os
from typing import Annotated

import typer

from control.cli.options import NetworkOption, RunDirOption, words_of
from control.errors import UserError

CONTEXT = {"allow_interspersed_args": False}


def run(
    command: Annotated[list[str], typer.Argument(metavar="CMD", help="The command and its arguments.")],
    network: NetworkOption = None,
    name: Annotated[str | None, typer.Option(help="The port's name [default: run-PID].")] = None,
    run_dir: RunDirOption = None,
) -> None:
    """Run a command in a network namespace of its own, attached, with an address; its exit status is the command's.

    Port, address and namespace are gone when the command ends, however it ends.

    Example: tapestry run --network blue -- ping -c 3 10.10.0.2
    """
    from control.cli.networks import choose_network
    from control.client import AgentClient
    from control.host.command import new_namespace_for

    client = AgentClient(run_dir)
    wanted = choose_network(client, network)
    with new_namespace_for(words_of(command), client.status()["pid"]) as started:
        port = {
            "name": name or f"run-{os.getpid()}",
            "network": wanted,
            "tap": {"netns": started.netns_path, "ifname": "eth0"},
        }
        # The daemon takes the port away should this process end before it can.
        attached = client.attach(port, until_caller_ends=True)
        try:
            started.release()
            status = started.wait()
        finally:
            with contextlib.suppress(UserError):  # The daemon has stopped: the port went with it.
                client.detach(attached["name"])
    raise typer.Exit(status)
