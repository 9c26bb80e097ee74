"""Events: changes of the configuration on the captures' clock, one JSON object a line.

``t`` is seconds since 1970, as captures count them and as ``t`` in the verdicts is told; fractions are exact. An event
comes before the first frame at or after its time. A configuration's path is relative to the file of events.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from control.config import load_configuration
from control.errors import ConfigurationError
from control.model import Configuration
from control.replay.job import not_a_pcap_port, pcap_ports
from control.replay.lines import Field, Line, is_text, read_lines

NANOSECONDS: Final = 1_000_000_000
LARGEST_TIME_S: Final = 2**63 // NANOSECONDS


def is_time(value: Any) -> bool:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return is_number and 0 <= value <= LARGEST_TIME_S


FIELDS: Final = {
    "t": Field("a number of seconds since 1970, as captures count them", is_time, required=True),
    "config": Field("the path of a configuration file", is_text, required=True),
}


@dataclass(frozen=True)
class Event:
    """``configuration`` comes into force at ``time_ns``, nanoseconds since 1970."""

    time_ns: int
    configuration: Configuration


@dataclass(frozen=True)
class Timeline:
    """All events in the order of their time, and what their reader should be told: a line each."""

    events: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()


def read_events(path: Path, first: Configuration, fed_ports: list[str]) -> Timeline:
    """Read the events at ``path`` and every configuration that they name; ``first`` is in force before them.

    ConfigurationError with every mistake of the lines and of the files they name. A configuration that lacks one of
    ``fed_ports``, where frames enter, is such a mistake.
    """
    mistakes: list[str] = []
    warnings: list[str] = []
    lines: list[Line] = []
    for line in read_lines(path, FIELDS):
        if isinstance(line, ConfigurationError):
            mistakes += line.mistakes
        else:
            lines.append(line)
    events: list[Event] = []
    before = first
    for line in sorted(lines, key=lambda line: line.values["t"]):
        named = path.parent / line.values["config"]
        try:
            loaded = load_configuration(named, previous=before)
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        before = loaded.configuration
        warnings += loaded.warnings
        if before.limits != first.limits:
            warnings.append(f"{line.where}: config: the limits stay those that the replay began with")
        ports = pcap_ports(before)
        mistakes += [
            f"{line.where}: config: {named}: {not_a_pcap_port(port, before)}" for port in fed_ports if port not in ports
        ]
        events.append(Event(int(line.values["t"] * NANOSECONDS), before))
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return Timeline(tuple(events), tuple(warnings))
