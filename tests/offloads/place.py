"""A worker's loop in this process, its ports' far ends handing over and getting what kernels do: virtio-net headers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scapy.packet import Packet

from control.model import Configuration
from tests.dataplane.rig import Rig
from tests.offloads.wire import COMPLETE, Virtio, cut, offloaded, read_virtio
from tests.rows.router.world import Station, sent
from tests.rows.row import Step

Copies = dict[str, list[tuple[Virtio, bytes]]]
"""What came out by each port, ports without anything left out."""


class Place:
    """Ports by name, as a rig has them."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def carry(self, port: str, frame: bytes, header: Virtio = COMPLETE) -> Copies:
        """Send one frame in and return what comes out."""
        self.rig.send(port, frame, virtio=bytes(header))
        self.rig.turn()
        out = {name: self.rig.received_with_headers(name) for name in self.rig.far}
        return {name: [(read_virtio(said), copy) for said, copy in found] for name, found in out.items() if found}

    def tell(self, steps: Sequence[Step]) -> None:
        """Let the router get to know stations."""
        for each in steps:
            self.carry(each.port, each.frame)

    def give(self, station: Station, packet: Packet, gso_size: int = 0) -> Copies:
        """Let a station give the router a packet as its kernel does."""
        header, frame = offloaded(sent(station, packet), gso_size)
        return self.carry(station.port, frame, header)

    def drops(self, port: str) -> dict[str, int]:
        return self.rig.fabric.drop_counts()[port]

    def ends_alike(self, port: str, header: Virtio, frame: bytes) -> Copies:
        """Carry a frame as it is, and again as the frames that a device makes of it: on a wire, the same comes out.

        Return what came out of the first.
        """
        whole = self.carry(port, frame, header)
        pieces = [self.carry(port, piece) for piece in cut(header, frame)]
        assert on_wire(whole) == on_wire(*pieces)
        assert all(said == COMPLETE for out in pieces for copies in out.values() for said, _ in copies)
        return whole


@contextmanager
def place(configuration: Configuration, *known: Step) -> Iterator[Place]:
    """Make it; the router knows the stations of ``known``."""
    with Rig(configuration) as rig:
        made = Place(rig)
        made.tell(known)
        yield made


def on_wire(*out: Copies) -> dict[str, list[bytes]]:
    """Return the frames that wires behind the ports carry."""
    ports = dict.fromkeys(name for each in out for name in each)
    return {
        name: [frame for each in out for said, copy in each.get(name, ()) for frame in cut(said, copy)]
        for name in ports
    }
