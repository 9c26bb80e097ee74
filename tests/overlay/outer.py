"""The headers around a frame, compared between whoever wrote them.

What differs by nature is set aside here: the MACs of the underlay's link, and, each with a test of its own, the source
port, which is each one's own hash of the flow, the identification of IPv4, and the checksums that follow from these.
"""

from dataclasses import dataclass

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

PLACEHOLDER_MAC = "02:00:00:00:00:00"


@dataclass(frozen=True)
class Outer:
    """One packet of the underlay, from its Ethernet header on."""

    packet: bytes

    @property
    def dissected(self) -> Packet:
        return Ether(self.packet)

    @property
    def source_port(self) -> int:
        return int(self.dissected[UDP].sport)

    @property
    def identification(self) -> int:
        return int(self.dissected[IP].id)

    @property
    def frame(self) -> bytes:
        """The inner frame."""
        return bytes(self.dissected[VXLAN].payload)

    @property
    def congestion(self) -> int:
        """The ECN field."""
        header = self.dissected.payload
        return int(header.tc if isinstance(header, IPv6) else header.tos) & 3

    @property
    def label(self) -> int:
        """The flow label of IPv6."""
        return int(self.dissected[IPv6].fl)

    def settled(self, labelled: bool = True) -> bytes:
        """Return all of it with what differs by nature set to one value; a UDP checksum that is there stays there.

        Unless ``labelled`` the flow label of IPv6 is set aside too.
        """
        packet = self.dissected
        if not labelled and isinstance(packet.payload, IPv6):
            packet.payload.fl = 0
        packet.src = packet.dst = PLACEHOLDER_MAC
        packet[UDP].sport = 0
        if packet[UDP].chksum:
            del packet[UDP].chksum
        if isinstance(packet.payload, IP):
            packet[IP].id = 0
            del packet[IP].chksum
        return bytes(packet)

    def has_true_checksums(self) -> bool:
        """Return whether its IPv4 and UDP checksums are right, the latter also if there is none."""
        again = self.dissected
        if isinstance(again.payload, IP):
            del again[IP].chksum
        if again[UDP].chksum:
            del again[UDP].chksum
        return bytes(again) == self.packet
