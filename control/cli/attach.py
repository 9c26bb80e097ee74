"""`tapestry attach`."""

from typing import Annotated, Any

import typer

from control.cli.options import NetworkOption, RunDirOption
from control.cli.output import Json, Output, print_document, wants_json
from control.errors import UserError


def attach(
    name: Annotated[str | None, typer.Argument(help="The port's name [default: made from what is attached].")] = None,
    network: NetworkOption = None,
    netns: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Make a TAP inside this namespace: web, /proc/PID/ns/net.")
    ] = None,
    ifname: Annotated[str, typer.Option(metavar="IF", help="The TAP's name inside the namespace.")] = "eth0",
    make_netns: Annotated[bool, typer.Option(help="Make the namespace if it is missing.")] = False,
    tap: Annotated[str | None, typer.Option(metavar="IF", help="A TAP in the daemon's own namespace.")] = None,
    nic: Annotated[str | None, typer.Option(metavar="IF", help="An interface of the daemon's own namespace.")] = None,
    address: Annotated[
        list[str] | None, typer.Option(metavar="IP", help="The port's address, repeatable [default: the next free].")
    ] = None,
    mac: Annotated[str | None, typer.Option(help="The port's MAC [default: made from its name].")] = None,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Attach a namespace, a VM's TAP or a NIC to the running fabric, until `tapestry detach`.

    Example: tapestry attach db --network blue --netns db
    """
    from control.cli.networks import choose_network
    from control.client import AgentClient

    client = AgentClient(run_dir)
    attachment = _attachment(netns, ifname, make_netns, tap, nic)
    port: dict[str, Any] = {
        "name": name or _name_for(netns, tap, nic),
        "network": choose_network(client, network),
        **attachment,
    }
    if address:
        port["addresses"] = address
    if mac:
        port["mac"] = mac
    document = client.attach(port)
    if wants_json(output, json):
        print_document(document)
        return
    addresses = ", ".join(document["addresses"])
    typer.echo(f"{document['name']} is attached to {document['network']}" + (f" with {addresses}" if addresses else ""))


def _attachment(netns: str | None, ifname: str, make_netns: bool, tap: str | None, nic: str | None) -> dict[str, Any]:
    if sum(option is not None for option in (netns, tap, nic)) != 1:
        raise UserError("attach what? Give one of --netns, --tap and --nic, as in `tapestry attach --netns web`", 2)
    if netns is not None:
        return {"tap": {"netns": netns, "ifname": ifname, "make_netns": make_netns}}
    return {"tap": {"ifname": tap}} if tap is not None else {"nic": {"ifname": nic}}


def _name_for(netns: str | None, tap: str | None, nic: str | None) -> str:
    """Return a name for the port: that of the interface, or of the namespace where that has one."""
    if netns is None:
        return str(tap or nic)
    if "/" not in netns:
        return netns
    raise UserError(f"{netns} gives the port no name: choose one, as in `tapestry attach web --netns {netns}`", 2)
