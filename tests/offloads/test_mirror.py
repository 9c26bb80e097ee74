"""What a capture shows of superframes and partial checksums."""

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from dataplane.mirror.build import MirroredFrame, complete_checksum, read_ring
from dataplane.mirror.tables import MIRROR_RECEIVED, MIRROR_SENT, RING_BYTES
from dataplane.ports.pcap.pcapng import CapturedPacket, PcapngWriter
from tests.configurations import access, port, switch, trunk
from tests.netns import require_tools
from tests.offloads.place import Place, place
from tests.offloads.wire import COMPLETE, completed, offloaded
from tests.packets import tag, tagged, tcp4, udp4

pytestmark = pytest.mark.kernel

BODY = Random(5).randbytes(64_001)
MAKERS = pytest.mark.parametrize("make", [tcp4, udp4], ids=["tcp", "udp"])


def mirrored(here: Place) -> list[MirroredFrame]:
    return list(read_ring(here.rig.fabric.state.mirror_rings[0]))


@MAKERS
@pytest.mark.parametrize(("body", "gso_size"), [(b"odd", 0), (BODY, 1448)], ids=["frame", "superframe"])
def test_partial_checksums_are_filled_in(make: type, body: bytes, gso_size: int) -> None:
    """The copy is what a wire would carry, had it room for a superframe; behind tags too."""
    whole = make(2, 1, body)
    header, frame = offloaded(whole, gso_size)
    with place(switch([port("a", vlan=access(10)), port("t", vlan=trunk(10))])) as here:
        here.rig.fabric.set_mirror("a", MIRROR_RECEIVED)
        here.rig.fabric.set_mirror("t", MIRROR_SENT)
        out = here.carry("a", frame, header)
        assert [each.frame for each in mirrored(here)] == [whole, tagged(whole, tag(10))]
        assert out["t"][0][1] == tagged(frame, tag(10)), "what left is as it was"


def test_what_is_complete_is_shown_as_it_is() -> None:
    wrong = tcp4(2, 1, b"body")[:-1] + b"?"
    with place(switch(["a", "b"])) as here:
        here.rig.fabric.set_mirror("a", MIRROR_RECEIVED)
        here.carry("a", wrong, COMPLETE)
        assert [each.frame for each in mirrored(here)] == [wrong]


def test_superframes_go_around_the_end_of_the_ring() -> None:
    whole = tcp4(2, 1, BODY)
    header, frame = offloaded(whole, 1448)
    with place(switch(["a", "b"])) as here:
        ring = here.rig.fabric.state.mirror_rings[0]
        ring.head[0] = ring.tail[0] = RING_BYTES - 40_000
        here.rig.fabric.set_mirror("a", MIRROR_RECEIVED)
        for _ in range(RING_BYTES // len(frame) + 2):
            here.carry("a", frame, header)
        found = mirrored(here)
        assert len(found) == RING_BYTES // len(frame)
        assert all(each.frame == whole and each.original_bytes == len(whole) for each in found)
        assert ring.lost[0] == 2


def test_a_checksum_that_would_lie_outside_is_left_alone() -> None:
    frame = bytearray(b"some frame")
    for begin, offset in ((8, 1), (10, 0), (65_535, 65_535)):
        complete_checksum(frame, begin, offset)
    assert frame == b"some frame"


def test_a_checksum_is_never_0() -> None:
    frame = bytearray(b"\xff\xff\0\0")
    complete_checksum(frame, 0, 2)
    assert frame == b"\xff\xff\xff\xff" == completed(b"\xff\xff\0\0", 0, 2)


def test_tshark_reads_superframes_and_finds_their_checksums_good(tmp_path: Path) -> None:
    require_tools("tshark")
    capture, header_and_frame = tmp_path / "c.pcapng", offloaded(tcp4(2, 1, BODY), 1448)
    with place(switch(["a", "b"])) as here, capture.open("wb") as stream:
        here.rig.fabric.set_mirror("a", MIRROR_RECEIVED)
        here.carry("a", header_and_frame[1], header_and_frame[0])
        [shown] = mirrored(here)
        PcapngWriter(stream, ["a"]).write([CapturedPacket(0, 0, shown.frame)])
    command = [shutil.which("tshark") or "", "-r", str(capture), "-o", "tcp.check_checksum:TRUE", "-T", "fields"]
    command += ["-e", "frame.len", "-e", "tcp.len", "-e", "tcp.checksum.status"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [
        str(len(header_and_frame[1])),
        str(len(BODY)),
        "1",
    ]
