"""`tapestry replay`."""

import json as json_module
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.cli.output import Json, Output, format_table, print_document, wants_json
from control.errors import UserError

if TYPE_CHECKING:
    from control.replay.summary import Summary


class PaceName(StrEnum):
    """What `--pace` takes."""

    FAST = "fast"
    REAL = "real"


def replay(
    capture: Annotated[
        str | None, typer.Argument(metavar="[IN.pcap]", help="What enters at the one pcap port of the configuration.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The configuration.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="PORT=FILE", help="A capture and the pcap port where it enters; repeatable."),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out-dir", metavar="OUT", help="Write what leaves port X to OUT/X.pcap.")
    ] = None,
    loop: Annotated[int, typer.Option("--loop", min=1, help="Send the captures so many times, one after another.")] = 1,
    pace: Annotated[
        PaceName, typer.Option("--pace", help="At once, or each frame when its time comes.")
    ] = PaceName.FAST,
    verdicts: Annotated[
        Path | None, typer.Option("--verdicts", metavar="FILE", help="Write a JSON line for every frame.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", metavar="FILE", help='Change things on the way: lines {"t": 3.0, "config": "…"}.'),
    ] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="JOBS", help="Do many replays, a JSON line each; `-` is stdin.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal input and seed give equal output.")] = 0,
    vector: Annotated[int, typer.Option("--vector", min=1, max=1024, help="Frames a vector; results are equal.")] = 256,
    output: Output = None,
    json: Json = False,
) -> None:
    """Push captures through the pipeline: pcap and pcapng, plain or gzipped; `-` is stdin. No root is needed.

    Frames come in the order of their time, which is the captures' own for everything. The time of events and verdicts
    is in seconds since 1970. Only pcap ports are opened; the links of all others are down.

    Example: tapestry replay --config examples/replay.yaml --in left=a.pcap --in right=b.pcapng.gz --out-dir out --json
    """
    from control.replay.batch import run_batch
    from control.replay.job import Job
    from control.replay.notice import notice_of_compiling
    from control.replay.run import run_replay

    if batch:
        if config or capture or inputs or out_dir or verdicts or events:
            raise UserError("--batch takes everything from its lines: leave out the other options", status=2)
        worst = 0
        for document, status in run_batch(batch, tell):
            print(json_module.dumps(document), flush=True)
            worst = max(worst, status)
        raise typer.Exit(worst)
    if config is None:
        raise UserError("which configuration? Name one with --config FILE", status=2)
    if bool(capture) == bool(inputs):
        raise UserError("expected either IN.pcap or --in PORT=FILE, found " + ("both" if capture else "none"), status=2)
    job = Job(
        config=config,
        inputs=parse_inputs(inputs or []),
        only_input=capture,
        out_dir=out_dir,
        verdicts=verdicts,
        events=events,
        seed=seed,
        loops=loop,
        real_time=pace is PaceName.REAL,
        vector=vector,
    )
    with notice_of_compiling(show_progress):
        summary = run_replay(job, tell)
    if wants_json(output, json):
        print_document(summary.as_document())
    else:
        print_summary(summary)


def tell(warning: str) -> None:
    """Print a warning where it does not mix with the results."""
    typer.echo(f"warning: {warning}", err=True)


def show_progress(notice: str) -> None:
    """Tell somebody who waits at a terminal what for."""
    if sys.stderr.isatty():
        typer.echo(notice, err=True)


def parse_inputs(pairs: list[str]) -> dict[str, str]:
    """Return PORT=FILE arguments as a mapping; UserError for what is none, and for a port that comes twice."""
    inputs: dict[str, str] = {}
    for pair in pairs:
        port, equals, path = pair.partition("=")
        if not (port and equals and path):
            raise UserError(f"--in: expected PORT=FILE, found {pair}", status=2)
        if port in inputs:
            raise UserError(f"--in: expected one capture a port, found {inputs[port]} and {path} for {port}", status=2)
        inputs[port] = path
    return inputs


def print_summary(summary: "Summary") -> None:
    """Print the summary for people."""
    document = summary.as_document()
    reasons = ", ".join(f"{count} {name}" for name, count in document["drops"].items())
    dropped = sum(document["drops"].values())
    print(f"in       {document['packets_in']:,} frames, {document['bytes_in']:,} bytes")
    print(f"out      {document['packets_out']:,} frames, {document['bytes_out']:,} bytes")
    print(f"dropped  {dropped:,}" + (f": {reasons}" if reasons else ""))
    print(f"time     {document['seconds']:.3f} s in the pipeline, {document['mpps']:.2f} M frames/s")
    print()
    rows = [[name, *counters.values()] for name, counters in document["ports"].items()]
    print(format_table(["port", "rx", "tx", "drops"], rows))
