"""`tapestry exec`."""

from typing import Annotated

import typer

from control.cli.options import RunDirOption, words_of
from control.errors import UserError

CONTEXT = {"allow_interspersed_args": False}


def exec(
    port: Annotated[str, typer.Argument(help="The port's name.")],
    command: Annotated[list[str], typer.Argument(metavar="CMD", help="The command and its arguments.")],
    run_dir: RunDirOption = None,
) -> None:
    """Run a command inside the namespace of a port; its exit status is the command's.

    Example: tapestry exec alice -- ping -c 3 10.10.0.3
    """
    from control.cli.networks import network_named
    from control.cli.resolving import own_files, read_resolv_conf
    from control.client import AgentClient
    from control.host.enter import exec_in_namespace

    client = AgentClient(run_dir)
    found = client.port(port)
    if found["kind"] != "tap" or found["tap"]["netns"] is None:
        raise UserError(f"port {port} is in the daemon's own namespace: there is none of its own to run a command in")
    files = own_files(found, network_named(client, found["network"]), (), read_resolv_conf())
    exec_in_namespace(found["tap"]["netns"], words_of(command), client.status()["pid"], files=files)
