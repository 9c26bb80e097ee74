"""TAPs that the fabric forwards through: made or found inside a namespace, configured, and ready for a worker.

Goals: one call leaves a TAP ready for a worker (12-byte virtio-net header, offloads, never blocking); a TAP that was
there before (`ip tuntap add`, QEMU, libvirt) is used and left in place; each refusal says what to do.

Limits: one queue a TAP. The kernel's send buffer and queue lengths stay at their defaults.

A TAP that we made goes when its last descriptor is closed: agent and workers each hold one. Facts (measured on Linux
6.18, and pinned by tests/host/test_tap_recovery.py):

  - Link down: write gives EIO, read gives EAGAIN, poll reports nothing; it works again after link up.
  - The TAP deleted inside its namespace (`ip link del`): read and write give EBADFD, poll reports POLLERR. The
    descriptor is of no use any more and `open_tap` makes the device anew, whether the old descriptor is closed or not.
  - The namespace's name deleted (`ip netns del`, a container that ended): nothing at all happens to the descriptor,
    which keeps the namespace alive. `watch.py` notices, and whoever holds descriptors closes them.
  - The namespace made anew under its name: `open_tap` works whether or not the old descriptor is closed.
  - The device renamed or moved into another namespace by somebody: the descriptor keeps working.
"""

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from control.errors import UserError
from control.host.links import LinkSettings, _ask_for_link, configure_link, is_tap
from control.host.namespaces import NamespaceIdentity, describe_namespace, identify_namespace, run_in_namespace
from control.host.tap_holders import find_tap_holder
from control.host.tun import TapDescriptor, attach_tap, require_tun_device
from control.model import Address, Interface

IFNAME_BYTES = 15
"""IFNAMSIZ without the terminating zero."""


@dataclass(frozen=True, slots=True)
class OpenTap:
    """An attached TAP. ``made``: the device goes when every copy of ``fd`` is closed; else it stays as it was found."""

    fd: int
    ifindex: int
    made: bool
    multi_queue: bool
    namespace: NamespaceIdentity


def open_tap(
    netns: str | None,
    ifname: str,
    *,
    mac: bytes = b"",
    mtu: int = 1500,
    addresses: Sequence[Interface] = (),
    gateways: Sequence[Address] = (),
    offloads: bool = True,
) -> OpenTap:
    """Make the TAP ``ifname`` in the namespace or attach to the one there, configure it and set it up.

    In a namespace given by name or path it gets ``mac`` (six bytes; empty: the kernel's choice), ``addresses`` and
    default routes by ``gateways``. In the agent's own (None) without addresses only the MTU is set: whoever prepared
    the machine decides the rest. With ``offloads`` it hands over superframes and partial checksums (`tun.attach_tap`).
    UserError: no such namespace, no /dev/net/tun, not permitted, the name is taken or not a name, the TAP is held.
    """
    require_interface_name(ifname)
    namespace = identify_namespace(netns)
    require_tun_device()
    is_ours_to_configure = netns is not None or bool(addresses)
    settings = LinkSettings(mac=mac if is_ours_to_configure else b"", mtu=mtu, addresses=addresses, gateways=gateways)
    return run_in_namespace(netns, lambda: _open_here(netns, namespace, ifname, settings, offloads))


def require_interface_name(ifname: str) -> None:
    """Raise UserError unless the kernel would take it as an interface's name, as it stands."""
    is_name = 0 < len(os.fsencode(ifname)) <= IFNAME_BYTES and ifname not in (".", "..")
    if not is_name or any(character.isspace() or character in "/:%\0" for character in ifname):
        raise UserError(
            f"'{ifname}' cannot name an interface: expected 1 to {IFNAME_BYTES} bytes without space, '/', ':' or '%'"
        )


def _open_here(
    netns: str | None, namespace: NamespaceIdentity, ifname: str, settings: LinkSettings, offloads: bool
) -> OpenTap:
    try:
        tap = attach_tap(ifname, offloads)
    except OSError as error:
        raise UserError(_refusal(netns, namespace, ifname, error)) from error
    try:
        if tap.multi_queue:
            _require_only_holder(netns, namespace, ifname)
        index = socket.if_nametoindex(ifname)
        configure_link(index, ifname, settings)
    except BaseException:
        os.close(tap.fd)
        raise
    return _as_open_tap(tap, index, namespace)


def _as_open_tap(tap: TapDescriptor, index: int, namespace: NamespaceIdentity) -> OpenTap:
    return OpenTap(fd=tap.fd, ifindex=index, made=tap.made, multi_queue=tap.multi_queue, namespace=namespace)


def _refusal(netns: str | None, namespace: NamespaceIdentity, ifname: str, error: OSError) -> str:
    where = describe_namespace(netns)
    if error.errno == errno.EBUSY:
        return _held(netns, namespace, ifname)
    if error.errno == errno.EINVAL:
        return _name_taken(netns, ifname)
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"no permission to open the TAP '{ifname}' in {where}: run as root (CAP_NET_ADMIN)"
    return f"cannot open the TAP '{ifname}' in {where}: {error.strerror or error}"


def _name_taken(netns: str | None, ifname: str) -> str:
    where = describe_namespace(netns)
    message = _ask_for_link(ifname)
    if message is None or is_tap(message):
        return f"the kernel refuses to open the TAP '{ifname}' in {where} (Invalid argument)"
    kind = message.get(("linkinfo", "kind")) or "hardware"
    # A packet socket reaches the agent's own namespace only.
    alternative = f", or attach that interface with nic: {{ifname: {ifname}}}" if netns is None else ""
    return f"'{ifname}' in {where} is taken: it is no TAP (kind {kind}); give the port another ifname{alternative}"


def _held(netns: str | None, namespace: NamespaceIdentity, ifname: str) -> str:
    holder = find_tap_holder(ifname, namespace)
    whose = f"process {holder.pid} ({holder.command})" if holder else "another process"
    alternative = "give the port another ifname"
    if netns is None:
        alternative = f"if it is a VM that sends through it, attach its other side with nic: {{ifname: {ifname}}}"
    return f"the TAP '{ifname}' in {describe_namespace(netns)} is held by {whose}: end that first, or {alternative}"


def _require_only_holder(netns: str | None, namespace: NamespaceIdentity, ifname: str) -> None:
    """Refuse to be one queue of many: the kernel would give us some flows and the other holder the rest."""
    message = _ask_for_link(ifname)
    queues = message.get(("linkinfo", "data", "tun_num_queues")) if message is not None else None
    if queues is not None and queues > 1:
        raise UserError(_held(netns, namespace, ifname))
