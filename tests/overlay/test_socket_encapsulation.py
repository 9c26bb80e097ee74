"""What leaves a node by its sockets is, byte by byte, what the kernel's vxlan device sends for the same frames."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.netns import Namespace
from tests.overlay.fabric import OverlayNode, running
from tests.overlay.frames import Ends, flows, inner_frames, is_packet
from tests.overlay.kernel_encapsulation import Tunnel, encapsulate, packet_socket, sent, tunnelled
from tests.overlay.outer import Outer
from tests.overlay.stations import Net, Station, stations
from tests.overlay.underlay import WIRE, link_to, own_folder, turn_off_checksum_offload, underlay

pytestmark = pytest.mark.netns

NET = Net("red", 20, 200)
GROUP = 0xABC
CONGESTED = 3
CAPABLE = 2
FLOWS = 64


@dataclass(frozen=True)
class Wire:
    """A node that sends for one of its stations, another that is sent to, and the link that is listened at."""

    version: int
    here: Station
    there: Station
    fabric: OverlayNode
    middle: Namespace

    @property
    def ends(self) -> Ends:
        pairs = [(self.here.address(version), self.there.address(version)) for version in (4, 6)]
        return Ends((self.here.mac, self.there.mac), *pairs)

    def ours(self, frames: tuple[bytes, ...]) -> list[Outer]:
        """Return what is on the link when the station sends frames to the other."""
        link, to = link_to(self.here.node), bytes.fromhex(self.there.mac.replace(":", ""))
        with packet_socket(self.here.place, "eth0") as inside, packet_socket(self.middle, link) as wire:
            outers = (packet for packet in tunnelled(wire, self.version) if Outer(packet).frame.startswith(to))
            return [Outer(sent(inside, frame, outers)) for frame in frames]

    def the_kernels(self, frames: tuple[bytes, ...]) -> list[Outer]:
        """Return what the kernel sends for them, with the checksums that sockets write."""
        local, remote = (station.node.address(self.version) for station in (self.here, self.there))
        tunnel = Tunnel(NET.vni, local, remote, checksum=True, group=GROUP)
        return [Outer(packet) for packet in encapsulate(frames, tunnel)]


@pytest.fixture(scope="module", params=[4, 6], ids=["v4", "v6"])
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    version, folder = request.param, tmp_path_factory.mktemp("wire")
    with underlay(2) as under, stations([NET], under.nodes) as (here, there):
        turn_off_checksum_offload((here.node.place, WIRE))
        fabric = OverlayNode(here.node, own_folder(folder, here.node), version)
        fabric.overlay["gbp"] = True
        fabric.attach(here, group=GROUP)
        fabric.add_station(there)
        with running([fabric]):
            yield Wire(version, here, there, fabric, under.middle)


def test_the_headers_are_the_kernels(wire: Wire) -> None:
    frames = inner_frames(wire.ends, congestion=(0, 1, 2))
    made, wanted = wire.ours(frames), wire.the_kernels(frames)
    assert [each.settled(labelled=False) for each in made] == [each.settled() for each in wanted]
    assert [each.frame for each in made] == list(frames)
    assert all(each.has_true_checksums() for each in made)


def test_congestion_is_told_outside_as_the_younger_standard_wants(wire: Wire) -> None:
    """RFC 6040; see test_encapsulation."""
    frames = inner_frames(wire.ends, congestion=(CONGESTED,))
    made, wanted = wire.ours(frames), wire.the_kernels(frames)
    assert [each.congestion for each in made] == [CONGESTED if is_packet(frame) else 0 for frame in frames]
    assert [each.congestion for each in wanted] == [CAPABLE if is_packet(frame) else 0 for frame in frames]


def test_the_source_port_is_the_flows(wire: Wire) -> None:
    """And so is the flow label of IPv6, which the kernel writes for sockets (RFC 6438) and not for its vxlan device."""
    made = wire.ours(flows(wire.ends, FLOWS))
    ways = [(each.source_port, each.label if wire.version == 6 else 0) for each in made]
    assert ways[::2] == ways[1::2], "one flow has one way"
    assert len(set(ways)) > FLOWS / 8, "flows have several"
