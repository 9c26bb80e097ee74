"""`tapestry bench`."""

from typing import Annotated

import typer

from control.cli.output import Json, Output, format_table, print_document, wants_json


def bench(
    workloads: Annotated[
        list[str] | None, typer.Argument(help="What to measure; all of them if none is named.")
    ] = None,
    flows: Annotated[int, typer.Option(min=1, max=4_000_000, help="Pairs of source and destination.")] = 16384,
    frame_bytes: Annotated[int, typer.Option(min=14, max=9216, help="Bytes a frame.")] = 64,
    workers: Annotated[int, typer.Option(min=1, max=4, help="Worker processes, one a core.")] = 1,
    vector: Annotated[int, typer.Option(min=1, max=1024, help="Frames a vector.")] = 256,
    rules: Annotated[
        int, typer.Option(min=2, max=20_000, help="Rules of policies, in `policy` and `policy_first`.")
    ] = 1000,
    output: Output = None,
    json: Json = False,
) -> None:
    """Measure the pipeline in memory: frames copied in, every stage and counter on, the median of five runs.

    Example: tapestry bench l2_learn --flows 30000 --vector 512
    """
    from control.bench.runner import WORKLOADS, measure
    from control.bench.workload import Parameters

    parameters = Parameters(flows=flows, frame_bytes=frame_bytes, workers=workers, vector=vector, rules=rules)
    results = [measure(name, parameters).as_document() for name in workloads or WORKLOADS]
    if wants_json(output, json):
        print_document(results)
    else:
        print(format_table(list(results[0]), [list(result.values()) for result in results]))
