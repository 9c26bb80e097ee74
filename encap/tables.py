"""What the overlay is made of: this node's tunnel endpoint (VTEP), its networks' VNIs, and what other nodes have.

One port of the fabric, the *tunnel*, stands for all other nodes; which of them is meant, the vector's column ``remote``
says: a peer's number, ``EVERY_PEER`` or ``NO_PEER``. In the FDB a *place* is a port, or ``MAX_PORTS`` + a peer.

There are two records, since two things change at different times:

  - ``OVERLAY_DTYPE``, in two copies of which one is in force: the VTEP's settings, and which VNI a domain has.
  - ``REMOTES_DTYPE``, one copy, changed in place while workers read: peers, which of them take part in which network,
    and the index of all addresses that are known to be elsewhere, or a port's here. The agent is its only writer.

The index is one hash table of entries of 32 bytes, two to a cache line, found by linear probing. What an entry's key is
says its tag: a VTEP's address, a MAC in a domain, or an IP address::

    tag    63       32 31      16 15        0      value  63       48 47                             0
          +-----------+----------+-----------+           +-----------+--------------------------------+
          |     0     | kind     | domain    |           | peer      | MAC, first byte lowest, or 0   |
          +-----------+----------+-----------+           +-----------+--------------------------------+
    key    VTEP, ADDRESS: the 16 bytes of the address, two halves in host order, IPv4 mapped. Inner addresses are looked
           up within their network's domain. LINK: the MAC in the lower half.

Invariants
  - A look-up begins at the key's home and ends at the key, at the first ``EMPTY`` entry, or after ``PROBE_LIMIT``.
    A removed entry becomes ``EMPTY`` only if the one behind it is; else ``REMOVED``.
  - Whoever inserts writes key and value, then the tag. Whoever removes writes the tag first. A reader takes the tag and
    the key again after the value, so it never has one key's value for another's.
  - A peer's row is written before anything names it, and its number is given to another only when no worker can be
    reading it any more, and when what the FDB has learned of it has aged.

Full: an endpoint that finds no entry within reach, or a peer beyond ``MAX_PEERS``, is refused, and all stays as it was.
"""

from typing import Final

import numpy as np

from dataplane.vector import DOMAINS, EVERY_PEER, MAX_PEERS, MAX_PORTS

VNIS: Final = 1024
VNI_SLOTS: Final = 4 * VNIS
"""The table from a VNI to its domain is a quarter full at most; its home is the VNI's last bits."""

SOCKET: Final = 0
RAW: Final = 1

INHERIT: Final = 64
"""A DSCP that stands for the inner packet's."""

SOCKET_ADDRESS_BYTES: Final = 32

OVERLAY_DTYPE: Final = np.dtype(
    [
        # Whether there is an overlay, by which port, and how it travels.
        ("is_on", "u1"),
        ("transport", "u1"),
        ("port", "u2"),
        ("udp_port", "u2"),
        ("ttl", "u1"),
        ("dscp", "u1"),
        ("checksums", "u1"),
        ("learns", "u1"),
        ("has_groups", "u1"),
        # RAW: the port, the domain and the router's interface by which encapsulated frames come and go.
        ("underlay_port", "u2"),
        ("underlay_domain", "u2"),
        ("underlay_interface", "u2"),
        # The VTEP's own address, and the multicast group that stands for all peers, 0 if each gets a copy of its own.
        ("address_high", "u8"),
        ("address_low", "u8"),
        ("group_high", "u8"),
        ("group_low", "u8"),
        ("group_socket_address", "u1", (SOCKET_ADDRESS_BYTES,)),
        ("group_socket_address_bytes", "u4"),
        # Of each domain: its VNI + 1 (0: it is no overlay's), the largest IP packet, whether inner tags pass.
        ("vni_of_domain", "u4", (DOMAINS,)),
        ("mtu_of_domain", "u2", (DOMAINS,)),
        ("keeps_tags", "u1", (DOMAINS,)),
        # From a VNI to its domain: VNI + 1, 0 for an empty slot.
        ("slot_vni", "u4", (VNI_SLOTS,)),
        ("slot_domain", "u2", (VNI_SLOTS,)),
        # The group (GBP) of what comes in by a port.
        ("group_of_port", "u2", (MAX_PORTS,)),
    ],
    align=True,
)
"""``checksums``: whether outer UDP checksums are written; ``has_groups``: whether the group policy extension is."""

PEER_DTYPE: Final = np.dtype(
    [
        ("address_high", "u8"),
        ("address_low", "u8"),
        ("socket_address", "u1", (SOCKET_ADDRESS_BYTES,)),
        ("socket_address_bytes", "u4"),
    ],
    align=True,
)
"""One other node: its VTEP's address, and the same as ``struct sockaddr_in`` or ``sockaddr_in6`` with the port."""

VTEP: Final = np.uint64(1 << 16)
LINK: Final = np.uint64(2 << 16)
ADDRESS: Final = np.uint64(3 << 16)
"""Tags without their domain; a VTEP's has none."""
EMPTY: Final = np.uint64(0)
REMOVED: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

PEER_SHIFT: Final = np.uint64(48)
ABSENT: Final = np.uint64(0)
"""The value of no entry: peer 0 is nobody."""
HERE: Final = EVERY_PEER
"""The peer of what this node's own ports have: no other may speak for it, and nothing for its MAC goes to another."""

ENTRY_DTYPE: Final = np.dtype([("tag", "u8"), ("high", "u8"), ("low", "u8"), ("value", "u8", (1,))], align=True)
ENDPOINTS: Final = 65536
"""How many endpoints the index holds, each with a MAC and an address; those of this node's own ports count as well."""
ENTRIES: Final = 4 * ENDPOINTS
PROBE_LIMIT: Final = 128
SPREAD: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
"""Every key is multiplied by it before it is hashed. Addresses and MACs count up by steps, of endpoints and of nodes:
under one multiplier in a hundred, such keys as they are meet in runs of hundreds of entries."""

MEMBER_WORDS: Final = MAX_PEERS // 64

REMOTES_DTYPE: Final = np.dtype(
    [
        # First, so that no entry lies in two cache lines.
        ("entry", ENTRY_DTYPE, (ENTRIES,)),
        ("multiplier", "u8"),
        ("shift", "u8"),
        ("peer", PEER_DTYPE, (MAX_PEERS,)),
        # Which peers get what is flooded in a domain: how many, and peer p in bit p % 64 of word p // 64.
        ("members", "u2", (DOMAINS,)),
        ("member_bits", "u8", (DOMAINS, MEMBER_WORDS)),
    ],
    align=True,
)


def initialize_remotes(remotes: np.record, random: np.random.Generator) -> None:
    """Make the zeroed record that of a node that knows no other; its hash multiplier is a secret."""
    remotes.multiplier = int(random.integers(0, 1 << 64, dtype=np.uint64)) | 1
    remotes.shift = 64 - (ENTRIES.bit_length() - 1)
