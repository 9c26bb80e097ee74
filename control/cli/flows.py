"""`tapestry flows`, and `tapestry flows kill`."""

from typing import Annotated, Any

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, print_document, show, wants_json
from control.errors import UserError

app = typer.Typer()

AddressOption = Annotated[
    str | None, typer.Option("--address", "-a", metavar="ADDRESS[/LENGTH]", help="With an end there, in either tuple.")
]
PortOption = Annotated[int | None, typer.Option("--port", "-p", metavar="PORT", help="With this port at an end.")]
ProtocolOption = Annotated[
    str | None, typer.Option("--protocol", metavar="NAME", help="tcp, udp, sctp, icmp, icmp6 or a number.")
]
StateOption = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Such as syn_sent, established, one_way.")
]
FlowNetworkOption = Annotated[
    str | None, typer.Option("--network", "-n", metavar="N", help="With an end in this network.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0: all.")]


@app.callback(invoke_without_command=True)
def flows(
    context: typer.Context,
    run_dir: RunDirOption = None,
    address: AddressOption = None,
    port: PortOption = None,
    protocol: ProtocolOption = None,
    state: StateOption = None,
    network: FlowNetworkOption = None,
    limit: LimitOption = 0,
    watch: Watch = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """List the conversations that the router follows: both tuples, state, age, packets and bytes.

    The second tuple is that of the answers, so that it shows what was translated.

    Example: tapestry flows --protocol tcp --state established -o json
    """
    from control.client import AgentClient

    if context.invoked_subcommand is not None:
        return
    client = AgentClient(run_dir)
    criteria = written(address=address, port=port, protocol=protocol, state=state, network=network)
    show(lambda: client.flows(limit, **criteria), tabulate, as_json=wants_json(output, json), watch=watch)


@app.command()
def kill(
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="The number that `flows` shows.")] = None,
    run_dir: RunDirOption = None,
    address: AddressOption = None,
    port: PortOption = None,
    protocol: ProtocolOption = None,
    state: StateOption = None,
    network: FlowNetworkOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """End conversations: the next packet of one is looked at as the first of a new one.

    Example: tapestry flows kill --address 10.10.0.2 --port 443
    """
    from control.client import AgentClient

    criteria = written(number=number, address=address, port=port, protocol=protocol, state=state, network=network)
    if bool(criteria) == everything:
        found = "both" if everything else "none"
        raise UserError(f"flows kill: expected a number, a filter, or --all, found {found}", status=2)
    document = AgentClient(run_dir).kill_flows(**criteria)
    if wants_json(output, json):
        print_document(document)
    else:
        typer.echo(f"{document['killed']} ended")


def written(**criteria: str | int | None) -> dict[str, str]:
    """Return the criteria that were given, as the API takes them."""
    return {name: str(value) for name, value in criteria.items() if value is not None}


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row a conversation."""
    header = ("flow", "protocol", "state", "original", "reply", "age", "packets", "bytes")
    rows = [
        [
            str(flow["number"]),
            flow["protocol"],
            flow["state"],
            tuple_text(flow["protocol"], flow["original"]),
            tuple_text(flow["protocol"], flow["reply"]),
            f"{flow['age_s']:.0f} s",
            f"{flow['original']['packets']}/{flow['reply']['packets']}",
            f"{flow['original']['bytes']}/{flow['reply']['bytes']}",
        ]
        for flow in document
    ]
    return Table(header, rows)


def tuple_text(protocol: str, ends: dict[str, Any]) -> str:
    """Return one direction as people write it, with ports where the protocol has them."""
    source, destination = ends["source"], ends["destination"]
    if protocol in ("tcp", "udp", "sctp"):
        return f"{end_text(source, ends['source_port'])} > {end_text(destination, ends['destination_port'])}"
    return f"{source} > {destination}"


def end_text(address: str, port: int) -> str:
    """Return an address and a port."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
