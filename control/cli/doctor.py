"""`tapestry doctor`."""

from typing import TYPE_CHECKING

import typer

from control.cli.output import Json, Output, print_document, wants_json

if TYPE_CHECKING:
    from control.host.doctor import Row

COLOURS = {"ok": "green", "missing": "red", "limited": "yellow"}


def doctor(output: Output = None, json: Json = False) -> None:
    """Say what this machine has and lacks for Tapestry, what each thing is for, and what to do.

    TAPs and packet rings are tried in a namespace that is gone afterwards. The exit status is 0 if Tapestry can run
    here, else 1.

    Example: tapestry doctor -o json
    """
    from control.host.doctor import can_run, examine

    rows = examine()
    is_able = can_run(rows)
    if wants_json(output, json):
        print_document({"can_run": is_able, "rows": [_as_document(row) for row in rows]})
    else:
        _print_table(rows, is_able)
    raise typer.Exit(0 if is_able else 1)


def _as_document(row: "Row") -> dict[str, object]:
    return {
        "name": row.name,
        "state": row.state.value,
        "found": row.found,
        "purpose": row.purpose,
        "advice": row.advice,
        "required": row.required,
    }


def _print_table(rows: "list[Row]", is_able: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found, what it is for, and what to do", overflow="fold")
    for row in rows:
        finding = Text.assemble(row.found, (f" (for {row.purpose})", "dim"))
        if row.advice:
            finding.append(f"\n→ {row.advice}", style="bold")
        table.add_row(Text(row.name), Text(row.state.value, style=COLOURS[row.state.value]), finding)
    console = Console()
    console.print(table)
    console.print("Tapestry can run here." if is_able else "Tapestry cannot run here: see the rows that are missing.")
