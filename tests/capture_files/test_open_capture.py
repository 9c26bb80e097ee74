"""Opening a capture: formats, compression, refusals by name, and warnings that say where."""

import gzip
import io
import sys
from pathlib import Path

import pytest

from dataplane.ports.pcap.errors import CaptureError
from dataplane.ports.pcap.files import Interface, open_capture
from tests.capture_files import craft

FRAMES = [(1, 5, bytes(range(14))), (2, 6, bytes(range(60)))]


def opened(path: Path, content: bytes):  # type: ignore[no-untyped-def]
    path.write_bytes(content)
    return open_capture(path)


def refusal(path: Path, content: bytes) -> str:
    with pytest.raises(CaptureError) as error:
        opened(path, content)
    return str(error.value).replace(str(path), "FILE")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "tick_ns"), [(craft.MICROSECONDS, 1000), (craft.NANOSECONDS, 1), (craft.MODIFIED, 1000)]
)
def test_classic_variants(tmp_path: Path, order: str, magic: int, tick_ns: int) -> None:
    capture = opened(tmp_path / "x", craft.classic(FRAMES, order, magic))
    assert [int(t) for t in capture.frames.timestamp_ns] == [10**9 + 5 * tick_ns, 2 * 10**9 + 6 * tick_ns]
    assert [capture.frame(i) for i in range(2)] == [frame[2] for frame in FRAMES]
    assert capture.warnings == ()
    assert capture.interfaces == (Interface("number 0", 1, 2),)


def test_pcapng_sections_number_their_interfaces_through_the_file(tmp_path: Path) -> None:
    two = [craft.section(o) + craft.interface(o, name=f"if{o}") + craft.enhanced(b"x" * 14, 7, 0, o) for o in "<>"]
    capture = opened(tmp_path / "x", b"".join(two))
    assert capture.frames.input.tolist() == [0, 1]
    assert capture.frames.timestamp_ns.tolist() == [7000, 7000]
    assert capture.interfaces == (Interface("if<", 1, 1), Interface("if>", 1, 1))


def test_a_simple_packet_takes_the_time_of_the_frame_before(tmp_path: Path) -> None:
    blocks = craft.section() + craft.interface() + craft.enhanced(b"a" * 14, 5) + craft.simple(b"b" * 14)
    assert opened(tmp_path / "x", blocks).frames.timestamp_ns.tolist() == [5000, 5000]


@pytest.mark.parametrize("members", [1, 2])
def test_gzip_is_known_by_its_magic_whatever_the_name(tmp_path: Path, members: int) -> None:
    whole = craft.classic(FRAMES)
    cut = len(whole) // members
    packed = b"".join(gzip.compress(whole[i * cut : (i + 1) * cut]) for i in range(members))
    assert len(opened(tmp_path / "x.pcap", packed).frames) == 2


def test_gzip_ignores_what_follows_the_last_member(tmp_path: Path) -> None:
    assert opened(tmp_path / "x", gzip.compress(craft.classic(FRAMES)) + bytes(512)).warnings == ()


def test_truncated_gzip_is_read_up_to_the_break(tmp_path: Path) -> None:
    packed = gzip.compress(craft.classic(FRAMES * 50))[:-20]
    capture = opened(tmp_path / "x", packed)
    assert f"x: gzip data cut short at byte {len(packed)}" in capture.warnings[0]
    assert 0 < len(capture.frames) <= 100


def test_damaged_gzip_is_read_up_to_the_damage(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(craft.classic(FRAMES * 50)))
    packed[-8:-4] = b"\0\0\0\0"  # The check sum: everything before it is there.
    capture = opened(tmp_path / "x", bytes(packed))
    assert len(capture.frames) == 100
    assert "damaged gzip data" in capture.warnings[0]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.TextIOWrapper(io.BytesIO(craft.classic(FRAMES)))
    monkeypatch.setattr(sys, "stdin", content)
    assert len(open_capture("-").frames) == 2


def test_an_index_larger_than_the_first_estimate(tmp_path: Path) -> None:
    sizes = [1500] * 4200 + [14] * 9_000
    capture = opened(tmp_path / "x", craft.classic([(i, 0, bytes(size)) for i, size in enumerate(sizes)]))
    assert capture.frames.captured_bytes.tolist() == sizes
    assert capture.frames.timestamp_ns.tolist() == [i * 10**9 for i in range(len(sizes))]


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (1, "truncated: expected a frame of 60 bytes, found 59"),
        (61, "truncated: expected a header of 16 bytes, found 15"),
    ],
)
def test_a_truncated_file_is_read_up_to_the_break(tmp_path: Path, cut: int, reason: str) -> None:
    capture = opened(tmp_path / "x", craft.classic(FRAMES)[:-cut])
    assert len(capture.frames) == 1
    assert capture.warnings == (f"{tmp_path / 'x'}: {reason}, at byte 54, frame 2; the frames before it are read",)


def test_garbage_between_frames_is_where_reading_ends(tmp_path: Path) -> None:
    garbage = craft.classic(FRAMES) + b"\xff" * 5000
    (warning,) = opened(tmp_path / "x", garbage).warnings
    expected = "damaged: expected a frame of at most 262144 bytes, found one of 4294967295, at byte 130, frame 3"
    assert expected in warning


def test_frames_cut_by_the_capture_are_counted_in_one_warning(tmp_path: Path) -> None:
    (warning,) = opened(tmp_path / "x", craft.classic(FRAMES, cut=100)).warnings
    assert warning.endswith("x: 2 of 2 frames were captured shorter than they were")


def test_a_check_sequence_in_the_frames_is_mentioned(tmp_path: Path) -> None:
    (warning,) = opened(tmp_path / "x", craft.classic(FRAMES, link=1 | 2 << 28 | 1 << 26)).warnings
    assert warning.endswith("x: 2 of 2 frames end with a check sequence, which stays in them")


def test_upper_bits_of_the_link_type_that_mean_nothing_are_ignored(tmp_path: Path) -> None:
    assert opened(tmp_path / "x", craft.classic(FRAMES, link=0x30000001)).warnings == ()


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (113, "Linux cooked v1 (113)"),
        (101, "raw IP (101)"),
        (127, "802.11 radiotap (127)"),
        (149, "private use (149)"),
        (54321, "link type 54321"),
    ],
)
def test_other_link_types_are_refused_by_name(tmp_path: Path, link: int, name: str) -> None:
    expected = f"FILE: expected the link type Ethernet (1), found {name}"
    assert refusal(tmp_path / "x", craft.classic(FRAMES, link=link)) == expected


def test_an_interface_that_is_not_ethernet_is_refused_if_it_carries_frames(tmp_path: Path) -> None:
    mixed = craft.section() + craft.interface(name="eth0") + craft.interface(link=113, name="any")
    assert len(opened(tmp_path / "x", mixed + craft.enhanced(b"x" * 14)).frames) == 1
    refused = refusal(tmp_path / "x", mixed + craft.enhanced(b"x" * 14, number=1))
    assert refused == "FILE: expected the link type Ethernet (1), found Linux cooked v1 (113) on interface any"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "FILE: expected a pcap or pcapng capture, found an empty file"),
        (
            b"hello world",
            "FILE: expected a pcap or pcapng capture, found a file that begins with the bytes 68 65 6c 6c",
        ),
        (
            b"\x28\xb5\x2f\xfd....",
            "FILE: expected a pcap or pcapng capture, found zstd data: unpack it first",
        ),
        (gzip.compress(b"", mtime=0), "FILE: expected a pcap or pcapng capture, found an empty file"),
        (craft.classic()[:20], "FILE: expected a file header of 24 bytes, found 20"),
        (craft.classic(version=(3, 0)), "FILE: expected pcap version 2.x, found 3.0"),
        (
            craft.section()[:20],
            "FILE: truncated: expected a block of 28 bytes, found 20, in the first block",
        ),
        (
            craft.section(major=2),
            "FILE: not understood: expected a section of major version 1, found 2, in the first block",
        ),
    ],
)
def test_what_is_no_capture_is_refused_with_what_was_found(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert refusal(tmp_path / "x", content) == sentence


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nowhere: cannot be read: No such file or directory"):
        open_capture(tmp_path / "nowhere")
    with pytest.raises(CaptureError, match="cannot be read: Is a directory"):
        open_capture(tmp_path)
