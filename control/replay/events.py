"""Events: changes of the configuration on the captures' clock, one JSON object a line.

``t`` is seconds since 1970, as captures count them and as ``t`` in the verdicts is told; fractions are exact. An event
comes before the first frame at or after its time. It names another configuration, or other manifests for the one in
force. Paths are relative to the file of events.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from control.config import Loaded, load_configuration, with_manifests
from control.errors import ConfigurationError
from control.manifests import Library
from control.model import Configuration
from control.replay.job import not_a_pcap_port, pcap_ports
from control.replay.lines import Field, Line, is_text, read_lines

NANOSECONDS: Final = 1_000_000_000
LARGEST_TIME_S: Final = 2**63 // NANOSECONDS


def is_time(value: Any) -> bool:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return is_number and 0 <= value <= LARGEST_TIME_S


def is_paths(value: Any) -> bool:
    return isinstance(value, list) and all(is_text(path) for path in value)


FIELDS: Final = {
    "t": Field("a number of seconds since 1970, as captures count them", is_time, required=True),
    "config": Field("the path of a configuration file", is_text),
    "manifests": Field("a list of files and folders", is_paths),
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
    library = Library()
    before = first
    for line in sorted(lines, key=lambda line: line.values["t"]):
        try:
            loaded = _load(line, path, before, fed_ports, library)
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        before = loaded.configuration
        warnings += loaded.warnings
        if before.limits != first.limits:
            warnings.append(f"{line.where}: config: the limits stay those that the replay began with")
        events.append(Event(int(line.values["t"] * NANOSECONDS), before))
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return Timeline(tuple(events), tuple(warnings))


def _load(line: Line, path: Path, before: Configuration, fed_ports: list[str], library: Library) -> Loaded:
    """Return what an event puts in force after ``before``."""
    config, manifests = line.values.get("config"), line.values.get("manifests")
    if (config is None) == (manifests is None):
        found = "neither" if config is None else "both"
        raise ConfigurationError((f"{line.where}: line: expected either config or manifests, found {found}",))
    if config is None:
        return with_manifests(before, tuple(str(path.parent / name) for name in manifests or ()), library)
    named = path.parent / config
    loaded = load_configuration(named, previous=before, library=library)
    ports = pcap_ports(loaded.configuration)
    missing = [not_a_pcap_port(port, loaded.configuration) for port in fed_ports if port not in ports]
    if missing:
        raise ConfigurationError(tuple(f"{line.where}: config: {named}: {sentence}" for sentence in missing))
    return loaded
