"""Interfaces of the host: frames out of the packet ring, and into the socket many to a system call."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.libc import EAGAIN, EINTR, last_error, sendmmsg
from dataplane.memory import copy_from, load_u16_at, load_u32_at, store_u16_be, store_u32_at
from dataplane.ports.kernels import fail_device, finish_received, means_gone, point_iovecs
from dataplane.ports.nic.tables import (
    CAPTURED,
    LENGTH,
    MAC,
    STATUS,
    STATUS_KERNEL,
    STATUS_USER,
    STATUS_VLAN_TPID_VALID,
    STATUS_VLAN_VALID,
    VIRTIO_NIC_BYTES,
    VLAN_TCI,
    VLAN_TPID,
)
from dataplane.ports.tables import IOVECS_PER_FRAME
from dataplane.vector import FRAME_AT, HEAD_BYTES, SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import clear_virtio, move_headers
from dataplane.wire import ETHERNET_TYPE, MAX_FRAME_BYTES, TYPE_VLAN, VLAN_TAG_BYTES

_STATUS = np.uint64(STATUS)
_CAPTURED = np.uint64(CAPTURED)
_LENGTH = np.uint64(LENGTH)
_MAC = np.uint64(MAC)
_VLAN_TCI = np.uint64(VLAN_TCI)
_VLAN_TPID = np.uint64(VLAN_TPID)
_VIRTIO_BYTES = np.uint64(VIRTIO_NIC_BYTES)
_ADDRESSES = np.uint64(ETHERNET_TYPE)


@kernel
def receive_nic(devices: Any, port: int, vector: Any, arena: Any, now_ns: int) -> None:
    """Append to the vector what the ring holds, as far as there is room, and give the slots back to the kernel."""
    device = devices.ports[port]
    while vector.count < devices.vector_limit:
        slot = device.ring + np.uint64(device.next_slot) * np.uint64(device.slot_bytes)
        status = load_u32_at(slot + _STATUS)
        if status & STATUS_USER == 0:
            return
        copy_slot(vector, arena, slot, status, port, now_ns)
        vector.count += 1
        store_u32_at(slot + _STATUS, np.uint32(STATUS_KERNEL))
        device.next_slot = (device.next_slot + 1) % device.slots


@kernel
def copy_slot(vector: Any, arena: Any, slot: int, status: int, port: int, now_ns: int) -> None:
    """Copy one frame out of the ring, with its tag back in its place; one that was cut becomes too long to pass."""
    i = vector.count
    frame = slot + np.uint64(load_u16_at(slot + _MAC))
    captured = np.int64(load_u32_at(slot + _CAPTURED))
    full_length = np.int64(load_u32_at(slot + _LENGTH))
    start = i * SLOT_BYTES + FRAME_AT
    clear_virtio(arena.heads, i * SLOT_BYTES)
    copy_from(arena.heads, i * SLOT_BYTES, frame - _VIRTIO_BYTES, VIRTIO_NIC_BYTES)
    at = start
    rest = captured
    if status & STATUS_VLAN_VALID and captured >= ETHERNET_TYPE:
        tpid = load_u16_at(slot + _VLAN_TPID) if status & STATUS_VLAN_TPID_VALID else TYPE_VLAN
        copy_from(arena.heads, at, frame, ETHERNET_TYPE)
        store_u16_be(arena.heads, at + ETHERNET_TYPE, np.uint16(tpid))
        store_u16_be(arena.heads, at + ETHERNET_TYPE + 2, load_u16_at(slot + _VLAN_TCI))
        move_headers(arena.heads, i * SLOT_BYTES, VLAN_TAG_BYTES)
        frame += _ADDRESSES
        at += ETHERNET_TYPE + VLAN_TAG_BYTES
        rest -= ETHERNET_TYPE
    head = min(rest, start + HEAD_BYTES - at)
    tail = min(rest - head, SPILL_BYTES)
    copy_from(arena.heads, at, frame, head)
    copy_from(arena.tails, i * SPILL_BYTES, frame + np.uint64(head), tail)
    finish_received(vector, i, port, at - start + head + tail, now_ns)
    if full_length > captured or rest > head + tail:
        clear_virtio(arena.heads, i * SLOT_BYTES)
        vector.length[i] = max(full_length, MAX_FRAME_BYTES + 1)


@kernel
def send_nic(devices: Any, port: int, messages: int) -> None:
    """Hand the first ``messages`` messages to the socket; ``sent_bytes`` of each is 0 if it was refused.

    Precondition: ``add_message`` was called for each. A frame that is refused for its own sake (longer than the
    interface takes, dropped by its queue) does not stop those behind it; a full socket does. None is tried again.
    """
    device = devices.ports[port]
    first = 0
    while first < messages:
        address = devices.messages.ctypes.data + np.uint64(first * devices.messages.itemsize)
        done = sendmmsg(device.descriptor, address, np.uint32(messages - first), 0)
        if done > 0:
            first += done
            continue
        error = last_error()
        if error == EINTR:
            continue
        if means_gone(error):
            fail_device(devices, port, error)
            return
        if error == EAGAIN:
            return
        first += 1


@kernel
def add_message(devices: Any, vector: Any, arena: Any, message: int, i: int) -> None:
    """Make frame ``i`` the message at that place of the next ``send_nic``."""
    iovecs = devices.send_iovecs[message]
    point_iovecs(iovecs, vector, arena, i, VIRTIO_NIC_BYTES)
    header = devices.messages[message]
    header.iov = np.uint64(iovecs.ctypes.data)
    header.iov_length = IOVECS_PER_FRAME
    header.sent_bytes = 0
