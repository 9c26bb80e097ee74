"""Failing inputs, kept: NAME.yaml is the configuration and NAME.PORT.pcap what came in at each port.

They are what `tapestry replay --config NAME.yaml --in PORT=NAME.PORT.pcap …` takes. Frames of all ports come in by
time, then by the port's name, then by their order in the file.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from control.config import load_configuration
from control.model import Configuration
from tests.arrival_files import captures_of, frames_in, in_replay_order
from tests.generate.written import write_configuration
from tests.runs import Arrival

FOLDER = Path(__file__).parent / "regressions"


def keep(configuration: Configuration, arrivals: Sequence[Arrival], complaint: str, folder: Path = FOLDER) -> str:
    """Write a failing input down and return its name."""
    text = f"# {one_line(complaint)}\n{write_configuration(configuration)}"
    files = {f".{port}.pcap": capture for port, capture in captures_of(arrivals).items()}
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
            arrivals += [Arrival(port.name, frame, time_ns) for time_ns, frame in frames_in(path)]
    return configuration, in_replay_order(arrivals)
