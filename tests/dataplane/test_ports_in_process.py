"""The worker's loop from device to device: frames, headers, tags, refusals and losses, in this process, no root."""

import errno
import os
import struct
from random import Random

import pytest

from control.fabric import PortCounters
from control.model import Storm
from dataplane.mirror.build import MirroredFrame, read_ring, skip_ring
from dataplane.mirror.tables import MIRROR_RECEIVED, MIRROR_SENT, RECORD_BYTES, RING_BYTES
from dataplane.ports.tables import MAX_EVENTS
from dataplane.vector import HEAD_BYTES
from dataplane.wire import MAX_FRAME_BYTES
from dataplane.worker.devices import NO_PORT
from tests.configurations import access, port, switch, trunk
from tests.dataplane.rig import Rig, everywhere_but
from tests.packets import BROADCAST, mac, plain, tag, tagged
from tests.scale import scaled

pytestmark = pytest.mark.kernel

TRIO = switch(["p1", "p2", "p3"])


def drops(rig: Rig, name: str) -> dict[str, int]:
    return rig.fabric.drop_counts()[name]


def counters(rig: Rig, name: str) -> PortCounters:
    return rig.fabric.port_counters()[name]


def test_frames_find_their_way_and_are_counted() -> None:
    hello, answer = plain(BROADCAST, mac(1), 60), plain(mac(1), mac(2), 100)
    with Rig(TRIO) as rig:
        assert rig.switch("p1", hello) == {"p2": [hello], "p3": [hello]}
        assert rig.switch("p2", answer, answer) == {"p1": [answer, answer]}
        assert counters(rig, "p1") == PortCounters(rx_packets=1, rx_bytes=60, tx_packets=2, tx_bytes=200)
        assert counters(rig, "p2") == PortCounters(rx_packets=2, rx_bytes=200, tx_packets=1, tx_bytes=60)
        assert counters(rig, "p3") == PortCounters(tx_packets=1, tx_bytes=60)


@pytest.mark.parametrize(
    "length", [14, 60, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 1514, MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES]
)
def test_frames_of_every_length_come_out_as_they_went_in(length: int, seed: int) -> None:
    """Long ones lie in two places; what came before in the same slot does not show through."""
    frame = plain(BROADCAST, mac(1), 14) + Random(seed).randbytes(length - 14)
    with Rig(TRIO) as rig:
        for each in (plain(BROADCAST, mac(2), MAX_FRAME_BYTES), frame):
            assert rig.switch("p1", each) == everywhere_but(rig, "p1", [each])


def test_frames_that_no_port_may_carry_end_here() -> None:
    with Rig(TRIO) as rig:
        assert rig.switch("p1", b"", bytes(13), plain(BROADCAST, mac(1), MAX_FRAME_BYTES + 1)) == {}
        assert drops(rig, "p1") == {"runt": 2, "oversize": 1}
        rig.far["p1"].send(bytes(5))
        rig.turn()
        assert drops(rig, "p1")["runt"] == 3, "not even a whole header"


def test_a_flood_reaches_every_port_with_the_same_bytes(seed: int) -> None:
    random = Random(seed)
    names = [f"p{k}" for k in range(10)]
    frames = [plain(BROADCAST, mac(1), 14) + random.randbytes(random.randrange(2000)) for _ in range(10)]
    with Rig(switch(names)) as rig:
        assert rig.switch("p0", *frames) == everywhere_but(rig, "p0", frames)


def test_tags_are_taken_off_and_put_on() -> None:
    vlans = switch(
        [
            port("a10", vlan=access(10)),
            port("b10", vlan=access(10)),
            port("a20", vlan=access(20)),
            port("all", vlan=trunk(10, 20)),
            port("native", vlan=trunk(20, native=10)),
        ]
    )
    frame = plain(BROADCAST, mac(1), HEAD_BYTES + 5)
    with Rig(vlans) as rig:
        out = {"b10": [frame], "all": [tagged(frame, tag(10))], "native": [frame]}
        assert rig.switch("a10", frame) == out
        with_priority = tagged(frame, tag(20, pcp=5, dei=1))
        assert rig.switch("all", with_priority) == {"a20": [frame], "native": [with_priority]}
        assert rig.switch("native", frame) == {"a10": [frame], "b10": [frame], "all": [tagged(frame, tag(10))]}
        service_tagged = tagged(frame, tag(10))[:12] + b"\x88\xa8" + tagged(frame, tag(10))[14:]
        assert rig.switch("a20", service_tagged) == {
            "all": [tagged(service_tagged, tag(20))],
            "native": [tagged(service_tagged, tag(20))],
        }


def virtio(flags: int, gso_type: int, header_length: int, gso_size: int, start: int, offset: int) -> bytes:
    """Return the header of a frame that is not complete as it is."""
    return struct.pack("<BBHHHHH", flags, gso_type, header_length, gso_size, start, offset, 0)


def test_a_checksum_still_to_be_computed_is_counted_from_where_it_moved_to() -> None:
    vlans = switch([port("a", vlan=access(10)), port("b", vlan=access(10)), port("t", vlan=trunk(10))])
    frame = plain(BROADCAST, mac(1), 200)
    needs_checksum, behind_tag = virtio(1, 0, 0, 0, 34, 16), virtio(1, 0, 0, 0, 38, 16)
    with Rig(vlans) as rig:
        rig.send("a", frame, virtio=needs_checksum)
        rig.turn()
        assert rig.received_with_headers("b") == [(needs_checksum, frame)]
        assert rig.received_with_headers("t") == [(behind_tag, tagged(frame, tag(10)))]
        rig.send("t", tagged(frame, tag(10)), virtio=behind_tag)
        rig.turn()
        for name in ("a", "b"):
            assert rig.received_with_headers(name) == [(needs_checksum, frame)]


def test_superframes_pass_whole_with_their_headers(seed: int) -> None:
    """They are longer than any frame: whoever takes them cuts them."""
    frame = plain(BROADCAST, mac(1), 14) + Random(seed).randbytes(65_500)
    header = virtio(1, 1, 54, 1460, 34, 16)
    with Rig(TRIO) as rig:
        rig.send("p1", frame, virtio=header)
        rig.turn()
        assert rig.received_with_headers("p2") == rig.received_with_headers("p3") == [(header, frame)]
        assert drops(rig, "p1") == {}


def test_a_port_that_takes_no_more_frames_costs_those_frames_and_nothing_else() -> None:
    to_two, limit = plain(mac(2), mac(1), 1500), 1000
    with Rig(TRIO) as rig:
        rig.switch("p2", plain(BROADCAST, mac(2)))
        sent = 0
        while counters(rig, "p2").tx_errors == 0 and sent < limit:
            rig.send("p1", to_two)
            rig.turn()
            sent += 1
        taken = rig.received("p2")
        assert len(taken) == sent - 1 == counters(rig, "p2").tx_packets
        assert drops(rig, "p1") == {"transmit_failed": 1}
        assert rig.switch("p1", to_two) == {"p2": [to_two]}, "it goes on when there is room again"


def test_a_frame_that_reached_somebody_is_no_drop() -> None:
    frame = plain(BROADCAST, mac(1), 9000)
    with Rig(TRIO) as rig:
        while counters(rig, "p2").tx_errors == 0:
            rig.send("p1", frame)
            rig.turn()
            assert rig.received("p3") == [frame]
        assert drops(rig, "p1") == {}


def test_a_device_whose_other_end_is_gone_is_reported_and_takes_nothing_with_it() -> None:
    frame = plain(BROADCAST, mac(1))
    with Rig(TRIO) as rig:
        rig.far["p2"].close()
        rig.send("p1", frame)
        rig.turn()
        assert rig.received("p3") == [frame]
        assert rig.devices.take_failed() == [(rig.fabric.index_of("p2"), errno.EPIPE)]
        assert rig.devices.take_failed() == []
        rig.plug_in("p2")
        assert rig.switch("p1", frame) == everywhere_but(rig, "p1", [frame])


def test_a_device_that_fails_within_a_vector_costs_its_own_copies() -> None:
    """Its port only sends, so that writing is what meets the loss."""
    frames = [plain(BROADCAST, mac(1), 60 + k) for k in range(5)]
    with Rig(TRIO) as rig:
        rig.plug_in("p2", receives=False)
        rig.far["p2"].close()
        rig.send("p1", *frames)
        rig.turn()
        assert rig.received("p3") == frames
        assert counters(rig, "p2").tx_errors == len(frames)
        assert drops(rig, "p1") == {}
        assert rig.lane.devices.failures == 1
        rig.send("p1", *frames)
        rig.turn()
        assert counters(rig, "p2").tx_errors == 2 * len(frames), "nor is it written to before somebody has looked"
        assert rig.devices.take_failed() == [(rig.fabric.index_of("p2"), errno.EPIPE)]


def test_frames_for_a_port_without_a_device_are_refused_there() -> None:
    to_two = plain(mac(2), mac(1))
    with Rig(TRIO) as rig:
        rig.switch("p2", plain(BROADCAST, mac(2)))
        rig.devices.close_port(rig.fabric.index_of("p2"))
        assert rig.switch("p1", to_two) == {}
        assert (counters(rig, "p2").tx_errors, drops(rig, "p1")) == (1, {"transmit_failed": 1})
        rig.fabric.set_link("p2", up=False)
        assert rig.switch("p1", to_two) == {}
        assert (counters(rig, "p2").tx_errors, drops(rig, "p1")) == (1, {"transmit_failed": 1, "port_down": 1})


def test_a_port_that_sends_only_is_not_read() -> None:
    frame = plain(BROADCAST, mac(1))
    with Rig(TRIO) as rig:
        rig.plug_in("p1", receives=False)
        assert rig.switch("p1", frame) == {}
        assert rig.switch("p2", frame) == everywhere_but(rig, "p2", [frame])


def test_a_closed_port_is_not_heard_of_again_though_others_hold_its_device() -> None:
    """The agent and other workers do: a descriptor that is merely closed would wake the loop for ever."""
    with Rig(TRIO) as rig:
        index = rig.fabric.index_of("p1")
        kept = os.dup(rig.devices.open[index].descriptor)
        try:
            rig.devices.close_port(index)
            rig.send("p1", plain(BROADCAST, mac(1)))
            assert [descriptor for descriptor, _ in rig.devices.epoll.poll(0)] == [rig.agent]
            assert set(rig.lane.devices.port_of_descriptor) == {
                NO_PORT,
                *(rig.fabric.index_of(n) for n in ("p2", "p3")),
            }
        finally:
            os.close(kept)


@pytest.mark.parametrize("vector", [1, 2, 7, 256])
def test_bursts_longer_than_the_vector_come_out_whole_and_in_order(vector: int) -> None:
    frames = {name: [plain(BROADCAST, mac(k), 60 + n) for n in range(20)] for k, name in enumerate(("p1", "p2"), 1)}
    with Rig(TRIO, vector) as rig:
        for name, each in frames.items():
            rig.send(name, *each)
        rig.turn(2 + 20 // vector)
        out = rig.received("p3")
        assert sorted(out) == sorted(frames["p1"] + frames["p2"])
        for k, name in enumerate(("p1", "p2"), 1):
            assert [frame for frame in out if frame[6:12] == mac(k)] == frames[name]


def test_with_more_ready_devices_than_the_loop_asks_for_at_once_none_starves() -> None:
    names = [f"p{k}" for k in range(scaled(2, jit_off=1) * MAX_EVENTS + 5)]
    with Rig(switch(names), vector=4) as rig:
        for k, name in enumerate(names):
            rig.send(name, *[plain(mac(999), mac(k), 60)] * 6)
            rig.fabric.set_link(name, up=False)
        rig.turn(3)
        assert all(counters(rig, name).rx_packets >= 1 for name in names)
        rig.turn(6)
        assert all(counters(rig, name).rx_packets == 6 for name in names)


def test_every_frame_ends_once(seed: int) -> None:
    """in = out + dropped + consumed, whatever the ports do meanwhile."""
    random = Random(seed)
    guarded = port("p3", storm=Storm(broadcast=10))
    with Rig(switch(["p1", "p2", guarded, "p4"]), vector=16) as rig:
        sent = 0
        for _ in range(scaled(30, jit_off=5)):
            for name in rig.far:
                frames = [
                    plain(random.choice([BROADCAST, mac(1), mac(2), mac(9)]), mac(random.randrange(4)), 60)[
                        : random.choice([60, 60, 60, 13])
                    ]
                    for _ in range(random.randrange(8))
                ]
                rig.send(name, *frames)
                sent += len(frames)
            rig.fabric.set_link("p4", random.random() < 0.5)
            rig.turn(4)
            for name in ("p1", "p2"):
                rig.received(name)  # p3 and p4 fill up and refuse.
        totals = rig.fabric.port_counters().values()
        assert sum(each.rx_packets for each in totals) == sent
        dropped = sum(each.drops for each in totals)
        assert 0 < dropped < sent
        assert sum(each.tx_packets for each in totals) >= sent - dropped


def mirrored(rig: Rig) -> list[MirroredFrame]:
    return list(read_ring(rig.fabric.state.mirror_rings[0]))


def test_a_mirror_shows_what_came_and_what_left_as_it_was_on_the_wire() -> None:
    vlans = switch([port("a", vlan=access(10)), port("t", vlan=trunk(10))])
    short, long = plain(BROADCAST, mac(1), 60), plain(BROADCAST, mac(1), 3000)
    with Rig(vlans) as rig:
        indices = {name: rig.fabric.index_of(name) for name in ("a", "t")}
        rig.switch("a", short)
        assert mirrored(rig) == []
        rig.fabric.set_mirror("a", MIRROR_RECEIVED)
        rig.fabric.set_mirror("t", MIRROR_RECEIVED | MIRROR_SENT)
        rig.switch("a", short, long)
        rig.switch("t", tagged(short, tag(10)), bytes(3))
        found = [(each.port, each.sent, each.frame) for each in mirrored(rig)]
        assert found == [
            (indices["a"], False, short),
            (indices["a"], False, long),
            (indices["t"], True, tagged(short, tag(10))),
            (indices["t"], True, tagged(long, tag(10))),
            (indices["t"], False, tagged(short, tag(10))),
            (indices["t"], False, bytes(3)),
        ]
        assert mirrored(rig) == []


def test_a_mirror_that_nobody_reads_loses_and_says_how_many_and_goes_on_around_its_end() -> None:
    frame = plain(BROADCAST, mac(1), MAX_FRAME_BYTES)
    record = RECORD_BYTES + MAX_FRAME_BYTES
    with Rig(switch(["p1", "p2"])) as rig:
        ring = rig.fabric.state.mirror_rings[0]
        start = RING_BYTES - 5000 // 8 * 8
        ring.head[0] = ring.tail[0] = start
        rig.fabric.set_mirror("p1", MIRROR_RECEIVED)
        fits = RING_BYTES // record
        for _ in range(fits + 3):
            rig.switch("p1", frame)
        assert (ring.head[0] - ring.tail[0], ring.lost[0]) == (fits * record, 3)
        found = mirrored(rig)
        assert len(found) == fits
        assert all(each.frame == frame and each.original_bytes == len(frame) for each in found)
        rig.switch("p1", frame)
        assert [each.frame for each in mirrored(rig)] == [frame]
        rig.switch("p1", frame)
        skip_ring(ring)
        assert mirrored(rig) == []
