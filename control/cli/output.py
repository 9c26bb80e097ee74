"""How commands print: tables for people, JSON for programs, and the options that choose."""

import json as json_module
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from rich.table import Table as RichTable

REFRESH_S = 1.0

COLOURS = {"up": "green", "down": "red", "waiting": "yellow", "opening": "yellow", "replay": "dim"}


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[Format | None, typer.Option("-o", "--output", help="How to print: a table for people, or JSON.")]
Json = Annotated[bool, typer.Option("--json", help="The same as -o json.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Print again each second, until Ctrl-C.")]


class Table(NamedTuple):
    """Rows under a heading; cells are printed as ``cell_text`` has them."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]


def wants_json(output: Format | None, json: bool) -> bool:
    """Return whether the two options together ask for JSON."""
    return json or output is Format.JSON


def print_document(document: Any) -> None:
    """Print one JSON document: indented for a terminal, one line for a program that reads a stream of them."""
    indent = 2 if sys.stdout.isatty() else None
    print(json_module.dumps(document, indent=indent), flush=True)


def show(fetch: Callable[[], Any], tabulate: Callable[[Any], Table], *, as_json: bool, watch: bool) -> None:
    """Print what ``fetch`` returns, once or each second: as JSON, or as the table that ``tabulate`` makes of it."""
    if not watch:
        document = fetch()
        print_document(document) if as_json else print(format_table(*tabulate(document)), flush=True)
    elif sys.stdout.isatty() and not as_json:
        _show_live(fetch, tabulate)
    else:
        _show_stream(fetch, tabulate, as_json)


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return aligned columns, numbers to the right, with a heading; plain text that grep and awk like too."""
    lines = [list(header), *([cell_text(cell) for cell in row] for row in rows)]
    columns = range(len(header))
    widths = [max(len(line[column]) for line in lines) for column in columns]
    numeric = [_is_numeric(rows, column) for column in columns]
    return "\n".join(_join(line, widths, numeric) for line in lines)


def rich_table(table: Table) -> "RichTable":
    """Return the same for a terminal, with states in colour."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rich = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column, name in enumerate(table.header):
        numeric = _is_numeric(table.rows, column)
        # In a narrow terminal names are cut before numbers are.
        width = max(len(text) for text in [name, *(cell_text(row[column]) for row in table.rows)]) if numeric else None
        rich.add_column(name, justify="right" if numeric else "left", no_wrap=True, min_width=width)
    for row in table.rows:
        rich.add_row(*(Text(text, style=COLOURS.get(text, "")) for text in map(cell_text, row)))
    return rich


def cell_text(cell: object) -> str:
    """Return how a cell is printed: a dash for nothing, whole numbers in groups of three, lists with commas."""
    if cell is None or cell == "" or cell == []:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, list | tuple):
        return ",".join(str(item) for item in cell)
    return str(cell)


def _show_live(fetch: Callable[[], Any], tabulate: Callable[[Any], Table]) -> None:
    import time

    from rich.live import Live

    with Live(auto_refresh=False, screen=False) as live:
        while True:
            live.update(rich_table(tabulate(fetch())), refresh=True)
            time.sleep(REFRESH_S)


def _show_stream(fetch: Callable[[], Any], tabulate: Callable[[Any], Table], as_json: bool) -> None:
    import time

    while True:
        document = fetch()
        if as_json:
            print(json_module.dumps(document), flush=True)
        else:
            print(format_table(*tabulate(document)), end="\n\n", flush=True)
        time.sleep(REFRESH_S)


def _is_numeric(rows: Sequence[Sequence[object]], column: int) -> bool:
    cells = [row[column] for row in rows if row[column] not in (None, "")]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)


def _join(line: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = [
        cell.rjust(width) if to_the_right else cell.ljust(width)
        for cell, width, to_the_right in zip(line, widths, numeric, strict=True)
    ]
    return "  ".join(cells).rstrip()
