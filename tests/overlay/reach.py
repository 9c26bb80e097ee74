"""Who reaches whom: pings and conversations between stations, many at once."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import permutations
from typing import Any

from tests.netns import Namespace
from tests.overlay import talk
from tests.overlay.stations import Station

PORT = 7000
STREAM_BYTES = 3_000_000
TOGETHER = 8
BOTH = (4, 6)
Pair = tuple[Station, Station]


def pairs_within_nets(stations: Iterable[Station]) -> list[Pair]:
    """Return every two stations of one network, both ways."""
    return [(one, other) for one, other in permutations(stations, 2) if one.net == other.net]


def pairs_across_nets(stations: Iterable[Station]) -> list[Pair]:
    """Return every two stations of different networks, both ways."""
    return [(one, other) for one, other in permutations(stations, 2) if one.net != other.net]


def pings(place: Namespace, address: str, *options: str, patience_s: int = 10) -> bool:
    """Return whether an answer comes, of as many pings as fit into the patience."""
    return place.run("ping", "-c1", f"-w{patience_s}", "-i0.2", *options, address, check=False).returncode == 0


def unreached(pairs: Sequence[Pair], patience_s: int = 10, versions: Sequence[int] = BOTH) -> list[str]:
    """Return which of the pairs have no ping through, in each of the families."""
    return all_together([(pair, version, patience_s) for pair in pairs for version in versions], is_unreached)


def is_unreached(pair: Pair, version: int, patience_s: int) -> str:
    """Return who does not reach whom, or nothing."""
    one, other = pair
    is_reached = pings(one.place, other.address(version), patience_s=patience_s)
    return "" if is_reached else f"{one.name} -> {other.name} by IPv{version}"


def misunderstood(
    pairs: Sequence[Pair], sizes: Sequence[int], length: int = STREAM_BYTES, versions: Sequence[int] = BOTH
) -> list[str]:
    """Return what went wrong between pairs that talk by TCP (``length`` bytes) and UDP (datagrams of ``sizes``), both
    ways, in each of the families: what was lost or changed, and whose address did not arrive as it was."""
    return all_together([(pair, version, sizes, length) for pair in pairs for version in versions], is_misunderstood)


def is_misunderstood(pair: Pair, version: int, sizes: Sequence[int], length: int) -> str:
    """Return what went wrong, or nothing."""
    one, other = pair
    numbers = map(str, (PORT, length, *sizes))
    command = (sys.executable, "-S", talk.__file__, "ask", other.address(version), *numbers)
    done = one.place.run(*command, check=False)
    if done.stdout.strip() == one.address(version):
        return ""
    return f"{one.name} -> {other.name} by IPv{version}: {done.stdout}{done.stderr}"


def all_together(arguments: Sequence[tuple[Any, ...]], question: Callable[..., str]) -> list[str]:
    """Ask several at once; return the answers that say something."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        return [answer for answer in pool.map(lambda each: question(*each), arguments) if answer]


@contextmanager
def talking(stations: Iterable[Station]) -> Iterator[None]:
    """Let every station answer whoever asks."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(station.place.running(sys.executable, "-S", talk.__file__, "serve", str(PORT)))
            for station in stations
        ]
        for server in servers:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
        yield
