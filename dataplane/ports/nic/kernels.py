"""Interfaces of the host: frames out of the packet ring, and into the socket many to a system call."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.libc import EAGAIN, EINTR, ENOBUFS, last_error, sendmmsg
from dataplane.memory import copy_from, load_u16_at, load_u32_at, store_u16_be, store_u32_at
from dataplane.ports.kernels import fail_device, finish_received, point_iovecs
from dataplane.ports.nic.tables import (
    CAPTURED,
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
from dataplane.wire import ETHERNET_TYPE, TYPE_VLAN, VLAN_TAG_BYTES

_STATUS = np.uint64(STATUS)
_CAPTURED = np.uint64(CAPTURED)
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
    """Copy one frame out of the ring, with its tag back in its place."""
    i = vector.count
    frame = slot + np.uint64(load_u16_at(slot + _MAC))
    length = np.int64(load_u32_at(slot + _CAPTURED))
    clear_virtio(arena.heads, i * SLOT_BYTES)
    copy_from(arena.heads, i * SLOT_BYTES, frame - _VIRTIO_BYTES, VIRTIO_NIC_BYTES)
    tag = VLAN_TAG_BYTES if status & STATUS_VLAN_VALID and length >= ETHERNET_TYPE else 0
    at = i * SLOT_BYTES + FRAME_AT
    if tag:
        tpid = load_u16_at(slot + _VLAN_TPID) if status & STATUS_VLAN_TPID_VALID else TYPE_VLAN
        copy_from(arena.heads, at, frame, ETHERNET_TYPE)
        store_u16_be(arena.heads, at + ETHERNET_TYPE, np.uint16(tpid))
        store_u16_be(arena.heads, at + ETHERNET_TYPE + 2, load_u16_at(slot + _VLAN_TCI))
        move_headers(arena.heads, i * SLOT_BYTES, VLAN_TAG_BYTES)
        frame += _ADDRESSES
        at += ETHERNET_TYPE + VLAN_TAG_BYTES
        length -= ETHERNET_TYPE
    room = HEAD_BYTES - (at - i * SLOT_BYTES - FRAME_AT)
    head = min(length, room)
    tail = min(length - head, SPILL_BYTES)
    copy_from(arena.heads, at, frame, head)
    if tail > 0:
        copy_from(arena.tails, i * SPILL_BYTES, frame + np.uint64(head), tail)
    total = head + tail + (ETHERNET_TYPE + VLAN_TAG_BYTES if tag else 0)
    finish_received(vector, i, port, total, now_ns)


@kernel
def send_nic(devices: Any, port: int, messages: int) -> int:
    """Hand the first ``messages`` messages to the socket; return how many it took.

    Precondition: ``add_message`` was called for each. What the socket refuses once is not tried again.
    """
    device = devices.ports[port]
    sent = 0
    while sent < messages:
        first = devices.messages.ctypes.data + np.uint64(sent * devices.messages.itemsize)
        done = sendmmsg(device.descriptor, first, np.uint32(messages - sent), 0)
        if done > 0:
            sent += done
            continue
        error = last_error()
        if error == EINTR:
            continue
        if error not in (EAGAIN, ENOBUFS):
            fail_device(devices, port, error)
        break
    return sent


@kernel
def add_message(devices: Any, vector: Any, arena: Any, message: int, i: int) -> None:
    """Make frame ``i`` the message at that place of the next ``send_nic``."""
    iovecs = devices.send_iovecs[message]
    point_iovecs(iovecs, vector, arena, i, VIRTIO_NIC_BYTES)
    header = devices.messages[message]
    header.iov = np.uint64(iovecs.ctypes.data)
    header.iov_length = IOVECS_PER_FRAME
