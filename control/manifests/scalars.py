"""What plain YAML text stands for, as Kubernetes' own reader has it (YAML 1.1 as Go's yaml.v2 resolves it).

So ``yes`` and ``on`` are booleans, and a label whose value looks like a number is refused as the API refuses it; but
``12:30`` and ``2026-01-01`` are text.
"""

import re
from functools import lru_cache

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
_NAMED: dict[str, bool | None] = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False) | dict.fromkeys(_NULL, None)
_MAY_BE_NUMBER = re.compile(r"[-+]?\.?[0-9]")
_INTEGER = re.compile(r"([-+]?)(?:(0[xX])([0-9a-fA-F]+)|(0[bB])([01]+)|(0[oO]?)([0-7]+)|([0-9]+))\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LONGEST_NUMBER = 40

Scalar = str | int | float | bool | None


@lru_cache(maxsize=1 << 16)
def plain_value(text: str) -> Scalar:
    """Return what text without quotes stands for."""
    if text in _NAMED:
        return _NAMED[text]
    if len(text) > _LONGEST_NUMBER or not _MAY_BE_NUMBER.match(text):
        return text
    digits = text.replace("_", "")
    if match := _INTEGER.match(digits):
        return _integer(match)
    return float(digits) if _FLOAT.match(digits) else text


def _integer(match: re.Match[str]) -> int:
    sign, _, hexadecimal, _, binary, _, octal, decimal = match.groups()
    for number, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)):
        if number is not None:
            return -int(number, base) if sign == "-" else int(number, base)
    raise ValueError(match.string)
