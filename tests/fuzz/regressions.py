"""Failing inputs, kept: NAME.yaml is the configuration and NAME.PORT.pcap what came in at each port.

They are what `tapestry replay --config NAME.yaml --in PORT=NAME.PORT.pcap …` takes. Frames of all ports come in by
time, then by the port's name, then by their order in the file.
"""

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

from control.config import load_configuration
from control.model import Configuration
from tests.capture_files import naive as capture_files
from tests.generate.written import write_configuration
from tests.runs import Arrival

FOLDER = Path(__file__).parent / "regressions"

NANOSECOND_MAGIC = 0xA1B23C4D
LONGEST_FRAME = 262_144
ETHERNET = 1


def in_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return ``arrivals`` in the order in which a replay of their files takes them."""
    return sorted(arrivals, key=lambda arrival: (arrival.time_ns, arrival.port))


def keep(configuration: Configuration, arrivals: Sequence[Arrival], complaint: str, folder: Path = FOLDER) -> str:
    """Write a failing input down and return its name."""
    text = f"# {one_line(complaint)}\n{write_configuration(configuration)}"
    files = {f".{port}.pcap": pcap(each) for port, each in by_port(arrivals).items()}
    files[".yaml"] = text.encode()
    digest = hashlib.blake2b(b"".join(files[ending] for ending in sorted(files)), digest_size=4).hexdigest()
    name = f"found-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for ending, content in files.items():
        (folder / f"{name}{ending}").write_bytes(content)
    return name


def one_line(complaint: str) -> str:
    """Return the complaint as it fits into a comment."""
    return " ".join(complaint.split())[:400]


def by_port(arrivals: Sequence[Arrival]) -> dict[str, list[Arrival]]:
    """Return the arrivals of each port."""
    ports: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        ports.setdefault(arrival.port, []).append(arrival)
    return ports


def pcap(arrivals: Sequence[Arrival]) -> bytes:
    """Return a capture file with nanosecond timestamps."""
    records = [struct.pack("<IHHiIII", NANOSECOND_MAGIC, 2, 4, 0, 0, LONGEST_FRAME, ETHERNET)]
    for _, frame, time_ns in arrivals:
        records.append(struct.pack("<IIII", *divmod(time_ns, 10**9), len(frame), len(frame)) + frame)
    return b"".join(records)


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all kept inputs."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(name: str, folder: Path = FOLDER) -> tuple[Configuration, list[Arrival]]:
    """Return a kept input."""
    configuration = load_configuration(folder / f"{name}.yaml").configuration
    arrivals = []
    for port in configuration.ports:
        path = folder / f"{name}.{port.name}.pcap"
        if path.exists():
            data = path.read_bytes()
            found = capture_files.index(data).frames
            arrivals += [Arrival(port.name, data[at : at + captured], time) for time, at, captured, _, _ in found]
    return configuration, in_order(arrivals)
