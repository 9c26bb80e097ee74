"""`tapestry explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, print_document, wants_json

if TYPE_CHECKING:
    from control.explain.explain import Explanation


def explain(
    packet: Annotated[
        str, typer.Argument(metavar="PACKET", help="Such as 'udp 10.10.0.2:4000 > 10.10.0.3:53 ttl=3' or 'icmp A > B'.")
    ],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="On a fabric as it begins by this file, not on a running one."),
    ] = None,
    in_port: Annotated[
        str | None, typer.Option("--in-port", metavar="PORT", help="Where it comes in [default: where its source is].")
    ] = None,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say where a packet would go, and why: each stage with its verdict. The packet is carried by the real kernels
    over a copy of the tables, so nothing is sent and nothing is learned.

    Of a running fabric's tables, or with --config of those that a file makes. Options behind the packet: ttl=N,
    length=N, id=N, vlan=N, fragments (it may be cut), and for TCP flags such as syn,ack.

    Example: tapestry explain --config examples/quickstart.yaml 'tcp 10.10.0.2:4000 > 10.10.0.3:80'
    """
    import sys

    from control.explain.packet import parse_packet

    asked = parse_packet(packet)
    from control.agent.rundir import RunDir, default_run_dir
    from control.config import load_configuration
    from control.explain.copies import copy_tables, make_tables
    from control.explain.explain import explain as explain_packet
    from control.fabric.cluster import is_judging
    from control.observe.known import rule_names
    from control.replay.notice import notice_of_compiling

    if config is None:
        fabric, now_ns = copy_tables(RunDir(run_dir or default_run_dir()))
        names = _running_names(run_dir) if is_judging(fabric) else {}
    else:
        loaded = load_configuration(config)
        for warning in loaded.warnings:
            typer.echo(f"warning: {warning}", err=True)
        fabric, now_ns = make_tables(loaded.configuration)
        names = rule_names(fabric.policy.book)
    with notice_of_compiling(lambda notice: typer.echo(notice, err=True) if sys.stderr.isatty() else None):
        found = explain_packet(asked, fabric, now_ns, in_port, config is None, names)
    if wants_json(output, json):
        print_document(found.as_document())
    else:
        print_explanation(found)


def _running_names(run_dir: Path | None) -> dict[int, tuple[str, str]]:
    """Return policy and rule by number, as the agent knows them that has numbered them; none without an agent."""
    from control.client import AgentClient
    from control.errors import UserError
    from control.observe.policies import names_in

    try:
        return dict(names_in(AgentClient(run_dir).policies()))
    except UserError as error:
        typer.echo(f"policies are not named: {error}", err=True)
        return {}


def print_explanation(found: "Explanation") -> None:
    """Print the explanation for people."""
    print(f"{found.packet}, in by port {found.in_port}\n")
    width = max(len(stage.stage) for stage in found.stages)
    for stage in found.stages:
        print(f"  {stage.stage.ljust(width)}  {stage.verdict.ljust(7)}  {stage.note}".rstrip())
    by = f" by {found.policy} {found.rule}" if found.policy else ""
    reason = f": {found.reason}" if found.reason else ""
    print(f"\n{found.verdict}{', audited' if found.audited else ''}{reason}{by}")
    for each in found.sent:
        tag = "" if each.vlan is None else f", VLAN {each.vlan}"
        ttl = "" if each.ttl is None else f", ttl {each.ttl}"
        print(f"  out by {each.port}: {each.packet}{ttl}{tag}")
    for each in found.answers:
        print(f"  the fabric itself, by {each.port}: {each.packet}")
    for sentence in found.assumed:
        print(f"  assumed: {sentence}")
