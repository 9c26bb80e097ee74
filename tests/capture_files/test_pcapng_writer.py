"""The live writer: what it sends is pcapng at every moment, and tshark reads it from a pipe while it is written."""

import io
import os
import selectors
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from dataplane.ports.pcap.files import open_capture
from dataplane.ports.pcap.pcapng import CapturedPacket, Direction, PcapngWriter, packet_block

FRAME = bytes.fromhex("ffffffffffff020000000001 0800") + b"payload"


def test_a_packet_block_byte_by_byte() -> None:
    packet = CapturedPacket((5 << 32) + 6, 1, b"12345", Direction.OUTBOUND, original_bytes=9, comment="why")
    assert packet_block(packet) == b"".join(
        [
            struct.pack("<II", 6, 60),
            struct.pack("<IIIII", 1, 5, 6, 5, 9) + b"12345\0\0\0",
            struct.pack("<HH", 1, 3) + b"why\0",
            struct.pack("<HHI", 2, 4, 2),
            struct.pack("<HH", 0, 0),
            struct.pack("<I", 60),
        ]
    )


def test_it_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "live.pcapng"
    with path.open("wb") as stream:
        writer = PcapngWriter(stream, ["web"])
        writer.write([CapturedPacket(1_000_000_001, 0, FRAME, Direction.INBOUND)])
        late = writer.add_interface("db")
        writer.write([CapturedPacket(2_000_000_002, late, FRAME + b"more", original_bytes=100)])
    capture = open_capture(path)
    assert [interface.name for interface in capture.interfaces] == ["web", "db"]
    assert capture.frames.timestamp_ns.tolist() == [1_000_000_001, 2_000_000_002]
    assert [capture.frame(0), capture.frame(1)] == [FRAME, FRAME + b"more"]
    assert capture.frames.original_bytes.tolist() == [len(FRAME), 100]


def test_every_batch_leaves_a_whole_file(tmp_path: Path) -> None:
    stream = io.BytesIO()
    writer = PcapngWriter(stream, ["web"])
    for count in range(3):
        (tmp_path / "sofar").write_bytes(stream.getvalue())
        capture = open_capture(tmp_path / "sofar")
        assert (len(capture.frames), capture.warnings) == (2 * count, ())
        writer.write([CapturedPacket(count, 0, FRAME)] * 2)


def test_a_packet_of_an_interface_that_was_not_described_is_refused() -> None:
    writer = PcapngWriter(io.BytesIO(), ["web"])
    with pytest.raises(ValueError, match="expected an interface below 1, found 1"):
        writer.write([CapturedPacket(0, 1, FRAME)])


FIELDS = ("frame.interface_name", "frame.packet_flags_direction", "frame.comment", "frame.len", "frame.time_epoch")


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_tshark_shows_each_packet_as_it_is_written_to_the_pipe() -> None:
    wanted = [argument for name in FIELDS for argument in ("-e", name)]
    command = ["tshark", "-l", "-n", "-i", "-", "-T", "fields", *wanted]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    environment = {**os.environ, "TZ": "UTC"}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null, bufsize=0, env=environment) as tshark:
        assert tshark.stdin
        writer = PcapngWriter(tshark.stdin, ["web", "db"])
        writer.write([CapturedPacket(1_700_000_000_123_456_789, 0, FRAME, Direction.INBOUND)])
        assert next_packet(tshark) == ["web", "0x00000001", "", "21", "1700000000.123456789"]
        comment = "dropped: isolated"
        writer.write([CapturedPacket(1_700_000_001_000_000_001, 1, FRAME, Direction.OUTBOUND, comment=comment)])
        assert next_packet(tshark) == ["db", "0x00000002", comment, "21", "1700000001.000000001"]
        tshark.stdin.close()
        assert tshark.wait(30) == 0


def next_packet(tshark: subprocess.Popen[bytes]) -> list[str]:
    """The fields of the next packet that tshark prints; fails if it prints none."""
    assert tshark.stdout
    with selectors.DefaultSelector() as selector:
        selector.register(tshark.stdout, selectors.EVENT_READ)
        if not selector.select(timeout=60):
            pytest.fail("tshark shows nothing of what was written")
    return tshark.stdout.readline().decode().rstrip("\n").split("\t")
