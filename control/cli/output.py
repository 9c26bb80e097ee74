"""How commands print: tables for people, JSON for programs, and the options that choose."""

import json as json_module
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[Format | None, typer.Option("-o", "--output", help="How to print: a table for people, or JSON.")]
Json = Annotated[bool, typer.Option("--json", help="The same as -o json.")]


def wants_json(output: Format | None, json: bool) -> bool:
    """Return whether the two options together ask for JSON."""
    return json or output is Format.JSON


def print_document(document: Any) -> None:
    """Print one JSON document: indented for a terminal, one line for a program that reads a stream of them."""
    indent = 2 if sys.stdout.isatty() else None
    print(json_module.dumps(document, indent=indent), flush=True)


def format_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as aligned columns, numbers to the right, with a heading; plain text that grep and awk like too."""
    texts = [[_text(cell) for cell in row] for row in rows]
    numeric = [bool(texts) and all(_is_number(row[column]) for row in texts) for column in range(len(header))]
    widths = [max(len(line[column]) for line in [list(header), *texts]) for column in range(len(header))]
    return "\n".join(_join(line, widths, numeric) for line in [list(header), *texts])


def _join(line: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    cells = [
        cell.rjust(width) if to_the_right else cell.ljust(width)
        for cell, width, to_the_right in zip(line, widths, numeric, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _text(cell: object) -> str:
    if cell is None or cell == "" or cell == []:
        return "-"
    if isinstance(cell, list | tuple):
        return ",".join(str(item) for item in cell)
    return str(cell)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).isdigit() or text == "-"
