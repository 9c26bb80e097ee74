"""What one replay is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from control.errors import UserError
from control.model import TUNNEL, Configuration, Pcap

DEFAULT_SEED: Final = 0
DEFAULT_VECTOR: Final = 256


@dataclass(frozen=True)
class Job:
    """One replay. ``inputs`` maps ports to captures; ``only_input`` is the capture of the one pcap port there is.

    ``loops`` is how many times the captures are sent; ``real_time`` sends each frame when its time has come.
    """

    config: Path
    inputs: Mapping[str, str] = field(default_factory=dict)
    only_input: str | None = None
    out_dir: Path | None = None
    verdicts: Path | None = None
    events: Path | None = None
    seed: int = DEFAULT_SEED
    loops: int = 1
    real_time: bool = False
    vector: int = DEFAULT_VECTOR


def entrances_of(configuration: Configuration) -> dict[str, str]:
    """Return, of each port that only stands for others, the one by which their frames come: the tunnel's uplink."""
    overlay, uplink = configuration.overlay, configuration.uplink
    return {TUNNEL: uplink.port} if overlay and uplink and overlay.transport == "raw" else {}


def pcap_ports(configuration: Configuration) -> list[str]:
    """Return the names of the ports that a replay opens, in the order of the file."""
    return [port.name for port in configuration.ports if isinstance(port.attachment, Pcap)]


def name_inputs(job: Job, configuration: Configuration) -> dict[str, str]:
    """Return the capture of every port that has one, by name; UserError if a port is unknown or not a pcap port."""
    ports = pcap_ports(configuration)
    if job.only_input is not None:
        if len(ports) != 1:
            found = f"{len(ports)} ({', '.join(ports)})" if ports else "none"
            raise UserError(
                f"{job.config}: expected one pcap port for {job.only_input}, found {found}; "
                "say which with --in PORT=FILE"
            )
        return {ports[0]: job.only_input}
    for port in sorted(job.inputs):
        if port not in ports:
            raise UserError(f"{job.config}: {not_a_pcap_port(port, configuration)}")
    return dict(job.inputs)


def not_a_pcap_port(port: str, configuration: Configuration) -> str:
    """Return why a capture cannot enter at ``port``, and where it could."""
    ports = pcap_ports(configuration)
    there_are = f"its pcap ports are {', '.join(ports)}" if ports else "it has no pcap port"
    if any(other.name == port for other in configuration.ports):
        return f"the port {port} is not a pcap port, so no capture can enter there; {there_are}"
    return f"there is no port {port}; {there_are}"
