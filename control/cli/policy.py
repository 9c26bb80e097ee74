"""`tapestry policy matrix` and `tapestry policy diff`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, format_table, print_document, wants_json
from control.errors import UserError

if TYPE_CHECKING:
    from control.policy.diff import Conversation
    from control.policy.matrix import Column
    from control.policy.model import Pod
    from control.policy.trial import Cluster

app = typer.Typer(
    no_args_is_help=True,
    help="Ask policies about conversations before they take place.",
    epilog="Example: tapestry policy matrix --config examples/policy.yaml",
)

DIFFERENT = 1
"""The exit status of `policy diff` where some conversation would meet another verdict."""
MAX_PORT = 65535

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The pods and manifests of this file, not of a running fabric."),
]


@app.command()
def matrix(
    config: ConfigOption = None,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", metavar="N", help="Only pods in it; may be said again.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--from", metavar="POD", help="Only from it; may be said again.")
    ] = None,
    destination: Annotated[
        list[str] | None, typer.Option("--to", metavar="POD", help="Only to it; may be said again.")
    ] = None,
    port: Annotated[
        list[str] | None, typer.Option("--port", metavar="PORT/PROTOCOL", help="Only this port; may be said again.")
    ] = None,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Print who may talk to whom, and to which ports: pods by pods, by the policies in force.

    Example: tapestry policy matrix --config examples/policy.yaml --namespace shop
    """
    from control.policy.matrix import columns_of
    from control.policy.matrix import matrix as matrix_of
    from control.policy.telling import cell_document, matrix_rows

    cluster = _cluster(config, run_dir)
    pods = [pod for pod in cluster.pods if not namespace or pod.namespace in namespace]
    sources, destinations = _named(pods, source), _named(pods, destination)
    columns = _columns(port) if port else columns_of(cluster.manifests, cluster.pods)
    cells = matrix_of(cluster.decide, sources, destinations, columns)
    if wants_json(output, json):
        print_document([cell_document(cell) for cell in cells])
    else:
        header, *rows = matrix_rows(cells)
        print(format_table(header, rows))


@app.command()
def diff(
    new: Annotated[list[Path], typer.Argument(metavar="NEW…", help="Files or folders of manifests.")],
    flows: Annotated[
        Path | None, typer.Option("--flows", metavar="LOG", help="What `tapestry observe -o json` has written.")
    ] = None,
    pcap: Annotated[Path | None, typer.Option("--pcap", metavar="FILE", help="A capture.")] = None,
    config: ConfigOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="NEW is all there is, not what is applied to that in force.")
    ] = False,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say which recorded conversations a change of policies would newly deny or allow. Nothing is changed.

    The exit status is 0 if there is none, 1 if there are some, 2 if something is wrong.

    Example: tapestry policy diff new-policies/ --flows yesterday.jsonl
    """
    from control.manifests import read_manifests
    from control.policy.diff import differences, with_changes
    from control.policy.telling import difference_document, difference_rows, summary_text

    if (flows is None) == (pcap is None):
        raise UserError("policy diff: expected --flows LOG or --pcap FILE, and not both", status=2)
    before = _cluster(config, run_dir)
    found = read_manifests(new)
    after = before.with_manifests(found.manifests if replace else with_changes(before.manifests, found.manifests))
    recorded = _recorded(flows, pcap)
    changed = sorted(
        differences(before.decide, after.decide, recorded.items()), key=lambda each: str(each.conversation)
    )
    pods = {address: pod for pod in before.pods for address in pod.addresses}
    if wants_json(output, json):
        print_document([difference_document(each, pods) for each in changed])
    else:
        header, *rows = difference_rows(changed, pods)
        print(format_table(header, rows) + "\n" if changed else "", end="\n" if changed else "")
        print(summary_text(changed, recorded))
    raise typer.Exit(DIFFERENT if changed else 0)


def _cluster(config: Path | None, run_dir: Path | None) -> "Cluster":
    """Return pods and manifests of a file, or of a running fabric."""
    from control.policy.trial import Cluster

    if config is None:
        from control.client import AgentClient

        return Cluster.read(AgentClient(run_dir).cluster())
    from control.config import load_configuration
    from control.fabric.cluster import cluster_of

    loaded = load_configuration(config)
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return Cluster.of(cluster_of(loaded.configuration))


def _recorded(flows: Path | None, pcap: Path | None) -> "Counter[Conversation]":
    if flows is not None:
        from control.policy.recorded import read_log

        return read_log(flows)
    from control.replay.talks import read_capture

    assert pcap is not None
    return read_capture(pcap)


def _named(pods: "Sequence[Pod]", names: list[str] | None) -> "list[Pod]":
    """Return the pods of these names (NAME or NAMESPACE/NAME), all if there are none; UserError if one is nobody's."""
    chosen = [pod for pod in pods if not names or {pod.name, f"{pod.namespace}/{pod.name}"} & set(names)]
    for name in names or ():
        if not any(name in (pod.name, f"{pod.namespace}/{pod.name}") for pod in chosen):
            raise UserError(f"policy matrix: expected a pod, NAME or NAMESPACE/NAME, found {name}", status=2)
    return chosen


def _columns(ports: list[str]) -> "list[Column]":
    """Return the columns that are written as 80/tcp, or icmp."""
    from control.policy.matrix import PROTOCOLS, Column

    columns = []
    for text in ports:
        number, _, protocol = text.partition("/")
        if text == "icmp":
            columns.append(Column("icmp"))
        elif protocol in PROTOCOLS and number.isascii() and number.isdecimal() and 0 < int(number[:6]) <= MAX_PORT:
            columns.append(Column(protocol, int(number)))
        else:
            raise UserError(f"port: expected one such as 80/tcp, or icmp, found {text!r}", status=2)
    return columns
