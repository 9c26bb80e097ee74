"""The receive ring of a packet socket, TPACKET_V2 (linux/if_packet.h), in the machine's byte order.

The ring is ``slots`` slots of ``slot_bytes``. The kernel fills them in order and sets TP_STATUS_USER; writing 0 to
the status gives a slot back. A slot::

    0        4        8          12      14     16      20      24          26
    +--------+--------+----------+-------+------+-------+-------+-----------+-----------+------
    | status | length | captured | mac   | net  | sec   | nsec  | VLAN TCI  | VLAN TPID | ...
    +--------+--------+----------+-------+------+-------+-------+-----------+-----------+------

``mac`` is where the frame starts in the slot; the 10 bytes before it are its virtio-net header. The kernel takes the
outer VLAN tag out of a frame and leaves it in the TCI and TPID.
"""

from typing import Final

STATUS: Final = 0
LENGTH: Final = 4
CAPTURED: Final = 8
MAC: Final = 12
VLAN_TCI: Final = 24
VLAN_TPID: Final = 26

STATUS_KERNEL: Final = 0
STATUS_USER: Final = 1
STATUS_VLAN_VALID: Final = 0x10
STATUS_VLAN_TPID_VALID: Final = 0x40

VIRTIO_NIC_BYTES: Final = 10
"""struct virtio_net_hdr, without the count of buffers that TAPs have."""
