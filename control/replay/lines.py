"""Files of JSON lines: one object a line, its fields checked, every mistake told with its line and field."""

import json
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from control.errors import ConfigurationError

STANDARD_INPUT = Path("-")
LONGEST_SHOWN = 60


class Field(NamedTuple):
    """``accepts`` says whether a value is what ``expected`` names."""

    expected: str
    accepts: Callable[[Any], bool]
    required: bool = False


class Line(NamedTuple):
    """One object and where it stands, as `FILE:LINE`. Numbers with a fraction are Decimal."""

    where: str
    values: dict[str, Any]


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_lines(path: Path, fields: Mapping[str, Field]) -> list[Line | ConfigurationError]:
    """Return each line that is not blank, or what is wrong with it; ConfigurationError if there is no such file."""
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else path.read_text("utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError((f"{path}: expected a file of JSON lines to read, found {reason}",)) from None
    except UnicodeDecodeError:
        raise ConfigurationError((f"{path}: expected text in UTF-8, found other bytes",)) from None
    numbered = enumerate(text.splitlines(), start=1)
    return [read_line(f"{path}:{number}", line, fields) for number, line in numbered if line.strip()]


def read_line(where: str, text: str, fields: Mapping[str, Field]) -> Line | ConfigurationError:
    """Return the object that ``text`` is, or what is wrong with it."""
    try:
        values = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        return ConfigurationError((f"{where}: line: expected a JSON object, found {error}",))
    if not isinstance(values, dict):
        return ConfigurationError((f"{where}: line: expected a JSON object, found {shown(values)}",))
    mistakes = [f"{where}: {name}: expected {fields[name].expected}, found nothing" for name in missing(values, fields)]
    for name, value in values.items():
        if name not in fields:
            mistakes.append(f"{where}: {name}: expected one of {', '.join(fields)}, found an unknown field")
        elif not fields[name].accepts(value):
            mistakes.append(f"{where}: {name}: expected {fields[name].expected}, found {shown(value)}")
    return ConfigurationError(tuple(mistakes)) if mistakes else Line(where, values)


def missing(values: Mapping[str, Any], fields: Mapping[str, Field]) -> list[str]:
    """Return the required fields that are not there."""
    return [name for name, field in fields.items() if field.required and name not in values]


def shown(value: Any) -> str:
    """Return a value as JSON, cut to a length that fits a sentence."""
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def beside(path: Path, named: str | None) -> Path | None:
    """Return the path that a line of ``path`` names, if it does: one that is not absolute begins beside ``path``."""
    return path.parent / named if named else None
