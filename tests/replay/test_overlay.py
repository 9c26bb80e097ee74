"""`tapestry replay` of a node in an overlay: captures of stations go out wrapped, wrapped ones come out unwrapped."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from typer.testing import CliRunner

from control.cli import build_app
from tests.arrival_files import frames_in
from tests.generate.overlays import told_by
from tests.naive.ecn import traffic_class
from tests.naive.interfaces import router_mac
from tests.overlay.kernel_encapsulation import Tunnel, encapsulate
from tests.overlay.outer import Outer
from tests.packets import mac, mac_text
from tests.replay.captures import write_capture
from tests.rows.overlay.world import Underlay
from tests.rows.router.world import tcp, udp

OWN = {4: "192.0.2.10", 6: "2001:db8::10"}
OTHER = {4: "192.0.2.20", 6: "2001:db8::20"}
NEXT_HOP = mac(0x20)
OWN_MAC = router_mac("test", "")
HERE, THERE = mac(0x12), mac(0x52)
VNI = 4242
CONFIGURATION = """
node: test
networks:
  - {{name: blue, mode: overlay, vni: {vni}, subnets: [10.1.0.0/24, "fd00:1::/64"]}}
ports:
  - {{name: b1, network: blue, pcap: {{}}, addresses: [10.1.0.2, "fd00:1::2"], mac: "{here}"}}
  - {{name: b2, network: blue, pcap: {{}}}}
  - {{name: wan, pcap: {{}}}}
uplink: {{mode: port, port: wan, addresses: [192.0.2.10/24, "2001:db8::10/64"]}}
overlay:
  address: "{own}"
  transport: raw
  peers:
    - node: node2
      address: "{other}"
      endpoints:
        - {{network: blue, address: 10.1.0.22, mac: "{there}"}}
        - {{network: blue, address: "fd00:1::22", mac: "{there}"}}
"""
each_version = pytest.mark.parametrize("version", [4, 6])


def between(source: bytes, destination: bytes, *packets: Packet) -> list[bytes]:
    """Return frames that carry these packets."""
    return [bytes(Ether(src=mac_text(source), dst=mac_text(destination)) / packet) for packet in packets]


TO_THERE = between(
    HERE,
    THERE,
    udp("10.1.0.2", "10.1.0.22"),
    tcp("10.1.0.2", "10.1.0.22", tos=0xB8),
    udp("fd00:1::2", "fd00:1::22", body=bytes(1200)),
    tcp("fd00:1::2", "fd00:1::22", tc=2),
    Raw(bytes(46)),
)
FROM_THERE = between(
    THERE,
    HERE,
    udp("10.1.0.22", "10.1.0.2", body=b"odd"),
    tcp("10.1.0.22", "10.1.0.2", flags="SA"),
    udp("fd00:1::22", "fd00:1::2", body=bytes(1300)),
    Raw(bytes(1400)),
)


def replay(folder: Path, version: int, inputs: dict[str, Sequence[bytes]]) -> dict[str, list[bytes]]:
    """Replay captures of frames a millisecond apart, port after port; return what each port's capture holds."""
    texts = {"vni": VNI, "own": OWN[version], "other": OTHER[version]}
    macs = {"here": mac_text(HERE), "there": mac_text(THERE)}
    (folder / "node.yaml").write_text(CONFIGURATION.format(**texts, **macs))
    arguments = ["replay", "--config", str(folder / "node.yaml"), "--out-dir", str(folder / "out")]
    now_ns = 10**9
    for port, frames in inputs.items():
        timed = [(now_ns + at * 10**6, frame) for at, frame in enumerate(frames)]
        now_ns += len(frames) * 10**6
        arguments += ["--in", f"{port}={write_capture(folder / f'{port}.in', timed)}"]
    result = CliRunner().invoke(build_app("replay"), arguments)
    assert result.exit_code == 0, f"{result.output}{result.exception}"
    return {path.stem: [frame for _, frame in frames_in(path)] for path in (folder / "out").glob("*.pcap")}


def wrapped(version: int, source: str, destination: str, frame: bytes) -> Packet:
    return Underlay(version).envelope(source, destination, frame, vni=VNI, tos=traffic_class(frame) or 0)


@pytest.mark.kernel
@each_version
def test_what_stations_send_is_written_wrapped(tmp_path: Path, version: int) -> None:
    out = replay(tmp_path, version, {"wan": [told_by(NEXT_HOP, ip_address(OTHER[version]), OWN_MAC)], "b1": TO_THERE})
    ends = OWN[version], OTHER[version]
    macs = {"src": mac_text(OWN_MAC), "dst": mac_text(NEXT_HOP)}
    expected = [Outer(bytes(Ether(**macs) / wrapped(version, *ends, frame))) for frame in TO_THERE]
    found = [Outer(packet) for packet in out["wan"][-len(TO_THERE) :]]
    assert [each.settled(labelled=False) for each in found] == [each.settled() for each in expected]
    assert all(each.label == each.dissected[UDP].sport for each in found if version == 6), "RFC 6438"
    assert all(each.has_true_checksums() for each in found)
    assert out["b2"] == []


@pytest.mark.kernel
@each_version
def test_what_is_wrapped_is_written_as_it_was(tmp_path: Path, version: int) -> None:
    macs = {"dst": mac_text(OWN_MAC), "src": mac_text(NEXT_HOP)}
    ends = OTHER[version], OWN[version]
    coming = [bytes(Ether(**macs) / wrapped(version, *ends, frame)) for frame in FROM_THERE]
    hello = between(HERE, b"\xff" * 6, Raw(bytes(46)))
    out = replay(tmp_path, version, {"b1": hello, "wan": coming})
    assert out["b1"] == FROM_THERE
    assert out["b2"] == hello


@pytest.mark.netns
@each_version
def test_what_the_kernel_has_wrapped_is_written_as_it_was(tmp_path: Path, version: int) -> None:
    packets = encapsulate(FROM_THERE, Tunnel(VNI, OTHER[version], OWN[version], checksum=version == 6))
    coming = [OWN_MAC + packet[6:] for packet in packets]
    hello = between(HERE, b"\xff" * 6, Raw(bytes(46)))
    out = replay(tmp_path, version, {"b1": hello, "wan": coming})
    assert out["b1"] == FROM_THERE


@pytest.mark.netns
@each_version
def test_what_is_written_is_what_the_kernel_would_send(tmp_path: Path, version: int) -> None:
    kernels = encapsulate(TO_THERE, Tunnel(VNI, OWN[version], OTHER[version], checksum=version == 6))
    out = replay(tmp_path, version, {"wan": [told_by(NEXT_HOP, ip_address(OTHER[version]), OWN_MAC)], "b1": TO_THERE})
    found = [Outer(packet) for packet in out["wan"][-len(TO_THERE) :]]
    assert [each.settled(labelled=False) for each in found] == [Outer(packet).settled() for packet in kernels]
