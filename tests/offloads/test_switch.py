"""Superframes and partial checksums between ports of a network: flooded, tagged, limited, too long."""

from random import Random

import numpy as np
import pytest

from control.model import Storm
from dataplane.vector import LARGEST_SUPERFRAME
from tests.configurations import access, port, switch, trunk
from tests.offloads.place import Place, place
from tests.offloads.wire import COMPLETE, NEEDS_CHECKSUM, TCP4, Virtio, cut, offloaded
from tests.packets import BROADCAST, UNKNOWN, mac, plain, tag, tagged, tcp4, udp4

pytestmark = pytest.mark.kernel

BODY = Random(3).randbytes(64_001)
SEGMENT = 1448
VLANS = switch(
    [
        port("a", vlan=access(10)),
        port("b", vlan=access(10)),
        port("t", vlan=trunk(10, 20)),
        port("n", vlan=trunk(20, native=10)),
    ]
)
MAKERS = pytest.mark.parametrize("make", [tcp4, udp4], ids=["tcp", "udp"])


def to_everybody(frame: bytes) -> bytes:
    return BROADCAST + frame[6:]


@MAKERS
def test_a_flooded_superframe_reaches_every_port_whole(make: type) -> None:
    header, frame = offloaded(make(2, 1, BODY), SEGMENT)
    with place(switch(["p1", "p2", "p3", "p4"])) as here:
        out = here.ends_alike("p1", header, frame)
        assert out == {name: [(header, frame)] for name in ("p2", "p3", "p4")}
        counted = here.rig.fabric.port_counters()
        assert (counted["p1"].rx_packets, counted["p1"].rx_bytes) == (
            1 + 45,
            len(frame) + sum(map(len, cut(header, frame))),
        )


@MAKERS
@pytest.mark.parametrize("gso_size", [SEGMENT, 0], ids=["superframe", "partial checksum"])
def test_tags_move_what_is_counted_from_the_frames_beginning(make: type, gso_size: int) -> None:
    """In by an access port, out by trunks with and without tag; in by the trunk, out by access ports."""
    header, frame = offloaded(make(2, 1, BODY if gso_size else b"body"), gso_size)
    length = header.header_length + 4 if gso_size else 0
    behind_tag = header._replace(checksum_from=header.checksum_from + 4, header_length=length)
    with place(VLANS) as here:
        out = here.ends_alike("a", header, frame)
        assert out == {
            "b": [(header, frame)],
            "t": [(behind_tag, tagged(frame, tag(10)))],
            "n": [(header, frame)],
        }
        out = here.ends_alike("t", behind_tag, tagged(frame, tag(10, pcp=3)))
        assert out == {name: [(header, frame)] for name in ("a", "b", "n")}


def test_a_hint_at_the_headers_length_never_becomes_one_that_is_longer_than_the_frame() -> None:
    """A kernel refuses such a frame."""
    header, frame = offloaded(tagged(tcp4(2, 1, b"body"), tag(10)))
    for hint in (1, 3):
        with place(VLANS) as here:
            [(said, _)] = here.carry("t", frame, header._replace(header_length=hint))["a"]
            assert said.header_length == 0


def test_tags_that_no_port_reads_stay_where_they_are() -> None:
    inner, outer = tag(20), tag(10)
    header, frame = offloaded(tagged(tcp4(2, 1, BODY), outer, inner), SEGMENT)
    assert header.checksum_from == 14 + 8 + 20
    with place(switch(["p1", "p2"])) as here:
        assert here.ends_alike("p1", header, frame) == {"p2": [(header, frame)]}


@pytest.mark.parametrize(("longer", "passes"), [(0, True), (1, False), (2, False)])
def test_what_may_not_have_been_read_whole_is_dropped(longer: int, passes: bool) -> None:
    """A superframe that fills all the room there is may have been longer."""
    frame = plain(BROADCAST, mac(1), LARGEST_SUPERFRAME + longer)
    header = Virtio(NEEDS_CHECKSUM, TCP4, 54, 1460, 34, 16)
    with place(switch(["p1", "p2"])) as here:
        assert here.carry("p1", frame, header) == ({"p2": [(header, frame)]} if passes else {})
        assert here.drops("p1") == ({} if passes else {"oversize": 1})


def test_a_partial_checksum_makes_no_superframe() -> None:
    frame = plain(BROADCAST, mac(1), 9217)
    with place(switch(["p1", "p2"])) as here:
        assert here.carry("p1", frame, Virtio(NEEDS_CHECKSUM, checksum_from=34, checksum_at=16)) == {}
        assert here.drops("p1") == {"oversize": 1}


@pytest.mark.parametrize(
    ("destination", "limits", "reason"),
    [
        (BROADCAST, Storm(broadcast=1), "storm_broadcast"),
        (b"\x01\x00\x5e" + bytes(3), Storm(multicast=1), "storm_multicast"),
        (UNKNOWN, Storm(unknown_unicast=1), "storm_unknown_unicast"),
    ],
)
def test_storm_limits_count_the_frames_that_a_superframe_is(destination: bytes, limits: Storm, reason: str) -> None:
    """It comes in if one of its frames may, and what comes next waits as long as for all of them."""
    header, frame = offloaded(udp4(2, 1, BODY), SEGMENT)
    frame = destination + frame[6:]
    with place(switch([port("p1", storm=limits), "p2"])) as here:
        assert here.carry("p1", frame, header) == {"p2": [(header, frame)]}
        here.rig.fabric.state.storms[0].due_ns -= np.uint64(44 * 10**9)
        assert here.carry("p1", plain(destination, mac(1))) == {}
        assert here.drops("p1") == {reason: 1}
        here.rig.fabric.state.storms[0].due_ns -= np.uint64(2 * 10**9)
        assert here.carry("p1", plain(destination, mac(1))) != {}


def passes_untouched(here: Place, header: Virtio, frame: bytes) -> bool:
    return here.carry("p1", frame, header) == {"p2": [(header, frame)]}


def test_what_a_device_has_verified_needs_nothing() -> None:
    """Flag 2 says so (VIRTIO_NET_HDR_F_DATA_VALID): a kernel gives it for what came to it checked."""
    with place(switch(["p1", "p2"])) as here:
        assert passes_untouched(here, Virtio(2), tcp4(2, 1, b"body"))
        assert passes_untouched(here, COMPLETE, tcp4(2, 1, b"body"))
